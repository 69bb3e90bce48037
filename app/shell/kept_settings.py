"""What of the settings is kept for the next start: what a person has changed, and nothing that only the command line of
this run has said. No Qt.
"""

from typing import Any

import msgspec

from proxy_core.model.settings import Settings


def carried_over(kept: Settings, before: Settings, after: Settings) -> Settings:
    """The kept settings with what has changed from one to the other, and no more."""
    changed: Settings = _carried(kept, before, after)
    return changed


def _carried(kept: Any, before: Any, after: Any) -> Any:
    if before == after:
        return kept
    if isinstance(after, msgspec.Struct) and type(kept) is type(before) is type(after):
        names = after.__struct_fields__
        changes = {name: _carried(*(getattr(each, name) for each in (kept, before, after))) for name in names}
        return msgspec.structs.replace(kept, **changes)
    if isinstance(kept, tuple) and isinstance(before, tuple) and isinstance(after, tuple):
        # A list to which the command line has added something for this run.
        left = tuple(each for each in kept if each in after or each not in before)
        return (*left, *(each for each in after if each not in before and each not in left))
    return after
