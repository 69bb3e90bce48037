"""What a window that doesn't answer is told when it does: never more than some rows and two ranges."""

from proxy_core.capture.writer import Applied
from proxy_core.news import CARRIED_ROWS, News


def arrived(first: int, last: int) -> Applied:
    return Applied([(number,) for number in range(first, last + 1)], first, last, 0, 0, 0, "")


def changed(first: int, last: int) -> Applied:
    return Applied([(first,), (last,)], 0, 0, first, last, 0, "")


def test_few_rows_are_carried():
    news = News()
    news.add(arrived(1, 2))
    news.add(changed(2, 2))
    assert news.is_due
    assert news.rows == [(1,), (2,), (2,), (2,)]
    assert (news.first_new_id, news.last_new_id, news.changed_from_id, news.changed_to_id) == (1, 2, 2, 2)


def test_many_become_ranges():
    news = News()
    for number in range(1, CARRIED_ROWS * 50, 10):
        news.add(arrived(number, number + 9))
        news.add(changed(max(1, number - 100), number))
    assert news.rows == []
    assert (news.first_new_id, news.last_new_id) == (1, CARRIED_ROWS * 50)
    assert (news.changed_from_id, news.changed_to_id) == (1, CARRIED_ROWS * 50 - 9)


def test_that_programs_are_known_is_news_without_a_row():
    news = News()
    news.add(Applied([], 0, 0, 0, 0, 0, "", has_programs=True))
    news.add(arrived(1, 1))
    assert news.is_due
    assert news.has_programs
    news.forget()
    assert not news.has_programs


def test_nothing_is_no_news():
    news = News()
    news.add(Applied([], 0, 0, 0, 0, 3, "full"))
    assert not news.is_due
    news.add(arrived(1, 1))
    news.forget()
    assert not news.is_due
    assert news.rows == []
    assert news.first_new_id == 0
