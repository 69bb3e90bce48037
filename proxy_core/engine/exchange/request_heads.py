"""Waiting for a client's next request head, with limits that a slow client can't stretch."""

import time

from proxy_core.engine.limits import Limits
from proxy_core.engine.links.transport import Link
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.protocols.http1.reader import RequestReader
from proxy_core.protocols.part import ProtocolError, RequestHead

_clock = time.perf_counter


class UnreadRequestError(Exception):
    """What came can't be read as a request, or not in time; `raw` is what there was of it."""

    def __init__(self, failure: Failure, raw: bytes) -> None:
        super().__init__(failure.text)
        self.failure = failure
        self.raw = raw


def next_request_head(reader: RequestReader, client: Link, limits: Limits) -> RequestHead | None:
    """The next head; None when the client has ended the connection, or stayed silent, between requests.

    Raises UnreadRequestError, which deserves an answer, and OSError.
    """
    head_since: float | None = None
    has_begun = False
    client.read_limit_s = limits.idle_s
    try:
        while True:
            part = reader.next_part()
            if part is not None:
                assert isinstance(part, RequestHead)
                client.read_limit_s = limits.request_body_s
                return part
            if reader.is_at_end:
                return None
            if has_begun or reader.is_mid_head:
                # A limit on the whole head, with the empty lines before it: one byte a minute doesn't hold a connection
                # for ever.
                head_since = head_since or _clock()
                client.read_limit_s = limits.request_head_s - (_clock() - head_since)
                if client.read_limit_s <= 0:
                    raise TimeoutError
            if data := client.receive():
                has_begun = True
                reader.receive(data)
            else:
                reader.receive_eof()
    except ProtocolError as error:
        raise UnreadRequestError(error.failure, error.raw) from None
    except TimeoutError:
        if not reader.is_mid_head:
            return None
        text = f"The client did not finish its request's head within {limits.request_head_s:.0f} seconds."
        raise UnreadRequestError(Failure(FailureKind.CLIENT_TIMEOUT, text), reader.leftover()) from None
