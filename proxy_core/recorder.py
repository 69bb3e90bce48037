"""The recorder: takes the workers' batches, keeps the index, and tells the window.

One thread owns the `IndexWriter`. Readers (one thread for each worker's queue) put batches into its inbox; it applies
what is there, commits at once when it is quiet and at the latest after `COMMIT_S` when it is not, then answers the
workers with the bytes taken. What the window is told never grows: while two notices are unanswered, the ranges of ids
are merged and the rows left out.

When the index can't be written (disk full), the workers are told to let traffic pass unrecorded, and the recorder tries
again each second. The batches that it could not take in lie in the journals, from where it replays them.

A batch or an event that can't be read costs itself: it is set aside (`UnreadEvents`), counted and told. An order that
fails costs that order. What else goes wrong here ends the recording, and no more: `failure` and a notice say so, and
the thread goes on answering the workers, so that they don't wait for it, and traffic passes unrecorded.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial

from proxy_core.capture.recovery import ENDED_TEXT, replay_series
from proxy_core.capture.segment import series_in
from proxy_core.capture.unneeded import UnneededSegments
from proxy_core.capture.writer import NOTHING_APPLIED, Applied, CaptureFullError, Cleared, IndexWriter
from proxy_core.fault_log import caught
from proxy_core.model.event import Batch, decode_batch, unrecorded_count
from proxy_core.model.failure import FailureKind
from proxy_core.model.notice import (
    CaptureCleared,
    ClearedForgotten,
    ClearUndone,
    Notice,
    RecordingChanged,
    RowsChanged,
)
from proxy_core.model.worker_command import BytesTaken, SuspendRecording, WorkerCommand
from proxy_core.news import News

# A commit costs the same whatever is in it, so under load what comes in this time shares one; a person does not see the
# delay. When it is quiet each batch is committed as it comes.
COMMIT_S = 0.03
RETRY_S = 1.0
INBOX_BATCHES = 256  # of at most some 256 KiB; the workers' own account bounds the bytes
UNANSWERED_NOTICES = 2  # one that the window works on and one that it finds next

_DIED = FailureKind.WORKER_DIED, "The worker that relayed this exchange died; it was replaced."
_ENDED = FailureKind.ENGINE_DIED, ENDED_TEXT

Publish = Callable[[Notice], None]
TellWorker = Callable[[int, WorkerCommand], None]  # series and what; 0 = all workers


class Recorder:
    """Start it, feed it with `take`, stop it. All methods may be called from any thread."""

    def __init__(
        self,
        writer: IndexWriter,
        folder: str,
        tell_worker: TellWorker,
        publish: Publish | None,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        """`publish` is None without a window; then `warn` is told a sentence when recording is suspended, or goes on.

        The recording's end against anybody's will is told to both. They are called in the recorder's thread.
        """
        self._writer = writer
        self._folder = folder
        self._tell_worker = tell_worker
        self._publish = publish
        self._warn = warn
        self._inbox: queue.Queue[tuple[int, bytes] | Callable[[], None]] = queue.Queue(INBOX_BATCHES)
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._taken: dict[int, int] = {}
        self._news = News()
        self._notice_number = 0
        self._answered_number = 0
        self._problem = ""
        self._not_recorded = 0
        self._is_recording = True
        self._is_full = False
        self._behind: set[int] = set()  # series whose next batch is taken in from the journal: more than it is missing
        self._is_whole = True  # nothing has failed that a later recovery may make good
        self._unread_told = 0
        self._retry_mark = 0.0
        self._unneeded = UnneededSegments(writer, folder)
        self._forgotten: Callable[[], None] | None = None  # of what was deleted last
        self._cleared: tuple[Cleared, Callable[[], None]] | None = None  # it may be wanted back
        self._given_up: deque[tuple[Cleared, Callable[[], None]]] = deque()  # it is being deleted, a bit at a time
        self._is_stopping = False
        self.failure = ""  # why the recording ended before its time: sentences

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def take(self, series: int, batch: bytes) -> None:
        """A batch has arrived from a worker. Waits while the inbox is full."""
        self._inbox.put((series, batch))

    def worker_ended(self, series: int, *, has_died: bool) -> None:
        """A worker is gone and its queue is read to the end: take in its journal's tail, mark what it had open."""
        self._inbox.put(lambda: self._end_series(series, has_died=has_died))

    def rows_seen(self, number: int) -> None:
        """The window has taken a notice."""
        self._inbox.put(lambda: self._seen(number))

    def clear(self, begun: Callable[[], None], forgotten: Callable[[], None]) -> None:
        """Leave out what is finished, then call `begun`; `forgotten` is called when nothing of it is in the index.

        That is called again when a worker has rotated its journal since.
        """
        self._inbox.put(lambda: self._clear(begun, forgotten))

    def unneeded_segments(self) -> list[int]:
        """The segments that hold nothing of what is left. Only for `forgotten`."""
        return self._unneeded.found()

    def undo_clear(self) -> None:
        """Bring back what was cleared last, unless it has been given up."""
        self._inbox.put(self._undo_clear)

    def forget_cleared(self) -> None:
        """Give up what was cleared last."""
        self._inbox.put(self._give_up_cleared)

    def recording_changed(self, *, on: bool) -> None:
        """The person has switched recording on or off."""
        self._inbox.put(lambda: self._switch(on=on))

    def stop(self) -> None:
        """Take in what has arrived, close the index as finished, end the thread."""

        def stop() -> None:
            self._is_stopping = True

        self._inbox.put(stop)
        self._thread.join()

    # The thread
    #
    # Everything is an item of one queue, orders and batches alike, so that they happen in the order in which they were
    # asked for: a clear leaves out what was told before it, a series ends behind its last batch. Workers are answered
    # *after* the commit. What they are told is not durability (that is their journal's) but that there is room again:
    # were the bytes answered for when they are taken, an index that falls behind would never be felt upstream.

    def _run(self) -> None:
        try:
            self._record()
        except Exception:
            self._give_up(caught("the recorder"))
        try:
            self._writer.close(closed=self._is_whole and not (self._is_full or self.failure))
        except Exception as error:
            self.failure = self.failure or f"The capture could not be closed ({error})."

    def _record(self) -> None:
        last_commit = 0.0
        while not self._is_stopping:
            wait_s = RETRY_S if self._is_full else 0.0 if self._given_up else 5.0
            try:
                self._handle(self._inbox.get(timeout=wait_s))
                # Under load: gather what comes within the commit's age. When quiet: commit at once.
                while not self._is_stopping and time.monotonic() - last_commit < COMMIT_S:
                    self._handle(self._inbox.get(timeout=max(0.0, last_commit + COMMIT_S - time.monotonic())))
            except queue.Empty:
                pass
            if self._is_full and time.monotonic() >= self._retry_mark:
                self._try_again()
            self._commit()
            last_commit = time.monotonic()
            self._forget_some()
        self._drain()
        while self._given_up and not self._is_full:
            self._forget_some()

    def _drain(self) -> None:
        while True:
            try:
                self._handle(self._inbox.get_nowait())
            except queue.Empty:
                break
        if self._is_full:
            self._try_again()
        self._commit()

    def _handle(self, item: tuple[int, bytes] | Callable[[], None]) -> None:
        if not isinstance(item, tuple):
            self._carry_out(item)
            return
        series, data = item
        self._taken[series] = self._taken.get(series, 0) + len(data)
        try:
            batch = decode_batch(data)
        except ValueError:
            self._writer.unread.keep(data)
            self._behind.add(series)
            return
        if self._is_full:
            if not batch.segment:  # it tells what is in no journal; what is in one is replayed later
                self._not_recorded += unrecorded_count(batch)
            return
        try:
            applied = self._apply(series, batch)
        except CaptureFullError as error:
            self._stop_for_full_disk(str(error))
            return
        if batch.segment and not batch.events:
            self._unneeded.rotated(series, batch.segment)
            if self._forgotten is not None:
                self._carry_out(self._forgotten)  # it may have come too early for this series
        self._news.add(applied)
        if applied.not_recorded or applied.problem:
            self._not_recorded += applied.not_recorded
            self._tell_problem(applied.problem or self._problem)
        elif self._problem and applied.rows:
            self._tell_problem("")  # it was the worker's own trouble, and has passed

    def _apply(self, series: int, batch: Batch) -> Applied:
        if not batch.segment:
            return self._writer.apply(batch.events, None)
        end = batch.segment, batch.offset
        if series not in self._behind:
            return self._writer.apply(batch.events, (series, *end))
        self._writer.commit()
        if end <= self._writer.progress(series):
            return NOTHING_APPLIED  # sent before what was replayed last
        applied = replay_series(self._writer, self._folder, series, end)
        self._behind.discard(series)
        return applied

    def _carry_out(self, order: Callable[[], None]) -> None:
        try:
            order()
        except Exception:
            self._is_whole = False
            caught("an order to the recorder")

    def _commit(self) -> None:
        if not self._is_full:
            try:
                self._writer.commit()
            except CaptureFullError as error:
                self._stop_for_full_disk(str(error))
        self._answer_workers()
        self._tell_news()

    def _answer_workers(self) -> None:
        for series, count in self._taken.items():
            self._tell_worker(series, BytesTaken(count))
        self._taken.clear()

    # Trouble
    #
    # While the disk is full nothing is kept in memory for later: batches are dropped, and their series read again from
    # the journals once the index can be written (`_try_again`), which finds each event exactly once, since `progress`
    # has been rolled back with the rows. After that the batches still on their way have been taken in already, and
    # would be again, as new rows; so for a series that is `_behind` the next batch only says up to where to replay.

    def _give_up(self, reason: str) -> None:
        """End the recording, and say so; until it is stopped, keep the queues moving, so that traffic goes on."""
        self.failure = f"Recording has ended before its time, traffic goes on unrecorded. {reason}"
        self._carry_out(self._writer.commit)  # what was taken in until now, if that can still be done
        if self._warn is not None:
            self._carry_out(partial(self._warn, self.failure))
        self._carry_out(partial(self._tell_worker, 0, SuspendRecording(on=True)))
        self._carry_out(self._answer_workers)
        suspended: set[int] = set()
        told, told_mark = -1, 0.0
        while not (self._is_stopping and self._inbox.empty()):
            if told != self._not_recorded and time.monotonic() - told_mark > RETRY_S:
                told, told_mark = self._not_recorded, time.monotonic()
                self._carry_out(partial(self._tell_problem, self.failure))
            try:
                item = self._inbox.get(timeout=RETRY_S)
            except queue.Empty:
                continue
            self._carry_out(partial(self._let_pass, item, suspended))

    def _let_pass(self, item: tuple[int, bytes] | Callable[[], None], suspended: set[int]) -> None:
        """Answer a worker in whose stead nothing is recorded; one that is heard of for the first time is told."""
        if not isinstance(item, tuple):
            item()
            return
        series, data = item
        if series not in suspended:
            suspended.add(series)
            self._tell_worker(series, SuspendRecording(on=True))
        self._tell_worker(series, BytesTaken(len(data)))
        self._not_recorded += unrecorded_count(decode_batch(data))

    def _stop_for_full_disk(self, reason: str) -> None:
        self._is_full = True
        self._news.forget()
        self._retry_mark = time.monotonic() + RETRY_S
        self._tell_worker(0, SuspendRecording(on=True))
        self._tell_problem(f"{reason}; traffic goes on unrecorded until the index can be written again")

    def _try_again(self) -> None:
        """Replay what the index missed. On success recording goes on."""
        self._retry_mark = time.monotonic() + RETRY_S
        try:
            for series in series_in(self._folder):
                self._news.add(replay_series(self._writer, self._folder, series))
                self._behind.add(series)  # a batch that is still on its way has been taken in just now
            self._writer.set_meta("last_retry", "1")
        except CaptureFullError:
            self._tell_problem(self._problem)  # with the count as it is now
            return
        self._unneeded.replayed()
        self._is_full = False
        self._tell_worker(0, SuspendRecording(on=False))
        self._tell_problem("")

    def _tell_problem(self, problem: str) -> None:
        is_news = bool(problem) != bool(self._problem)
        self._problem = problem
        text = self.failure or (f"Recording is suspended: {problem}." if problem else "")
        if self._publish is not None:
            has_ended = bool(self.failure)
            self._publish(RecordingChanged(self._is_recording, text, self._not_recorded, has_ended=has_ended))
        elif self._warn is not None and is_news and not self.failure:
            self._warn(text or f"Recording goes on; {self._not_recorded} exchanges have gone by unrecorded.")

    def _switch(self, *, on: bool) -> None:
        self._is_recording = on
        self._tell_problem(self._problem)

    def _end_series(self, series: int, *, has_died: bool) -> None:
        try:
            self._news.add(replay_series(self._writer, self._folder, series))
            self._behind.discard(series)
            kind, text = _DIED if has_died else _ENDED
            ended = self._writer.mark_open_as_failed(series, kind, text)
        except CaptureFullError as error:
            self._stop_for_full_disk(str(error))
            return
        self._unneeded.ended(series)
        self._news.add(ended)

    # Clearing

    def _clear(self, begun: Callable[[], None], forgotten: Callable[[], None]) -> None:
        self._give_up_cleared()
        try:
            cleared = self._writer.clear()
        except CaptureFullError as error:
            self._stop_for_full_disk(str(error))
            return
        self._cleared = cleared, forgotten
        self._news.forget()
        if self._publish is not None:
            left_out = cleared.left_out
            self._publish(CaptureCleared(left_out.upto_id, sorted(left_out.kept), cleared.total))
        self._news.is_due = True
        self._unneeded.begin()
        begun()

    def _undo_clear(self) -> None:
        if self._cleared is None:
            return
        cleared, _ = self._cleared
        self._cleared = None
        self._writer.bring_back(cleared)
        if self._publish is not None:
            self._publish(ClearUndone())
        self._news.is_due = True

    def _give_up_cleared(self) -> None:
        if self._cleared is not None:
            self._given_up.append(self._cleared)
            self._cleared = None

    def _forget_some(self) -> None:
        if not self._given_up or self._is_full:
            return
        cleared, forgotten = self._given_up[0]
        try:
            is_all = self._writer.forget(cleared)
        except CaptureFullError as error:
            self._stop_for_full_disk(str(error))
            return
        if is_all:
            self._given_up.popleft()
            if self._publish is not None:
                self._publish(ClearedForgotten(cleared.left_out.upto_id))
            self._forgotten = forgotten
            self._carry_out(forgotten)

    # News for the window

    def _seen(self, number: int) -> None:
        self._answered_number = max(self._answered_number, number)

    def _tell_news(self) -> None:
        news = self._news
        unread = self._writer.unread
        has_unread = unread.count != self._unread_told
        if self._publish is None:
            news.forget()
            if has_unread and self._warn is not None and (not self._unread_told or self._is_stopping):
                self._warn(unread.sentence())  # once, and again at the end
                self._unread_told = unread.count
            return
        news.is_due = news.is_due or has_unread
        if not news.is_due or self._notice_number - self._answered_number >= UNANSWERED_NOTICES:
            return
        self._notice_number += 1
        writer = self._writer
        self._publish(
            RowsChanged(
                number=self._notice_number,
                rows=news.rows,
                first_new_id=news.first_new_id,
                last_new_id=news.last_new_id,
                changed_from_id=news.changed_from_id,
                changed_to_id=news.changed_to_id,
                total=writer.total,
                failed=writer.failed,
                capture_bytes=writer.recorded_bytes,
                unread=unread.sentence(),
                has_programs=news.has_programs,
            )
        )
        self._unread_told = unread.count
        news.forget()
