"""The modules that scripts import: `harrier`, and `mitmproxy` with what simple addons use of it.

They are made here and put where `import` finds them: no folder of theirs is on the path, so a package of that name
that the person has installed is hidden, not mixed with ours.
"""

import logging
import sys
import threading
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

from proxy_core.script_host import fields, flow, message, script

_log = logging.getLogger("script")


class Options:
    """What scripts have declared with `loader.add_option`."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"no option {name}") from None

    def declare(self, name: str, default: Any) -> None:
        """An option that is there already keeps its value."""
        self._values.setdefault(name, default)


class Loader:
    """What `load` is given."""

    def __init__(self, options: Options) -> None:
        self._options = options

    def add_option(self, name: str, typespec: object, default: Any, *_described: object, **_also: object) -> None:
        """Declare an option."""
        del typespec
        self._options.declare(name, default)

    def add_command(self, path: str, func: Callable[..., Any]) -> None:
        """Commands are never called here."""
        del func
        _log.warning("the command %s is never called here", path)


def concurrent(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Have the hook run in a thread of its own, so that others needn't wait for it."""

    async def threaded(*given: Any) -> None:
        import asyncio

        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()

        def run() -> None:
            try:
                call(*given)
            except BaseException as error:  # who waits has to hear of whatever ended it
                loop.call_soon_threadsafe(_settle, ended, error)
            else:
                loop.call_soon_threadsafe(_settle, ended, None)

        threading.Thread(target=run, name="concurrent", daemon=True).start()
        await ended

    return threaded


def _settle(ended: Any, error: BaseException | None) -> None:
    if ended.done():
        return
    if error is None:
        ended.set_result(None)
    else:
        ended.set_exception(error if isinstance(error, Exception) else RuntimeError(repr(error)))


def _command(_path: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return lambda call: call


class OptionsError(Exception):
    """A script's `configure` doesn't like an option."""


def install(options: Options) -> None:
    """Make the modules findable."""
    alert = SimpleNamespace(
        debug=_log.debug, info=_log.info, warn=_log.warning, warning=_log.warning, error=_log.error, alert=_log.info
    )
    context = _module("mitmproxy.ctx", log=alert, options=options)
    http = _module(
        "mitmproxy.http",
        Headers=fields.Headers,
        Message=message.Message,
        Request=message.Request,
        Response=message.Response,
        HTTPFlow=flow.HTTPFlow,
    )
    parts = {
        "http": http,
        "ctx": context,
        "flow": _module("mitmproxy.flow", Flow=flow.HTTPFlow, Error=flow.Error),
        "exceptions": _module("mitmproxy.exceptions", OptionsError=OptionsError),
        "log": _module("mitmproxy.log", ALERT=logging.INFO),
        "command": _module("mitmproxy.command", command=_command),
        "script": _module("mitmproxy.script", concurrent=concurrent),
        "addonmanager": _module("mitmproxy.addonmanager", Loader=Loader),
    }
    package = _module("mitmproxy", **parts)
    package.__path__ = []
    _module("harrier", on=script.on, log=alert, options=options, concurrent=concurrent, Response=message.Response)


def _module(name: str, **inside: object) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(inside)
    sys.modules[name] = made
    return made
