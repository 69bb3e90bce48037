"""The parts of a multipart body as names and values; what is no short text is told with its size. No Qt."""

from collections.abc import Iterator

from app.inspector.lines import Lines
from app.inspector.viewers.pair_lines import pair_lines
from app.inspector.viewers.viewer import Body, Fit, LineViewer, of_kind
from proxy_core.formats.body_kind import BodyKind
from proxy_core.formats.checkpoint import Checkpoint
from proxy_core.formats.multipart import split_multipart

_PARTS = 256  # between two checkpoints
_LONGEST_VALUE_BYTES = 2000  # of a part that is shown in its line


def _lines(body: Body, checkpoint: Checkpoint) -> Lines | None:
    return pair_lines(_pairs(body, checkpoint), checkpoint)


def _pairs(body: Body, checkpoint: Checkpoint) -> Iterator[tuple[str, str]]:
    """Name and value of each part; what is no short text is told with its size."""
    for number, part in enumerate(split_multipart(body.data, body.content_type)):
        if not number % _PARTS:
            checkpoint()
        value = _short_text(part.data)
        if part.file_name or value is None:
            value = f"{part.file_name or 'binary'} ({part.media_type}, {len(part.data):,} bytes)"
        yield ("(no name)" if part.name is None else part.name), value


def _short_text(data: bytes) -> str | None:
    if len(data) > _LONGEST_VALUE_BYTES or b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


MULTIPART_BODY = LineViewer("Pretty", of_kind(BodyKind.MULTIPART, Fit.LAID_OUT), _lines)
