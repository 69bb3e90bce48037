"""Why a list is empty, what stands in its place, and what the window says of its capture, found from data alone."""

import pytest

from app.shell.emptiness import EMPTINESS_TEXTS, Emptiness, why_empty
from app.shell.situation import Situation

EMPTY = Situation(
    shown=0,
    total=0,
    failed=0,
    recorded_bytes=0,
    is_filtering=False,
    is_looking=False,
    is_late=False,
    is_file=False,
    is_running=True,
    has_engine=True,
    is_recording=True,
    is_kept=True,
    has_cleared=False,
)


@pytest.mark.parametrize(
    ("what_is_so", "why"),
    [
        ({}, Emptiness.FIRST_MINUTE),
        ({"is_looking": True}, Emptiness.FIRST_MINUTE),
        ({"has_cleared": True}, Emptiness.CLEARED),
        ({"is_recording": False}, Emptiness.PAUSED),
        ({"is_recording": False, "has_cleared": True}, Emptiness.PAUSED),
        ({"has_engine": False}, Emptiness.STARTING),
        ({"is_running": False}, Emptiness.NO_ENGINE),
        ({"is_running": False, "has_engine": False}, Emptiness.NO_ENGINE),
        ({"total": 3}, None),  # they are about to be listed
        ({"total": 3, "is_filtering": True}, Emptiness.FILTERED),
        ({"total": 3, "is_filtering": True, "is_running": False}, Emptiness.FILTERED),
        ({"total": 3, "is_filtering": True, "is_looking": True}, None),
        ({"is_filtering": True}, Emptiness.FIRST_MINUTE),  # no filter holds back what isn't there
        ({"is_filtering": True, "is_recording": False}, Emptiness.PAUSED),
        ({"is_file": True}, Emptiness.EMPTY_FILE),
        ({"is_file": True, "is_looking": True}, None),
        ({"is_file": True, "is_running": False}, Emptiness.EMPTY_FILE),
        ({"is_file": True, "is_filtering": True, "total": 3}, Emptiness.FILTERED),
        ({"is_file": True, "is_filtering": True}, Emptiness.EMPTY_FILE),
    ],
)
def test_the_nearest_reason_is_said(what_is_so, why):
    assert why_empty(EMPTY._replace(**what_is_so)) is why


@pytest.mark.parametrize("flag", [name for name in Situation._fields if name.startswith(("is_", "has_"))])
def test_where_there_are_rows_nothing_stands_in_their_place(flag):
    now = EMPTY._replace(shown=1, total=1)
    assert why_empty(now) is None
    assert why_empty(now._replace(**{flag: not getattr(now, flag)})) is None


def test_every_reason_has_its_words():
    assert set(EMPTINESS_TEXTS) == set(Emptiness)
    assert all(title and text for title, text in EMPTINESS_TEXTS.values())


@pytest.mark.parametrize(
    ("what_is_so", "text"),
    [
        ({}, "Capture saved as it comes"),
        ({"is_recording": False}, "Not recording"),
        ({"is_kept": False}, "Not recording"),
        ({"is_running": False}, "Capture kept"),
        ({"is_running": False, "has_engine": False}, ""),
        ({"is_file": True, "is_running": False}, "Opened from a file"),
    ],
)
def test_the_state_of_the_capture(what_is_so, text):
    assert EMPTY._replace(**what_is_so).capture_text() == text


def test_how_many_there_are_is_said_while_a_filter_holds_some_back():
    now = EMPTY._replace(shown=1200, total=34_567)
    assert now.count_text() == ""
    assert now._replace(is_filtering=True).count_text() == "1,200 of 34,567"
    assert now._replace(is_filtering=True, is_looking=True).count_text() == "1,200 of 34,567"
    assert now._replace(is_filtering=True, is_looking=True, is_late=True).count_text() == "looking …"
