"""Reading a response from an upstream: the next part, or in one sentence why there is none."""

import ssl

from proxy_core.engine.exchange.upload import Upload
from proxy_core.engine.trust.tls_failure import upstream_tls_failure
from proxy_core.engine.upstream.connection import Upstream
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.protocols.part import ProtocolError, ResponsePart


class ResponseFailedError(Exception):
    """The response can't be finished. `failure` says why; `is_upstreams_end` marks an end before the first byte."""

    def __init__(self, failure: Failure, *, is_upstreams_end: bool = False) -> None:
        super().__init__(failure.text)
        self.failure = failure
        self.is_upstreams_end = is_upstreams_end
        self.needs_reset = False  # nothing but a reset tells the client that its response is cut short


def next_response_part(upstream: Upstream, upload: Upload | None) -> ResponsePart:
    """The next part of the response, waited for. Raises ResponseFailedError.

    Where the request's `upload` is what failed, its failure is the cause.
    """
    reader, link = upstream.reader, upstream.link
    try:
        while True:
            part = reader.next_part()
            if part is not None:
                return part
            if data := link.receive():
                reader.receive(data)
            elif reader.is_mid_message:
                if link.is_truncated:
                    text = "The server ended TLS without saying goodbye: the response may be cut short."
                    raise ResponseFailedError(Failure(FailureKind.HTTP_RESPONSE_INCOMPLETE, text))
                reader.receive_eof()
            else:
                where = f"{upstream.host}:{upstream.port}"
                text = f"{where} closed the connection without sending a response."
                failure = Failure(FailureKind.CONNECTION_TERMINATED, text)
                raise ResponseFailedError(failure, is_upstreams_end=True)
    except ProtocolError as error:
        raise ResponseFailedError(error.failure) from None
    except TimeoutError:
        limit = f"{link.read_limit_s:.0f} seconds"
        if reader.is_mid_message:
            text = f"{upstream.host}:{upstream.port} sent nothing more for {limit}, in the middle of its response."
            raise ResponseFailedError(Failure(FailureKind.CONNECTION_READ_TIMEOUT, text)) from None
        text = f"{upstream.host}:{upstream.port} did not answer within {limit}."
        raise ResponseFailedError(Failure(FailureKind.HTTP_RESPONSE_TIMEOUT, text)) from None
    except OSError as error:
        if upload is not None and upload.failure is not None:
            raise ResponseFailedError(upload.failure) from None
        if isinstance(error, ssl.SSLError):  # an alert that TLS 1.3 brings only now, such as «certificate required»
            raise ResponseFailedError(upstream_tls_failure(error, upstream.host, upstream.port)) from None
        when = "in the middle of its response" if reader.is_mid_message else "before it answered"
        text = f"{upstream.host}:{upstream.port} reset the connection {when} ({error.strerror or error})."
        failure = Failure(FailureKind.CONNECTION_TERMINATED, text)
        raise ResponseFailedError(failure, is_upstreams_end=not reader.is_mid_message) from None


def send_failure(upstream: Upstream) -> Failure:
    """Why an upstream that has ended the connection took no more of a request."""
    where = f"{upstream.host}:{upstream.port}"
    try:
        while upstream.link.is_readable() and upstream.link.receive():
            pass
    except ssl.SSLError as error:  # its last word lies in the socket: in TLS 1.3 it comes after the handshake
        return upstream_tls_failure(error, upstream.host, upstream.port)
    except OSError:
        pass
    return Failure(FailureKind.CONNECTION_TERMINATED, f"{where} closed the connection while the request was sent.")
