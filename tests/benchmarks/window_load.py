"""How long the window is held: a million exchanges in the list while 5,000 a second arrive, followed, scrolled, filtered.

    python -m tests.benchmarks.window_load [--rows 1000000] [--rate 5000] [--seconds 8]

A recorder in a process of its own writes a capture and tells the window, exactly as the engine does. A watchdog timer in
the window's thread notes the longest time for which the thread was not available: on the clock, and in its own CPU time
(which other programs on the machine can't disturb). `measure` is what the benchmarks' driver calls.
"""

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import msgspec

from proxy_core.capture.live import create_live_capture
from proxy_core.capture.writer import INDEX_NAME, IndexWriter
from proxy_core.channel import SPAWN, Inlet, Outlet, make_channel
from proxy_core.model.command import Command, RowsSeen, decode_command, encode_command
from proxy_core.model.event import Batch, EventKind, encode_batch, encode_detail, encode_event
from proxy_core.model.exchange import ExchangeFlag, ExchangeKind, ExchangeState, ResourceType
from proxy_core.model.notice import EngineStarted, Notice, decode_notice, encode_notice
from proxy_core.recorder import Recorder
from tests.support.display import Display

_WATCH_MS = 4
_FRAME_MS = 16
_SERIES = 1
_BATCH_S = 0.02
_HOSTS = ("shop.local", "api.shop.local", "cdn.local", "img.local", "auth.local", "pay.local")
_PATHS = ("/", "/static/app.4f1c.css", "/static/app.81ab.js", "/v2/items?page=2&sort=price", "/v2/me", "/p/8832.webp")
_KINDS = (
    ("text/html", ResourceType.DOCUMENT),
    ("application/json", ResourceType.XHR),
    ("text/css", ResourceType.STYLESHEET),
    ("image/webp", ResourceType.IMAGE),
)
_STATUSES = (200, 200, 200, 200, 200, 304, 302, 404, 401, 503)
_TIMINGS = msgspec.msgpack.encode([-1] * 7)


def synthetic_event(number: int, started_at: int, chance: random.Random) -> bytes:
    """An exchange as a worker would report it: all finished ones, so that each is one event."""
    media_type, kind = chance.choice(_KINDS)
    status = chance.choice(_STATUSES)
    key = _SERIES << 32 | number
    row = [
        started_at,
        chance.randrange(900, 900_000),
        int(ExchangeState.COMPLETE),
        int(ExchangeKind.HTTP),
        "GET",
        "https",
        chance.choice(_HOSTS),
        443,
        chance.choice(_PATHS),
        status,
        media_type,
        int(kind),
        0,
        chance.randrange(100, 90_000),
        "",
        int(ExchangeFlag.INTERCEPTED),
    ]
    head = b"GET / HTTP/1.1\r\nHost: shop.local\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\n\r\n"
    detail = encode_detail((key, head, answer, None, None, None, None, None, None, None, _TIMINGS, "", "", 0, 0))
    return encode_event((int(EventKind.EXCHANGE), key, row, detail))


def build_capture(folder: str, rows: int) -> None:
    """Make a live capture of so many exchanges."""
    create_live_capture(folder)
    writer = IndexWriter(os.path.join(folder, INDEX_NAME))
    chance = random.Random(1)
    begun = int(time.time() * 1e6) - rows * 100
    for begin in range(0, rows, 10_000):
        end = min(rows, begin + 10_000)
        writer.apply([synthetic_event(each, begun + each * 100, chance) for each in range(begin, end)], None)
        writer.commit()
    writer.close(closed=False)


def record(folder: str, rate: int, commands: Inlet, notices: Outlet) -> None:
    """The recorder's process: `rate` exchanges a second until it is terminated."""
    recorder = Recorder(
        IndexWriter(os.path.join(folder, INDEX_NAME)),
        folder,
        lambda _series, _command: None,
        lambda notice: notices.put(encode_notice(notice)),
    )
    recorder.start()

    def obey() -> None:
        while True:
            data = commands.get(1.0)
            if data is not None and isinstance(command := decode_command(data), RowsSeen):
                recorder.rows_seen(command.number)

    threading.Thread(target=obey, daemon=True).start()
    chance = random.Random(2)
    made = 10**8
    begun = time.monotonic()
    sent = 0
    while True:
        due = int((time.monotonic() - begun) * rate) - sent
        if due > 0:
            now = int(time.time() * 1e6)
            events = [synthetic_event(made + each, now, chance) for each in range(due)]
            recorder.take(_SERIES, encode_batch(Batch(_SERIES, 0, 0, events)))
            made += due
            sent += due
        time.sleep(_BATCH_S)


class RecorderControl:
    """Has the shape of `EngineControl`, for a window without an engine."""

    def __init__(self, folder: str, rate: int) -> None:
        self._folder = folder
        self._rate = rate
        self._inlet: Inlet | None = None
        self._notices: list[Notice] = []
        self.exit_status = None

    def begin(self) -> None:
        """Let exchanges come from now on."""
        self._commands, commands_in = make_channel()
        notices_out, self._inlet = make_channel()
        self._process = SPAWN.Process(target=record, args=(self._folder, self._rate, commands_in, notices_out))
        self._process.start()
        self._lock = threading.Lock()
        threading.Thread(target=self._hear, daemon=True).start()

    def _hear(self) -> None:
        assert self._inlet is not None
        while True:
            try:
                data = self._inlet.get(1.0)
            except (EOFError, OSError):
                return
            if data is not None:
                with self._lock:
                    self._notices.append(decode_notice(data))

    @property
    def is_alive(self) -> bool:
        return True

    def poll(self) -> list[Notice]:
        if self._inlet is None:
            return []
        with self._lock:
            taken, self._notices = self._notices, []
        return taken

    def send(self, command: Command) -> None:
        if self._inlet is not None:
            self._commands.put(encode_command(command))

    def stop(self, _timeout_s: float = 0.0) -> None:
        if self._inlet is not None:
            self._process.terminate()
            self._process.join()
            self._commands.abandon()


@dataclass
class Phase:
    """What was seen while the window did one thing."""

    name: str
    longest_hold_ms: float = 0.0
    longest_cpu_ms: float = 0.0
    arrived: int = 0
    frames: int = 0
    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    answered_ms: float = 0.0  # until the list that was asked for stood there

    def __str__(self) -> str:
        latencies = sorted(self.latencies_ms)
        shown = f"shown after {latencies[len(latencies) // 2]:.0f} ms, at most {latencies[-1]:.0f}" if latencies else ""
        return (
            f"{self.name:<34} hold {self.longest_hold_ms:6.1f} ms   own CPU {self.longest_cpu_ms:6.1f} ms   "
            f"{self.arrived / max(self.seconds, 0.001):6.0f}/s   {self.frames / max(self.seconds, 0.001):5.1f} frames/s   "
            f"{shown}{f'   answered after {self.answered_ms:.0f} ms' if self.answered_ms else ''}"
        )


def measure(rows: int = 1_000_000, rate: int = 5_000, seconds: float = 8.0) -> list[Phase]:
    """Run all phases; needs a Qt platform (offscreen will do)."""
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from app.look.theme import Scheme, Theme
    from app.preferences import Preferences
    from app.shell.engine_bridge import EngineBridge
    from app.shell.window_controller import WindowController
    from proxy_core.home import open_home
    from proxy_core.model.filter import parse_filter
    from proxy_core.model.settings import Settings

    sys.setswitchinterval(0.001)
    application = QApplication.instance() or QApplication(["bench"])
    assert isinstance(application, QApplication)
    with tempfile.TemporaryDirectory() as place:
        folder = os.path.join(place, "bench.live")
        build_capture(folder, rows)
        home = open_home(os.path.join(place, "home"))
        control = RecorderControl(folder, rate)
        bridge = EngineBridge(control, home.path)  # type: ignore[arg-type]
        controller = WindowController(home, Preferences(), Settings(), bridge, Theme(application, Scheme.DARK))
        window, model = controller.window, controller.model
        window.resize(1440, 900)
        window.show()
        phases: list[Phase] = []
        run = _Runner(application, window.list, model, controller.engine.totals)
        bridge.attach()

        def open_capture() -> None:
            started = EngineStarted("127.0.0.1", 8080, 8080, folder, "ca.pem", "CA", "AB:CD", "x", 2)
            bridge.started.emit(started)

        phases.append(run.phase("open the capture", 2.0, open_capture))
        phases.append(run.phase("scroll, nothing arrives", seconds / 2, scrolls=True))
        phases.append(run.phase("follow the tail", seconds, control.begin))
        phases.append(run.phase("scroll meanwhile", seconds, scrolls=True))
        window.list.follow()
        one = lambda text: model.set_filter(model.query._replace(filter=parse_filter(text) if text else None))  # noqa: E731
        phases.append(run.phase("filter status>=400", seconds, lambda: one("status>=400")))
        phases.append(run.phase("filter path:items", seconds, lambda: one("path:items")))
        phases.append(run.phase("no filter again", seconds / 2, lambda: one("")))
        phases.append(run.phase("newest first", seconds / 2, lambda: window.list.sortByColumn(0, _descending())))
        phases.append(run.phase("sorted by size", seconds, lambda: window.list.sortByColumn(8, _descending())))
        phases.append(run.phase("select all", 1.0, window.list.selectAll))
        controller.close()
        QTimer.singleShot(0, application.quit)
        application.processEvents()
    return phases


def _descending() -> Any:
    from PySide6.QtCore import Qt

    return Qt.SortOrder.DescendingOrder


class _Runner:
    def __init__(self, application: Any, view: Any, model: Any, totals: Any) -> None:
        self._application = application
        self._view = view
        self._totals = totals
        self._model = model

    def phase(
        self, name: str, seconds: float, begin: Callable[[], object] | None = None, *, scrolls: bool = False
    ) -> Phase:
        from PySide6.QtCore import QEventLoop, Qt, QTimer

        phase = Phase(name)
        loop = QEventLoop()
        mark = [time.perf_counter(), time.thread_time()]

        def watch() -> None:
            now, cpu = time.perf_counter(), time.thread_time()
            phase.longest_hold_ms = max(phase.longest_hold_ms, (now - mark[0]) * 1000 - _WATCH_MS)
            phase.longest_cpu_ms = max(phase.longest_cpu_ms, (cpu - mark[1]) * 1000)
            mark[:] = [now, cpu]

        def grown(_count: int) -> None:
            if not self._model.is_reversed and self._model.is_in_id_order:
                row = self._model.exchange_at(self._model.rowCount() - 1)
                if row is not None and time.time() - row.started_at / 1e6 < 5:
                    phase.latencies_ms.append((time.time() - row.started_at / 1e6) * 1000)

        def listed() -> None:
            if begin is not None and not phase.answered_ms:
                phase.answered_ms = (time.perf_counter() - begun) * 1000

        place = [0]

        def scroll() -> None:
            bar = self._view.verticalScrollBar()
            place[0] += 1
            leap = 37 if place[0] % 20 else bar.maximum() // 7
            bar.setValue((bar.value() + leap) % max(1, bar.maximum()))
            self._view.viewport().repaint()
            phase.frames += 1

        watchdog = QTimer(timerType=Qt.TimerType.PreciseTimer, interval=_WATCH_MS)
        watchdog.timeout.connect(watch)
        frames = QTimer(timerType=Qt.TimerType.PreciseTimer, interval=_FRAME_MS)
        frames.timeout.connect(scroll)
        self._model.grown.connect(grown)
        self._model.listed.connect(listed)
        total = self._totals.total
        begun = time.perf_counter()
        watchdog.start()
        if scrolls:
            frames.start()
        if begin is not None:
            QTimer.singleShot(0, begin)
        QTimer.singleShot(int(seconds * 1000), loop.quit)
        loop.exec()
        watchdog.stop()
        frames.stop()
        self._model.grown.disconnect(grown)
        self._model.listed.disconnect(listed)
        phase.seconds = time.perf_counter() - begun
        phase.arrived = max(0, self._totals.total - total) if begin is None or total else 0
        return phase


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rate", type=int, default=5_000)
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args()
    with ExitStack() as stack:
        if not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
            os.environ.update(stack.enter_context(Display()).environment)
        for phase in measure(options.rows, options.rate, options.seconds):
            print(phase)
    return 0


if __name__ == "__main__":
    sys.exit(main())
