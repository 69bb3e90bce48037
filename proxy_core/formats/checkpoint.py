"""Where long work on a text may be given up: it calls a checkpoint every few thousand steps, which may raise.

Whoever began the work decides what is raised, and catches it; the work itself lets it pass.
"""

from collections.abc import Callable

Checkpoint = Callable[[], None]


def never() -> None:
    """The checkpoint of work that is always carried through."""
