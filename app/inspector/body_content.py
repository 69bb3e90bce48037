"""A body taken apart for the inspector: decoded, told what it is, made ready for its views. Bounded in everything, and
without Qt.

It runs off the GUI thread for all but small bodies, with a reader of its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from app.inspector.viewers.viewer import Body, CanvasViewer, Fit, View, Viewer
from proxy_core.capture.reader import CaptureReader
from proxy_core.formats.body_kind import BodyKind, body_kind
from proxy_core.formats.charset import to_text
from proxy_core.formats.checkpoint import Checkpoint, never
from proxy_core.formats.content_coding import decode, parse_codings
from proxy_core.formats.one_line import one_line
from proxy_core.model.message_head import MessageHead
from proxy_core.model.message_head import to_text as head_text
from proxy_core.model.resource_type import media_essence

SHOWN_LIMIT_BYTES = 64 * 1024 * 1024
# A layout may pass so many checkpoints: five million tokens of JSON, a million pieces of markup. It takes two or three
# seconds then, more on a busy machine. 12 MB of records stay below, and 8 MB of HTML.
LAYOUT_CHECKPOINTS = 600
_TOO_MUCH_WORK = "It has too many parts to be laid out: it is shown as it came. «Save body» writes it to a file."


@dataclass(frozen=True, slots=True)
class BodyContent:
    """A body ready to be shown."""

    data: bytes  # decoded, as far as the limit
    wire_length: int
    coding: str  # «br», "" for none
    charset: str
    is_truncated: bool
    problem: str
    views: tuple[View, ...]  # in the order of their buttons, one for each
    remark: str = ""  # one sentence about how it is shown

    def view(self, mode: str) -> View | None:
        """The view behind a button, None where this body has none."""
        return next((each for each in self.views if each.viewer.mode == mode), None)


EMPTY = BodyContent(b"", 0, "", "", is_truncated=False, problem="", views=())


class _TooMuchWorkError(Exception):
    """A body has too many parts to be laid out."""


def load_body(
    reader: CaptureReader,
    extents: bytes | None,
    head: MessageHead,
    viewers: Sequence[Viewer],
    checkpoint: Checkpoint = never,
) -> BodyContent:
    """Read and decode a body, and make it ready for those views that take it.

    Raises CaptureError, and whatever `checkpoint` raises.
    """
    wire_length = reader.body_length(extents)
    if not wire_length:
        return EMPTY
    codings = parse_codings(b",".join(head.values(b"content-encoding")))
    wire = _checked(reader.iterate_body(extents), checkpoint)
    decoded = decode(wire, codings, SHOWN_LIMIT_BYTES)
    is_whole = not decoded.is_truncated and not decoded.problem
    body = _body(decoded.data, head_text(head.value(b"content-type") or b""), checkpoint, is_whole=is_whole)
    views, remark = _views(body, viewers, checkpoint)
    return BodyContent(
        decoded.data,
        wire_length,
        one_line(", ".join(codings)),
        body.charset,
        decoded.is_truncated,
        one_line(decoded.problem),
        views,
        remark,
    )


def ready_body(
    data: bytes, content_type: str, viewers: Sequence[Viewer], checkpoint: Checkpoint = never
) -> BodyContent:
    """Make bytes that are all here ready to be shown, as if they were a body. Raises whatever `checkpoint` raises."""
    body = _body(data, content_type, checkpoint, is_whole=True)
    views, remark = _views(body, viewers, checkpoint)
    return BodyContent(data, len(data), "", body.charset, is_truncated=False, problem="", views=views, remark=remark)


def _checked(chunks: Iterable[bytes], checkpoint: Checkpoint) -> Iterator[bytes]:
    for chunk in chunks:
        checkpoint()
        yield chunk


def _body(data: bytes, content_type: str, checkpoint: Checkpoint, *, is_whole: bool) -> Body:
    essence = media_essence(content_type.encode("latin-1", "replace"))
    kind = body_kind(essence, data)
    if kind in (BodyKind.BINARY, BodyKind.IMAGE):
        return Body(data, content_type, essence, kind, charset="", text="", utf8=b"", is_whole=is_whole)
    text, charset = to_text(data, content_type, checkpoint)
    utf8 = data if charset == "utf-8" else text.encode("utf-8", "replace")
    return Body(data, content_type, essence, kind, charset, text, utf8, is_whole)


def _views(body: Body, viewers: Sequence[Viewer], checkpoint: Checkpoint) -> tuple[tuple[View, ...], str]:
    """The views of a body, and a remark about one that it should have, but has not."""
    views: list[View] = []
    remark = ""
    for mode in dict.fromkeys(each.mode for each in viewers):
        viewer = max((each for each in viewers if each.mode == mode), key=lambda each: each.fit(body))
        fit = viewer.fit(body)
        if fit is Fit.NONE:
            continue
        if isinstance(viewer, CanvasViewer):
            views.append(View(viewer, fit, None))
            continue
        try:
            lines = viewer.lines(body, _budget(checkpoint))
        except _TooMuchWorkError:
            remark = _TOO_MUCH_WORK
            continue
        if lines is not None:
            views.append(View(viewer, fit, lines, viewer.remark(body, checkpoint)))
    return tuple(views), remark


def _budget(checkpoint: Checkpoint) -> Checkpoint:
    """The same checkpoint, which raises _TooMuchWorkError when it is passed too often."""
    passed = 0

    def budgeted() -> None:
        nonlocal passed
        checkpoint()
        passed += 1
        if passed > LAYOUT_CHECKPOINTS:
            raise _TooMuchWorkError

    return budgeted
