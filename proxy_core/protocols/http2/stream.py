"""One stream while it lives (RFC 9113 §5.1). Idle and closed ones are numbers; a finished one is forgotten at once."""

from proxy_core.protocols.http2.flow import ReceiveWindow

ANY_LENGTH = -1


class Stream:
    """What is kept of a stream. It is half-closed where `can_send` or `can_receive` is False."""

    __slots__ = (
        "can_receive",
        "can_send",
        "expected",
        "has_head",
        "interim_count",
        "is_tunnel",
        "method",
        "number",
        "received",
        "send_window",
        "window",
    )

    def __init__(self, number: int, method: bytes, send_window: int, window: ReceiveWindow) -> None:
        self.number = number
        self.method = method
        self.send_window = send_window  # RFC 9113 §6.9.2: may be below zero
        self.window = window
        self.can_send = True
        self.can_receive = True
        self.has_head = False  # the peer's final head came
        self.is_tunnel = False  # what follows is no body (RFC 9113 §8.5)
        self.interim_count = 0
        self.expected = ANY_LENGTH  # bytes of the peer's body
        self.received = 0
