"""The script process: takes calls over a socket, has the scripts' hooks do what they do, and says what has changed.

One thread runs everything: plain hooks one by one, `async` ones interleaved. Another one watches it: a hook that takes
longer than it may is told with the line where it stands, and the process ends: nothing else ends an endless loop.
Frames in: `call`, `end`, `listen`. Frames out: `done` to who has called; `state`, `log` and `hung` to who listens.
"""

import asyncio
import contextlib
import hmac
import inspect
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from proxy_core.script_host.exchanges import Exchanges, told_request, told_response
from proxy_core.script_host.flow import HTTPFlow
from proxy_core.script_host.log import Line, Log, Logged, Printed
from proxy_core.script_host.script import Hook, Script, ScriptError, error_place, error_text, load_script
from proxy_core.script_host.shim import Loader, Options, install
from proxy_core.script_host.wire import LENGTHS, LONGEST_FRAME, WireError, pack, unpack

LOOK_S = 0.5  # at the files, and at a hook that may hang
CALL_LIMIT_S = 5.0  # of one hook; a person waits for the exchange
HUNG_STATUS = 70  # of a process that has ended itself, since a hook didn't
_UNREAD_BYTES = 4 * 1024 * 1024  # of a listener that doesn't read: lines are dropped, memory is not
_clock = time.monotonic
_Stamps = dict[str, tuple[int, int]]


class Host:
    """The scripts of one process."""

    def __init__(self, paths: list[str], token: bytes, limit_s: float = CALL_LIMIT_S) -> None:
        self._paths = paths
        self._token = token
        self._limit_s = limit_s
        self._scripts: dict[str, Script] = {}
        self._problems: dict[str, Line] = {}
        self._stamps: dict[str, _Stamps] = {}
        self._exchanges = Exchanges()
        self._options = Options()
        self._listeners: set[asyncio.StreamWriter] = set()
        self._log = Log(self._give)
        self._loop_thread = threading.get_ident()
        self._running: tuple[float, str, str] | None = None  # since when, the hook, the exchange
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._pid = os.getpid()

    async def serve(self, address: str) -> None:
        """Listen (a Unix socket's path, or a port of 127.0.0.1), load the scripts, serve until cancelled."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        install(self._options)
        sys.stdout, sys.stderr = Printed(self._log, "info"), Printed(self._log, "error")
        logging.basicConfig(format="%(message)s", handlers=[Logged(self._log)], level=logging.INFO, force=True)
        sys.unraisablehook = self._unraisable
        threading.Thread(target=self._watch, name="watch", daemon=True).start()
        for path in self._paths:
            self._load(path)
        if address.isdigit():
            server = await asyncio.start_server(self._hear, "127.0.0.1", int(address))
        else:
            server = await asyncio.start_unix_server(self._hear, address)
        async with server:
            while True:
                await asyncio.sleep(LOOK_S)
                self._log.flush()
                for path in self._paths:
                    if self._stamps.get(path) != _stamps(path):
                        self._load(path)

    # Scripts

    def _load(self, path: str) -> None:
        """Put a script in the place of the one that is there, if it loads."""
        self._stamps[path] = _stamps(path)
        old = self._scripts.get(path)
        try:
            with self._timed("load", ""):
                script = load_script(path)
                for hook in script.of("load"):
                    hook.call(*_as_many(hook.call, Loader(self._options)))
                for hook in script.of("configure"):
                    hook.call(set())
        except ScriptError as error:
            self._problem(path, error.text, error.place)
        except Exception as error:  # a border: the code is a stranger's, and the one that loaded last goes on
            self._problem(path, error_text(error), error_place(error, os.path.dirname(os.path.abspath(path))))
        else:
            self._problems.pop(path, None)
            self._scripts[path] = script
            for remark in script.remarks:
                self._log.write("warn", remark, path)
            for hook in [*(old.of("done") if old else ()), *script.of("running")]:
                self._own_call(hook)
        self._say_state()

    def _own_call(self, hook: Hook) -> None:
        """A hook that is about no exchange."""
        try:
            with self._timed(hook.name, ""):
                result = hook.call()
            if inspect.iscoroutine(result):
                self._spawn(result)
        except Exception as error:  # a border, as at loading
            self._log.write("error", error_text(error))

    def _problem(self, path: str, text: str, place: str) -> None:
        self._problems[path] = Line("error", text, place or path)
        self._log.write("error", text, place or path)

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Callers

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            _, blobs = await _read_frame(reader)
            if len(blobs) != 1 or not hmac.compare_digest(blobs[0], self._token):
                return
            while True:
                told, blobs = await _read_frame(reader)
                match told["do"]:
                    case "call":
                        self._spawn(self._call(told, blobs, writer))
                    case "end":
                        self._exchanges.end(told["key"])
                    case "listen":
                        self._listeners.add(writer)
                        writer.write(pack(self._state()))
                    case _:
                        raise WireError("nothing that can be done")
        except (OSError, EOFError, WireError):
            pass
        finally:
            self._listeners.discard(writer)
            writer.close()

    async def _call(self, told: dict[str, Any], blobs: list[bytes], writer: asyncio.StreamWriter) -> None:
        """Have a script's hooks of one name see an exchange, and say what they have made of it."""
        done: dict[str, Any] = {"do": "done", "id": told["id"]}
        bodies: list[bytes] = []
        script = self._scripts.get(told["script"])
        if script is not None:
            flow = self._exchanges.flow(told["key"], told, blobs)
            before = _seen(flow)
            for number, hook in enumerate(script.hooks):
                if number not in told["hooks"]:
                    continue
                try:
                    await self._asked(hook, flow)
                except Exception as error:  # a border: the other hooks see the exchange all the same
                    place = error_place(error, script.folder)
                    self._log.write("error", error_text(error), place or script.path, flow.id)
                    done["error"] = {"text": error_text(error), "place": place}
            _tell_changes(done, bodies, before, flow)
        writer.write(pack(done, bodies))

    async def _asked(self, hook: Hook, flow: HTTPFlow) -> None:
        with self._timed(hook.name, flow.id):
            result = hook.call(flow)
        if os.getpid() != self._pid:
            os._exit(0)  # a child that the hook has forked must not serve
        if inspect.iscoroutine(result):
            async with asyncio.timeout(self._limit_s):
                await result

    # What is told

    def _state(self) -> dict[str, Any]:
        scripts = []
        for path in self._paths:
            script, problem = self._scripts.get(path), self._problems.get(path)
            hooks = (
                [{"name": each.name, "when": each.when, "body": each.body} for each in script.hooks] if script else []
            )
            scripts.append(
                {
                    "path": path,
                    "hooks": hooks,
                    "problem": problem.text if problem else "",
                    "place": problem.place if problem else "",
                }
            )
        return {"do": "state", "scripts": scripts}

    def _say_state(self) -> None:
        for writer in self._listeners:
            writer.write(pack(self._state()))

    def _give(self, line: Line) -> None:
        """From any thread."""
        if threading.get_ident() == self._loop_thread:
            self._say_line(line)
        elif self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it is over
                self._loop.call_soon_threadsafe(self._say_line, line)

    def _say_line(self, line: Line) -> None:
        data = pack({"do": "log", "level": line.level, "text": line.text, "place": line.place, "key": line.key})
        for writer in self._listeners:
            if writer.transport.get_write_buffer_size() < _UNREAD_BYTES:
                writer.write(data)

    def _unraisable(self, raised: Any) -> None:
        """What `__del__` raises ends nothing."""
        error = raised.exc_value
        self._log.write(
            "error", f"{error_text(error) if error else raised.exc_type} (ignored, in {raised.object!r})"[:500]
        )

    # Hooks that hang

    @contextlib.contextmanager
    def _timed(self, hook: str, key: str) -> Any:
        self._running = _clock(), hook, key
        try:
            yield
        finally:
            self._running = None

    def _watch(self) -> None:
        while True:
            time.sleep(min(LOOK_S, self._limit_s / 4))
            running = self._running
            if running is not None and _clock() - running[0] > self._limit_s:
                self._end_hung(running[1], running[2])

    def _end_hung(self, hook: str, key: str) -> None:
        """Say where it stands, and end. The sockets belong to the thread that hangs; nothing else uses them now."""
        place = _standing_at(sys._current_frames().get(self._loop_thread), self._paths)
        data = pack({"do": "hung", "hook": hook, "key": key, "place": place})
        for writer in list(self._listeners):
            with contextlib.suppress(OSError):
                os.write(writer.get_extra_info("socket").fileno(), data)
        os._exit(HUNG_STATUS)


def _as_many(call: Callable[..., Any], loader: Loader) -> tuple[Loader, ...]:
    """`load` is given a loader only where it takes one."""
    return (loader,) if inspect.signature(call).parameters else ()


def _seen(flow: HTTPFlow) -> tuple[Any, ...]:
    request, response = flow.request, flow.response
    return (
        told_request(request),
        request.raw_content,
        told_response(response) if response is not None else None,
        response.raw_content if response is not None else None,
        flow.marked,
        flow.comment,
    )


def _tell_changes(done: dict[str, Any], bodies: list[bytes], before: tuple[Any, ...], flow: HTTPFlow) -> None:
    """Only what is another than it was."""
    request, request_body, response, response_body, marked, comment = _seen(flow)
    if (request, request_body) != before[:2]:
        done["request"] = _with_body(request, request_body, before[1], bodies)
    if flow.response is not None and (response, response_body) != before[2:4]:
        done["response"] = _with_body(response, response_body, before[3], bodies)
    if flow.is_killed:
        done["kill"] = True
    if marked != before[4]:
        done["mark"] = marked
    if comment != before[5]:
        done["comment"] = comment


def _with_body(told: dict[str, Any], body: bytes | None, old: bytes | None, bodies: list[bytes]) -> dict[str, Any]:
    if body is None or body == old:
        return told
    bodies.append(body)
    return {**told, "body": len(bodies) - 1}


def _stamps(path: str) -> _Stamps:
    """When the script and the Python files beside it were changed."""
    found: _Stamps = {}
    folder = os.path.dirname(os.path.abspath(path))
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    status = entry.stat()
                    found[entry.name] = status.st_mtime_ns, status.st_size
    except OSError:
        pass  # gone for a moment, while it is written
    return found


def _standing_at(frame: FrameType | None, paths: list[str]) -> str:
    """«FILE:LINE», the innermost line of a script's folder."""
    folders = {os.path.dirname(os.path.abspath(path)) for path in paths}
    while frame is not None:
        if os.path.dirname(os.path.abspath(frame.f_code.co_filename)) in folders:
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


async def _read_frame(reader: asyncio.StreamReader) -> tuple[dict[str, Any], list[bytes]]:
    """The next frame. Raises WireError, asyncio.IncompleteReadError, OSError."""
    size, head_length = LENGTHS.unpack(await reader.readexactly(LENGTHS.size))
    if not 4 <= size <= LONGEST_FRAME or head_length > size - 4:
        raise WireError("lengths that are none")
    return unpack(await reader.readexactly(size - 4), head_length)
