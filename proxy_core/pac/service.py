"""Who answers the workers' questions to PAC files: a thread of the engine, with one process that evaluates them.

The process is started with the first question, killed when it takes too long, and started again with the next. A file
that was so slow, or that nobody could fetch, is not asked again for a while: its questions fail at once, so that a
hostile one costs its time once and not for each host. What goes wrong is told once, in a sentence.
"""

import selectors
import socket
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import msgspec

from proxy_core.channel import SPAWN
from proxy_core.fault_log import caught, fault_log_path
from proxy_core.frame import Frames, frame
from proxy_core.model.pac_message import (
    FileAnswer,
    FileQuestion,
    PacAnswer,
    decode_pac_question,
    encode_pac,
)
from proxy_core.model.way import Pac, way_text
from proxy_core.pac.pac_process import pac_process_main

FETCH_LIMIT_S = 20.0  # the process' start, fetching the file and reading it
CALL_LIMIT_S = 5.0  # one answer, with the names that it looks up
SHUNNED_S = 30.0  # a file that took too long or could not be had
TOLD_AGAIN_S = 600.0  # the same problem of the same file
_WORKER_LIMIT_S = 5.0  # for a worker to take its answer
_QUESTION_BYTES = 64 * 1024

_answer_decoder: msgspec.msgpack.Decoder[FileAnswer] = msgspec.msgpack.Decoder(FileAnswer)


class PacService:
    """`connection` makes a worker's end; `stop` ends it all. `extra_ca` is set when a person changes settings."""

    def __init__(self, tell: Callable[[str], None], extra_ca: str = "") -> None:
        """`tell` is called with sentences, in this service's thread."""
        self.extra_ca = extra_ca
        self.fetch_limit_s = FETCH_LIMIT_S
        self.call_limit_s = CALL_LIMIT_S
        self._tell = tell
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        self._fresh: list[socket.socket] = []
        self._lock = threading.Lock()
        self._is_stopping = False
        self._thread: threading.Thread | None = None
        self._files = PacFiles(self)

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
        """End the process and the thread. Calling it again does nothing."""
        if self._is_stopping:
            return
        self._is_stopping = True
        self._wake()
        self._files.interrupt()
        if self._thread is not None:
            self._thread.join(5.0)
        else:
            self._close()
        self._wake_writer.close()

    def tell(self, text: str) -> None:
        """A sentence for a person."""
        self._tell(text)

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
        self._close()
        self._files.kill()

    def _close(self) -> None:
        self._take_fresh()
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()

    def _serve(self) -> None:
        for key, _ in self._selector.select():
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            if sock is self._wake_reader:
                sock.recv(4096)
                self._take_fresh()
                continue
            self._hear(sock, key.data)

    def _take_fresh(self) -> None:
        with self._lock:
            fresh, self._fresh = self._fresh, []
        for sock in fresh:
            self._selector.register(sock, selectors.EVENT_READ, Frames())

    def _hear(self, sock: socket.socket, frames: Frames) -> None:
        """A worker asks, or is gone."""
        try:
            data = sock.recv(_QUESTION_BYTES)
            for message in frames.feed(data):
                question = decode_pac_question(message)
                answer = self._files.ask(question.pac_url, question.url, question.host)
                if self._is_stopping:
                    return
                sock.sendall(frame(encode_pac(PacAnswer(question.number, answer.text, answer.problem))))
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(sock)
            sock.close()


class PacFiles:
    """The process, and what is known of the files; for the service's thread."""

    def __init__(self, service: PacService) -> None:
        self._service = service
        self._process: BaseProcess | None = None
        self._pipe: Connection[bytes, bytes] | None = None
        self._read: set[str] = set()  # the files that the process has
        self._shunned: dict[str, tuple[float, str]] = {}
        self._told: dict[tuple[str, str], float] = {}

    def ask(self, pac_url: str, url: str, host: str) -> FileAnswer:
        """Ask a file; its problem is told, too."""
        until, problem = self._shunned.get(pac_url, (0.0, ""))
        if time.monotonic() < until:
            return FileAnswer("", problem)
        answer = self._fetched(pac_url) if pac_url not in self._read else FileAnswer("", "")
        if not answer.problem:
            answer = self._asked(FileQuestion(pac_url, self._service.extra_ca, url, host), self._service.call_limit_s)
        if answer.problem:
            self._note(pac_url, answer.problem)
        return answer

    def _fetched(self, pac_url: str) -> FileAnswer:
        answer = self._asked(FileQuestion(pac_url, self._service.extra_ca, "", ""), self._service.fetch_limit_s)
        if answer.problem:
            self._shun(pac_url, answer.problem)
        else:
            self._read.add(pac_url)
        return answer

    def _asked(self, question: FileQuestion, limit_s: float) -> FileAnswer:
        try:
            pipe = self._pipe or self._start()
            pipe.send_bytes(msgspec.msgpack.encode(question))
            if pipe.poll(limit_s):
                return _answer_decoder.decode(pipe.recv_bytes())
            problem = f"it took longer than {limit_s:.0f} seconds"
        except (EOFError, OSError, RuntimeError, msgspec.ValidationError) as error:
            problem = "the process that evaluates it has died"
            if isinstance(error, RuntimeError):  # so Python says that there is no process to be had
                problem = "no process could be started for it"
        self.kill()
        self._shun(question.pac_url, problem)
        return FileAnswer("", problem)

    def _shun(self, pac_url: str, problem: str) -> None:
        self._shunned[pac_url] = (time.monotonic() + SHUNNED_S, problem)

    def _start(self) -> "Connection[bytes, bytes]":
        """Raises OSError, RuntimeError."""
        ours, theirs = SPAWN.Pipe()
        process = SPAWN.Process(
            target=pac_process_main, args=(theirs, fault_log_path()), name="harrier-pac", daemon=True
        )
        try:
            process.start()
        finally:
            theirs.close()
        self._process, self._pipe = process, ours
        return ours

    def interrupt(self) -> None:
        """Wake who waits for an answer; from any thread."""
        process = self._process
        if process is not None:
            process.kill()

    def kill(self) -> None:
        """End the process; the next question starts another."""
        process, pipe = self._process, self._pipe
        self._process = self._pipe = None
        self._read.clear()
        if process is not None:
            process.kill()
            process.join(5.0)
        if pipe is not None:
            pipe.close()

    def _note(self, pac_url: str, problem: str) -> None:
        """Tell a problem, though not each time that somebody meets it."""
        now = time.monotonic()
        if now < self._told.get((pac_url, problem), 0.0):
            return
        if len(self._told) > 100:
            self._told.clear()
        self._told[pac_url, problem] = now + TOLD_AGAIN_S
        self._service.tell(f"The PAC file {way_text(Pac(pac_url)).removeprefix('pac+')} gives no answer: {problem}.")
