"""Ending a connection whose peer may still be sending."""

import gevent

from proxy_core.engine.links.link import Link


def end_gently(link: Link, limit_s: float) -> None:
    """RFC 9112 §9.6: half-close and read on a little, lest a reset wipe out what was sent last on its way."""
    try:
        with gevent.Timeout(limit_s, TimeoutError()):
            link.send_eof()
            while link.receive():
                pass
    except OSError:
        pass
