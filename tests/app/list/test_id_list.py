"""The list's edits lead from what is shown to what should be, whatever came and went."""

from array import array

from hypothesis import given
from hypothesis import strategies as st

from app.list.id_list import Edit, apply_edit, edits_for_ids, edits_for_range, position_of

IDS = st.sets(st.integers(1, 40), max_size=30)


def ascending(ids: set[int]) -> "array[int]":
    return array("q", sorted(ids))


def carried_out(ids: "array[int]", edits: list[Edit]) -> "array[int]":
    """As the model does it: one after the other, each a pure insertion or a pure removal."""
    shown = ids[:]
    for edit in edits:
        assert 0 <= edit.begin <= edit.end <= len(shown)
        assert (edit.begin == edit.end) == bool(edit.ids)
        apply_edit(shown, edit)
    return shown


@given(IDS, IDS, st.integers(1, 40), st.integers(0, 40))
def test_a_range_becomes_what_it_should_be(before, after, from_id, length):
    to_id = from_id + length
    now = {each for each in after if from_id <= each <= to_id}
    outside = {each for each in before if not from_id <= each <= to_id}
    edits = edits_for_range(ascending(before), from_id, to_id, ascending(now))
    assert carried_out(ascending(before), edits) == ascending(outside | now)


@given(IDS, IDS, IDS)
def test_some_ids_become_shown_or_not(before, among, matching):
    matching &= among
    edits = edits_for_ids(ascending(before), among, matching)
    assert carried_out(ascending(before), edits) == ascending((before - among) | matching)


@given(IDS)
def test_what_is_right_already_needs_no_edit(ids):
    assert edits_for_range(ascending(ids), 1, 40, ascending(ids)) == []
    assert edits_for_ids(ascending(ids), ids, ids) == []


@given(st.integers(0, 50), st.integers(1, 50))
def test_newcomers_at_the_end_are_one_edit(count, new):
    ids = array("q", range(1, count + 1))
    now = array("q", range(count + 1, count + new + 1))
    assert edits_for_range(ids, count + 1, count + new, now) == [Edit(count, count, list(now))]


@given(IDS, st.integers(1, 41))
def test_the_place_of_an_id(ids, wanted):
    place = position_of(ascending(ids), wanted)
    assert place == (sorted(ids).index(wanted) if wanted in ids else -1)
