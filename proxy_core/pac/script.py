"""One PAC file, ready to be asked. The engine is QuickJS; what the file may touch is its own memory, and names.

How long a call lasts is bounded from outside: the process is killed. (QuickJS's own limit of time and calls into Python
exclude each other.)
"""

import socket
import time
from typing import Any

MEMORY_LIMIT = 64 * 1024 * 1024  # bytes; a large company's file needs less than one
STACK_LIMIT = 256 * 1024
ANSWER_LIMIT = 16 * 1024  # characters of an answer
NAMES_KEPT = 256
NAME_KEPT_S = 60.0
_PROBLEM_LIMIT = 200  # characters of what a file throws
# RFC 5737: no such computer, and nothing is sent there; the way to it is the way to the world.
_WORLD = ("192.0.2.1", 9)


class ScriptError(Exception):
    """The file is no PAC file, or gave no answer: why, in a clause."""


class Script:
    """Evaluated with the helpers; state that it keeps in variables stays from call to call, as in browsers."""

    def __init__(self, text: str) -> None:
        """Raises ScriptError."""
        try:
            import quickjs
        except ImportError:
            raise ScriptError("there is no JavaScript engine for this computer (quickjs-ng)") from None
        from proxy_core.pac.helpers import HELPERS

        self._engine_error: type[Exception] = quickjs.JSException
        self._names: dict[str, tuple[float, str]] = {}
        context: Any = quickjs.Context()
        context.set_memory_limit(MEMORY_LIMIT)
        context.set_max_stack_size(STACK_LIMIT)
        context.add_callable("__resolve", self._resolve)
        context.add_callable("__address", own_address)
        try:
            context.eval(HELPERS)
            context.eval(text)
            # Found by its name and not on the global object: there, `const` and `let` don't stand.
            context.eval("var __find = (url, host) => FindProxyForURL(url, host)")
            if context.eval("typeof FindProxyForURL") != "function":
                raise ScriptError("it defines no function FindProxyForURL")
            self._find = context.get("__find")
        except quickjs.JSException as error:
            raise ScriptError(f"it can't be read as JavaScript ({_said(error)})") from None
        self._context = context

    def find(self, url: str, host: str) -> str:
        """What the file answers for this URL. Raises ScriptError."""
        try:
            answer = self._find(url, host)
        except self._engine_error as error:
            raise ScriptError(f"its function failed ({_said(error)})") from None
        except TypeError:  # a value that Python has no form for
            answer = None
        if not isinstance(answer, str):
            raise ScriptError("its function returned no text")
        if len(answer) > ANSWER_LIMIT:
            raise ScriptError("its function returned more text than anyone reads")
        return answer

    def _resolve(self, host: str) -> str:
        now = time.monotonic()
        kept = self._names.get(host)
        if kept is not None and now < kept[0]:
            return kept[1]
        try:
            address = str(socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)[0][4][0])
        except (OSError, UnicodeError, ValueError):
            address = ""
        if len(self._names) >= NAMES_KEPT:
            self._names.clear()
        self._names[host] = (now + NAME_KEPT_S, address)
        return address


def own_address() -> str:
    """The address of this computer that leads to the world; 127.0.0.1 without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(_WORLD)  # says where it would go, and sends nothing
            return str(sock.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def _said(error: Exception) -> str:
    line = next(iter(str(error).splitlines()), "") or type(error).__name__
    return "".join(char for char in line if char.isprintable())[:_PROBLEM_LIMIT]
