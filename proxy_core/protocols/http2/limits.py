"""What a peer may cost us on one HTTP/2 connection."""

from typing import NamedTuple


class Http2Limits(NamedTuple):
    """Bounds of one connection; each is crossed by a test."""

    streams: int = 100  # RFC 9113 §6.5.2 recommends no fewer; nghttp2, Apache httpd and Go have 100 to 250
    stream_window_bytes: int = 512 * 1024
    connection_window_bytes: int = 32 * 1024 * 1024
    head_bytes: int = 256 * 1024  # as RFC 9113 §6.5.2 counts: 32 bytes a field more; Chromium's own limit
    fields: int = 1000  # as in HTTP/1
    # Of one field block with its CONTINUATIONs; h2 allows 64 frames, and head_bytes fit into seventeen.
    block_frames: int = 64
    interim_responses: int = 100  # before a final one, as in HTTP/1
    # Frames of a kind that cost us and move nothing, in one period; nghttp2 and Go allow 1,000 to 10,000 unanswered.
    idle_frames: int = 200
    period_s: float = 10.0
    unsent_control_bytes: int = 1024 * 1024  # our answers that the peer makes no way for; nghttp2 counts 1,000 frames
