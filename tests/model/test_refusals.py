"""Rows of refusals: what one worker counts, what the engine makes of it, and what the others know then."""

from proxy_core.model.refusals import Pair, Refusals

PAIR = Pair("127.0.0.1", "t13", "pin.test")


class Engine:
    """Counts for all, and tells each of its workers."""

    def __init__(self, workers: int) -> None:
        self.refusals = Refusals()
        self.workers = [Refusals(self.hears) for _ in range(workers)]

    def hears(self, pair: Pair, has_refused: bool) -> None:
        number = self.refusals.count(pair) if has_refused else self.refusals.forget(pair)
        for worker in self.workers:
            worker.take(pair, number)


def test_one_row_for_all_workers():
    engine = Engine(4)
    assert [worker.count(PAIR) for worker in engine.workers] == [1, 2, 3, 4]
    assert all(worker.is_stubborn(PAIR) for worker in engine.workers)
    assert not engine.workers[0].is_stubborn(PAIR._replace(host="other.test"))


def test_who_has_taken_it_begins_anew_everywhere():
    engine = Engine(2)
    first, second = engine.workers
    for _ in range(3):
        first.count(PAIR)
    second.forget(PAIR)
    assert not first.is_stubborn(PAIR)
    assert first.count(PAIR) == 1


def test_what_the_engine_has_not_heard_yet_counts():
    told = []
    worker = Refusals(lambda pair, has_refused: told.append((pair, has_refused)))
    worker.count(PAIR)
    worker.count(PAIR)
    worker.take(PAIR, 1)
    assert worker.count(PAIR) == 3
    worker.forget(PAIR)
    worker.forget(PAIR)  # nothing to tell
    assert told == [(PAIR, True)] * 3 + [(PAIR, False)]


def test_a_new_worker_is_told_all():
    engine = Engine(1)
    for _ in range(3):
        engine.workers[0].count(PAIR)
    fresh = Refusals()
    for row in engine.refusals.rows():
        fresh.take(*row)
    assert fresh.is_stubborn(PAIR)


def test_the_oldest_go_first():
    refusals = Refusals()
    for _ in range(3):
        refusals.count(PAIR)
    for number in range(999):
        refusals.count(PAIR._replace(host=f"{number}.test"))
    assert refusals.is_stubborn(PAIR)
    refusals.count(PAIR._replace(host="one more"))
    assert not refusals.is_stubborn(PAIR)
