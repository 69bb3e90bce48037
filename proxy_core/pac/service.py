"""Who answers the workers' questions to PAC files: a thread of the engine, with a `PacFile` for each that is asked.

What goes wrong is told once, in a sentence.
"""

import selectors
import socket
import threading
import time
from collections.abc import Callable
from functools import partial

from proxy_core.fault_log import caught
from proxy_core.frame import Frames, frame
from proxy_core.model.pac_message import FileAnswer, FileQuestion, PacAnswer, decode_pac_question, encode_pac
from proxy_core.model.way import Pac, way_text
from proxy_core.pac.evaluator import Evaluator
from proxy_core.pac.pac_file import Asked, PacFile, PacTimes
from proxy_core.pac.pac_process import PacSource

TOLD_AGAIN_S = 600.0  # the same problem of the same file
_TOLD_KEPT = 100
_WORKER_LIMIT_S = 5.0  # for a worker to take its answer
_QUESTION_BYTES = 64 * 1024


class PacService:
    """`connection` makes a worker's end; `stop` ends it all. `extra_ca` is set when a person changes settings."""

    def __init__(
        self, tell: Callable[[str], None], extra_ca: tuple[str, ...] = (), times: PacTimes | None = None
    ) -> None:
        """`tell` is called with sentences, in this service's thread."""
        self.extra_ca = extra_ca
        self._times = times or PacTimes()
        self._tell = tell
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._selector.register(self._wake_reader, selectors.EVENT_READ, self._woken)
        self._fresh: list[socket.socket] = []
        self._lock = threading.Lock()
        self._is_stopping = False
        self._thread: threading.Thread | None = None
        self._files: dict[str, PacFile] = {}
        self._told: dict[tuple[str, str], float] = {}

    def connection(self) -> socket.socket:
        """A worker's end of a new connection. Raises OSError."""
        ours, theirs = socket.socketpair()
        ours.settimeout(_WORKER_LIMIT_S)
        with self._lock:
            self._fresh.append(ours)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="PAC files", daemon=True)
                self._thread.start()
        self._wake()
        return theirs

    def stop(self) -> None:
        """End the processes and the thread. Calling it again does nothing."""
        if self._is_stopping:
            return
        self._is_stopping = True
        self._wake()
        if self._thread is not None:
            self._thread.join(5.0)
        else:
            self._close()
        self._wake_writer.close()

    def _wake(self) -> None:
        try:
            self._wake_writer.send(b"x")
        except OSError:
            pass

    def _run(self) -> None:
        while not self._is_stopping:
            try:
                self._serve()
            except Exception:  # a border: without this thread no question is ever answered
                caught("the service of PAC files")
                time.sleep(0.1)
        for file in self._files.values():
            file.end()
        self._close()

    def _close(self) -> None:
        self._take_fresh()
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()

    def _serve(self) -> None:
        next_mark = min((file.next_mark() for file in self._files.values()), default=float("inf"))
        timeout = None if next_mark == float("inf") else max(0.0, next_mark - time.monotonic())
        for key, _ in self._selector.select(timeout):
            key.data()
        for file in self._files.values():
            file.look()

    def _woken(self) -> None:
        self._wake_reader.recv(4096)
        self._take_fresh()

    def _take_fresh(self) -> None:
        with self._lock:
            fresh, self._fresh = self._fresh, []
        for sock in fresh:
            self._selector.register(sock, selectors.EVENT_READ, partial(self._hear, sock, Frames()))

    # Workers

    def _hear(self, sock: socket.socket, frames: Frames) -> None:
        """A worker asks, or is gone."""
        try:
            data = sock.recv(_QUESTION_BYTES)
        except OSError:
            data = b""
        for message in frames.feed(data):
            asked = decode_pac_question(message)
            question = FileQuestion(asked.url, asked.host, asked.names)
            self._file(asked.pac_url).ask(Asked(question, partial(self._answer, sock, asked.number)))
        if not data:
            self._forget(sock)

    def _answer(self, sock: socket.socket, number: int, answer: FileAnswer) -> None:
        try:
            sock.sendall(frame(encode_pac(PacAnswer(number, answer.text, answer.problem, answer.wanted))))
        except OSError:
            self._forget(sock)

    def _forget(self, sock: socket.socket) -> None:
        if sock.fileno() != -1:
            self._selector.unregister(sock)
            sock.close()

    # Files

    def _file(self, pac_url: str) -> PacFile:
        file = self._files.get(pac_url)
        if file is None:
            file = self._files[pac_url] = PacFile(
                self._times,
                lambda text: PacSource(pac_url, self.extra_ca, text),
                self._watch,
                self._unwatch,
                partial(self._note, pac_url),
            )
        return file

    def _watch(self, file: PacFile, evaluator: Evaluator) -> None:
        self._selector.register(evaluator.sock, selectors.EVENT_READ, partial(file.heard, evaluator))

    def _unwatch(self, evaluator: Evaluator) -> None:
        self._selector.unregister(evaluator.sock)

    def _note(self, pac_url: str, problem: str) -> None:
        """Tell a problem, though not each time that somebody meets it."""
        now = time.monotonic()
        if now < self._told.get((pac_url, problem), 0.0):
            return
        if len(self._told) > _TOLD_KEPT:
            self._told.clear()
        self._told[pac_url, problem] = now + TOLD_AGAIN_S
        self._tell(f"The PAC file {way_text(Pac(pac_url)).removeprefix('pac+')} {problem}.")
