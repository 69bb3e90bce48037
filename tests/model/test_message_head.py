"""The lenient reading of heads: nothing is refused, and nothing costs more than its length."""

import pytest

from proxy_core.model.message_head import parse_fields, parse_head


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        (b"A: b\r\n c\r\n\t d \r\nE: f\r\n", [(b"A", b"b c d"), (b"E", b"f")]),
        (b"A:\r\n b\r\n", [(b"A", b"b")]),
        (b"A: b\r\n \r\n  \t\r\n c\r\n", [(b"A", b"b c")]),
        (b"A: b\n c", [(b"A", b"b c")]),
        (b" no field before\r\nA: b\r\n", [(b"no field before", b""), (b"A", b"b")]),
        (b"A\r\n b\r\n", [(b"A", b"b")]),
    ],
)
def test_folded_lines_are_joined(raw, fields):
    assert [(name.strip(), value) for name, value in parse_fields(raw)] == fields


def test_a_field_of_a_million_folded_lines_costs_its_length():
    # A second; with a copy of the value for each line it was minutes.
    head = parse_head(b"HTTP/1.1 200 OK\r\nA: b" + b"\r\n c" * 1_000_000 + b"\r\n\r\n")
    assert head.fields == [(b"A", b"b" + b" c" * 1_000_000)]


def test_pseudo_fields_are_kept_apart():
    head = parse_head(b"GET / HTTP/2\r\n:method: GET\r\n:path: /a:b\r\nhost: x\r\n:path: /late\r\n\r\n")
    assert head.start_line == b"GET / HTTP/2"
    assert head.pseudo == [(b":method", b"GET"), (b":path", b"/a:b")]
    assert [name for name, _ in head.fields] == [b"host", b""]
    assert parse_head(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n").pseudo == []
