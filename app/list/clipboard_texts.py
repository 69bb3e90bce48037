"""What is copied from the list as it stands there: the values of a column. No Qt."""

from collections.abc import Sequence

from app.list.columns import COLUMNS
from app.list.listed_row import ListedRow
from proxy_core.formats.snippets.url import visible_url
from proxy_core.model.endpoint import url_of


def cell_text(rows: Sequence[ListedRow], column: int) -> str:
    """The values of a column, one a line: as the list shows them, but whole where it shows a beginning."""
    spec = COLUMNS[column]
    text = _WHOLE.get(spec.key, spec.text)
    return "\n".join(text(row) for row in rows)


def _whole_path(row: ListedRow) -> str:
    return visible_url(row.exchange.path)


def _whole_url(row: ListedRow) -> str:
    return visible_url(url_of(row.exchange))


_WHOLE = {"path": _whole_path, "url": _whole_url}  # by the column's key
