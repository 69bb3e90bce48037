"""A worker's questions to PAC files: over a socket to the engine, which has them evaluated elsewhere.

Whoever asks waits in the greenlet; who asks the same meanwhile waits for the same answer.
"""

import gevent
from gevent.event import AsyncResult
from gevent.lock import BoundedSemaphore

from proxy_core.engine.links.link import Link
from proxy_core.engine.upstream.proxy_route import PacError
from proxy_core.frame import Frames, frame
from proxy_core.model.pac_message import PacAnswer, PacQuestion, decode_pac_answer, encode_pac

ANSWER_LIMIT_S = 40.0  # the engine gives up earlier, unless there is a queue of slow questions


class PacQuestions:
    """A `PacAsker`. It owns its link to the engine."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._number = 0
        self._waiting: dict[int, AsyncResult[PacAnswer]] = {}
        self._asked: dict[tuple[str, str], AsyncResult[PacAnswer]] = {}
        self._sending = BoundedSemaphore()
        self._hearing = gevent.spawn(self._hear)

    def ask(self, pac_url: str, url: str, host: str) -> str:
        """What the file's function returns. Raises PacError."""
        key = pac_url, url
        result = self._asked.get(key)
        try:
            with gevent.Timeout(ANSWER_LIMIT_S, PacError(f"nobody answered within {ANSWER_LIMIT_S:.0f} seconds")):
                answer = self._wait(key, host) if result is None else result.get()
                assert answer is not None
        except OSError:
            raise PacError("the engine does not answer") from None
        if answer.problem:
            raise PacError(answer.problem)
        return answer.text

    def _wait(self, key: tuple[str, str], host: str) -> PacAnswer | None:
        result: AsyncResult[PacAnswer] = AsyncResult()
        self._number += 1
        number = self._number
        self._waiting[number] = self._asked[key] = result
        try:
            with self._sending:
                self._link.send(frame(encode_pac(PacQuestion(number, *key, host))))
            return result.get()
        finally:
            del self._asked[key]
            self._waiting.pop(number, None)
            if not result.ready():  # given up: who waits for the same gives up, too
                result.set_exception(OSError(0, "the question was given up"))

    def _hear(self) -> None:
        frames = Frames()
        try:
            while data := self._link.receive():
                for message in frames.feed(data):
                    answer = decode_pac_answer(message)
                    waiting = self._waiting.pop(answer.number, None)
                    if waiting is not None:
                        waiting.set(answer)
        except OSError:
            pass
        gone = OSError(0, "the engine is gone")
        for result in list(self._waiting.values()):
            result.set_exception(gone)

    def close(self) -> None:
        """Ask no more."""
        self._hearing.kill()
        self._link.close()
