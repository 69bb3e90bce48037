"""JSON with a line for each value, and what can be folded. No Qt."""

from app.inspector.lines import LaidOutLines, Lines
from app.inspector.viewers.viewer import Body, Fit, LineViewer, of_kind
from proxy_core.formats.body_kind import BodyKind
from proxy_core.formats.checkpoint import Checkpoint
from proxy_core.formats.highlight import Language
from proxy_core.formats.json_mistake import json_mistake
from proxy_core.formats.json_text import lay_out_json

_LINES_OF_JSON = "application/x-ndjson"


def _lines(body: Body, checkpoint: Checkpoint) -> Lines:
    return LaidOutLines(lay_out_json(body.text, checkpoint), Language.JSON, checkpoint=checkpoint)


def _remark(body: Body, checkpoint: Checkpoint) -> str:
    """Laid out it looks like JSON, whatever it is."""
    if not body.is_whole:
        return ""
    mistake = json_mistake(body.utf8, checkpoint, are_lines=body.essence == _LINES_OF_JSON)
    return f"This is no valid JSON ({mistake})." if mistake else ""


JSON_BODY = LineViewer("Pretty", of_kind(BodyKind.JSON, Fit.LAID_OUT), _lines, _remark)
