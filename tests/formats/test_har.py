"""HAR out and in: valid for the strict, lossless between Harriers, tolerant of what others write."""

import base64
import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy_core.capture.reader import CaptureReader
from proxy_core.formats import content_coding
from proxy_core.formats.har_reader import HarError, read_har
from proxy_core.formats.har_repairs import HarRepairs
from proxy_core.model.exchange import ExchangeKind, ExchangeState
from proxy_core.tasks.conversion_report import ConversionError
from proxy_core.tasks.convert import convert
from proxy_core.tasks.har_export import export_har
from proxy_core.tasks.har_import import import_har
from tests.support.captures import LiveCapture, Sample
from tests.support.har_validation import check_har

BINARY = bytes(range(256)) * 5
SAMPLES = [
    Sample("/a?x=1&y=%zz&z", content_type="application/json", response_body=b'{"a": [1, 2]}'),
    Sample("/png", content_type="image/png", response_body=BINARY),
    Sample(
        "/coded",
        content_type="text/html; charset=utf-8",
        response_body=gzip.compress("<p>Grüße</p>".encode() * 100),
        response_fields=[("Content-Encoding", "gzip"), ("Set-Cookie", "a=b; Expires=Wed, 21 Oct 2026 07:28:00 GMT")],
    ),
    Sample("/broken", response_body=b"not gzip", response_fields=[("Content-Encoding", "gzip")]),
    Sample(
        "/form",
        method="POST",
        request_body=b"a=1&b=100%&c=%C3%BC&d",
        request_fields=[("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", "s=1; t=2")],
    ),
    Sample("/upload", method="PUT", request_body=BINARY, request_fields=[("content-type", "application/x-thing")]),
    Sample("/two", response_fields=[("Content-Type", "text/html"), ("X-Empty", "")]),
    Sample("/refused", status=None, state=ExchangeState.FAILED, failure="connection_refused", failure_text="Refused."),
    Sample("/pending", status=None, state=ExchangeState.WAITING),
    Sample(
        "/trailers",
        response_trailers=b"X-Sum: 1\r\n",
        interim=msgspec.msgpack.encode([(5, b"HTTP/1.1 103 Early Hints\r\n\r\n")]),
    ),
    Sample("", method="CONNECT", kind=ExchangeKind.TUNNEL, scheme="", host="pinned.test"),
    Sample("/ö#frag", host="[::1]".strip("[]"), response_body="snow ☃ \ud83d".encode("utf-8", "surrogatepass")),
]


@pytest.fixture
def live(tmp_path):
    capture = LiveCapture(tmp_path / "test.live")
    capture.add_connections()
    capture.add(*SAMPLES)
    yield capture
    capture.close()


@pytest.fixture
def exported(live, tmp_path) -> Path:
    reader = CaptureReader(str(live.folder))
    assert export_har(reader, str(tmp_path / "out.har")) == len(SAMPLES) - 1
    reader.close()
    return tmp_path / "out.har"


def entry_of(log, path):
    (found,) = [entry for entry in log["entries"] if entry["request"]["url"].split("test")[-1].startswith(path)]
    return found


def test_the_strict_take_it(exported):
    log = check_har(exported)
    assert [tunnel["host"] for tunnel in log["_tunnels"]] == ["pinned.test"]


def test_bodies_are_decoded_text_or_base64(exported):
    log = check_har(exported)
    coded = entry_of(log, "/coded")["response"]
    assert coded["content"]["text"] == "<p>Grüße</p>" * 100
    assert coded["content"]["compression"] == coded["content"]["size"] - coded["bodySize"] > 0
    assert coded["cookies"][0]["expires"] == "2026-10-21T07:28:00.000Z"
    image = entry_of(log, "/png")["response"]["content"]
    assert (image["encoding"], base64.b64decode(image["text"])) == ("base64", BINARY)
    broken = entry_of(log, "/broken")["response"]["content"]
    assert (broken["text"], "gzip" in broken["comment"]) == ("not gzip", True)


def test_requests_with_bodies(exported):
    log = check_har(exported)
    form = entry_of(log, "/form")["request"]
    assert form["postData"]["text"] == "a=1&b=100%&c=%C3%BC&d"
    assert form["postData"]["params"][1] == {"name": "b", "value": "100%25"}
    assert [cookie["name"] for cookie in form["cookies"]] == ["s", "t"]
    upload = entry_of(log, "/upload")["request"]
    assert base64.b64decode(upload["_content"]["text"]) == BINARY
    assert upload["postData"]["text"] == ""


def test_failures_have_status_0_and_a_reason(exported):
    failed = entry_of(check_har(exported), "/refused")
    assert failed["response"]["status"] == 0
    assert failed["_error"] == "Refused."


def test_tunnels_that_are_no_entries_are_counted_on_either_way(tmp_path):
    tunnel = Sample("", method="CONNECT", kind=ExchangeKind.TUNNEL, scheme="")
    capture = LiveCapture(tmp_path / "a.live")
    capture.add(tunnel, Sample("/a"), tunnel, tunnel)
    out = convert(capture.close(), str(tmp_path / "a.har"))
    assert (out.exchanges, out.repairs) == (
        1,
        ["3 tunnels are not among the entries: HAR has no place for bytes that were relayed unread."],
    )
    back = convert(str(tmp_path / "a.har"), str(tmp_path / "b.harrier"))
    assert back.repairs == [
        "3 tunnels are not taken over: the file tells only where they led, and how much was relayed."
    ]


@pytest.mark.parametrize("sample", [Sample("/ws", status=101, kind=2), Sample("/other", status=101)])
def test_what_was_relayed_behind_the_heads_is_of_no_body_and_comes_back(tmp_path, sample):
    capture = LiveCapture(tmp_path / "a.live")
    capture.add(sample)
    folder = capture.close()
    with closing(sqlite3.connect(f"{folder}/index.sqlite")) as database:
        database.execute("UPDATE exchange SET request_bytes = 65, response_bytes = 80, flags = flags | 32")
        database.commit()
    convert(folder, str(tmp_path / "a.har"))
    (entry,) = check_har(tmp_path / "a.har")["entries"]
    request, response = entry["request"], entry["response"]
    assert "postData" not in request
    assert (request["bodySize"], response["bodySize"], response["content"]["size"]) == (0, 0, 0)
    assert response["_transferSize"] == response["headersSize"]
    convert(str(tmp_path / "a.har"), str(tmp_path / "b.harrier"))
    with closing(CaptureReader(str(tmp_path / "b.harrier"))) as reader:
        row = reader.rows([1])[1]
    assert (row.kind, row.request_bytes, row.response_bytes) == (sample.kind, 65, 80)


def test_timings_and_addresses(exported):
    entry = entry_of(check_har(exported), "/a")
    assert entry["timings"] == {
        "blocked": 0.2,
        "dns": 1.1,
        "connect": 9.2,
        "ssl": 6.2,
        "send": 0.4,
        "wait": 22.3,
        "receive": 4.8,
    }
    assert (entry["serverIPAddress"], entry["_serverPort"]) == ("10.0.0.7", 443)
    assert entry["connection"].isdigit()


def test_what_harrier_wrote_harrier_reads_without_loss(live, exported, tmp_path):
    target = str(tmp_path / "back.harrier")
    report = convert(str(exported), target)
    assert report.exchanges == len(SAMPLES) - 1
    assert report.repairs == [
        "1 tunnel is not taken over: the file tells only where they led, and how much was relayed.",
    ]
    before, after = CaptureReader(str(live.folder)), CaptureReader(target)
    originals = [each for each in before.ids() if before.rows([each])[each].kind != ExchangeKind.TUNNEL]
    for old_id, new_id in zip(originals, after.ids(), strict=True):
        old, new = before.rows([old_id])[old_id], after.rows([new_id])[new_id]
        if old.state < ExchangeState.COMPLETE:
            assert new.failure == "imported"  # it was under way, and will never end
            continue
        same = ("started_at", "method", "scheme", "port", "status", "media_type", "failure", "flags")
        assert [getattr(old, name) for name in same] == [getattr(new, name) for name in same]
        old_detail, new_detail = before.detail(old_id), after.detail(new_id)
        assert old_detail.request.head == new_detail.request.head
        assert old_detail.request.version == new_detail.request.version == "HTTP/1.1"
        assert old_detail.response.version == new_detail.response.version
        assert old_detail.timings == new_detail.timings
        assert old_detail.response.trailers == new_detail.response.trailers
        assert old_detail.interim == new_detail.interim
        if b"Content-Encoding" not in old_detail.response.head:
            assert old_detail.response.head == new_detail.response.head
            assert before.read_body(old_detail.response.body) == after.read_body(new_detail.response.body)
    before.close()
    after.close()


def test_a_large_body_is_streamed_and_right(tmp_path):
    live = LiveCapture(tmp_path / "large.live")
    text, binary = ("Zeile ☃\n" * 200_000).encode(), BINARY * 2000
    live.add(
        Sample("/text", response_body=gzip.compress(text), response_fields=[("Content-Encoding", "gzip")]),
        Sample("/binary", response_body=binary),
    )
    reader = CaptureReader(live.close())
    export_har(reader, str(tmp_path / "large.har"))
    reader.close()
    log = check_har(tmp_path / "large.har")
    assert entry_of(log, "/text")["response"]["content"]["text"] == text.decode()
    assert base64.b64decode(entry_of(log, "/binary")["response"]["content"]["text"]) == binary


def test_a_body_that_expands_beyond_measure_is_left_as_it_came_and_the_entry_says_so(tmp_path):
    bomb = gzip.compress(gzip.compress(gzip.compress(bytes(1 << 30))))
    assert len(bomb) < 6000
    live = LiveCapture(tmp_path / "bomb.live")
    fields = [("Content-Encoding", "gzip, gzip, gzip")]
    live.add(
        Sample("/bomb", response_body=bomb, response_fields=fields),
        Sample("/upload", method="POST", request_body=bomb, request_fields=fields),
    )
    reader = CaptureReader(live.close())
    export_har(reader, str(tmp_path / "bomb.har"))
    reader.close()
    assert (tmp_path / "bomb.har").stat().st_size < 50_000
    log = check_har(tmp_path / "bomb.har")
    content = entry_of(log, "/bomb")["response"]["content"]
    assert base64.b64decode(content["text"]) == bomb
    assert "200 times" in content["comment"]
    request = entry_of(log, "/upload")["request"]
    assert base64.b64decode(request["_content"]["text"]) == bomb
    assert "200 times" in request["_content"]["comment"]


def test_many_small_bombs_share_what_one_file_may_expand_to(tmp_path, monkeypatch):
    monkeypatch.setattr(content_coding.Expansion.__init__, "__defaults__", (3 << 20,))
    bomb = gzip.compress(b"a" * (1 << 20))
    live = LiveCapture(tmp_path / "bombs.live")
    live.add(
        *(Sample(f"/{n}", response_body=bomb, response_fields=[("Content-Encoding", "gzip")]) for n in range(20)),
        Sample("/fine", response_body=gzip.compress(b"fine"), response_fields=[("Content-Encoding", "gzip")]),
    )
    reader = CaptureReader(live.close())
    export_har(reader, str(tmp_path / "bombs.har"))
    reader.close()
    assert (tmp_path / "bombs.har").stat().st_size < 5 << 20
    log = check_har(tmp_path / "bombs.har")
    assert "text" in entry_of(log, "/0")["response"]["content"]
    last = entry_of(log, "/19")["response"]["content"]
    assert base64.b64decode(last["text"]) == bomb
    assert "expands" in last["comment"]
    assert entry_of(log, "/fine")["response"]["content"]["text"] == "fine"


def test_a_body_can_not_pass_for_another(tmp_path):
    """Whatever stands in a small body, a large one of the same entry stays where it is."""
    large = b"x" * (3 << 20)
    small = "\ue000harrier-body-0\ue001 \0 \\u0000".encode()
    live = LiveCapture(tmp_path / "two.live")
    live.add(
        Sample("/small-first", method="POST", request_body=small, response_body=large),
        Sample("/large-first", method="POST", request_body=large, response_body=small),
        Sample("/both", method="POST", request_body=large, response_body=large[1:]),
    )
    reader = CaptureReader(live.close())
    export_har(reader, str(tmp_path / "two.har"))
    reader.close()
    log = check_har(tmp_path / "two.har")
    bodies = [
        (entry["request"]["postData"]["text"].encode(), entry["response"]["content"]["text"].encode())
        for entry in log["entries"]
    ]
    assert bodies == [(small, large), (large, small), (large, large[1:])]


OTHERS = [
    ("mitmproxy", {"response": {"status": 200, "content": {}, "headers": [], "httpVersion": "HTTP/2.0"}}),
    ("nulls", {"response": {"status": 200, "statusText": None, "redirectURL": None, "content": {"mimeType": None}}}),
    ("pairs", {"response": {"status": 200, "headers": [["A", "b"], ["C", 3]], "content": {"text": "x"}}}),
    ("no response", {}),
    ("null response", {"response": None}),
    ("bad base64", {"response": {"status": 200, "content": {"text": "%%%", "encoding": "base64"}}}),
    ("strings", {"time": "12", "response": {"status": "200", "content": {"size": "x"}}}),
    ("pseudo headers", {"response": {"status": 200, "headers": [{"name": ":status", "value": "200"}], "content": {}}}),
]


@pytest.mark.parametrize(("extra"), [extra for _, extra in OTHERS], ids=[name for name, _ in OTHERS])
def test_what_others_write_is_read(tmp_path, extra):
    entry = {"startedDateTime": "2026-01-02T03:04:05.678Z", "request": {"method": "GET", "url": "http://a.test/x"}}
    path = tmp_path / "other.har"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"log": {"entries": [{**entry, **extra}]}}).encode())
    report = import_har(str(path), str(tmp_path / "other.harrier"))
    assert report.exchanges == 1
    reader = CaptureReader(str(tmp_path / "other.harrier"))
    row = reader.rows([1])[1]
    reader.close()
    assert (row.host, row.path, row.port) == ("a.test", "/x", 80)


def test_a_file_that_breaks_off_keeps_what_it_had(exported, tmp_path):
    cut = tmp_path / "cut.har"
    raw = exported.read_bytes()
    cut.write_bytes(raw[: raw.index(b"/form")])
    report = convert(str(cut), str(tmp_path / "cut.harrier"))
    assert report.exchanges == 4
    assert any("breaks off" in sentence for sentence in report.repairs)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": 1}', b"\x00\xff", b"<html>", b'{"log": {"entries": 3}}'])
def test_no_har_is_one_sentence_and_no_file(tmp_path, content):
    path = tmp_path / "no.har"
    path.write_bytes(content)
    with pytest.raises(ConversionError) as caught:
        convert(str(path), str(tmp_path / "no.harrier"))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "no.harrier").exists()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "request response url method headers name value content text encoding timings status _harrier flags"
                " startedAt duration requestHead postData params connection serverIPAddress time bodySize acts"
                " requestForwardedHead responseForwardedHead requestForwardedBody responseForwardedBody".split()
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(JSON)
@settings(max_examples=200, deadline=None)
def test_any_entry_is_read_or_left_out(tmp_path_factory, value):
    folder = tmp_path_factory.mktemp("any")
    path = folder / "any.har"
    path.write_text(
        json.dumps({"log": {"entries": [value]}}, allow_nan=False, default=str) if _is_json(value) else "{}"
    )
    try:
        import_har(str(path), str(folder / "any.harrier"))
    except ConversionError as error:
        assert "\n" not in str(error)


def _is_json(value) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


def test_reading_hands_out_entries_before_it_fails(tmp_path):
    path = tmp_path / "cut.har"
    path.write_text('{"log": {"entries": [{"request": {"url": "http://a/"}}, {"req')
    entries = []
    with open(path, "rb") as file, pytest.raises(HarError, match="1 entries before are kept"):
        entries.extend(read_har(file, HarRepairs()))
    assert not entries or entries[0].row.host == "a"
