"""One PAC file: its text, the processes that evaluate it, and the questions that wait for one. No call here waits.

One process is enough as long as it answers. While it is slow, others are started beside it, and what takes too long is
killed with its process: that host has no answer for a while, everybody else's question goes to the next process. A file
that nobody could fetch or read is not asked for again for a while. In time it is fetched anew by a process beside those
that answer, which takes their place when it has read another text; where that fails, they go on as before.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

import msgspec

from proxy_core.model.pac_message import FileAnswer, FileQuestion
from proxy_core.pac.evaluator import Evaluator, Stage
from proxy_core.pac.pac_process import PacSource

MOST_EVALUATORS = 4  # as many threads as Chromium gives a PAC file
_HOSTS_KEPT = 1000
_DIED = "the process that evaluates it has died"


@dataclass
class PacTimes:
    """How long things may take, and how long what went wrong is remembered; in seconds."""

    fetch_s: float = 20.0  # a process' start and fetching the file
    call_s: float = 5.0  # evaluating its text, or its function once
    crowd_s: float = 1.0  # … while all processes are busy and others wait: a sound function takes milliseconds
    patience_s: float = 0.2  # others wait for one answer before a further process is started for them
    shunned_s: float = 30.0  # a file that could not be had, a host that took too long
    fresh_s: float = 600.0  # then the file is fetched again, when somebody asks
    idle_s: float = 300.0  # a process that nobody asks


@dataclass(eq=False)
class Asked:
    """A question on its way."""

    question: FileQuestion
    answer: Callable[[FileAnswer], None]
    deaths: int = 0  # of processes that had it


class PacFile:
    """For one thread. `look` is to be called after whatever happened and at `next_mark`; `heard` when an evaluator has
    something to say.
    """

    def __init__(
        self,
        times: PacTimes,
        source: Callable[[str | None], PacSource],
        watch: Callable[["PacFile", Evaluator], None],
        unwatch: Callable[[Evaluator], None],
        tell: Callable[[str], None],
    ) -> None:
        """`source` says what a process gets that has this text already; `watch` and `unwatch` are told which evaluators
        there are; `tell` takes what there is to say of the file, without its name.
        """
        self._times = times
        self._source = source
        self._watch = watch
        self._unwatch = unwatch
        self._tell = tell
        self._text: str | None = None
        self._fresh_until = 0.0
        self._evaluators: dict[Evaluator, Asked | None] = {}
        self._fetching: Evaluator | None = None  # beside those that answer
        self._waiting: deque[Asked] = deque()
        self._failure: tuple[float, str] = (0.0, "")  # of the file as a whole
        self._slow_hosts: dict[str, tuple[float, str]] = {}
        self._no_more_before = 0.0

    # Questions

    def ask(self, asked: Asked) -> None:
        """Answer now or later."""
        now = time.monotonic()
        until, problem = self._failure
        if now >= until:
            until, problem = self._slow_hosts.get(asked.question.host, (0.0, ""))
        if now < until:
            asked.answer(FileAnswer("", problem))
        else:
            self._waiting.append(asked)

    def look(self) -> None:
        """Hand out questions, end what takes too long or is of no use, start what is wanted."""
        self._hand_out()
        now = time.monotonic()
        is_crowd = self._is_crowd()
        for evaluator in list(self._evaluators):
            limit_s = self._limit_s(evaluator.stage)
            if is_crowd and evaluator.stage is Stage.ASKED:
                limit_s = min(limit_s, self._times.crowd_s)
            if now < evaluator.mark + limit_s:
                continue
            if evaluator.stage is Stage.FREE:
                self._drop(evaluator)
            else:
                self._fail(evaluator, f"it took longer than {limit_s:g} s", is_slow=True)
        while self._waiting and self._wants_another(now):
            self._start(self._text)
        if self._text is not None and self._fetching is None and self._is_asked() and now >= self._fresh_until:
            self._start(None)

    def _limit_s(self, stage: Stage) -> float:
        match stage:
            case Stage.READING:
                return self._times.fetch_s
            case Stage.LOADING | Stage.ASKED:
                return self._times.call_s
            case Stage.FREE:
                return self._times.idle_s
            case _:
                assert_never(stage)

    def next_mark(self) -> float:
        """When to look again if nothing happens before; where somebody waits, that is soon."""
        marks = [each.mark + self._limit_s(each.stage) for each in self._evaluators]
        if self._waiting:
            marks.append(time.monotonic() + self._times.patience_s)
        return min(marks, default=float("inf"))

    def _hand_out(self) -> None:
        """Each host has one process at a time: what keeps it busy may be that host."""
        busy = self._busy_hosts()
        free = [each for each in self._evaluators if each.stage is Stage.FREE and each is not self._fetching]
        later: deque[Asked] = deque()
        while free and self._waiting:
            asked = self._waiting.popleft()
            if asked.question.host in busy:
                later.append(asked)
                continue
            evaluator = free.pop()
            self._evaluators[evaluator] = asked
            busy.add(asked.question.host)
            try:
                evaluator.ask(asked.question)
            except OSError:
                self._fail(evaluator, _DIED, is_slow=False)
        self._waiting.extendleft(reversed(later))

    def _is_crowd(self) -> bool:
        busy = self._busy_hosts()
        return len(busy) == MOST_EVALUATORS and any(asked.question.host not in busy for asked in self._waiting)

    def _is_asked(self) -> bool:
        return bool(self._waiting) or any(asked is not None for asked in self._evaluators.values())

    # Processes

    def _wants_another(self, now: float) -> bool:
        serving = [each for each in self._evaluators if each is not self._fetching]
        if not serving:
            return True
        asked = [each for each in serving if each.stage is Stage.ASKED]
        if len(serving) >= MOST_EVALUATORS or now < self._no_more_before or not (asked or self._slow_hosts):
            return False
        starting = sum(each.stage in (Stage.READING, Stage.LOADING) for each in serving)
        is_late = all(now >= each.mark + self._times.patience_s for each in asked)
        return is_late and starting < len({each.question.host for each in self._waiting} - self._busy_hosts())

    def _busy_hosts(self) -> set[str]:
        return {asked.question.host for asked in self._evaluators.values() if asked is not None}

    def _start(self, text: str | None) -> None:
        try:
            evaluator = Evaluator(self._source(text))
        except (OSError, RuntimeError):  # the latter is how Python says that there is none to be had
            self._could_not("no process could be started for it", is_refresh=text is None and self._text is not None)
            return
        self._evaluators[evaluator] = None
        if text is None and self._text is not None:
            self._fetching = evaluator
        self._watch(self, evaluator)

    def heard(self, evaluator: Evaluator) -> None:
        """It has something to say, or is dead, or was ended meanwhile."""
        if evaluator not in self._evaluators:
            return
        try:
            for answer in evaluator.hear():
                self._take(evaluator, answer)
                if evaluator not in self._evaluators:
                    return
        except (OSError, msgspec.ValidationError):
            self._fail(evaluator, _DIED, is_slow=False)

    def _take(self, evaluator: Evaluator, answer: FileAnswer) -> None:
        match evaluator.stage:
            case Stage.READING | Stage.LOADING if answer.problem:
                self._fail(evaluator, answer.problem, is_slow=False)
            case Stage.READING:
                if evaluator.is_fetching:
                    evaluator.text = answer.text
                if evaluator is self._fetching and answer.text == self._text:
                    self._fresh_until = time.monotonic() + self._times.fresh_s
                    self._drop(evaluator)
                else:
                    evaluator.enter(Stage.LOADING)
            case Stage.LOADING:
                if evaluator.is_fetching:
                    self._replace_by(evaluator)
                evaluator.enter(Stage.FREE)
            case Stage.ASKED:
                asked = self._evaluators[evaluator]
                assert asked is not None
                self._evaluators[evaluator] = None
                evaluator.enter(Stage.FREE)
                if answer.problem:
                    self._tell(f"gives no answer: {answer.problem}")
                if evaluator.text != self._text:  # the file says something else meanwhile
                    self._drop(evaluator)
                asked.answer(answer)
            case Stage.FREE:
                self._fail(evaluator, _DIED, is_slow=False)  # it speaks unasked: foreign code has got at it

    def _replace_by(self, evaluator: Evaluator) -> None:
        """Its text is the file's from now on."""
        self._text = evaluator.text
        self._fresh_until = time.monotonic() + self._times.fresh_s
        self._fetching = None
        for other, asked in list(self._evaluators.items()):
            if other is not evaluator and asked is None:
                self._drop(other)

    def _fail(self, evaluator: Evaluator, problem: str, *, is_slow: bool) -> None:
        """It is dead, or shall be."""
        asked = self._evaluators[evaluator]
        stage, is_refresh = evaluator.stage, evaluator is self._fetching
        self._drop(evaluator)
        if asked is not None:
            asked.deaths += 1
            if is_slow or asked.deaths > 1:
                self._give_up(asked.question.host, asked, problem)
            else:
                self._waiting.appendleft(asked)  # it may have died of something else
        elif stage is not Stage.FREE:
            self._could_not(problem, is_refresh=is_refresh)

    def _give_up(self, host: str, asked: Asked, problem: str) -> None:
        """This host's questions have no answer for a while."""
        self._tell(f"gives no answer: {problem}")
        if len(self._slow_hosts) >= _HOSTS_KEPT:
            del self._slow_hosts[next(iter(self._slow_hosts))]
        self._slow_hosts[host] = (time.monotonic() + self._times.shunned_s, problem)
        waiting, self._waiting = self._waiting, deque()
        for each in (asked, *waiting):
            if each.question.host == host:
                each.answer(FileAnswer("", problem))
            else:
                self._waiting.append(each)

    def _could_not(self, problem: str, *, is_refresh: bool) -> None:
        """No process came to evaluating the file."""
        now = time.monotonic()
        if is_refresh:
            self._fresh_until = now + self._times.fresh_s
            self._tell(f"could not be read anew, and holds on as it was: {problem}")
        elif any(each is not self._fetching for each in self._evaluators):
            self._no_more_before = now + self._times.shunned_s
        else:
            self._tell(f"gives no answer: {problem}")
            self._failure = (now + self._times.shunned_s, problem)
            waiting, self._waiting = self._waiting, deque()
            for asked in waiting:
                asked.answer(FileAnswer("", problem))

    def _drop(self, evaluator: Evaluator) -> None:
        self._unwatch(evaluator)
        del self._evaluators[evaluator]
        if evaluator is self._fetching:
            self._fetching = None
        evaluator.end()

    def end(self) -> None:
        """End the processes; who waits is not answered."""
        for evaluator in list(self._evaluators):
            self._drop(evaluator)
