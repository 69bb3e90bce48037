"""Pictures off the GUI thread and out of the window's process: one helper, the newest wish first, with a deadline.

The helper is started with the first picture and stays. Bytes are sent and pixels are read by a thread; a picture that
takes too long, or is no longer wanted after a while, ends with the helper, and the next one gets a new helper.
"""

import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from queue import SimpleQueue
from typing import NamedTuple

import msgspec
from PySide6.QtCore import QObject, Signal

from app.inspector.picture_process import DecodedPicture, decode_picture, picture_process_main
from proxy_core.channel import SPAWN
from proxy_core.frozen import window_starts_itself

PATIENCE_S = 10.0  # for one picture; large ones take one or two seconds, a start of the helper half of one
_HASTE_S = 1.0  # for one that is no longer wanted: a new helper would take as long
_LOOK_S = 0.05


@dataclass(slots=True)
class _Helper:
    process: SpawnProcess
    pipe: "Connection[bytes, bytes]"
    is_over: bool = False  # it was ended, or has ended over a picture

    def end(self) -> None:
        self.is_over = True
        self.process.kill()
        self.process.join()
        self.pipe.close()


class _Wish(NamedTuple):
    ticket: int
    data: bytes


class PictureDecoder(QObject):
    """Signal: `decoded` (ticket, DecodedPicture), which may hold a sentence instead of a picture."""

    decoded = Signal(int, object)
    _helper_wanted = Signal(object)  # by a wish that was meant for a helper which has ended meanwhile

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._wishes: SimpleQueue[tuple[_Wish, _Helper] | None] = SimpleQueue()
        self._newest = 0
        self._helper: _Helper | None = None
        self._thread: threading.Thread | None = None
        self._helper_wanted.connect(self._put)

    def decode(self, data: bytes) -> int:
        """Have a picture decoded, and forget the one before; returns its ticket."""
        self._newest += 1
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="pictures", daemon=True)
            self._thread.start()
        self._put(_Wish(self._newest, data))
        return self._newest

    def _put(self, wish: _Wish) -> None:
        """Hand a wish to the thread, with a helper that lives. Processes are started here, in the GUI thread."""
        if self._thread is None or wish.ticket != self._newest:
            return
        if self._helper is None or self._helper.is_over or not self._helper.process.is_alive():
            self._helper = self._started()
        self._wishes.put((wish, self._helper))

    def close(self) -> None:
        """End the helper and the thread."""
        self._newest += 1
        if self._helper is not None:
            self._helper.process.kill()  # so that the thread waits for it no longer
        if self._thread is not None:
            self._wishes.put(None)
            self._thread.join()
            self._thread = None
        if self._helper is not None:
            self._helper.end()
            self._helper = None

    def _started(self) -> _Helper:
        ours, theirs = SPAWN.Pipe(duplex=True)
        process = SPAWN.Process(target=picture_process_main, args=(theirs,), name="harrier-pictures", daemon=True)
        with window_starts_itself():
            process.start()
        theirs.close()
        return _Helper(process, ours)

    def _work(self) -> None:
        while (next_wish := self._wishes.get()) is not None:
            wish, helper = next_wish
            if wish.ticket != self._newest:
                continue
            if helper.is_over:
                self._helper_wanted.emit(wish)
                continue
            picture = self._result(wish, helper)
            if picture is not None:
                self.decoded.emit(wish.ticket, picture)

    def _result(self, wish: _Wish, helper: _Helper) -> DecodedPicture | None:
        """None for a picture that was given up because it is no longer wanted."""
        deadline = threading.Timer(PATIENCE_S, helper.process.kill)  # it ends a wait for a pipe nobody reads, too
        deadline.start()
        begin_mark = time.monotonic()
        try:
            helper.pipe.send_bytes(wish.data)
            while not helper.pipe.poll(_LOOK_S):
                if wish.ticket != self._newest and time.monotonic() - begin_mark > _HASTE_S:
                    helper.end()
                    return None
            return decode_picture(helper.pipe.recv_bytes())
        except (EOFError, OSError, msgspec.DecodeError):
            helper.end()
            if time.monotonic() - begin_mark >= PATIENCE_S:
                sentence = f"it takes more than {PATIENCE_S:.0f} seconds"
            else:
                sentence = "its decoder broke down over it"
            return DecodedPicture(problem=f"This picture can't be shown: {sentence}.")
        finally:
            deadline.cancel()
            deadline.join()
