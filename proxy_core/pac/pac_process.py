"""The process in which a PAC file is fetched and evaluated: foreign code, and a foreign server's bytes.

It has one file, answers one question after the other, and ends when nobody asks any more. Whoever asks kills it when it
takes too long; it keeps nothing that can't be had again.
"""

import signal
import socket
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from proxy_core.fault_log import caught, open_fault_log
from proxy_core.frame import Frames, frame
from proxy_core.model.pac_message import FileAnswer, FileQuestion

if TYPE_CHECKING:
    from proxy_core.pac.script import Script

_QUESTION_BYTES = 64 * 1024  # read at a time


class PacSource(NamedTuple):
    """Where the file is had from."""

    url: str
    extra_ca: tuple[str, ...]  # paths of PEM files that are trusted, too, when it is fetched
    text: str | None  # that was fetched before


def pac_process_main(sock: socket.socket, log_path: str, source: PacSource) -> None:
    """Say what the file's text is, whether it can be evaluated, and answer until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the engine decides when we end
    if log_path:
        open_fault_log(log_path, "PAC files")
    try:
        _serve(sock, source)
    except OSError:
        pass  # the engine is gone


def _serve(sock: socket.socket, source: PacSource) -> None:
    """Raises OSError."""
    from proxy_core.pac.script import Script, ScriptError
    from proxy_core.pac.source import SourceError, read_source

    def say(answer: FileAnswer) -> None:
        sock.sendall(frame(msgspec.msgpack.encode(answer)))

    try:
        text = source.text if source.text is not None else read_source(source.url, source.extra_ca)
        say(FileAnswer(text if source.text is None else ""))
        script = Script(text)
        say(FileAnswer(""))
    except (SourceError, ScriptError) as error:
        say(FileAnswer("", str(error)))
        return
    except OSError:
        raise
    except Exception:  # a border: the file fails, and whoever asks is told so
        say(FileAnswer("", caught("a PAC file")))
        return
    frames = Frames()
    while data := sock.recv(_QUESTION_BYTES):
        for message in frames.feed(data):
            say(_answer(script, message))


def _answer(script: "Script", message: bytes) -> FileAnswer:
    from proxy_core.pac.script import ScriptError

    try:
        question = msgspec.msgpack.decode(message, type=FileQuestion)
        text, wanted = script.find(question.url, question.host, question.names)
    except ScriptError as error:
        return FileAnswer("", str(error))
    except Exception:  # a border: this question fails, the next may not
        return FileAnswer("", caught("a PAC file"))
    return FileAnswer(text, wanted=wanted)
