"""How long a worker waits for whom; seconds. Each has a precedent, and a test that crosses it."""

from typing import NamedTuple

from proxy_core.protocols.http2.limits import Http2Limits


class Limits(NamedTuple):
    """Tests make these short; the program uses the defaults."""

    request_head_s: float = 60.0  # from the first byte of a head to its end (nginx client_header_timeout 60 s)
    request_body_s: float = 60.0  # between two reads of a request body (nginx client_body_timeout 60 s)
    idle_s: float = 120.0  # a client connection between requests (squid client_idle_pconn_timeout 2 min)
    client_write_s: float = 120.0  # a client that takes nothing
    connect_s: float = 30.0  # all addresses of an upstream together
    upstream_tls_s: float = 30.0
    response_s: float = 600.0  # upstream silent, before its head or within its body (mitmproxy tcp_timeout 600 s)
    client_tls_s: float = 30.0
    tunnel_idle_s: float = 3600.0  # both ways silent
    half_closed_s: float = 60.0  # one way is closed, the other silent
    first_bytes_s: float = 0.25  # after CONNECT: then the server may be the one who speaks first
    linger_s: float = 2.0  # after an error response: let the client read it (RFC 9112 §9.6)
    held_body_s: float = 15.0  # a body that somebody wants whole before it goes on (Envoy's route timeout 15 s)
    drained_s: float = 0.25  # a response body that another has replaced, and that is read for the record alone


# A stream's window is what one of its readers may leave waiting in our memory; 512 KiB in 50 ms are 10 MB/s. The
# connection's is that of all streams, so that those whose readers stand still never stall the others.
_STREAMS, _STREAM_WINDOW_BYTES = 100, 512 * 1024
HTTP2_LIMITS = Http2Limits(_STREAMS, _STREAM_WINDOW_BYTES, _STREAMS * _STREAM_WINDOW_BYTES)
