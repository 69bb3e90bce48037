"""A capture as HAR, streamed: for `convert`, `record --har` and the window's export."""

import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import msgspec

from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.capture.saver import Progress, SaveCancelledError
from proxy_core.capture.walk import Walk
from proxy_core.formats.content_coding import Expansion
from proxy_core.formats.har_writer import Chunks, HarSource, har_begin, har_end, har_entry, har_tunnel
from proxy_core.model.elapsed import timings_of, timings_until
from proxy_core.model.exchange import FIRST_FINAL_STATE, ExchangeDetail, ExchangeKind, ExchangeRow
from proxy_core.model.message_record import MessageRecord
from proxy_core.partial_file import whole_file
from proxy_core.tasks.conversion_report import ConversionError

_TUNNELS_TOLD = 10_000


def export_har(
    reader: CaptureReader,
    path: str,
    ids: Iterable[int] | None = None,
    progress: Progress | None = None,
    remarks: list[str] | None = None,
) -> int:
    """Write exchanges (all, or those with `ids`) in order of their start. Returns how many entries there are.

    What is damaged is left out, and so are tunnels; `remarks` gets sentences about it. The file appears whole or not at
    all. Raises ConversionError, SaveCancelledError.
    """
    try:
        walk = Walk(reader, list(reader.ids(order_by="started_at")) if ids is None else sorted(ids))
        with whole_file(path) as file:
            count, tunnels = _write_entries(walk, reader, file.write, progress)
        if remarks is not None:
            remarks += walk.remarks()
            if tunnels:
                remarks.append(tunnels_text(tunnels))
    except OSError as error:
        raise ConversionError(f"{path} can't be written ({error.strerror}).") from None
    except CaptureError as error:
        raise ConversionError(str(error)) from None
    return count


def _write_entries(
    walk: Walk, reader: CaptureReader, write: Callable[[bytes], object], progress: Progress | None
) -> tuple[int, int]:
    """How many entries there are, and how many tunnels are none."""
    write(har_begin())
    tunnels: list[dict[str, Any]] = []
    told_connections: set[int] = set()
    count = left_out = 0
    expansion = Expansion()
    for page in walk:
        for row, detail in page:
            if row.kind == ExchangeKind.TUNNEL:
                left_out += 1
                if len(tunnels) < _TUNNELS_TOLD:
                    tunnels.append(har_tunnel(row, detail))
                continue
            source = HarSource(
                row,
                _as_it_stands(reader, row, detail),
                walk.connection(detail.upstream_connection),
                partial(reader.iterate_body, detail.request.body),
                partial(reader.iterate_body, detail.response.body),
                walk.messages(row.id),
                reader.payload,
                expansion,
                _forwarded(reader, detail.request),
                _forwarded(reader, detail.response),
                walk.connection(detail.client_connection),
                tells_tls=detail.upstream_connection not in told_connections,
            )
            told_connections.add(detail.upstream_connection)
            if count:
                write(b",\n")
            for piece in har_entry(source):
                write(piece)
            count += 1
        if progress is not None and not progress(walk.done, walk.total):
            raise SaveCancelledError
    write(har_end(tunnels))
    return count, left_out


def _as_it_stands(reader: CaptureReader, row: ExchangeRow, detail: ExchangeDetail) -> ExchangeDetail:
    """With the time until now, where an exchange is being recorded: HAR has no other word for what is under way."""
    if row.state >= FIRST_FINAL_STATE or not os.path.isdir(reader.path):
        return detail
    spent = timings_until(timings_of(detail), row, time.time_ns() // 1000)
    return detail._replace(timings=msgspec.msgpack.encode(spent))


def _forwarded(reader: CaptureReader, message: MessageRecord) -> Chunks | None:
    return None if message.forwarded_body is None else partial(reader.iterate_body, message.forwarded_body)


def tunnels_text(count: int) -> str:
    """A sentence about tunnels that are no entries."""
    what = "1 tunnel is" if count == 1 else f"{count:,} tunnels are"
    return f"{what} not among the entries: HAR has no place for bytes that were relayed unread."
