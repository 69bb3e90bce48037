"""What is spoken is told alike, however the first bytes are cut."""

import gevent
import pytest

from proxy_core.engine.links.memory import memory_links
from proxy_core.engine.reception.speech import Speech, recognise

SAID = [
    (b"GET /a HTTP/1.1\r\n\r\n", Speech.HTTP1),
    (b"get /a HTTP/1.1\r\n\r\n", Speech.HTTP1),
    (b"M-SEARCH * HTTP/1.1\r\n\r\n", Speech.HTTP1),
    (b"VERSION-CONTROL /a HTTP/1.1\r\n\r\n", Speech.HTTP1),
    (b"PUT HTTPS://shop.test/ HTTP/1.1\r\n\r\n", Speech.HTTP1),
    (b"CONNECT [::1]:80 HTTP/1.1\r\n\r\n", Speech.HTTP1),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Speech.HTTP2),
    (b"SSH-2.0-OpenSSH_9.2p1\r\n", Speech.UNKNOWN),
    (b"NICK harry\r\nUSER harry\r\n", Speech.UNKNOWN),
    (b"\x10\x0c\0\4MQTT", Speech.UNKNOWN),
    (b"\5\1\0", Speech.SOCKS5),
    (b"A" * 40, Speech.UNKNOWN),
]


@pytest.mark.parametrize(("said", "speech"), SAID)
@pytest.mark.parametrize("piece", [1, 2, 4, 100])
def test_it_is_told_by_whatever_has_come(said, speech, piece):
    ours, theirs = memory_links("client")

    def say() -> None:
        for begin in range(0, len(said), piece):
            theirs.send(said[begin : begin + piece])
            gevent.sleep(0)

    saying = gevent.spawn(say)
    told, seen = recognise(ours, ours.receive(), 5.0)
    assert told is speech
    assert said.startswith(seen)
    saying.join()


@pytest.mark.parametrize("ends", ["close", "abort"])
def test_who_ends_in_the_middle_of_a_word_said_nothing_known(ends):
    ours, theirs = memory_links("client")
    theirs.send(b"GE")
    seen = ours.receive()
    getattr(theirs, ends)()
    assert recognise(ours, seen, 5.0) == (Speech.UNKNOWN, b"GE")
