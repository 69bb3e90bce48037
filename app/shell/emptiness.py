"""Why there is nothing to see in the list, and how that is said. No Qt: `EmptyState` shows it, and what can be done."""

from enum import Enum, auto

from app.shell.situation import Situation


class Emptiness(Enum):
    """Why there is nothing to see."""

    FIRST_MINUTE = auto()
    CLEARED = auto()
    PAUSED = auto()
    STARTING = auto()
    NO_ENGINE = auto()
    FILTERED = auto()
    EMPTY_FILE = auto()


EMPTINESS_TEXTS: dict[Emptiness, tuple[str, str]] = {  # title and sentence
    Emptiness.FIRST_MINUTE: (
        "Nothing captured yet",
        (
            "Open a browser from here: it trusts Harrier already, and HTTPS is readable at once. Nothing is installed "
            "and no setting of your system is touched. Any other program can be pointed at Harrier's address."
        ),
    ),
    Emptiness.CLEARED: (
        "Nothing new since the list was cleared",
        "What goes through Harrier from now on appears here.",
    ),
    Emptiness.PAUSED: (
        "Recording is paused",
        "Traffic goes through, but nothing of it is kept. Record again to see what comes.",
    ),
    Emptiness.STARTING: ("Starting …", "The engine is about to listen."),
    Emptiness.NO_ENGINE: ("The engine is not running", "Nothing can be captured until it is started again."),
    Emptiness.FILTERED: (
        "No exchange matches this filter",
        "What is captured is all still there; only the filter holds it back.",
    ),
    Emptiness.EMPTY_FILE: ("This capture is empty", "It holds no exchange."),
}


def why_empty(now: Situation) -> Emptiness | None:
    """The nearest reason for an empty list; None where there are rows, or may be as soon as they were looked for."""
    if now.shown:
        return None
    if now.is_filtering and (now.total or now.is_looking):
        return None if now.is_looking else Emptiness.FILTERED
    if now.is_file:
        return None if now.is_looking else Emptiness.EMPTY_FILE
    if not now.is_running:
        return Emptiness.NO_ENGINE
    if not now.has_engine:
        return Emptiness.STARTING
    if now.total:
        return None
    if not now.is_recording:
        return Emptiness.PAUSED
    return Emptiness.CLEARED if now.has_cleared else Emptiness.FIRST_MINUTE
