"""Links in memory keep the contract of a link."""

import gevent
import pytest
from gevent import get_hub
from greenlet import getcurrent

from proxy_core.engine.links.memory import BUFFER_BYTES, memory_links


def test_a_limit_that_is_lowered_during_a_wait_ends_it():
    link, _peer = memory_links("client")
    waiting = gevent.spawn(link.receive)
    gevent.idle()
    link.read_limit_s = 0.01
    with gevent.Timeout(10), pytest.raises(TimeoutError):
        waiting.get()


def test_so_does_one_on_sending():
    link, _peer = memory_links("client")
    link.send(bytes(BUFFER_BYTES))
    waiting = gevent.spawn(link.send, b"more")
    gevent.idle()
    link.write_limit_s = 0.01
    with gevent.Timeout(10), pytest.raises(TimeoutError):
        waiting.get()


def test_what_comes_unasked_is_told_in_the_hub():
    link, peer = memory_links("client")
    told = []
    link.on_ahead = lambda: told.append(getcurrent() is get_hub())
    peer.send(b"x")
    assert told == []
    gevent.idle()
    assert told == [True]


def test_a_reset_takes_back_what_was_not_received():
    link, peer = memory_links("client")
    peer.send(b"x")
    peer.abort()
    with pytest.raises(ConnectionResetError):
        link.receive()
