"""The time of an exchange: what its phases add up to, from the connection opened for it to the end, whatever became of it."""

import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.engine.recording.report import Report
from proxy_core.engine.recording.report_event import encode_report
from proxy_core.formats.har_writer import HarSource, har_entry
from proxy_core.model.event import decode_detail, decode_event
from proxy_core.model.exchange import ExchangeDetail, ExchangeRow, ExchangeState, Timings
from tests.support.conversation import wait_for
from tests.support.tls_conversation import OK, answer_all, connect_through, https_origin


def told(report: Report) -> tuple[ExchangeRow, Timings]:
    event = decode_event(encode_report(report))
    return ExchangeRow(0, *event.row), timings_of(decode_detail(event.detail))


def timings_of(detail: ExchangeDetail) -> Timings:
    return Timings(*msgspec.msgpack.decode(detail.timings, type=list[int]))


def total(timings: Timings) -> int:
    return sum(each for each in timings if each >= 0)


def report_of(state: int = ExchangeState.COMPLETE, **marks: float) -> Report:
    report = Report(1, 0)
    report.state = state
    report.start_mark = 100.0
    for name, value in marks.items():
        setattr(report, name, value if name.endswith("_us") else 100.0 + value)
    return report


@pytest.mark.parametrize(
    ("marks", "timings"),
    [
        (
            {"ready_mark": 0.5, "sent_mark": 0.75, "response_mark": 1.0, "received_mark": 2.0},
            Timings(blocked=500_000, send=250_000, wait=250_000, receive=1_000_000),
        ),
        (
            {"ready_mark": 0.5, "opening_us": (100_000, 200_000, 150_000), "received_mark": 0.75},
            Timings(blocked=50_000, dns=100_000, connect=200_000, tls=150_000, send=250_000),
        ),
        ({"received_mark": 30.0}, Timings(blocked=30_000_000)),  # no connection came about
        (
            {"ready_mark": 0.5, "sent_mark": 0.75, "received_mark": 60.75},
            Timings(500_000, send=250_000, wait=60_000_000),
        ),
        (  # answered before the request was sent whole
            {"ready_mark": 0.5, "sent_mark": 1.5, "response_mark": 1.0, "received_mark": 2.0},
            Timings(blocked=500_000, send=500_000, wait=0, receive=1_000_000),
        ),
        (  # answered, and the request never sent whole
            {"ready_mark": 0.5, "response_mark": 1.0, "received_mark": 2.0},
            Timings(blocked=500_000, send=500_000, receive=1_000_000),
        ),
        (  # sent once in vain; the second attempt failed while sending
            {"ready_mark": 0.5, "sent_mark": 0.25, "received_mark": 1.0},
            Timings(blocked=500_000, send=500_000),
        ),
    ],
)
def test_a_phase_lasts_until_the_next_or_the_end(marks, timings):
    row, found = told(report_of(ExchangeState.FAILED, **marks))
    assert found == timings
    assert row.duration_us == total(found)


@given(
    st.lists(st.floats(0, 1e4), min_size=4, max_size=4).map(sorted),
    st.tuples(*[st.booleans()] * 3),
    st.lists(st.integers(-1, 3_000_000_000), min_size=3, max_size=3),
)
def test_the_phases_add_up_to_the_time_however_far_it_came(instants, reached, spent):
    ready, sent, response, received = instants
    names = ("ready_mark", "sent_mark", "response_mark")
    marks = {name: each for name, each, is_reached in zip(names, instants, reached, strict=False) if is_reached}
    if reached[0]:  # what was measured within the time until then, each rounded down
        room = int(ready * 1e6) + 1
        for number, each in enumerate(spent):
            spent[number] = min(each, room)
            room -= max(spent[number], 0)
        marks["opening_us"] = tuple(spent)
    row, timings = told(report_of(received_mark=received, **marks))
    assert row.duration_us == total(timings)
    assert min(timings) >= -1


@pytest.mark.parametrize("state", [ExchangeState.REQUESTING, ExchangeState.WAITING, ExchangeState.RESPONDING])
def test_what_is_under_way_has_no_time_yet(state):
    row, timings = told(report_of(state, ready_mark=0.5, sent_mark=0.75))
    assert row.duration_us is None
    assert timings == Timings(blocked=500_000, send=250_000)


def har_time(exchange) -> float:
    source = HarSource(exchange.row, exchange.detail, None, lambda: iter(()), lambda: iter(()))
    return msgspec.json.decode(b"".join(har_entry(source)))["time"]


def test_a_connection_opened_at_the_connect_counts_for_its_first_exchange(
    start_proxy, start_origin, trusting, example_ca
):
    origin = https_origin(start_origin, example_ca.leaf("localhost"), answer_all)
    proxy = start_proxy(settings=trusting)
    pipe = connect_through(proxy, "localhost", origin.port)
    for _ in range(2):
        pipe.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        pipe.reads_exactly(len(OK))
    first, second = proxy.finished(2)
    timings = timings_of(first.detail)
    assert min(timings.connect, timings.tls) > 0
    assert first.row.duration_us == total(timings) > timings.connect + timings.tls
    assert har_time(first) == pytest.approx(first.row.duration_us / 1000)
    # Nothing of it is told of the second.
    assert timings_of(second.detail)[1:4] == (-1, -1, -1)
    assert second.row.duration_us == total(timings_of(second.detail))


def test_a_connection_that_failed_at_the_connect_counts_for_the_exchange_that_tells_it(start_proxy, start_origin):
    waited_s = []

    def script(upstream):
        upstream.sock.recv(1)
        begin_mark = time.perf_counter()
        wait_for(lambda: time.perf_counter() - begin_mark > 0.05)
        waited_s.append(time.perf_counter() - begin_mark)
        upstream.sends(b"HTTP/1.1 400 This is no TLS\r\n\r\n")

    origin = start_origin(script)
    proxy = start_proxy()
    pipe = connect_through(proxy, "localhost", origin.port)
    pipe.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    exchange = proxy.only()
    assert exchange.row.failure
    assert exchange.row.duration_us >= waited_s[0] * 1e6
    assert exchange.row.duration_us == total(timings_of(exchange.detail))
    assert har_time(exchange) == pytest.approx(exchange.row.duration_us / 1000)
