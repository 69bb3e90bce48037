"""An HTTP/2 connection's greenlets end with it."""

import gc

import gevent
import pytest

from proxy_core.engine.limits import HTTP2_LIMITS
from proxy_core.engine.links.memory import memory_links
from proxy_core.engine.links.transport import DeadlineSweep
from proxy_core.engine.sides.http2_session import Http2Session
from proxy_core.protocols.http2.connection import Http2Connection


def running() -> set[gevent.Greenlet]:
    return {each for each in gc.get_objects() if isinstance(each, gevent.Greenlet) and not each.ready()}


@pytest.mark.parametrize("ends", ["abort", "close", "lose", "peer"])
def test_nothing_runs_on(ends):
    before = running()
    ours, theirs = memory_links("client")
    session = Http2Session(ours, Http2Connection(is_client=False, limits=HTTP2_LIMITS), DeadlineSweep())
    receiving = gevent.spawn(session.receive_all)
    gevent.idle()
    begun = running() - before
    assert len(begun) == 2  # one receives, one sends
    match ends:
        case "peer":
            theirs.abort()
        case "lose":
            session.lose("was lost")
        case _:
            getattr(session, ends)()
            theirs.close()
    with gevent.Timeout(10):
        receiving.join()
        while running() & begun:
            gevent.sleep(0.001)
