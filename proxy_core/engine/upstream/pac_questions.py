"""A worker's questions to PAC files: over a socket to the engine, which has them evaluated elsewhere.

Whoever asks waits in the greenlet; who asks the same meanwhile waits for the same answer. A name that the file wants to
know is looked up here, beside all other questions, and the file is asked again with its address.
"""

import time
from collections.abc import Callable

import gevent
from gevent.event import AsyncResult
from gevent.lock import BoundedSemaphore

from proxy_core.engine.links.link import Link
from proxy_core.engine.upstream.proxy_route import PacError
from proxy_core.frame import Frames, frame
from proxy_core.model.pac_message import PacAnswer, PacQuestion, decode_pac_answer, encode_pac

ANSWER_LIMIT_S = 40.0  # the engine gives up earlier, unless there is a queue of slow questions
NAMES_LIMIT_S = 5.0  # spent on a question's names; those that the file wants then don't exist for it


class PacQuestions:
    """A `PacAsker`. It owns its link to the engine."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._number = 0
        self._waiting: dict[int, AsyncResult[PacAnswer]] = {}
        self._asked: dict[tuple[str, str], AsyncResult[PacAnswer]] = {}
        self._sending = BoundedSemaphore()
        self._hearing = gevent.spawn(self._hear)

    def ask(self, pac_url: str, url: str, host: str, find_name: Callable[[str], str]) -> str:
        """What the file's function returns. Raises PacError."""
        key = pac_url, url
        result = self._asked.get(key)
        try:
            with gevent.Timeout(ANSWER_LIMIT_S, PacError(f"nobody answered within {ANSWER_LIMIT_S:.0f} seconds")):
                answer = self._ask_for_all(key, host, find_name) if result is None else result.get()
                assert answer is not None
        except OSError:
            raise PacError("the engine does not answer") from None
        if answer.problem:
            raise PacError(answer.problem)
        return answer.text

    def _ask_for_all(self, key: tuple[str, str], host: str, find_name: Callable[[str], str]) -> PacAnswer:
        result: AsyncResult[PacAnswer] = AsyncResult()
        self._asked[key] = result
        try:
            answer = self._ask_with_names(key, host, find_name)
            result.set(answer)
            return answer
        finally:
            del self._asked[key]
            if not result.ready():  # given up: who waits for the same gives up, too
                result.set_exception(OSError(0, "the question was given up"))

    def _ask_with_names(self, key: tuple[str, str], host: str, find_name: Callable[[str], str]) -> PacAnswer:
        """Ask, find the name that the file wants to know, ask again. Raises OSError."""
        names: dict[str, str] = {}
        looked_up_s = 0.0
        while True:
            answer = self._ask_once(PacQuestion(self._next_number(), *key, host, names))
            if not answer.wanted:
                return answer
            begin = time.monotonic()
            names[answer.wanted] = find_name(answer.wanted) if looked_up_s < NAMES_LIMIT_S else ""
            looked_up_s += time.monotonic() - begin

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _ask_once(self, question: PacQuestion) -> PacAnswer:
        """Raises OSError."""
        result: AsyncResult[PacAnswer] = AsyncResult()
        self._waiting[question.number] = result
        try:
            with self._sending:
                self._link.send(frame(encode_pac(question)))
            answer = result.get()
        finally:
            self._waiting.pop(question.number, None)
        assert answer is not None
        return answer

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
