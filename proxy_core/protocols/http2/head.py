"""The heads that HTTP/2 yields: `RequestHead` and `ResponseHead` with the fields that they were made from.

`raw` is the text for the record: a start line made from the pseudo-fields, then every field as it came, pseudo-fields
too. `parse_head` keeps these apart again. `fields` is what goes to another HTTP/2 peer, in order and untouched.
"""

import msgspec

from proxy_core.protocols.http2.hpack import Fields

VERSION = "HTTP/2"


class Http2RequestHead(msgspec.Struct, frozen=True, gc=False):
    """A `RequestHead`."""

    raw: bytes
    method: bytes
    scheme: str  # "" for CONNECT that asks for a tunnel
    host: str
    port: int
    origin_target: bytes  # `:path`; CONNECT's authority
    body_length: int  # 0 for CONNECT of either kind: what its stream carries is the tunnel's
    expect_continue: bool
    upgrade: bytes  # the same as `protocol`
    max_forwards: int
    notes: str
    version: str
    protocol: bytes  # RFC 8441 §4: of an extended CONNECT, b"websocket"; else b""
    fields: Fields  # all, pseudo-fields first

    @property
    def is_tunnel(self) -> bool:
        """Asks for a stream of bytes instead of a response's body."""
        return self.method == b"CONNECT"


class Http2ResponseHead(msgspec.Struct, frozen=True, gc=False):
    """A `ResponseHead`."""

    raw: bytes
    status: int
    body_length: int
    content_type: bytes
    connection_auth: bool
    upgrade: bytes
    notes: str
    version: str
    fields: Fields
