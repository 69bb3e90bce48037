"""Bodies taken apart and facts told, without Qt."""

import gzip
import json
import zlib

import brotli
import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from app.inspection import body_content
from app.inspection.body_content import BodyKind, load_body
from app.inspection.facts import certificate_facts, connection_sections, head_lines, overview, phases, timing_title
from proxy_core.capture.reader import CaptureReader
from proxy_core.model.exchange import ConnectionRow, ExchangeFlag, ExchangeState
from proxy_core.model.message_head import parse_head
from tests.support.captures import LiveCapture, Sample
from tests.support.test_ca import ExampleCa


@pytest.fixture
def load(tmp_path):
    """Adds a sample; gives what its response body is taken apart to."""
    capture = LiveCapture(tmp_path / "a.live")
    readers = []

    def make(body: bytes, content_type: str = "", coding: str = ""):
        fields = [("Content-Encoding", coding)] if coding else []
        exchange_id = capture.add(Sample(response_body=body, content_type=content_type, response_fields=fields))[0]
        readers.append(CaptureReader(str(capture.folder)))
        detail = readers[-1].detail(exchange_id)
        return load_body(readers[-1], detail.response_body, parse_head(detail.response_head))

    yield make
    for reader in readers:
        reader.close()
    capture.close()


@pytest.fixture
def shown(tmp_path):
    """Adds a sample; gives its row and detail."""
    capture = LiveCapture(tmp_path / "b.live")
    readers = []

    def make(sample: Sample):
        exchange_id = capture.add(sample)[0]
        readers.append(CaptureReader(str(capture.folder)))
        return readers[-1].rows([exchange_id])[exchange_id], readers[-1].detail(exchange_id)

    yield make
    for reader in readers:
        reader.close()
    capture.close()


def lines(shown_lines) -> list[str]:
    return [shown_lines.text(number) for number in range(shown_lines.count)]


@pytest.mark.parametrize(
    ("content_type", "body", "kind"),
    [
        ("application/json; charset=utf-8", b"{}", BodyKind.JSON),
        ("application/problem+json", b"{}", BodyKind.JSON),
        ("text/plain", b'{"a": 1}', BodyKind.JSON),
        ("", b'[{"a": 1}]', BodyKind.JSON),
        ("text/html", b"<p>", BodyKind.MARKUP),
        ("application/rss+xml", b"<rss/>", BodyKind.MARKUP),
        ("", b"<?xml version='1.0'?><a/>", BodyKind.MARKUP),
        ("text/javascript", b"let a", BodyKind.SCRIPT),
        ("text/css", b"a {}", BodyKind.STYLE),
        ("application/x-www-form-urlencoded", b"a=b", BodyKind.FORM),
        ("multipart/form-data; boundary=x", b"--x--", BodyKind.MULTIPART),
        ("image/webp", b"RIFF", BodyKind.IMAGE),
        ("application/octet-stream", b"\x89PNG\r\n\x1a\n", BodyKind.IMAGE),
        ("text/plain", b"words", BodyKind.TEXT),
        ("", b"only words", BodyKind.TEXT),
        ("application/octet-stream", bytes(range(256)), BodyKind.BINARY),
    ],
)
def test_what_a_body_is(load, content_type, body, kind):
    content = load(body, content_type)
    assert content.kind is kind
    assert content.data == body


def test_no_body(load):
    assert load(b"", "text/plain").kind is BodyKind.EMPTY


@pytest.mark.parametrize(
    ("coding", "encode"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("br", brotli.compress), ("br, gzip", None)],
)
def test_codings_are_undone(load, coding, encode):
    data = json.dumps({"name": "Größe"}).encode() * 3
    wire = encode(data) if encode else gzip.compress(brotli.compress(data))
    content = load(wire, "text/plain", coding)
    assert (content.data, content.wire_length, content.coding) == (data, len(wire), coding)


def test_a_bomb_is_shown_as_far_as_the_limit(load, monkeypatch):
    monkeypatch.setattr(body_content, "SHOWN_LIMIT_BYTES", 1 << 20)
    content = load(gzip.compress(bytes(50 << 20)), "application/octet-stream", "gzip")
    assert content.is_truncated
    assert len(content.data) == 1 << 20


def test_a_damaged_coding_says_so_and_shows_what_there_is(load):
    whole = gzip.compress(b"reed bed\n" * 2000)
    cut = load(whole[:-20], "text/plain", "gzip")
    assert "ends too early" in cut.problem
    assert cut.data.startswith(b"reed bed\n")
    wrong = load(b"no gzip", "text/plain", "gzip")
    assert wrong.data == b"no gzip"
    assert wrong.problem


@pytest.mark.parametrize("charset", ["latin-1", "shift_jis", "utf-16"])
def test_a_declared_charset_is_used(load, charset):
    text = "日本" if charset != "latin-1" else "Größe"
    content = load(text.encode(charset), f"text/plain; charset={charset}")
    assert lines(content.raw) == [text]


def test_large_bodies_are_not_laid_out_but_shown_raw(load, monkeypatch):
    monkeypatch.setattr(body_content, "LAID_OUT_LIMIT_BYTES", 100)
    content = load(json.dumps(list(range(200))).encode(), "application/json")
    assert content.pretty is None
    assert content.raw is not None


def test_a_form_is_told_pair_by_pair(load):
    content = load(b"name=Anna+B&note=caf%C3%A9&empty=&%ff=%zz", "application/x-www-form-urlencoded")
    assert lines(content.pretty)[:3] == ["name = Anna B", "note = café", "empty = "]


def test_parts_are_told_with_what_they_hold(load):
    body = (
        b'--x\r\nContent-Disposition: form-data; name="what"\r\n\r\ntripod\r\n'
        b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
        b"\x89PNG\0\0\r\n--x--\r\n"
    )
    told = lines(load(body, "multipart/form-data; boundary=x").pretty)
    assert told == ["what = tripod", "photo = a.png (image/png, 6 bytes)"]


def test_heads_are_told_field_by_field_with_what_came_before_and_behind():
    interim = msgspec.msgpack.encode([[12, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"]])
    head = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a:  2 \r\n\r\n"
    told = head_lines(head, b"X-Sum: 3\r\n", interim)
    assert told[0] == "↳ HTTP/1.1 103 Early Hints"
    assert told[2:5] == ["HTTP/1.1 200 OK", "X-A: 1", "x-a: 2"]
    assert told[-2:] == ["↳ Trailers", "X-Sum: 3"]
    assert head_lines(b"", None, b"\xff damaged") == []


def facts_of(sections) -> dict[str, str]:
    return {fact.name: fact.value for section in sections for fact in section.facts}


def test_a_failure_is_told_in_its_sentence(shown):
    row, detail = shown(
        Sample(status=None, state=ExchangeState.FAILED, failure="connection_refused", failure_text="Refused by it.")
    )
    facts = facts_of(overview(row, detail, None))
    assert facts["Failure"] == "Refused by it."
    assert facts["URL"] == "https://shop.test/"


def test_what_is_not_whole_is_remarked(shown):
    flags = ExchangeFlag.RESPONSE_INCOMPLETE | ExchangeFlag.BODY_NOT_RECORDED | ExchangeFlag.OWN_RESPONSE
    row, detail = shown(Sample(flags=int(flags)))
    sections = overview(row, detail, None)
    assert [section.title for section in sections] == ["General", "Remarks"]
    assert len(sections[1].facts) == 2
    assert "Harrier itself" in facts_of(sections)["Answered by"]


def test_both_connections_are_told(shown):
    row, _ = shown(Sample(flags=int(ExchangeFlag.UPSTREAM_REUSED)))
    client = ConnectionRow(1, 0, 0, "::1", 5000, "::1", 8080, None)
    upstream = ConnectionRow(2, 1, 0, "10.0.0.7", 443, "10.0.0.2", 5001, b"\xff damaged")
    sections = connection_sections(row, client, upstream)
    assert [section.title for section in sections] == ["Client", "Upstream"]
    assert sections[0].facts[0].value == "[::1]:5000"
    assert facts_of(sections[1:])["Use"] == "reused"


def test_a_certificate_is_told_and_an_unreadable_one_says_so():
    leaf = ExampleCa().leaf("shop.test", "127.0.0.1")
    facts = {fact.name: fact.value for fact in certificate_facts(leaf.certificate.public_bytes(Encoding.DER))}
    assert "shop.test" in facts["Names"]
    assert len(facts["SHA-256"]) == 95
    assert certificate_facts(b"no certificate")[0].name == "Unreadable"


def test_phases_add_up_and_damaged_ones_are_unknown(shown):
    _, detail = shown(Sample())
    told = phases(detail)
    assert [phase.name for phase in told] == ["Blocked", "DNS", "Connect", "TLS", "Send", "Wait", "Receive"]
    assert timing_title(told) == "Timing · 38 ms"
    assert all(phase.duration_us == -1 for phase in phases(detail._replace(timings=b"\xc1")))
    assert timing_title(phases(detail._replace(timings=b""))) == "Timing"
