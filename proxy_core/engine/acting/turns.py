"""Asking the engine whether a rule that acts only so often acts once more: over all workers, so that it is exact."""

from collections.abc import Callable

from gevent.event import AsyncResult

_ANSWER_S = 5.0  # the engine is there, or this worker ends

Ask = Callable[[int, str, int], None]  # number of the question, id of the rule, how often it acts


class Turns:
    """A worker's questions that are under way."""

    def __init__(self, ask: Ask | None = None) -> None:
        """Without somebody to ask, a worker is alone and counts for itself."""
        self._ask = ask
        self._number = 0
        self._asked: dict[int, AsyncResult[bool]] = {}
        self._counts: dict[str, int] = {}

    def take(self, rule: str, times: int) -> bool:
        """Whether the rule acts once more. Waits for the answer; without one, it doesn't."""
        if self._ask is None:
            self._counts[rule] = count = self._counts.get(rule, 0) + 1
            return count <= times
        self._number += 1
        number = self._number
        answer: AsyncResult[bool] = AsyncResult()
        self._asked[number] = answer
        try:
            self._ask(number, rule, times)
            return bool(answer.wait(_ANSWER_S))
        finally:
            del self._asked[number]

    def given(self, number: int, *, is_given: bool) -> None:
        """The answer to a question."""
        answer = self._asked.get(number)
        if answer is not None:
            answer.set(is_given)
