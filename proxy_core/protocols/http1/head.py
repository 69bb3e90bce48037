"""The heads that the HTTP/1 readers yield, and what they may cost.

A head carries what the relay has to know and, ready to be sent on, `forward`: the same head with the hop-by-hop work
done (RFC 9110 §7.6.1) and every other byte as it came. HTTP/1 to HTTP/1 takes this short way; for another protocol on
either side, a head is written anew from its text (`http1.rewriting`).
"""

from enum import IntEnum
from typing import NamedTuple

import msgspec

from proxy_core.protocols.part import BodyPart, EndOfMessage

VERSIONS = ("HTTP/1.0", "HTTP/1.1")  # by `minor`


class TargetForm(IntEnum):
    """The four forms of a request target, RFC 9112 §3.2."""

    ORIGIN = 0
    ABSOLUTE = 1
    AUTHORITY = 2
    ASTERISK = 3


class HeadLimits(NamedTuple):
    """What a message may cost before its head is understood; bytes."""

    start_line_bytes: int = 64 * 1024  # RFC 9112 §3 recommends 8,000 at least; Apache httpd has 8,190, nginx 8 KiB
    head_bytes: int = 256 * 1024  # Chromium's own limit for response heads
    fields: int = 1000  # mitmproxy and nginx know none; Apache httpd has 100
    chunk_line_bytes: int = 4096  # a chunk size with its extensions; hyper allows 16 KiB for all of them
    trailer_bytes: int = 64 * 1024
    interim_responses: int = 100  # before a final one


class Http1RequestHead(msgspec.Struct, frozen=True, gc=False):
    """A `RequestHead`."""

    raw: bytes  # as received, with the empty line that closes it
    method: bytes
    target: bytes  # as received
    form: TargetForm
    scheme: str  # "http" or "https"; "" for CONNECT
    host: str  # lower-case name, or an IP literal without brackets; "" when an HTTP/1.0 request names none
    port: int  # explicit, or the scheme's default
    origin_target: bytes  # what goes on the upstream's request line: path and query, `*`, or CONNECT's authority
    minor: int  # 0 or 1 (HTTP/1.2 and up count as 1)
    body_length: int  # bytes, or CHUNKED
    keep_alive: bool  # may another request follow on this connection
    expect_continue: bool
    upgrade: bytes  # the protocols asked for that are forwarded, b"" for none
    forward: bytes  # the whole head to send upstream
    connection_auth: bool  # NTLM or Negotiate: authentication belongs to the connection, not to the request
    max_forwards: int  # of TRACE and OPTIONS as received, -1 for none; already lowered by one in `forward`
    notes: str  # remarks for a person, one a line
    version: str


class Http1ResponseHead(msgspec.Struct, frozen=True, gc=False):
    """A `ResponseHead`."""

    raw: bytes
    status: int
    minor: int
    body_length: int  # bytes, CHUNKED or UNTIL_CLOSE; 0 where the status or the request's method forbids a body
    keep_alive: bool  # may the connection be used again once the message has ended
    forward: bytes  # the whole head to send to the client, always as HTTP/1.1
    content_type: bytes  # value of Content-Type, b"" for none
    connection_auth: bool
    upgrade: bytes  # the protocols that a 101 or a 426 names
    notes: str
    version: str


RequestPart = Http1RequestHead | BodyPart | EndOfMessage
ResponsePart = Http1ResponseHead | BodyPart | EndOfMessage

END_OF_CHUNKS = EndOfMessage(b"", b"0\r\n\r\n")
