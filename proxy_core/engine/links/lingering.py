"""Ending a connection whose peer may still be sending."""

import time

from proxy_core.engine.links.link import Link


def end_gently(link: Link, limit_s: float) -> None:
    """RFC 9112 §9.6: half-close and read on a little, lest a reset wipe out what was sent last on its way.

    The link is good for nothing else any more. Each wait ends by its own deadline, which is swept: that spares a timer
    for every connection that ends.
    """
    end_mark = time.monotonic() + limit_s
    link.read_limit_s = limit_s
    try:
        link.send_eof()
        while link.receive() and time.monotonic() < end_mark:
            pass
    except OSError:
        pass
