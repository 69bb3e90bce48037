"""A picture as it looks."""

from app.inspector.picture_view import PictureView
from app.inspector.viewers.viewer import CanvasViewer, Fit, of_kind
from proxy_core.formats.body_kind import BodyKind

PICTURE_BODY = CanvasViewer("Preview", of_kind(BodyKind.IMAGE, Fit.SEEN), PictureView)
