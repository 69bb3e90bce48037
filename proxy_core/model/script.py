"""The scripts that run, as the engine tells its workers: where their process listens, and what each of them wants."""

import msgspec


class ScriptHook(msgspec.Struct, frozen=True, array_like=True):
    """One function of a script's; its number is its place among them."""

    name: str
    when: str  # in the filter language
    body: bool  # it waits for the message's body


class LoadedScript(msgspec.Struct, frozen=True, array_like=True):
    """One file's."""

    path: str
    hooks: tuple[ScriptHook, ...] = ()


class RunningScripts(msgspec.Struct, frozen=True):
    """All of them; none while the process is being started."""

    address: str = ""  # a Unix socket's path, or a port of 127.0.0.1
    token: bytes = b""
    scripts: tuple[LoadedScript, ...] = ()
