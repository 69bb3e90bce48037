"""What a view of bodies is: the button that it stands behind, the bodies that it takes, and what it makes of them.
No Qt.

Several views may stand behind one button («Pretty»): of those that take a body, the one that fits it best shows it. A
view of lines makes them off the GUI thread, and passes its checkpoint as it goes; a view that is a widget of its own
gets the decoded bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, Protocol

from app.inspector.lines import Lines
from proxy_core.formats.body_kind import BodyKind
from proxy_core.formats.checkpoint import Checkpoint


class Fit(IntEnum):
    """How well a view shows a body. The one that a person chose is taken where the body has it, else the best."""

    NONE = 0
    BYTES = 1  # whatever it is
    TEXT = 2  # as it came
    LAID_OUT = 3
    SEEN = 4  # as the picture that it is: before all others, whichever was chosen for the bodies before


@dataclass(frozen=True, slots=True)
class Body:
    """A decoded body, as views are asked about it."""

    data: bytes
    content_type: str  # as the field has it
    essence: str  # of that: lower case, without parameters
    kind: BodyKind
    charset: str  # "" for what is no text
    text: str
    utf8: bytes  # of the text
    is_whole: bool = True  # nothing of it was left out, and all of it could be decoded


def nothing_to_remark(_body: Body, _checkpoint: Checkpoint) -> str:
    """What is shown speaks for itself."""
    return ""


@dataclass(frozen=True, slots=True)
class LineViewer:
    """A view that is lines, for `LineView`."""

    mode: str  # the button's text
    fit: Callable[[Body], Fit]
    lines: Callable[[Body, Checkpoint], Lines | None]  # None where the body has nothing to show in this way
    remark: Callable[[Body, Checkpoint], str] = nothing_to_remark  # a sentence that is shown above them, "" for none


class Canvas(Protocol):
    """A widget that shows a body by itself."""

    def show_bytes(self, data: bytes) -> None:
        """Show another body, or say why it can't be shown."""
        ...

    def end(self) -> None:
        """End what was begun for it; nothing is shown any more."""
        ...


@dataclass(frozen=True, slots=True)
class CanvasViewer:
    """A view that is a widget; each place where bodies are shown has one of its own, made when it is needed first."""

    mode: str
    fit: Callable[[Body], Fit]
    canvas: Callable[[], Canvas]


Viewer = LineViewer | CanvasViewer


class View(NamedTuple):
    """A body in one view."""

    viewer: Viewer
    fit: Fit
    lines: Lines | None  # None for a canvas
    remark: str = ""  # a sentence about this view alone


def of_kind(kind: BodyKind, fit: Fit) -> Callable[[Body], Fit]:
    """Takes the bodies of one kind."""
    return lambda body: fit if body.kind is kind else Fit.NONE
