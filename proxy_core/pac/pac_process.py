"""The process in which PAC files are fetched and evaluated: foreign code, and a foreign server's bytes.

It answers one question after the other, and ends when nobody asks any more. Whoever asks kills it when it takes too
long; it keeps nothing that can't be had again.
"""

import signal
import time
from multiprocessing.connection import Connection

import msgspec

from proxy_core.fault_log import caught, open_fault_log
from proxy_core.model.pac_message import FileAnswer, FileQuestion

FRESH_S = 600.0  # then a file is fetched again, when somebody asks; the old one serves where that fails


def pac_process_main(pipe: "Connection[bytes, bytes]", log_path: str) -> None:
    """Answer until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the engine decides when we end
    if log_path:
        open_fault_log(log_path, "PAC files")
    files = _Files()
    decoder = msgspec.msgpack.Decoder(FileQuestion)
    encoder = msgspec.msgpack.Encoder()
    while True:
        try:
            question = decoder.decode(pipe.recv_bytes())
            pipe.send_bytes(encoder.encode(files.answer(question)))
        except (EOFError, OSError):
            return


class _Files:
    """The PAC files that were asked, each with the mark at which it is to be fetched again."""

    def __init__(self) -> None:
        from proxy_core.pac.script import Script

        self._scripts: dict[str, tuple[float, Script]] = {}

    def answer(self, question: FileQuestion) -> FileAnswer:
        """Fetch the file if need be, and ask it."""
        from proxy_core.pac.script import Script, ScriptError
        from proxy_core.pac.source import SourceError, read_source

        try:
            known = self._scripts.get(question.pac_url)
            now = time.monotonic()
            if known is None or now > known[0]:
                try:
                    known = (now + FRESH_S, Script(read_source(question.pac_url, question.extra_ca)))
                except (SourceError, ScriptError):
                    if known is None:
                        raise
                    known = (now + FRESH_S, known[1])
                self._scripts[question.pac_url] = known
            if not question.url:
                return FileAnswer("", "")
            return FileAnswer(known[1].find(question.url, question.host), "")
        except (SourceError, ScriptError) as error:
            return FileAnswer("", str(error))
        except Exception:  # a border: this question fails, the next may not
            return FileAnswer("", caught("a PAC file"))
