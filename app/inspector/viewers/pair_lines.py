"""Names and values, a pair a line. No Qt."""

from array import array
from collections.abc import Iterable

from app.inspector.lines import LaidOutLines, Lines
from proxy_core.formats.checkpoint import Checkpoint
from proxy_core.formats.highlight import Language
from proxy_core.formats.json_text import Layout


def pair_lines(pairs: Iterable[tuple[str, str]], checkpoint: Checkpoint) -> Lines | None:
    """The lines know where the values begin. None without pairs."""
    lines: list[str] = []
    value_starts = array("Q")
    for name, value in pairs:
        lines.append(f"{name} = {value}")
        value_starts.append(len(name) + len(" = "))
    return LaidOutLines(Layout(lines, {}), Language.FORM, value_starts, checkpoint) if lines else None
