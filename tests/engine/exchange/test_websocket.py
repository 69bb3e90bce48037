"""A WebSocket through the relay: its bytes untouched, its messages in the capture while it is open."""

import gevent
import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame
from websockets.frames import Opcode as TheirOpcode

from proxy_core.model.exchange import ExchangeKind, ExchangeState, Side
from proxy_core.model.message_row import MessageFlag, Opcode
from tests.support.conversation import Client, wait_for

_ASKED = b"GET http://%b/chat HTTP/1.1\r\nHost: %b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
_SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n%b\r\n"
CLIENT, UPSTREAM = Side.CLIENT, Side.UPSTREAM


def written(opcode, data, *, is_client, extension=None, fin=True):
    extensions = [] if extension is None else [extension]
    return Frame(opcode, data, fin=fin).serialize(mask=is_client, extensions=extensions)


@pytest.fixture
def switched(proxy, start_origin):
    """Opens one whose origin plays a script, with some extensions agreed on."""

    def switch(script, extensions=b"") -> Client:
        def origin(upstream):
            upstream.reads_head()
            upstream.sends(_SWITCHED % extensions)
            script(upstream)

        authority = b"127.0.0.1:%d" % start_origin(origin).port
        client = proxy.connect()
        client.sends(_ASKED % (authority, authority))
        client.sees(_SWITCHED % extensions)
        return client

    return switch


def told(proxy):
    return [(each.side, each.opcode, each.data) for each in proxy.messages]


def test_messages_are_told_while_it_is_open(switched, proxy):
    hello = written(TheirOpcode.TEXT, b"hello", is_client=True)
    answer = written(TheirOpcode.BINARY, b"\x00\x01" * 40_000, is_client=False)

    def script(upstream):
        upstream.sees(hello)
        upstream.sends(answer)
        upstream.sees_end()

    client = switched(script)
    client.sends(hello)
    client.sees(answer)
    wait_for(lambda: len(proxy.messages) == 2 and not proxy.messages[1].flags)
    assert told(proxy) == [(CLIENT, Opcode.TEXT, b"hello"), (UPSTREAM, Opcode.BINARY, b"\x00\x01" * 40_000)]
    assert proxy.exchanges[0].row.duration_us is None
    client.closes()
    row = proxy.only().row
    assert (row.kind, row.request_bytes, row.response_bytes) == (ExchangeKind.WEBSOCKET, len(hello), len(answer))


@pytest.mark.parametrize("parameters", [b"", b"; client_no_context_takeover; server_no_context_takeover"])
def test_what_is_compressed_is_inflated_as_the_handshake_says(switched, proxy, parameters):
    forgets = bool(parameters)
    ours = PerMessageDeflate(forgets, forgets, 15, 15)
    theirs = PerMessageDeflate(forgets, forgets, 15, 15)
    up = [written(TheirOpcode.TEXT, b"again and again", is_client=True, extension=ours) for _ in range(3)]
    down = [written(TheirOpcode.TEXT, b"and yet again", is_client=False, extension=theirs) for _ in range(3)]

    def script(upstream):
        upstream.sees(b"".join(up))
        upstream.sends(b"".join(down))
        upstream.sees_end()

    client = switched(script, b"Sec-WebSocket-Extensions: permessage-deflate%b\r\n" % parameters)
    client.sends(b"".join(up))
    client.sees(b"".join(down))
    client.closes()
    proxy.only()
    assert [each.data for each in proxy.messages] == [b"again and again"] * 3 + [b"and yet again"] * 3
    assert {each.flags for each in proxy.messages} == {MessageFlag.DEFLATED}


def test_fragments_with_a_ping_between_and_the_close(switched, proxy):
    sent = b"".join(
        (
            written(TheirOpcode.TEXT, b"one ", is_client=True, fin=False),
            written(TheirOpcode.PING, b"?", is_client=True),
            written(TheirOpcode.CONT, b"two", is_client=True),
            written(TheirOpcode.CLOSE, b"\x03\xe8done", is_client=True),
        )
    )
    client = switched(lambda upstream: upstream.sees(sent))
    for byte in sent:
        client.sends(bytes((byte,)))
    client.sees_end()
    client.closes()
    proxy.only()
    assert told(proxy) == [
        (CLIENT, Opcode.PING, b"?"),
        (CLIENT, Opcode.TEXT, b"one two"),
        (CLIENT, Opcode.CLOSE, b"\x03\xe8done"),
    ]


def test_what_breaks_the_standard_is_relayed_and_flagged(switched, proxy):
    bad = b"\x81\x02\xc3\x28" + b"\xf1\x00"

    def script(upstream):
        upstream.sees(bad)
        upstream.sends(b"\x8b\x80\x00\x00\x00\x00")

    client = switched(script)
    client.sends(bad)
    client.sees(b"\x8b\x80\x00\x00\x00\x00")
    client.sees_end()
    client.closes()
    proxy.only()
    assert all(each.flags & MessageFlag.INVALID and each.content.remark for each in proxy.messages)
    assert [each.opcode for each in proxy.messages] == [Opcode.TEXT, Opcode.TEXT, 11]


def test_what_came_of_a_message_stays_when_the_connection_breaks(switched, proxy):
    begun = written(TheirOpcode.BINARY, b"x" * 100, is_client=True)[:60]
    client = switched(lambda upstream: upstream.sees(begun))
    client.sends(begun)
    client.sees_end()
    client.closes()
    proxy.finished()
    (message,) = proxy.messages
    assert (message.flags, message.data) == (MessageFlag.INCOMPLETE, b"x" * 54)


def test_an_endless_message_is_told_before_its_end(switched, proxy):
    head = b"\x82\x7f" + (1 << 40).to_bytes(8, "big")

    def script(upstream):
        upstream.sends(head + bytes(1_000_000))
        upstream.sees_end()

    client = switched(script)
    client.sees(head + bytes(1_000_000))
    wait_for(lambda: bool(proxy.messages))
    assert proxy.messages[0].flags == MessageFlag.INCOMPLETE
    client.closes()
    proxy.only()
    assert proxy.messages[0].size == 1_000_000


@pytest.mark.replaces_inside
def test_a_fault_in_reading_costs_the_relay_nothing(switched, proxy, monkeypatch):
    def fail(*_arguments):
        raise RuntimeError("out of order")

    monkeypatch.setattr("proxy_core.protocols.websocket.frame.FrameReader.receive", fail)
    client = switched(lambda upstream: upstream.sees(b"\x81\x80\x00\x00\x00\x00more"))
    client.sends(b"\x81\x80\x00\x00\x00\x00more")
    client.sees_end()
    client.closes()
    assert proxy.only().row.request_bytes == 10
    assert proxy.messages == []


def test_of_other_protocols_the_first_words_are_kept_and_a_name_is_given(proxy, start_origin):
    switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n"

    def script(upstream):
        upstream.reads_head()
        upstream.sends(switching + b"SSH-2.0-Example\r\n")
        upstream.sees(b"SSH-2.0-Client\r\n")

    authority = b"127.0.0.1:%d" % start_origin(script).port
    client = proxy.connect()
    client.sends(
        b"GET http://%b/ HTTP/1.1\r\nHost: %b\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n" % (authority, authority)
    )
    client.sees(switching + b"SSH-2.0-Example\r\n")
    client.sends(b"SSH-2.0-Client\r\n")
    client.sees_end()
    client.closes()
    assert "What goes through looks like SSH." in proxy.only().detail.notes
    assert told(proxy) == [
        (UPSTREAM, Opcode.FIRST_BYTES, b"SSH-2.0-Example\r\n"),
        (CLIENT, Opcode.FIRST_BYTES, b"SSH-2.0-Client\r\n"),
    ]


def test_who_sends_more_messages_than_can_be_recorded_waits(switched, proxy, monkeypatch):
    monkeypatch.setattr("proxy_core.engine.recording.outbox.UNTAKEN_LIMIT_BYTES", 100_000)
    frames = written(TheirOpcode.TEXT, b"news", is_client=True) * 20_000
    got = []

    def script(upstream):
        while data := upstream.sock.recv(65536):
            got.append(len(data))

    client = switched(script)
    outbox = proxy.worker.services.reporter.outbox
    sending = gevent.spawn(client.sends, frames)
    wait_for(lambda: outbox.is_full)
    for _ in range(500):  # turns of the loop: were it not held up, all of it would have come by then
        gevent.sleep(0)
    assert sum(got) < len(frames)
    taken = 0

    def all_came():
        nonlocal taken
        sent = sum(map(len, proxy.events.batches))
        proxy.worker.services.reporter.outbox.bytes_taken(sent - taken)
        taken = sent
        return sum(got) == len(frames)

    wait_for(all_came)
    sending.join()
    client.closes()
    proxy.only()
    assert len(proxy.messages) == 20_000


def test_a_handshake_that_is_none_is_relayed_and_remarked(switched, proxy):
    """`switched` asks without a key, and the origin answers with what nobody has offered."""
    client = switched(lambda upstream: upstream.sees_end(), b"Sec-WebSocket-Protocol: chat\r\n")
    client.closes()
    notes = proxy.only().detail.notes
    assert "Sec-WebSocket-Key is not one" in notes
    assert "subprotocol «chat»" in notes


class TestItsEnd:
    def test_after_both_have_said_goodbye_no_end_is_a_failure(self, switched, proxy):
        from_server = written(TheirOpcode.CLOSE, b"\x03\xf3keepalive ping timeout", is_client=False)
        from_client = written(TheirOpcode.CLOSE, b"\x03\xf3", is_client=True)

        def script(upstream):
            upstream.sends(from_server)
            upstream.sees(from_client)
            upstream.resets()

        client = switched(script)
        client.sees(from_server)
        client.sends(from_client)
        exchange = proxy.only()
        assert (exchange.row.state, exchange.row.failure) == (ExchangeState.COMPLETE, "")
        assert "The server closed the WebSocket: 1011, «keepalive ping timeout»." in exchange.detail.notes

    def test_without_a_close_says_so(self, switched, proxy):
        client = switched(lambda upstream: upstream.sees_end())
        client.closes()
        assert "what browsers call 1006" in proxy.only().detail.notes

    def test_a_reset_in_the_middle_stays_a_failure(self, switched, proxy):
        hello = written(TheirOpcode.TEXT, b"hello", is_client=True)

        def script(upstream):
            upstream.sees(hello)
            upstream.resets()

        client = switched(script)
        client.sends(hello)
        client.reads_to_end()
        assert proxy.only().row.state == ExchangeState.FAILED
