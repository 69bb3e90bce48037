"""Bodies off the GUI thread: read, decoded and laid out by one thread with a reader of its own, the newest wish first.

Even a small body may unfold to a large one, so all of them come this way; for a small one it takes less than a frame.
"""

import threading
from functools import partial
from queue import SimpleQueue
from typing import NamedTuple

from PySide6.QtCore import QObject, Signal

from app.inspector.body_content import BodyContent, load_body
from app.inspector.viewers.table import VIEWERS
from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.fault_log import caught
from proxy_core.model.message_head import MessageHead
from proxy_core.model.message_record import MessageKind


class _NotWantedError(Exception):
    """The person looks at something else meanwhile."""


class BodyWish(NamedTuple):
    """Which body is wanted. Two wishes for the body of the same message don't both count: the later one does."""

    ticket: int  # grows with each wish
    path: str  # of the capture
    extents: bytes | None
    head: MessageHead
    message: MessageKind


class BodyLoader(QObject):
    """The thread. Signals: `loaded` (ticket, BodyContent), `failed` (ticket, sentence)."""

    loaded = Signal(int, object)
    failed = Signal(int, str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._wishes: SimpleQueue[BodyWish | None] = SimpleQueue()
        self._newest = dict.fromkeys(MessageKind, 0)
        self._forgotten = 0  # times
        self._thread = threading.Thread(target=self._work, name="bodies", daemon=True)
        self._thread.start()

    def load(self, wish: BodyWish) -> None:
        """Ask for a body; what was asked for the same place before is dropped if it has not begun."""
        self._newest[wish.message] = wish.ticket
        self._wishes.put(wish)

    def forget(self) -> None:
        """Nothing that was asked for is wanted any more; what has begun is given up at its next checkpoint."""
        self._forgotten += 1
        self._newest = dict.fromkeys(MessageKind, -1)

    def close(self) -> None:
        """End the thread; a body that is being decoded is given up at its next checkpoint."""
        self.forget()
        self._wishes.put(None)
        self._thread.join(2.0)

    def _work(self) -> None:
        reader: CaptureReader | None = None
        while (wish := self._wishes.get()) is not None:
            checkpoint = partial(self._check, self._forgotten)
            if self._newest[wish.message] != wish.ticket:
                continue
            try:
                if reader is None or reader.path != wish.path:
                    if reader is not None:
                        reader.close()
                        reader = None
                    reader = CaptureReader(wish.path)
                content: BodyContent = load_body(reader, wish.extents, wish.head, VIEWERS, checkpoint)
            except _NotWantedError:
                continue
            except CaptureError as error:
                self.failed.emit(wish.ticket, str(error))
            except Exception:  # whatever a body sets off, the next ones are wanted all the same
                self.failed.emit(wish.ticket, f"This body can't be shown. {caught('the showing of a body')}")
            else:
                self.loaded.emit(wish.ticket, content)
        if reader is not None:
            reader.close()

    def _check(self, forgotten_before: int) -> None:
        if self._forgotten != forgotten_before:
            raise _NotWantedError
