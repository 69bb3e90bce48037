"""The numbers of HTTP/2's wire: frames, flags, settings, error codes (RFC 9113 §4, §6, §7), and how a frame is written.

Frame types and flags are plain integers, since they are compared for each frame.
"""

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113 §3.4

DATA = 0
HEADERS = 1
PRIORITY = 2
RST_STREAM = 3
SETTINGS = 4
PUSH_PROMISE = 5
PING = 6
GOAWAY = 7
WINDOW_UPDATE = 8
CONTINUATION = 9

ACK = 0x1
END_STREAM = 0x1
END_HEADERS = 0x4
PADDED = 0x8
HAS_PRIORITY = 0x20

HEADER_TABLE_SIZE = 1
ENABLE_PUSH = 2
MAX_CONCURRENT_STREAMS = 3
INITIAL_WINDOW_SIZE = 4
MAX_FRAME_SIZE = 5
MAX_HEADER_LIST_SIZE = 6
ENABLE_CONNECT_PROTOCOL = 8  # RFC 8441 §3

NO_ERROR = 0
PROTOCOL_ERROR = 1
INTERNAL_ERROR = 2
FLOW_CONTROL_ERROR = 3
SETTINGS_TIMEOUT = 4
STREAM_CLOSED = 5
FRAME_SIZE_ERROR = 6
REFUSED_STREAM = 7
CANCEL = 8
COMPRESSION_ERROR = 9
CONNECT_ERROR = 10
ENHANCE_YOUR_CALM = 11
INADEQUATE_SECURITY = 12
HTTP_1_1_REQUIRED = 13

_ERROR_NAMES = (
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
)

FRAME_HEADER_BYTES = 9
SMALLEST_FRAME_LIMIT = 16_384  # RFC 9113 §4.2: what everybody takes, and what we announce
LARGEST_FRAME_LIMIT = 2**24 - 1
FIRST_WINDOW = 65_535  # RFC 9113 §6.9.2
LARGEST_WINDOW = 2**31 - 1
LAST_STREAM = 2**31 - 1

# Length (its upper 16 bits and its lower 8), type, flags, stream.
FRAME_HEADER = struct.Struct(">HBBBL")
_NUMBER = struct.Struct(">L")
_TWO_NUMBERS = struct.Struct(">LL")
_SETTING = struct.Struct(">HL")


def error_name(code: int) -> str:
    """The name of an error code as a person finds it in the RFC; of an unknown one the number."""
    return _ERROR_NAMES[code] if code < len(_ERROR_NAMES) else f"0x{code:x}"


def frame_header(length: int, kind: int, flags: int, stream: int) -> bytes:
    """The nine bytes before a payload."""
    return FRAME_HEADER.pack(length >> 8, length & 0xFF, kind, flags, stream)


def settings_frame(settings: list[tuple[int, int]]) -> bytes:
    """SETTINGS with these identifiers and values."""
    payload = b"".join([_SETTING.pack(identifier, value) for identifier, value in settings])
    return frame_header(len(payload), SETTINGS, 0, 0) + payload


def read_settings(payload: bytes) -> list[tuple[int, int]]:
    """The identifiers and values of a SETTINGS payload, whose length is a multiple of six."""
    return list(_SETTING.iter_unpack(payload))


SETTINGS_ACK = frame_header(0, SETTINGS, ACK, 0)


def ping_ack(payload: bytes) -> bytes:
    """The answer to a PING with these eight bytes."""
    return frame_header(8, PING, ACK, 0) + payload


def reset_frame(stream: int, code: int) -> bytes:
    """RST_STREAM."""
    return frame_header(4, RST_STREAM, 0, stream) + _NUMBER.pack(code)


def window_update(stream: int, increment: int) -> bytes:
    """WINDOW_UPDATE for a stream, or with 0 for the connection."""
    return frame_header(4, WINDOW_UPDATE, 0, stream) + _NUMBER.pack(increment)


def goaway_frame(last_stream: int, code: int, debug: bytes) -> bytes:
    """GOAWAY."""
    return frame_header(8 + len(debug), GOAWAY, 0, 0) + _TWO_NUMBERS.pack(last_stream, code) + debug


def head_frames(stream: int, block: bytes, limit: int, *, is_end: bool) -> list[bytes]:
    """HEADERS with this field block, and CONTINUATION for what one frame of `limit` bytes doesn't hold."""
    end_flag = END_STREAM if is_end else 0
    if len(block) <= limit:
        return [frame_header(len(block), HEADERS, end_flag | END_HEADERS, stream), block]
    pieces = [frame_header(limit, HEADERS, end_flag, stream), block[:limit]]
    for begin in range(limit, len(block), limit):
        piece = block[begin : begin + limit]
        is_last = begin + limit >= len(block)
        pieces += (frame_header(len(piece), CONTINUATION, END_HEADERS if is_last else 0, stream), piece)
    return pieces


def is_settings(data: bytes) -> bool:
    """Whether these bytes may be the SETTINGS with which a server begins (RFC 9113 §3.4)."""
    if len(data) < FRAME_HEADER_BYTES:
        return False
    length_high, length_low, kind, flags, number = FRAME_HEADER.unpack_from(data)
    return kind == SETTINGS and not flags and not number and not length_high and length_low % 6 == 0
