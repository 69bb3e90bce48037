"""Responses that are streams of messages: told while they come, the bytes untouched."""

import zlib

import brotli
import pytest
from gevent.event import Event

from proxy_core.model.exchange import ExchangeState, Side
from proxy_core.model.message_row import MessageFlag, Opcode
from tests.support.conversation import wait_for

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n%b\r\n"


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.fixture
def asked(proxy, start_origin):
    def ask(script):
        def origin(upstream):
            upstream.reads_head()
            script(upstream)

        authority = b"127.0.0.1:%d" % start_origin(origin).port
        client = proxy.connect()
        client.sends(b"GET http://%b/events HTTP/1.1\r\nHost: %b\r\n\r\n" % (authority, authority))
        return client

    return ask


def test_events_are_told_while_the_response_is_open(asked, proxy):
    head = _HEAD % (b"text/event-stream; charset=utf-8", b"")
    first, second = chunk(b"event: add\nid: 1\nda"), chunk(b"ta: one\n\nretry: 10\ndata: tw")

    def script(upstream):
        upstream.sends(head + first)
        upstream.sends(second)
        upstream.reads_to_end()

    client = asked(script)
    client.sees(head + first + second)
    wait_for(lambda: len(proxy.messages) == 1)
    (message,) = proxy.messages
    assert message[:5] == (Side.UPSTREAM, Opcode.EVENT, 0, 3, b"one")
    assert (message.content.name, message.content.event_id) == ("add", "1")
    assert proxy.exchanges[0].row.state == ExchangeState.RESPONDING
    client.resets()
    proxy.only()
    assert [(each.data, each.flags) for each in proxy.messages] == [(b"one", 0), (b"tw", MessageFlag.INCOMPLETE)]
    assert proxy.messages[1].content.retry_ms == 10


def _flushed(coding, parts):
    if coding == b"br":
        compressor = brotli.Compressor()
        return [compressor.process(part) + compressor.flush() for part in parts]
    squeeze = zlib.compressobj(wbits=31)
    return [squeeze.compress(part) + squeeze.flush(zlib.Z_SYNC_FLUSH) for part in parts]


@pytest.mark.parametrize("coding", [b"gzip", b"br"])
def test_compressed_lines_are_told_as_each_is_flushed(asked, proxy, coding):
    head = _HEAD % (b"application/x-ndjson", b"Content-Encoding: %b\r\n" % coding)
    go_on = Event()
    one, two = _flushed(coding, [b'{"a": 1}\n', b'{"b": 2}\n'])

    def script(upstream):
        upstream.sends(head + chunk(one))
        go_on.wait()
        upstream.sends(chunk(two) + b"0\r\n\r\n")

    client = asked(script)
    client.sees(head + chunk(one))
    wait_for(lambda: [each.data for each in proxy.messages] == [b'{"a": 1}'])
    go_on.set()
    client.sees(chunk(two))
    proxy.only()
    assert [each.data for each in proxy.messages] == [b'{"a": 1}', b'{"b": 2}']


def test_what_is_not_coded_as_it_says_is_relayed_and_said(asked, proxy):
    head = _HEAD % (b"text/event-stream", b"Content-Encoding: gzip\r\n")
    body = chunk(b"data: plain\n\n") + b"0\r\n\r\n"
    client = asked(lambda upstream: upstream.sends(head + body))
    client.sees(head + body)
    proxy.only()
    (message,) = proxy.messages
    assert message.flags & MessageFlag.INVALID
    assert "coded as gzip" in message.content.remark


def test_the_last_message_is_told_before_the_end(asked, proxy):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/jsonl\r\nContent-Length: 9\r\n\r\n"
    client = asked(lambda upstream: upstream.sends(head + b"[1]\n[2,3]"))
    client.sees(head + b"[1]\n[2,3]")
    assert proxy.only().response_body == b"[1]\n[2,3]"
    assert [each.data for each in proxy.messages] == [b"[1]", b"[2,3]"]


def test_a_stream_that_breaks_off_has_what_came(asked, proxy):
    head = _HEAD % (b"text/event-stream", b"")

    def script(upstream):
        upstream.sends(head + chunk(b"data: one\n\ndata: ha"))
        upstream.resets()

    asked(script).reads_to_end()
    assert proxy.only().row.failure
    assert [each.data for each in proxy.messages] == [b"one", b"ha"]


def test_a_fault_in_reading_costs_the_response_nothing(asked, proxy, monkeypatch):
    def fail(*_arguments):
        raise RuntimeError("out of order")

    monkeypatch.setattr("proxy_core.protocols.event_stream.server_sent.EventReader.receive", fail)
    head = _HEAD % (b"text/event-stream", b"")
    body = chunk(b"data: one\n\n") + b"0\r\n\r\n"
    asked(lambda upstream: upstream.sends(head + body)).sees(head + body)
    assert proxy.only().row.state == ExchangeState.COMPLETE
    assert proxy.messages == []


def test_one_that_expands_beyond_measure_is_told_as_far_as_it_is_harmless(asked, proxy):
    squeezed = zlib.compress(b"data:a\n\n" * 1_000_000, wbits=31)
    head = _HEAD % (b"text/event-stream", b"Content-Encoding: gzip\r\n")
    body = chunk(squeezed) + b"0\r\n\r\n"
    asked(lambda upstream: upstream.sends(head + body)).sees(head + body)
    proxy.only()
    *told, last = proxy.messages
    assert len(told) < 400_000
    assert "times its size" in last.content.remark
