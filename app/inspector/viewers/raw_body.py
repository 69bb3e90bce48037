"""A text as it came, coloured in its language. No Qt."""

from app.inspector.lines import Lines, TextLines
from app.inspector.viewers.viewer import Body, Fit, LineViewer
from proxy_core.formats.body_kind import BodyKind
from proxy_core.formats.checkpoint import Checkpoint
from proxy_core.formats.highlight import Language

_LANGUAGES = {
    BodyKind.JSON: Language.JSON,
    BodyKind.MARKUP: Language.MARKUP,
    BodyKind.SCRIPT: Language.SCRIPT,
    BodyKind.STYLE: Language.STYLE,
}


def _fit(body: Body) -> Fit:
    return Fit.TEXT if body.charset else Fit.NONE


def _lines(body: Body, checkpoint: Checkpoint) -> Lines:
    return TextLines(body.utf8, _LANGUAGES.get(body.kind, Language.PLAIN), checkpoint)


RAW_BODY = LineViewer("Raw", _fit, _lines)
