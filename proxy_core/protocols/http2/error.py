"""How a connection is lost."""

from proxy_core.model.failure import Failure
from proxy_core.protocols.http2.event import Event


class BrokenError(Exception):
    """The peer broke the connection's rules; `receive` makes an `Http2ConnectionError` of it."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Http2ConnectionError(Exception):
    """The connection is lost (RFC 9113 §5.4.1): a GOAWAY lies in the output, and nothing more is read."""

    def __init__(self, code: int, failure: Failure, events: list[Event]) -> None:
        super().__init__(failure.text)
        self.code = code
        self.failure = failure
        self.events = events  # what the same bytes told before; to be seen to first
