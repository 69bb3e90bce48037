"""The order of the list: an array of ids, and the edits that bring it up to date. No Qt.

While the list is in the order of ids it is held ascending whatever way it is shown, so a newcomer is an append and
any id is found by bisection. A million ids are 8 MB; nothing here walks over them one by one.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Edit(NamedTuple):
    """Replace the ids from `begin` up to, not including, `end` by `ids`: a pure removal or a pure insertion."""

    begin: int
    end: int
    ids: Sequence[int]


def position_of(ids: "array[int]", exchange_id: int) -> int:
    """Where an id stands in an ascending array, -1 when it doesn't."""
    position = bisect_left(ids, exchange_id)
    return position if position < len(ids) and ids[position] == exchange_id else -1


def edits_for_range(ids: "array[int]", from_id: int, to_id: int, now: "array[int]") -> list[Edit]:
    """The edits, last place first, after which exactly `now` stands between two ids (both included)."""
    begin, end = bisect_left(ids, from_id), bisect_left(ids, to_id + 1)
    old = ids[begin:end]
    if old == now:
        return []
    same = _common_prefix(old, now)
    begin += same
    old, now = old[same:], now[same:]
    gone = sorted(set(old).difference(now), reverse=True)
    new = sorted(set(now).difference(old), reverse=True)
    return _ordered(ids, gone, new)


def edits_for_ids(ids: "array[int]", among: Iterable[int], matching: "set[int]") -> list[Edit]:
    """The edits, last place first, after which of the ids in `among` exactly those in `matching` are in the list."""
    gone, new = [], []
    for exchange_id in sorted(among, reverse=True):
        is_there = position_of(ids, exchange_id) >= 0
        if is_there and exchange_id not in matching:
            gone.append(exchange_id)
        elif not is_there and exchange_id in matching:
            new.append(exchange_id)
    return _ordered(ids, gone, new)


def apply_edit(ids: "array[int]", edit: Edit) -> None:
    """Carry out one edit."""
    ids[edit.begin : edit.end] = array("q", edit.ids)


def _common_prefix(one: "array[int]", other: "array[int]") -> int:
    """How many ids agree from the start: by bisection over comparisons that run in C."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _ordered(ids: "array[int]", gone: list[int], new: list[int]) -> list[Edit]:
    """Runs of removals and insertions at the same place are one edit each; the last place comes first."""
    edits: list[Edit] = []
    run: list[int] = []
    run_place = -1
    for exchange_id in new:  # descending
        place = bisect_left(ids, exchange_id)
        if place != run_place and run:
            edits.append(Edit(run_place, run_place, run[::-1]))
            run = []
        run_place = place
        run.append(exchange_id)
    if run:
        edits.append(Edit(run_place, run_place, run[::-1]))
    insertions = {edit.begin for edit in edits}
    removals: list[Edit] = []
    for exchange_id in gone:  # descending
        place = bisect_left(ids, exchange_id)
        # A run of removals ends where something is inserted in its midst.
        if removals and place == removals[-1].begin - 1 and place + 1 not in insertions:
            removals[-1] = Edit(place, removals[-1].end, ())
        else:
            removals.append(Edit(place, place + 1, ()))
    # At one place the removal goes first: an insertion there would push what is to be removed away.
    return sorted(edits + removals, key=lambda edit: (edit.begin, not edit.ids), reverse=True)
