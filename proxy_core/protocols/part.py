"""What the HTTP/1 readers yield: heads, body parts, ends of messages, and the one error that they raise.

Readers take bytes and give parts in this order: a head (for a response, any number of interim ones before the final),
body parts, an end of message. A head carries what the relay has to know and, ready to be sent on, `forward`: the same
head with the hop-by-hop work done (RFC 9110 §7.6.1) and every other byte as it came. Nothing here reads or writes.
"""

from enum import IntEnum
from typing import NamedTuple

from proxy_core.model.failure import Failure

# Values of `body_length` that are no length.
CHUNKED = -1
UNTIL_CLOSE = -2  # RFC 9112 §6.3(8): only responses


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


class RequestHead(NamedTuple):
    """A request's head, read strictly."""

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


class ResponseHead(NamedTuple):
    """A response's head; with a status below 200 the next part is another head (or, after 101, the tunnel)."""

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


class BodyPart(NamedTuple):
    """Some bytes of a body; never empty on the wire."""

    data: bytes  # transfer coding removed: what is recorded
    wire: bytes  # what is sent on; the same object as `data` when the body is not chunked


class EndOfMessage(NamedTuple):
    """The message is whole."""

    trailers: bytes  # raw field lines as received, for the record; b"" for none
    wire: bytes  # what ends the message on the other side: b"", or the last chunk with the allowed trailers


RequestPart = RequestHead | BodyPart | EndOfMessage
ResponsePart = ResponseHead | BodyPart | EndOfMessage

END_WITHOUT_TRAILERS = EndOfMessage(b"", b"")
END_OF_CHUNKS = EndOfMessage(b"", b"0\r\n\r\n")


class ProtocolError(Exception):
    """The peer broke the protocol, or left in the middle of a message: the connection can't be read any further."""

    def __init__(self, failure: Failure, raw: bytes = b"") -> None:
        super().__init__(failure.text)
        self.failure = failure
        self.raw = raw  # what was read of the offending head, for display; b"" when the head was fine
