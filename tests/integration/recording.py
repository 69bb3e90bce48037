"""`record` as a person starts it, with a home and a capture of its own, and what it has recorded until now.

The tests of this folder start the real program in processes of its own and meet it over real sockets.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.model.exchange import FIRST_FINAL_STATE, ConnectionRow, ExchangeDetail, ExchangeRow
from tests.support.program import Program

WAIT_S = 60.0  # a condition that isn't met by then is not met, however busy the machine


def wait_for(condition: Callable[[], object], what: str = "this") -> None:
    """Wait until something becomes true; fails the test when it doesn't."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, f"{what} did not come true in time"
        time.sleep(0.02)


class Seen:
    """One exchange as the capture shows it."""

    def __init__(self, reader: CaptureReader, row: ExchangeRow, detail: ExchangeDetail) -> None:
        self.row = row
        self.detail = detail
        self.upstream: ConnectionRow | None = reader.connection(detail.upstream_connection)
        whole = max(row.request_bytes, row.response_bytes) <= 1 << 20
        self.request_body = reader.read_body(detail.request.body) if whole else b""
        self.response_body = reader.read_body(detail.response.body) if whole else b""

    @property
    def is_final(self) -> bool:
        return self.row.state >= FIRST_FINAL_STATE


def read_capture(path: str | Path) -> list[Seen]:
    """Every exchange of a live folder or a saved file, in order."""
    reader = CaptureReader(str(path))
    try:
        ids = list(reader.ids())
        rows = reader.rows(ids)
        details = {each: reader.detail(each) for each in ids}
        return [Seen(reader, rows[each], detail) for each, detail in details.items() if detail and each in rows]
    finally:
        reader.close()


class Recording:
    """A running `record`. As a context manager it is ended by force if it still runs at the end of the block."""

    def __init__(self, folder: Path, options: Sequence[str] = (), workers: int = 1) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.capture = folder / "seen.harrier"
        self.live = folder / "seen.harrier.live"
        self.har = folder / "seen.har"
        self.program = Program(
            [
                *("record", "--home", str(self.home), "--listen", "127.0.0.1:0", "--workers", str(workers)),
                *("--capture", str(self.capture), "--har", str(self.har), *options),
            ]
        )
        try:
            self.port = self.program.listening_port()
        except BaseException:
            self.program.__exit__(None, None, None)
            raise

    @property
    def proxy(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ca(self) -> str:
        """The path of the CA's certificate."""
        return str(self.home / "ca" / "harrier-ca.pem")

    def exchanges(self) -> list[Seen]:
        """What is recorded until now."""
        try:
            return read_capture(self.live)
        except CaptureError:
            return []  # it is being made

    def last_id(self) -> int:
        return max((each.row.id for each in self.exchanges()), default=0)

    def finished(self, count: int = 1, after_id: int = 0) -> list[Seen]:
        """Wait until so many exchanges behind `after_id` are over, and there are no more; these."""
        found: list[Seen] = []

        def has_come() -> bool:
            found[:] = [each for each in self.exchanges() if each.row.id > after_id]
            return sum(each.is_final for each in found) >= count

        wait_for(has_come, f"{count} finished exchanges")
        assert len(found) == count, [each.row for each in found]
        return found

    def by_path(self, path: str) -> Seen:
        """The one exchange with this path, once it is over."""
        found: list[Seen] = []

        def has_come() -> bool:
            found[:] = [each for each in self.exchanges() if each.row.path == path]
            return any(each.is_final for each in found)

        wait_for(has_come, f"an exchange with {path}")
        (only,) = found
        return only

    def worker_pids(self) -> list[int]:
        """The workers (Linux): children whose command line says that `spawn` made them."""
        return [pid for pid in self.program.descendants() if b"spawn_main" in _command_line(pid)]

    def stop(self) -> int:
        return self.program.stop()

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *_: object) -> None:
        self.program.__exit__(None, None, None)


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
