"""What HAR has no place for, in an entry's member `_harrier`: written with the entry, and read back.

Bytes are base64: every one of them counts. A body that was sent on in the place of the received one stands there as on
the wire, with the head that it went with; the standard members tell what was received.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from proxy_core.formats.har_repairs import TOO_LONG, HarRepairs
from proxy_core.formats.har_values import as_text
from proxy_core.model.bounds import HEAD_LIMIT_BYTES
from proxy_core.model.exchange import ExchangeDetail, ExchangeKind, ExchangeRow, Timings, relays_bytes
from proxy_core.model.message_head import parse_fields, to_text

_CODING_LINE = re.compile(rb"^content-encoding:[^\r\n]*\r?\n", re.IGNORECASE | re.MULTILINE)
_BASE64 = re.compile("[A-Za-z0-9+/]*+={0,2}")
_MOST_CHARACTERS = (HEAD_LIMIT_BYTES // 3 + 1) * 4  # of base64 that are looked at: they give more than may be taken
_STEP_CHARACTERS = 1 << 20  # of base64 that are decoded at once: a multiple of four


def own_facts(row: ExchangeRow, detail: ExchangeDetail) -> dict[str, Any]:
    """What an import needs to make the same exchange again, but for its bodies."""
    facts: dict[str, Any] = {
        "id": row.id,
        "kind": ExchangeKind(row.kind).name.lower(),
        "requestHead": b64encode(detail.request.head).decode(),
        "responseHead": b64encode(detail.response.head).decode(),
        "requestVersion": detail.request.version,
        "responseVersion": detail.response.version,
        "flags": row.flags,
        "state": row.state,
        "startedAt": row.started_at,
        "timings": list(_raw_timings(detail.timings)),
    }
    if relays_bytes(row):
        facts["sent"], facts["received"] = row.request_bytes, row.response_bytes
    if row.duration_us is not None:
        facts["duration"] = row.duration_us
    if row.failure:
        facts["failure"] = row.failure
    if detail.notes:
        facts["notes"] = detail.notes
    for name, raw in (("requestTrailers", detail.request.trailers), ("responseTrailers", detail.response.trailers)):
        if raw:
            facts[name] = [[to_text(key), to_text(value)] for key, value in parse_fields(raw)]
    for name, raw in (
        ("requestTrailersRaw", detail.request.trailers),
        ("responseTrailersRaw", detail.response.trailers),
        ("requestForwardedHead", detail.request.forwarded_head),
        ("responseForwardedHead", detail.response.forwarded_head),
        ("interim", detail.interim),
        ("acts", detail.acts),
    ):
        if raw:
            facts[name] = b64encode(raw).decode()
    return facts


def _raw_timings(timings: bytes) -> Iterator[int]:
    try:
        yield from msgspec.msgpack.decode(timings, type=list[int])
    except msgspec.DecodeError:
        yield from Timings()


def base64_pieces(parts: Iterable[bytes]) -> Iterator[bytes]:
    """A body as one base64 text, in pieces."""
    rest = b""
    for part in parts:
        data = rest + part
        whole = len(data) - len(data) % 3
        rest = data[whole:]
        yield b64encode(data[:whole])
    yield b64encode(rest)


# Reading


class OwnBytes:
    """The bytes that `_harrier` tells, of whoever says that he is Harrier. Nothing here raises."""

    def __init__(self, own: dict[str, Any], repairs: HarRepairs) -> None:
        self._own = own
        self._repairs = repairs

    def head(self, name: str, *, is_decoded: bool) -> bytes:
        """A head, without the coding of its body where that `is_decoded` now. One that is too long is to be cut."""
        head = self._bytes(name)
        return _CODING_LINE.sub(b"", head) if is_decoded else head

    def part(self, name: str, limit_bytes: int = HEAD_LIMIT_BYTES) -> bytes | None:
        """Something else, whole; None where it isn't told, or is too long: a piece of it would be none."""
        told = self._bytes(name)
        if len(told) > limit_bytes:
            self._repairs.note(TOO_LONG)
            return None
        return told or None

    def body(self, name: str) -> Iterator[bytes] | None:
        """A body, also one of no bytes, decoded as it is taken; None where it isn't told."""
        told = self._own.get(name)
        if told is None:
            return None
        if not isinstance(told, str) or len(told) % 4 or _BASE64.fullmatch(told) is None:
            self._repairs.note("A body that was sent on should be base64, and was not: left out")
            return None
        places = range(0, len(told), _STEP_CHARACTERS)
        return (b64decode(told[place : place + _STEP_CHARACTERS]) for place in places)

    def _bytes(self, name: str) -> bytes:
        try:
            return b64decode(as_text(self._own.get(name))[:_MOST_CHARACTERS], validate=True)
        except (Base64Error, ValueError):
            return b""
