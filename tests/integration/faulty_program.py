"""Harrier with faults of its own, to be met in the paths of requests: `python -m tests.integration.faulty_program …`.

`spawn` imports this again in every child, so the faults are in the workers, in the engine and in the window.

| a request whose path has | what throws |
|---|---|
| /fault/relay | the relay, in the worker |
| /fault/recorder | the writer of the index, in the recorder's thread |
| /fault/once | the same, the first time in a process |
| /fault/event | nothing: an event of another shape is sent, behind that of the exchange |
"""

import multiprocessing
import sys
from collections.abc import Sequence

from main import main
from proxy_core.capture.writer import Applied, IndexWriter

_apply = IndexWriter.apply
_thrown: list[bool] = []


def _faulty_apply(writer: IndexWriter, events: Sequence[bytes], progress: tuple[int, int, int] | None) -> Applied:
    if any(b"/fault/recorder" in event for event in events):
        raise RuntimeError("a fault of the recorder")
    if any(b"/fault/once" in event for event in events) and not _thrown:
        _thrown.append(True)
        raise RuntimeError("a fault of the recorder")
    return _apply(writer, events, progress)


IndexWriter.apply = _faulty_apply  # type: ignore[method-assign]


def _make_relay_faulty() -> None:
    from proxy_core.engine.exchange.relay import ExchangeRelay
    from proxy_core.model.event import EventKind, encode_event

    run = ExchangeRelay._run

    def faulty(relay: ExchangeRelay) -> None:
        path = relay._report.path
        if "/fault/relay" in path:
            raise RuntimeError("a fault of the relay")
        if "/fault/event" in path:
            relay._reporter._emit(encode_event((EventKind.EXCHANGE.value, "no key")))
        run(relay)

    ExchangeRelay._run = faulty  # type: ignore[method-assign]


if multiprocessing.current_process().name.startswith("harrier-worker"):
    _make_relay_faulty()
if __name__ == "__main__":
    multiprocessing.freeze_support()
    sys.exit(main())
