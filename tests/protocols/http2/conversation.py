"""Two ends of one connection in memory, and frames written by hand: what the tests of HTTP/2 talk with."""

from proxy_core.protocols.http2 import frame
from proxy_core.protocols.http2.connection import Http2Connection
from proxy_core.protocols.http2.error import Http2ConnectionError
from proxy_core.protocols.http2.hpack import FieldEncoder
from proxy_core.protocols.http2.limits import Http2Limits

GET = ((b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"shop.test"), (b":path", b"/cart"))
POST = ((b":method", b"POST"), *GET[1:])
OK = ((b":status", b"200"),)


def fields(*pairs):
    return tuple((name, value, False) for name, value in pairs)


def frames_of(output):
    """What was written: (type, flags, stream, payload) for each frame."""
    output = output.removeprefix(frame.PREFACE)
    found = []
    while output:
        high, low, kind, flags, stream = frame.FRAME_HEADER.unpack_from(output)
        end = 9 + (high << 8 | low)
        found.append((kind, flags, stream, output[9:end]))
        output = output[end:]
    return found


def frame_bytes(kind, flags, stream, payload=b""):
    return frame.frame_header(len(payload), kind, flags, stream) + payload


class Peer:
    """Says bytes to a connection of ours, which has the other role, and sees what comes back."""

    def __init__(self, is_client: bool, limits=None, **options) -> None:
        self.ours = Http2Connection(not is_client, limits or Http2Limits(), **options)
        self.encoder = FieldEncoder()
        self.now_s = 1.0
        self.ours.start()
        greeting = frame.settings_frame([])
        self.says(frame.PREFACE + greeting if is_client else greeting)
        self.says(frame.SETTINGS_ACK)
        self.sees()

    def says(self, data):
        return self.ours.receive(data, self.now_s)

    def says_frame(self, kind, flags, stream, payload=b""):
        return self.says(frame_bytes(kind, flags, stream, payload))

    def says_head(self, stream, pairs, is_end=False, **extra):
        block = self.encoder.encode(fields(*pairs))
        flags = frame.END_HEADERS | (frame.END_STREAM if is_end else 0)
        return self.says_frame(frame.HEADERS, flags, stream, block)

    def says_data(self, stream, data, is_end=False):
        return self.says_frame(frame.DATA, frame.END_STREAM if is_end else 0, stream, data)

    def sees(self):
        return frames_of(self.ours.take_output())

    def breaks_with(self, data):
        """The code that these bytes end the connection with; the peer is told the same in a GOAWAY."""
        try:
            self.says(data)
        except Http2ConnectionError as error:
            kind, _, stream, payload = self.sees()[-1]
            assert (kind, stream) == (frame.GOAWAY, 0)
            assert int.from_bytes(payload[4:8], "big") == error.code
            assert error.failure.text
            return error.code
        raise AssertionError("the connection lives on")

    def resets(self):
        """The streams that were reset since last asked, and why."""
        return [
            (stream, int.from_bytes(payload, "big"))
            for kind, _, stream, payload in self.sees()
            if kind == frame.RST_STREAM
        ]


class Pair:
    """A client and a server of ours that talk to each other."""

    def __init__(self, limits=None, **options) -> None:
        self.client = Http2Connection(True, limits or Http2Limits())
        self.server = Http2Connection(False, limits or Http2Limits(), **options)
        self.client.start()
        self.server.start()
        self.talk()

    def talk(self):
        """Let everything that waits be read; what the server and what the client was told."""
        at_server, at_client = [], []
        while self.client.has_output or self.server.has_output:
            at_server += self.server.receive(self.client.take_output(), 0.0)
            at_client += self.client.receive(self.server.take_output(), 0.0)
        return at_server, at_client
