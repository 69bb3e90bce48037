"""Events of a capture that can't be read: kept as they came in a file beside the index, bounded, and counted.

One bad event costs that event alone; what it held can still be looked at (`journal.read_records`).
"""

import os

from proxy_core.capture.journal import EVENT_RECORD, record
from proxy_core.plain_file import open_plain

UNREAD_NAME = "unread-events"
UNREAD_LIMIT_BYTES = 16 * 1024 * 1024  # more would only say the same; they are counted all the same
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT


class UnreadEvents:
    """Those of one capture."""

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, UNREAD_NAME)
        self.count = 0  # since this began

    def keep(self, data: bytes) -> None:
        """Set one aside. Never raises: a disk that is full must not make more of it."""
        self.count += 1
        kept = record(EVENT_RECORD, data)
        try:
            descriptor = open_plain(self.path, _APPEND)
            try:
                if os.fstat(descriptor).st_size + len(kept) <= UNREAD_LIMIT_BYTES:
                    os.write(descriptor, kept)
            finally:
                os.close(descriptor)
        except OSError:
            pass

    def sentence(self) -> str:
        """What a person is told, "" when all could be read."""
        if not self.count:
            return ""
        what = "One record" if self.count == 1 else f"{self.count} records"
        return f"{what} of what went by could not be read and {'is' if self.count == 1 else 'are'} kept in {self.path}."
