"""Conversations with h2, the reference in Python, in both roles: what one says, the other understands, however it is cut.

h2 is strict about most of what RFC 9113 demands, so it is also a judge of what we send.
"""

import h2.config
import h2.connection
import h2.events
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy_core.model.message_head import parse_fields
from proxy_core.protocols.http2 import frame
from proxy_core.protocols.http2.connection import Http2Connection
from proxy_core.protocols.http2.event import DataReceived, EndReceived, HeadReceived, StreamReset
from proxy_core.protocols.http2.limits import Http2Limits

LIMITS = Http2Limits(stream_window_bytes=80_000, connection_window_bytes=120_000)
NAME = st.from_regex(rb"\Ax-[a-z0-9]{1,8}\Z")
VALUE = st.from_regex(rb"\A(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]{0,30}[!-~\x80-\xff])?)?\Z")
MORE = st.lists(st.tuples(NAME, VALUE), max_size=5)
BODIES = st.lists(
    st.binary(min_size=1, max_size=60) | st.integers(1, 200_000).map(lambda size: b"x" * size), max_size=4
)
MESSAGE = st.fixed_dictionaries(
    {"path": st.from_regex(rb"\A/[!-~]{0,20}\Z"), "more": MORE, "parts": BODIES, "trailers": MORE}
)
EXCHANGES = st.lists(st.tuples(MESSAGE, MESSAGE, st.booleans()), min_size=1, max_size=4)
CUTS = st.lists(st.integers(1, 20_000), min_size=1, max_size=6)


class Reference:
    """h2 in the manner of our own connection."""

    def __init__(self, is_client) -> None:
        config = h2.config.H2Configuration(client_side=is_client, header_encoding=None)
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.got = {}

    def receive(self, data):
        for event in self.h2.receive_data(data):
            stream = getattr(event, "stream_id", 0)
            message = self.got.setdefault(stream, {"heads": [], "body": b"", "trailers": [], "is_end": False})
            match event:
                case h2.events.DataReceived():
                    message["body"] += event.data
                    self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
                case h2.events.TrailersReceived():
                    message["trailers"] = plain(event.headers)
                case h2.events.StreamEnded():
                    message["is_end"] = True
                case h2.events.ConnectionTerminated() | h2.events.StreamReset():
                    raise AssertionError(event)
                case (
                    h2.events.RequestReceived()
                    | h2.events.ResponseReceived()
                    | h2.events.InformationalResponseReceived()
                ):
                    message["heads"].append(plain(event.headers))

    def head(self, stream, pairs, is_end):
        self.h2.send_headers(stream, pairs, end_stream=is_end)

    def data(self, stream, data, is_end):
        room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(data))
        self.h2.send_data(stream, data[:room], end_stream=is_end and room == len(data))
        return room

    def take(self):
        return self.h2.data_to_send()


class Ours:
    """Our connection, which remembers in the same form."""

    def __init__(self, is_client) -> None:
        self.connection = Http2Connection(is_client, LIMITS)
        self.connection.start()
        self.got = {}

    def receive(self, data):
        for event in self.connection.receive(data, 0.0):
            stream = getattr(event, "stream", 0)
            message = self.got.setdefault(stream, {"heads": [], "body": b"", "trailers": [], "is_end": False})
            match event:
                case HeadReceived():
                    message["heads"].append([(name, value) for name, value, _ in event.head.fields])
                case DataReceived():
                    message["body"] += event.data
                    self.connection.consumed(stream, event.credit)
                case EndReceived():
                    message["trailers"] = parse_fields(event.trailers)
                    message["is_end"] = True
                case StreamReset():
                    raise AssertionError(event)

    def head(self, stream, pairs, is_end):
        fields = tuple((name, value, False) for name, value in pairs)
        if self.connection.is_open(stream):
            self.connection.send_head(stream, fields, is_end)
        else:
            assert self.connection.open_stream(fields, is_end) == stream

    def data(self, stream, data, is_end):
        return self.connection.send_data(stream, data, is_end)

    def take(self):
        return self.connection.take_output()


def plain(headers):
    return [(bytes(name), bytes(value)) for name, value in headers]


def deliver(sender, receiver, cuts):
    """Carry what `sender` has to say over, in pieces of these sizes; True when there was something."""
    data = sender.take()
    position = turn = 0
    while position < len(data):
        size = cuts[turn % len(cuts)]
        receiver.receive(data[position : position + size])
        position += size
        turn += 1
    return bool(data)


def settle(one, other, cuts):
    while deliver(one, other, cuts) | deliver(other, one, cuts):
        pass


def say(speaker, listener, stream, start, message, cuts):
    """Say a whole message as the windows allow, and return what the listener must have got."""
    parts, trailers = message["parts"], message["trailers"]
    head = [*start, *message["more"]]
    speaker.head(stream, head, not parts and not trailers)
    for number, part in enumerate(parts):
        is_end = number == len(parts) - 1 and not trailers
        while True:
            taken = speaker.data(stream, part, is_end)
            part = part[taken:]
            if not part:
                break
            settle(speaker, listener, cuts)
    if trailers:
        speaker.head(stream, trailers, True)
    settle(speaker, listener, cuts)
    return {"body": b"".join(parts), "trailers": trailers, "is_end": True}, head


@pytest.mark.parametrize("we_are_client", [True, False])
@given(exchanges=EXCHANGES, cuts=CUTS)
@settings(deadline=None, max_examples=60)
def test_what_one_says_the_other_understands(we_are_client, exchanges, cuts):
    client, server = (Ours(True), Reference(False)) if we_are_client else (Reference(True), Ours(False))
    settle(client, server, cuts)
    for number, (request, response, has_hint) in enumerate(exchanges):
        stream = 1 + 2 * number
        start = [
            (b":method", b"POST"),
            (b":scheme", b"https"),
            (b":authority", b"shop.test"),
            (b":path", request["path"]),
        ]
        expected, head = say(client, server, stream, start, request, cuts)
        assert server.got[stream] == {"heads": [head], **expected}
        heads = []
        if has_hint:
            heads.append([(b":status", b"103"), (b"link", b"</a.css>")])
            server.head(stream, heads[0], False)
        expected, head = say(server, client, stream, [(b":status", b"200")], response, cuts)
        assert client.got[stream] == {"heads": [*heads, head], **expected}
    ours = client if we_are_client else server
    assert ours.connection.stream_count == 0


@pytest.mark.parametrize("we_are_client", [True, False])
def test_resets_pings_and_farewells(we_are_client):
    client, server = (Ours(True), Reference(False)) if we_are_client else (Reference(True), Ours(False))
    settle(client, server, [7])
    head = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"shop.test"), (b":path", b"/")]
    client.head(1, head, True)
    client.head(3, head, False)
    settle(client, server, [7])
    ours, reference = (client, server) if we_are_client else (server, client)
    reference.h2.ping(b"12345678")
    ours.connection.reset(3, frame.CANCEL)
    events = reference.h2.receive_data(ours.take())
    assert [type(event) for event in events] == [h2.events.StreamReset]
    ours.receive(reference.take())
    events = reference.h2.receive_data(ours.take())
    assert [type(event) for event in events] == [h2.events.PingAckReceived]
    reference.h2.reset_stream(1, frame.REFUSED_STREAM)
    (event,) = ours.connection.receive(reference.take(), 0.0)
    assert event == StreamReset(1, frame.REFUSED_STREAM, False, True)
    ours.connection.go_away(frame.NO_ERROR, b"bye")
    (event,) = reference.h2.receive_data(ours.take())
    assert (event.error_code, event.additional_data) == (0, b"bye")
