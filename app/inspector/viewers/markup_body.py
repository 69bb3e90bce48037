"""HTML and XML with a line for each element. No Qt."""

from app.inspector.lines import LaidOutLines, Lines
from app.inspector.viewers.viewer import Body, Fit, LineViewer, of_kind
from proxy_core.formats.body_kind import SNIFFED_BYTES, BodyKind
from proxy_core.formats.checkpoint import Checkpoint
from proxy_core.formats.highlight import Language
from proxy_core.formats.markup_text import lay_out_markup


def _lines(body: Body, checkpoint: Checkpoint) -> Lines:
    layout = lay_out_markup(body.text, is_html=_is_html(body), checkpoint=checkpoint)
    return LaidOutLines(layout, Language.MARKUP, checkpoint=checkpoint)


def _is_html(body: Body) -> bool:
    if body.essence.endswith("xml"):
        return False
    return body.essence == "text/html" or "<html" in body.text[:SNIFFED_BYTES].lower()


MARKUP_BODY = LineViewer("Pretty", of_kind(BodyKind.MARKUP, Fit.LAID_OUT), _lines)
