"""Details as earlier formats packed them: read into today's shape, wherever they lie (saved files, journals)."""

from typing import NamedTuple

import msgspec

from proxy_core.model.exchange import ExchangeDetail
from proxy_core.model.message_record import MessageRecord


class _DetailOfFormat2(NamedTuple):
    """Format 2, from which nobody makes details any more."""

    key: int
    request_head: bytes
    response_head: bytes
    request_forwarded_head: bytes | None
    response_forwarded_head: bytes | None
    interim: bytes | None
    request_trailers: bytes | None
    response_trailers: bytes | None
    request_body: bytes | None
    response_body: bytes | None
    timings: bytes
    failure_text: str
    notes: str
    client_connection: int
    upstream_connection: int


_decode = msgspec.msgpack.Decoder(_DetailOfFormat2).decode


def decode_former_detail(data: bytes) -> ExchangeDetail:
    """Raises msgspec.DecodeError on anything else than a detail of an earlier format."""
    old = _decode(data)
    request, response = old.request_head, old.response_head
    return ExchangeDetail(
        old.key,
        MessageRecord(
            request,
            # Format 2 did not say in which version a message came; its start line does (RFC 9112 §3, §4).
            _version(request.split(b"\r\n", 1)[0].rpartition(b" ")[2]),
            old.request_trailers,
            old.request_body,
            old.request_forwarded_head,
        ),
        MessageRecord(
            response,
            _version(response.split(b" ", 1)[0]),
            old.response_trailers,
            old.response_body,
            old.response_forwarded_head,
        ),
        old.interim,
        old.timings,
        old.failure_text,
        old.notes,
        old.client_connection,
        old.upstream_connection,
    )


def _version(word: bytes) -> str:
    is_one = word[:5] == b"HTTP/" and len(word) <= len(b"HTTP/1.1") and word.isascii()
    return word.decode("ascii") if is_one else ""
