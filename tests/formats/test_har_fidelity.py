"""HAR → capture → HAR: what others wrote is kept, or it is told how much was not; hostile files cost no memory."""

import json
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from proxy_core.capture.reader import CaptureReader
from proxy_core.formats.har_form import body_of_params
from proxy_core.formats.json_stream import MOST_DEPTH
from proxy_core.model.exchange import ExchangeFlag, ExchangeKind
from proxy_core.tasks.conversion_report import ConversionError, ConversionReport
from proxy_core.tasks.convert import convert
from proxy_core.tasks.har_import import import_har
from tests.support.har_validation import check_har


def entry(url: str = "http://a.test/x", *, request: Any = None, response: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "startedDateTime": "2026-01-02T03:04:05.678Z",
        "time": 12,
        "request": {"method": "GET", "url": url, "headers": [], **(request or {})},
        "response": {"status": 200, "statusText": "OK", "headers": [], "content": {"text": "x"}, **(response or {})},
        **more,
    }


@dataclass(frozen=True)
class Many:
    """A long text that is made when it is wanted: there are many of them, and each worker collects all tests."""

    piece: str
    count: int
    before: str = ""
    behind: str = ""

    def text(self) -> str:
        return self.before + self.piece * self.count + self.behind


class Trip:
    """Entries imported and exported again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, *entries: dict[str, Any], **log: Any) -> list[dict[str, Any]]:
        source = self._folder / "source.har"
        source.write_text(json.dumps({"log": {"pages": [], **log, "entries": list(entries)}}))
        return self.of_file(source)

    def of_file(self, source: Path) -> list[dict[str, Any]]:
        self.report: ConversionReport = convert(str(source), str(self._folder / "between.harrier"))
        convert(str(self._folder / "between.harrier"), str(self._folder / "target.har"))
        found: list[dict[str, Any]] = check_har(self._folder / "target.har")["entries"]
        return found

    def reader(self) -> CaptureReader:
        return CaptureReader(str(self._folder / "between.harrier"))

    @property
    def told(self) -> str:
        return " ".join(self.report.repairs)


@pytest.fixture
def trip(tmp_path) -> Trip:
    return Trip(tmp_path)


def test_entries_with_one_connection_name_keep_their_addresses(trip):
    """Firefox calls a connection by the server's port."""
    addresses = ["10.0.0.1", "10.0.0.2", "10.0.0.1", "::1"]
    found = trip(*(entry(serverIPAddress=address, connection="443") for address in addresses))
    assert [each["serverIPAddress"] for each in found] == addresses
    names = [each["connection"] for each in found]
    assert names[0] == names[2] == "443"
    assert len(set(names)) == 3


def test_connections_without_number_or_address_are_kept_apart(trip):
    found = trip(
        entry(serverIPAddress="10.0.0.1", connection="a"),
        entry(serverIPAddress="10.0.0.1", connection="b"),
        entry(serverIPAddress="10.0.0.1", connection="a"),
        entry(serverIPAddress="10.0.0.9"),
        entry(connection="4"),
        entry(),
    )
    names = [each.get("connection") for each in found]
    assert names[0] == names[2]
    assert len(set(names)) == 5
    assert [each.get("serverIPAddress") for each in found] == ["10.0.0.1"] * 3 + ["10.0.0.9", None, None]
    assert names[4:] == ["4", None]


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("HTTP/1.0", "HTTP/1.0"),
        ("http/1.1", "HTTP/1.1"),
        ("", ""),
        ("unknown", ""),
        ("h2", "http/2.0"),
        ("http/2.0", "http/2.0"),
        ("HTTP/2", "http/2.0"),
        ("h3", "HTTP/3"),
        ("HTTP/3", "HTTP/3"),
        ("h3-29", "HTTP/3"),
    ],
)
def test_the_version_of_http_is_kept(trip, told, kept):
    message = {"httpVersion": told}
    (found,) = trip(entry(request=message, response={**message, "statusText": ""}))
    assert (found["request"]["httpVersion"], found["response"]["httpVersion"]) == (kept, kept)
    assert (found["response"]["status"], found["response"]["statusText"]) == (200, "")


def test_a_type_that_nobody_knew_is_none(trip):
    """Chrome has a word for it, and so have we."""
    (found,) = trip(entry(response={"content": {"text": "x", "mimeType": "x-unknown"}}))
    assert found["response"]["content"]["mimeType"] == "x-unknown"
    with closing(trip.reader()) as reader:
        assert reader.rows([1])[1].media_type == ""


def test_what_a_capture_has_no_place_for_is_counted(trip):
    messages = [{"type": "send", "time": 1.5, "opcode": 1, "data": "a"}] * 3
    page = {"startedDateTime": "2026-01-02T03:04:05Z", "id": "page_1", "title": "t", "pageTimings": {}}
    trip(
        entry("wss://a.test/ws", _webSocketMessages=messages, pageref="page_1"),
        entry(_webSocketMessages=messages[:1]),
        entry(request={"cookies": [{"name": "a", "value": "b"}] * 2}),
        pages=[page, page],
        comment="recorded on a Monday",
    )
    assert trip.told == (
        "Left out, since a capture has no place for it yet: 2 pages, 1 comment of the file,"
        " 2 cookies without a header field."
    )
    with_rows = trip.reader()
    assert [with_rows.rows([1])[1].kind, with_rows.rows([1])[1].scheme] == [ExchangeKind.WEBSOCKET, "https"]
    with_rows.close()


def test_comments_become_remarks_and_come_back(trip, tmp_path):
    (found,) = trip(
        entry(comment="slow\nhere", response={"comment": "odd", "content": {"text": "x", "comment": "cut"}})
    )
    assert found["comment"].splitlines() == ["slow", "here", "odd", "cut"]
    assert trip.report.repairs == []
    (again,) = trip.of_file(tmp_path / "target.har")
    assert again["comment"] == found["comment"]


def test_fields_of_a_response_without_status_are_kept(trip):
    headers = [{"name": "X-Seen", "value": "1"}]
    (found,) = trip(
        entry(response={"status": 0, "statusText": "", "headers": headers, "content": {}}, _error="aborted")
    )
    assert found["response"]["status"] == 0
    assert found["response"]["headers"] == headers
    assert found["_error"] == "aborted"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("a=1\nb=2", ["a=1", "b=2"]),  # as Chrome's tools join what came several times
        ("a\r\n b", ["a b"]),
        ("\r\na\r\n", ["a"]),
        ("x\u2028y\x85z\x0c", ["x\u2028y\x85z\x0c"]),
        ("\n", [""]),
    ],
)
def test_line_ends_in_a_field_make_no_other_field(trip, value, kept):
    headers = [{"name": "Set\r\nX-Evil: 1", "value": "1"}, {"name": "Set-Cookie", "value": value}]
    (found,) = trip(entry(response={"headers": headers, "statusText": "OK\r\nX-Evil: 2"}))
    names = [each["name"] for each in found["response"]["headers"]]
    assert "X-Evil" not in names
    assert [each["value"] for each in found["response"]["headers"] if each["name"] == "Set-Cookie"] == kept


@pytest.mark.parametrize(
    ("told", "kept", "is_told"),
    [("200", 200, False), ("404 Not Found", 404, False), ("0", 0, False), ("no", 0, True), (99999, 0, True)],
)
def test_a_status_that_is_a_string(trip, told, kept, is_told):
    (found,) = trip(entry(response={"status": told}))
    assert found["response"]["status"] == kept
    assert ("The status was unreadable (1 entry)." in trip.told) == is_told


def test_other_numbers_that_are_strings(trip):
    (found,) = trip(entry(request={"bodySize": "7"}, time="12.5", timings={"send": "1", "wait": "2.5", "receive": "3"}))
    assert found["time"] == 6.5
    assert found["request"]["bodySize"] == 7


def test_the_size_of_a_body_that_is_not_there_is_kept_and_told(trip):
    (found,) = trip(entry(response={"content": {"size": 5000, "mimeType": "text/html"}, "bodySize": -1}))
    assert found["response"]["content"]["size"] == 5000
    assert "text" not in found["response"]["content"]
    assert trip.told == "The body was not in the file, only its size (1 entry)."
    reader = trip.reader()
    assert reader.rows([1])[1].flags & ExchangeFlag.BODY_NOT_RECORDED
    reader.close()


def test_the_coding_of_a_body_that_is_not_there_is_kept(trip):
    headers = [{"name": "Content-Encoding", "value": "br"}]
    without, within = trip(entry(response={"headers": headers, "content": {}}), entry(response={"headers": headers}))
    assert without["response"]["headers"] == headers
    assert within["response"]["headers"] == []  # the body stands there decoded


@pytest.mark.parametrize(
    "url",
    [
        "http://a.test/x?",
        "http://a.test/?",
        "http://a.test/x?a=?&b=//c",
        "http://a.test/x//y/../z;p=1?q",
        "https://a.test:8443/%7e?%3f",
        "http://[::1]:81/",
        "data:text/plain,a%20b?c",
        "blob:https://a.test/6b2e",
    ],
)
def test_the_url_is_kept_as_it_was(trip, url):
    (found,) = trip(entry(url))
    assert found["request"]["url"] == url


@pytest.mark.parametrize(
    ("params", "body"),
    [
        ([("a", "1 2"), ("b&c", "d=e")], b"a=1+2&b%26c=d%3De"),
        ([("a", "100%"), ("ü", "☃")], b"a=100%25&%C3%BC=%E2%98%83"),
        ([("note", "caf%C3%A9+au+lait"), ("b", "1")], b"note=caf%C3%A9+au+lait&b=1"),  # as Chrome writes them
        ([("a", "x+y"), ("b", "1 %41")], b"a=x%2By&b=1+%2541"),  # as the specification means them
        ([], b""),
    ],
)
def test_params_become_the_body_that_a_form_sends(params, body):
    listed = [{"name": name, "value": value} for name, value in params]
    assert body_of_params(listed, "application/x-www-form-urlencoded") == body


def test_params_of_a_multipart_form(trip):
    params = [
        {"name": 'a"b', "value": "1"},
        {"name": "f", "fileName": "x.txt", "contentType": "text/plain", "value": "é"},
    ]
    media_type = "multipart/form-data; boundary=XX"
    post = {"method": "POST", "postData": {"mimeType": media_type, "params": params}}
    (found,) = trip(entry(request=post))
    assert found["request"]["postData"]["text"] == (
        '--XX\r\nContent-Disposition: form-data; name="a%22b"\r\n\r\n1\r\n'
        '--XX\r\nContent-Disposition: form-data; name="f"; filename="x.txt"\r\nContent-Type: text/plain\r\n\r\né\r\n'
        "--XX--\r\n"
    )


@pytest.mark.parametrize("number", ["9223372036854775808", "18446744073709551616", "-" + "9" * 40, "1" * 6000, "1e999"])
@pytest.mark.parametrize(
    "place", ["time", "status", "bodySize", "size", "port", "wait", "startedAt", "timings", "duration", "flags"]
)
def test_no_number_ends_an_import(trip, tmp_path, place, number):
    own = {"startedAt": 1, "flags": 0, "duration": 1, "timings": [1] * 7}
    told = entry(
        response={"bodySize": "@bodySize", "status": "@status", "content": {"size": "@size", "text": "x"}},
        timings={"wait": "@wait"},
        _serverPort="@port",
        serverIPAddress="10.0.0.1",
        _harrier={**own, place: ["@timings"] * 7 if place == "timings" else f"@{place}"} if place in own else {},
    )
    text = json.dumps({"log": {"entries": [{**told, "time": "@time"}, entry("http://a.test/next")]}})
    source = tmp_path / "numbers.har"
    for name in ("time", "status", "bodySize", "size", "port", "wait", "startedAt", "timings", "duration", "flags"):
        text = text.replace(f'"@{name}"', number if name == place else "200")
    source.write_text(text)
    assert trip.of_file(source)[-1]["request"]["url"] == "http://a.test/next"


@pytest.mark.parametrize(
    ("beyond", "is_told"),
    [
        ({"startedDateTime": "0001-01-01T00:00:00Z"}, True),
        ({"startedDateTime": "9999-12-31T23:59:59.999Z"}, True),
        ({"startedDateTime": "1960-01-01T00:00:00Z"}, False),
        ({"_harrier": {"startedAt": 4 * 10**18}}, False),  # `startedDateTime` says it, too
        ({"_harrier": {"duration": 2**62}}, True),
        ({"_harrier": {"timings": [2**62] * 7}}, True),
        ({"_harrier": {"flags": 2**31}}, False),
        ({"time": 9e14}, True),
        ({"timings": {"wait": 9e14}}, True),
        ({"request": {"bodySize": 2**62}}, True),
        ({"response": {"bodySize": 2**62}}, True),
        ({"response": {"content": {"size": 2**62}}}, True),
        ({"response": {"content": {"mimeType": Many("b", 3_000_000, before="a/")}}}, True),
        ({"request": {"url": Many("a", 3_000_000, before="http://")}}, True),
        ({"request": {"url": Many("a", 3_000_000, behind=":b")}}, False),  # the scheme of what is no web address
        ({"request": {"headers": [{"name": "X", "value": Many("v", 70_000_000)}]}}, True),
        ({"response": {"headers": [{"name": "X", "value": Many("v", 70_000_000)}]}}, True),
        ({"_harrier": {"requestHead": Many("QUFB", 20_000_000)}}, True),
        ({"_harrier": {"interim": Many("QUFB", 20_000_000)}}, True),
        ({"comment": Many("ü", 40_000_000)}, True),
        ({"_error": Many("ü", 40_000_000)}, True),
        ({"serverIPAddress": Many("1", 3_000_000), "connection": Many("c", 3_000_000)}, True),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_is_taken_in_can_be_read_again(tmp_path, beyond, is_told):
    """A capture is held to bounds; an import brings what is beyond them within, and says so."""
    source, target = tmp_path / "beyond.har", str(tmp_path / "beyond.harrier")
    told = entry(**{"serverIPAddress": "10.0.0.1", **beyond})
    source.write_text(json.dumps({"log": {"entries": [told]}}, default=Many.text))
    report = import_har(str(source), target)
    reader = CaptureReader(target)
    damaged: set[int] = set()
    rows = reader.rows([1], damaged)
    assert (list(rows), damaged, reader.lost()) == ([1], set(), 0)
    detail = reader.detail(1)
    assert detail is not None
    assert detail.request.head.endswith(b"\r\n\r\n")
    assert reader.connection(detail.upstream_connection) is not None
    assert any("beyond what" in each or "longer than" in each for each in report.repairs) == is_told
    reader.close()


def test_what_javascript_writes_is_read(trip, tmp_path):
    """Half a surrogate pair stands in Chrome's files wherever a text was cut; NaN and raw bytes in those of others."""
    source = tmp_path / "odd.har"
    raw = json.dumps(
        {"log": {"entries": [entry("http://a.test/HALF", response={"content": {"text": "a HALF b"}})] * 2}}
    )
    raw = raw.replace("HALF", "\\ud83d").replace('"time": 12', '"time": NaN')
    source.write_bytes(raw.encode() + b"\n")
    assert len(trip.of_file(source)) == 2
    assert "Half a surrogate pair in a body became a question mark (2 entries)." in trip.told
    source.write_bytes(json.dumps({"log": {"entries": [entry(comment="@")]}}).encode().replace(b"@", b"\xff"))
    assert len(trip.of_file(source)) == 1
    assert "no UTF-8" in trip.told


def test_an_entry_that_is_no_json_costs_that_entry(trip, tmp_path):
    source = tmp_path / "damaged.har"
    text = json.dumps({"log": {"entries": [entry(), "@", entry()]}})
    source.write_text(text.replace('"@"', '{"request": }'))
    assert len(trip.of_file(source)) == 2
    assert trip.told == "What is no JSON was left out (1 entry)."


DEEP = ["[" * 200_000 + "]" * 200_000, '{"a":' * 200_000 + "1" + "}" * 200_000]


@pytest.mark.parametrize("deep", DEEP, ids=["arrays", "objects"])
@pytest.mark.parametrize("place", ['{"log": {"entries": [%s, ENTRY]}}', '{"log": {"x": %s, "entries": [ENTRY]}}'])
def test_what_is_nested_deeply_costs_no_memory(tmp_path, deep, place):
    source = tmp_path / "deep.har"
    source.write_text(place.replace("ENTRY", json.dumps(entry())) % deep)
    # In a process of its own, that may take no more than what the imports take and a little.
    program = (
        "import resource, sys; from proxy_core.tasks.har_import import import_har\n"
        "taken = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (taken + (64 << 20),) * 2)\n"
        "print(import_har(*sys.argv[1:]))"
    )
    target = str(tmp_path / "deep.harrier")
    done = subprocess.run(
        [sys.executable, "-c", program, str(source), target], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "exchanges=1" in done.stdout
    assert (f"nested more than {MOST_DEPTH} levels deep was left out (1 entry)" in done.stdout) == ("x" not in place)


def test_nothing_but_depth_is_one_sentence_and_no_file(tmp_path):
    source = tmp_path / "deep.har"
    source.write_text('{"log": {"entries": [' + DEEP[0] + "]}}")
    with pytest.raises(ConversionError, match=f"nested more than {MOST_DEPTH} levels deep"):
        import_har(str(source), str(tmp_path / "deep.harrier"))
    assert list(tmp_path.iterdir()) == [source]


def test_a_chain_of_initiators_as_browsers_write_it_is_no_depth(trip):
    stack: dict[str, Any] = {"callFrames": []}
    for _ in range(64):
        stack = {"callFrames": [{"functionName": "f"}], "parent": stack}
    assert len(trip(entry(_initiator={"type": "script", "stack": stack}))) == 1
    assert trip.report.repairs == []


@pytest.mark.skipif(sys.platform == "win32", reason="FIFOs and devices are POSIX'")
def test_only_a_file_is_read(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe.har")
    (tmp_path / "folder.har").mkdir()
    os.symlink("/dev/zero", tmp_path / "endless.har")
    for name in ("pipe.har", "folder.har", "endless.har"):
        with pytest.raises(ConversionError, match=name):
            import_har(str(tmp_path / name), str(tmp_path / "out.harrier"))
    assert not list(tmp_path.glob("out*"))
