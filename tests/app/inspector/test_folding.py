"""Rows and lines where some are folded away, against a plain count."""

from hypothesis import given
from hypothesis import strategies as st

from app.inspector.folding import Folding

LINES = 40


def seen(folds: dict[int, int]) -> list[int]:
    """The lines that are not hidden, by trying each."""
    return [line for line in range(LINES) if not any(first < line <= last for first, last in folds.items())]


@st.composite
def nested(draw: st.DrawFn, first: int = 0, last: int = LINES - 1, depth: int = 3) -> dict[int, int]:
    """Folds that lie in each other or beside each other, as those of brackets do."""
    found: dict[int, int] = {}
    while depth and first < last and draw(st.booleans()):
        begin = draw(st.integers(first, last - 1))
        end = draw(st.integers(begin + 1, last))
        found[begin] = end
        found |= draw(nested(begin + 1, end, depth - 1))
        first = end + 1
    return found


@given(nested())
def test_rows_and_lines_lead_to_each_other(folds):
    folding = Folding()
    folding.replace(folds)
    lines = seen(folds)
    assert folding.hidden_count == LINES - len(lines)
    assert [folding.line_of_row(row) for row in range(len(lines))] == lines
    assert [folding.row_of_line(line) for line in lines] == list(range(len(lines)))


@given(nested(), st.integers(0, LINES - 1))
def test_a_line_that_is_to_be_seen_is_seen(folds, line):
    folding = Folding()
    folding.replace(folds)
    assert folding.show(line) == (line not in seen(folds))
    assert folding.line_of_row(folding.row_of_line(line)) == line
    assert not folding.show(line)


def test_an_inner_fold_is_remembered():
    folding = Folding()
    folding.toggle(3, 5)
    folding.toggle(1, 8)
    assert (3 in folding, folding.hidden_count, folding.last_hidden(1)) == (True, 7, 8)
    folding.toggle(1, 8)
    assert folding.hidden_count == 2
    folding.toggle(3, 5)
    assert folding.hidden_count == 0
