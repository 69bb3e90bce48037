"""One PAC file, ready to be asked. The engine is QuickJS; what the file may touch is its own memory.

It looks no name up. A name that it wants and has not been told ends the call with that wish, and who asks comes again
with the address: so what is slow there stops nobody else, and names lead where the settings lead them.

How long a call lasts is bounded from outside: the process is killed. (QuickJS's own limit of time and calls into Python
exclude each other.)
"""

import socket
from collections.abc import Callable, Mapping
from typing import Any

MEMORY_LIMIT = 64 * 1024 * 1024  # bytes; a large company's file needs less than one
STACK_LIMIT = 256 * 1024
ANSWER_LIMIT = 16 * 1024  # characters of an answer
NAME_LIMIT = 254  # characters; RFC 1035 §2.3.4, with a full stop at its end
NAMES_LIMIT = 32  # that one question may look up; what is asked beyond that doesn't exist
# The function is found by its name and not on the global object: there, `const` and `let` don't stand.
# WORKAROUND quickjs-ng 0.17.0: a longer text that was put together of several has no form in Python, so it is made one.
_FIND = """
var __find = (url, host) => {
  const answer = FindProxyForURL(url, host);
  return typeof answer === "string" ? answer.toWellFormed() : answer;
}
"""
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
        self._quickjs: Any = quickjs
        self._text = text
        self._names: Mapping[str, str] = {}
        self._wanted = ""
        self._context: Any = None
        self._function: Callable[[str, str], object] | None = None
        self._load()

    def find(self, url: str, host: str, names: Mapping[str, str] | None = None) -> tuple[str, str]:
        """What the file answers for this URL when it is told these addresses; or, second, the name whose address it
        wants to know first. Raises ScriptError.
        """
        self._names, self._wanted = names or {}, ""
        if self._function is None:
            self._load()
        answer = ""
        if self._function is not None:
            try:
                answer = self._call(self._function, url, host)
            except ScriptError:
                if not self._wanted:  # it fails because we have said that there is no such name
                    raise
        return ("", self._wanted) if self._wanted else (answer, "")

    def _load(self) -> None:
        """Evaluate the text. Where it asks for names by itself, that is done again when they are told."""
        from proxy_core.pac.helpers import HELPERS

        context: Any = self._quickjs.Context()
        context.set_memory_limit(MEMORY_LIMIT)
        context.set_max_stack_size(STACK_LIMIT)
        context.add_callable("__resolve", self._resolve)
        context.add_callable("__address", own_address)
        try:
            context.eval(HELPERS)
            context.eval(self._text)
            context.eval(_FIND)
            is_function = context.eval("typeof FindProxyForURL") == "function"
        except (self._quickjs.JSException, ValueError) as error:  # the latter for NUL
            if self._wanted:
                return
            raise ScriptError(f"it can't be read as JavaScript ({_said(error)})") from None
        if self._wanted:
            return
        if not is_function:
            raise ScriptError("it defines no function FindProxyForURL")
        self._context, self._function = context, context.get("__find")

    def _call(self, function: Callable[[str, str], object], url: str, host: str) -> str:
        """Raises ScriptError."""
        try:
            answer = function(url, host)
        except self._quickjs.JSException as error:
            raise ScriptError(f"its function failed ({_said(error)})") from None
        except (TypeError, UnicodeError):  # a value that Python has no form for, half a surrogate pair
            answer = None
        if not isinstance(answer, str):
            raise ScriptError("its function returned no text")
        if len(answer) > ANSWER_LIMIT:
            raise ScriptError("its function returned more text than anyone reads")
        return answer

    def _resolve(self, host: str) -> str:
        """Never raises: QuickJS lets the file catch it, and Python finds it afterwards."""
        if host in self._names:
            return self._names[host]
        try:
            return socket.inet_ntop(socket.AF_INET, socket.inet_pton(socket.AF_INET, host))
        except (OSError, ValueError):
            pass
        if 0 < len(host) <= NAME_LIMIT and len(self._names) < NAMES_LIMIT and not self._wanted:
            self._wanted = host
        return ""


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
