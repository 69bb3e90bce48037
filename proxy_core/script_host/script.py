"""A script that is loaded: its file's module, the hooks that it has, and its options.

Hooks are a module's functions by their names, those of the objects in its `addons`, and functions that `harrier.on`
has been put before. A script takes the place of the one before only when all of it has loaded.
"""

import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

MESSAGE_HOOKS = ("requestheaders", "request", "responseheaders", "response", "error")
OWN_HOOKS = ("load", "configure", "running", "done")
_NEVER_CALLED = (
    "websocket_start",
    "websocket_message",
    "websocket_end",
    "tcp_message",
    "dns_request",
    "server_connect",
)
_WITHOUT_BODY = ("requestheaders", "responseheaders", "error")
Call = Callable[..., Any]


class ScriptError(Exception):
    """A script can't be loaded: one sentence, and the place."""

    def __init__(self, text: str, place: str = "") -> None:
        super().__init__(text)
        self.text, self.place = text, place


@dataclass(slots=True)
class Hook:
    """One function of a script's."""

    name: str
    call: Call
    when: str = ""  # in the filter language; whoever calls asks it first
    body: bool = True
    owner: object = None  # two hooks of one owner are one addon's


@dataclass(slots=True)
class Script:
    """One file's."""

    path: str
    module: ModuleType
    hooks: list[Hook] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)  # what it has that is never called

    @property
    def folder(self) -> str:
        """Where it and the files beside it lie."""
        return os.path.dirname(os.path.abspath(self.path))

    def of(self, name: str) -> list[Hook]:
        """The hooks of this name, in order."""
        return [hook for hook in self.hooks if hook.name == name]


_declared: list[Hook] = []  # by `on`, of the file that is being loaded


def on(name: str, when: str = "", *, body: bool | None = None) -> Callable[[Call], Call]:
    """Have the function called at this hook, for exchanges that `when` means. `body=False` doesn't wait for bodies."""
    if name not in MESSAGE_HOOKS:
        raise ValueError(f"no hook {name}; there are {', '.join(MESSAGE_HOOKS)}")

    def declare(call: Call) -> Call:
        wants = name not in _WITHOUT_BODY if body is None else body
        _declared.append(Hook(name, call, when, wants, owner=call))
        return call

    return declare


def load_script(path: str) -> Script:
    """Run the file. Raises ScriptError; whatever stood in its place stays as it was."""
    folder = os.path.dirname(os.path.abspath(path))
    name = "harrier_script_" + "".join(letter if letter.isalnum() else "_" for letter in os.path.abspath(path))
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ScriptError(f"{path} is no Python file.")
    siblings = _siblings(folder)
    for sibling in siblings:  # they may have changed with it
        del sys.modules[sibling]
    importlib.invalidate_caches()
    module = importlib.util.module_from_spec(spec)
    old = sys.modules.get(name)
    sys.modules[name] = module
    sys.path.insert(0, folder)
    _declared.clear()
    try:
        spec.loader.exec_module(module)
        script = Script(path, module)
        _find_hooks(script)
    except BaseException as error:  # a border: a script that calls `exit` is none, and ends nothing
        if old is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = old
        sys.modules.update({name: each for name, each in siblings.items() if name not in sys.modules})
        if isinstance(error, KeyboardInterrupt):
            raise
        raise ScriptError(error_text(error), error_place(error, folder)) from error
    finally:
        sys.path.remove(folder)
        _declared.clear()
    return script


def error_text(error: BaseException) -> str:
    """«ValueError: no URL: x», the last line of a traceback."""
    return "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]


def error_place(error: BaseException, folder: str) -> str:
    """«FILE:LINE», the innermost of a script's own lines."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno or 0}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if os.path.dirname(os.path.abspath(frame.filename)) == folder]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else ""


def _siblings(folder: str) -> dict[str, ModuleType]:
    """Modules that lie beside a script."""
    found = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and name != "__main__" and os.path.dirname(os.path.abspath(file)) == folder:
            found[name] = module
    return found


def _find_hooks(script: Script) -> None:
    declared = list(_declared)
    taken = {id(hook.call) for hook in declared}
    for owner in _addons(script.module):
        for name in (*MESSAGE_HOOKS, *OWN_HOOKS):
            call = getattr(owner, name, None)
            if callable(call) and id(call) not in taken:
                script.hooks.append(Hook(name, call, body=name not in _WITHOUT_BODY, owner=owner))
        script.remarks += [
            f"{name} is never called here." for name in _NEVER_CALLED if callable(getattr(owner, name, None))
        ]
    script.hooks += declared


def _addons(owner: object) -> Iterator[object]:
    """A module and the objects that it lists as addons, and theirs."""
    yield owner
    addons = getattr(owner, "addons", ())
    for addon in addons if isinstance(addons, list | tuple) else ():
        yield from _addons(addon)
