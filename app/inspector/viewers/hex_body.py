"""The bytes of any body, in hexadecimal. No Qt."""

from app.inspector.lines import HexLines, Lines
from app.inspector.viewers.viewer import Body, Fit, LineViewer
from proxy_core.formats.checkpoint import Checkpoint


def _fit(_body: Body) -> Fit:
    return Fit.BYTES


def _lines(body: Body, _checkpoint: Checkpoint) -> Lines:
    data = body.data
    return HexLines(lambda offset, length: data[offset : offset + length], len(data))


HEX_BODY = LineViewer("Hex", _fit, _lines)
