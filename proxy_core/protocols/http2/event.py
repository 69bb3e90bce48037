"""What a connection tells its owner, in the order of the bytes."""

import msgspec

from proxy_core.model.failure import Failure
from proxy_core.protocols.http2.head import Http2RequestHead, Http2ResponseHead


class HeadReceived(msgspec.Struct, frozen=True, gc=False):
    """A request, which opens a stream; or a response's head, interim or final."""

    stream: int
    head: Http2RequestHead | Http2ResponseHead
    is_end: bool  # nothing follows but an `EndReceived`


class DataReceived(msgspec.Struct, frozen=True, gc=False):
    """Some bytes of a body or a tunnel; never empty."""

    stream: int
    data: bytes
    credit: int  # what it took of the windows, padding included: to be given back with `consumed` by whoever took it


class EndReceived(msgspec.Struct, frozen=True, gc=False):
    """The peer's message is whole; follows in any case."""

    stream: int
    trailers: bytes  # field lines for the record; b"" for none


class StreamReset(msgspec.Struct, frozen=True, gc=False):
    """The stream is gone in both directions."""

    stream: int
    code: int
    is_ours: bool  # the peer broke a rule on this stream, and we have reset it
    is_unprocessed: (
        bool  # RFC 9113 §8.7: the peer did nothing with it; a request may be sent again, whatever its method
    )


class StreamMalformed(msgspec.Struct, frozen=True, gc=False):
    """A message is malformed (RFC 9113 §8.1.1); its stream was reset by us and is gone."""

    stream: int
    failure: Failure
    raw: bytes  # the head's text for the record; b"" when the head was fine


class RoomChanged(msgspec.Struct, frozen=True, gc=False):
    """A window that was shut is open: of a stream, or with 0 of the connection."""

    stream: int


class GoAwayReceived(msgspec.Struct, frozen=True, gc=False):
    """The peer takes no new streams. Those of ours that it will not process follow, each as a `StreamReset`."""

    last_stream: int
    code: int
    debug: bytes


class SettingsReceived(msgspec.Struct, frozen=True, gc=False):
    """The peer's settings are in force."""


Event = (
    HeadReceived
    | DataReceived
    | EndReceived
    | StreamReset
    | StreamMalformed
    | RoomChanged
    | GoAwayReceived
    | SettingsReceived
)
