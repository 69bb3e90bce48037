"""Bytes relayed unread, both ways at once, until both directions have ended.

The end of one direction is passed on as it comes (RFC 9110 §9.3.6: what is outstanding is still delivered); the other
direction then may stay silent for `half_closed_s`. Backpressure is the sockets' own: one read is sent before the next.
"""

from collections.abc import Callable

import gevent

from proxy_core.engine.limits import Limits
from proxy_core.engine.transport import Link

Count = Callable[[int], None]


def relay_tunnel(client: Link, upstream: Link, limits: Limits, from_client: Count, from_upstream: Count) -> str:
    """Relay until the end, and close both. Returns "" or, as a sentence, how it broke.

    `from_client` and `from_upstream` are told of the bytes that have passed.
    """
    client.read_limit_s = upstream.read_limit_s = limits.tunnel_idle_s
    upload = gevent.spawn(_copy, client, upstream, limits, from_client, "the client")
    try:
        down_problem = _copy(upstream, client, limits, from_upstream, "the server")
        upload.join()
        up_problem: str = upload.value or ""
    finally:
        upload.kill()
        client.close()
        upstream.close()
    return down_problem or up_problem


def _copy(source: Link, target: Link, limits: Limits, count: Count, name: str) -> str:
    try:
        while data := source.receive():
            target.send(data)
            count(len(data))
        target.read_limit_s = limits.half_closed_s
        target.send_eof()
    except TimeoutError:
        source.abort()
        target.abort()
        return f"The tunnel was silent for too long ({name} last)."
    except OSError as error:
        # A reset is passed on as one: the other side must not take what it got for the whole.
        source.abort()
        target.abort()
        return f"The tunnel was reset while {name} was sending ({error.strerror or error})."
    return ""
