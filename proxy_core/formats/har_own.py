"""What HAR has no place for, in an entry's member `_harrier`: written with the entry, and read back.

Bytes are base64: every one of them counts. A body that was sent on in the place of the received one stands there as on
the wire, with the head that it went with; the standard members tell what was received.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

import msgspec

from proxy_core.formats.har_repairs import TOO_LONG, HarRepairs
from proxy_core.formats.har_values import as_dict, as_integer, as_text
from proxy_core.model.bounds import EARLIEST, HEAD_LIMIT_BYTES, LATEST, MOST_COUNT, MOST_PORT, NAME_LIMIT
from proxy_core.model.exchange import (
    ConnectionRow,
    ExchangeDetail,
    ExchangeKind,
    ExchangeRow,
    Side,
    Timings,
    relays_bytes,
)
from proxy_core.model.message_head import parse_fields, to_text
from proxy_core.model.tls_facts import Program, program_in, with_program

_CODING_LINE = re.compile(rb"^content-encoding:[^\r\n]*\r?\n", re.IGNORECASE | re.MULTILINE)
_BASE64 = re.compile("[A-Za-z0-9+/]*+={0,2}")
_MOST_CHARACTERS = (HEAD_LIMIT_BYTES // 3 + 1) * 4  # of base64 that are looked at: they give more than may be taken
_MADE_UP_KEYS = 2**61  # as in `HarConnections`: another file gives connections the same numbers as ours
_STEP_CHARACTERS = 1 << 20  # of base64 that are decoded at once: a multiple of four


def own_facts(row: ExchangeRow, detail: ExchangeDetail, client: ConnectionRow | None = None) -> dict[str, Any]:
    """What an import needs to make the same exchange again, but for its bodies; of its client, what program it is."""
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
    return facts | _client_facts(client)


def _client_facts(client: ConnectionRow | None) -> dict[str, Any]:
    """Of a client on this computer alone: others have no program, and their addresses are nobody's business."""
    program = None if client is None else program_in(client.tls)
    if client is None or program is None:
        return {}
    return {
        "process": {"name": program.name, "pid": program.pid, "path": program.path},
        "client": {
            "openedAt": client.opened_at,
            "address": client.peer_host,
            "port": client.peer_port,
            "localAddress": client.local_host,
            "localPort": client.local_port,
        },
    }


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


def own_client(own: dict[str, Any], started_at: int) -> ConnectionRow | None:
    """The connection that `_harrier` tells, with the program behind it and without its TLS; None where it tells none.

    Whoever shares a connection tells the same of it, and so has the same key.
    """
    process, client = as_dict(own.get("process")), as_dict(own.get("client"))
    name = _stored(process.get("name"))
    if not name:
        return None
    program = Program(name, as_integer(process.get("pid"), 0, MOST_COUNT), _stored(process.get("path")))
    ends = (
        _stored(client.get("address")),
        as_integer(client.get("port"), 0, MOST_PORT),
        _stored(client.get("localAddress")),
        as_integer(client.get("localPort"), 0, MOST_PORT),
    )
    opened_at = as_integer(client.get("openedAt", started_at), EARLIEST, LATEST)
    told = repr((program, ends, client.get("openedAt") and opened_at)).encode()
    key = _MADE_UP_KEYS | int.from_bytes(blake2b(told, digest_size=8, person=b"client").digest()) >> 3
    return ConnectionRow(key, int(Side.CLIENT), opened_at, *ends, with_program(None, program))


def _stored(value: object) -> str:
    """A name as a capture can hold it: no halves of surrogate pairs, which JavaScript's writers leave."""
    return as_text(value)[:NAME_LIMIT].encode("utf-8", "replace").decode()


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
