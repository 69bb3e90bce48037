"""The views of bodies. One more is a file beside this one, and its line here; their buttons stand in this order."""

from app.inspector.viewers.form_body import FORM_BODY
from app.inspector.viewers.hex_body import HEX_BODY
from app.inspector.viewers.json_body import JSON_BODY
from app.inspector.viewers.markup_body import MARKUP_BODY
from app.inspector.viewers.multipart_body import MULTIPART_BODY
from app.inspector.viewers.picture_body import PICTURE_BODY
from app.inspector.viewers.raw_body import RAW_BODY
from app.inspector.viewers.viewer import Viewer

VIEWERS: tuple[Viewer, ...] = (
    JSON_BODY,
    MARKUP_BODY,
    FORM_BODY,
    MULTIPART_BODY,
    RAW_BODY,
    HEX_BODY,
    PICTURE_BODY,
)
MODES: tuple[str, ...] = tuple(dict.fromkeys(each.mode for each in VIEWERS))
