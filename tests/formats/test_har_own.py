"""What was received and what was sent on, and what was done about it: capture → HAR → capture gives the same detail."""

import base64
import gzip
import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.capture.reader import CaptureReader
from proxy_core.formats.har_own import OwnBytes, base64_pieces
from proxy_core.formats.har_repairs import HarRepairs
from proxy_core.model.bounds import ACTS_LIMIT_BYTES, HEAD_LIMIT_BYTES, NAME_LIMIT, TEXT_LIMIT
from proxy_core.model.exchange import ConnectionRow, ExchangeDetail
from proxy_core.model.tls_facts import Program, program_in
from proxy_core.tasks.convert import convert
from tests.support.captures import LiveCapture, Sample
from tests.support.har_validation import check_har

HEAD = b"POST /elsewhere HTTP/1.1\r\nhost:  shop.test \r\nX-Odd: \xff\r\n\r\n"
ANSWER = b"HTTP/1.1 418 No\r\nContent-Encoding: gzip\r\n\r\n"
BINARY = bytes(range(256)) * 12_345  # three times as long as what is written at once
ACTS = b"\x91\x95\x00\xa31.1\xa0\x01\xc0"
GZIP = [("Content-Encoding", "gzip")]


def with_bodies(reader: CaptureReader, number: int) -> ExchangeDetail:
    """A detail with the bytes of its bodies in the place of where they lie, and without what numbers the exchange."""
    detail = reader.detail(number)
    assert detail is not None

    def body(extents: bytes | None) -> bytes | None:
        return None if extents is None else reader.read_body(extents)

    request, response = (
        message._replace(body=body(message.body), forwarded_body=body(message.forwarded_body))
        for message in (detail.request, detail.response)
    )
    return detail._replace(key=0, client_connection=0, upstream_connection=0, request=request, response=response)


class Way:
    """A capture on its way into a HAR and back."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.har = folder / "out.har"
        self.clients: dict[int, Program | None] = {}

    def there(self, *samples: Sample) -> list[ExchangeDetail]:
        live = LiveCapture(self._folder / "test.live")
        live.add_clients(self.clients)
        live.add(*samples)
        path = live.close()
        convert(path, str(self.har))
        check_har(self.har)
        return self._details(path)

    def own(self, number: int = 0) -> dict[str, Any]:
        told: dict[str, Any] = self.entries()[number]["_harrier"]
        return told

    def entries(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = json.loads(self.har.read_bytes())["log"]["entries"]
        return entries

    def back(self) -> list[ExchangeDetail]:
        target = str(self._folder / "back.harrier")
        self.repairs = convert(str(self.har), target).repairs
        return self._details(target)

    def back_from(self, **own: object) -> ExchangeDetail:
        """What becomes of an entry of somebody who says that he is Harrier."""
        content = {"text": "x", "mimeType": "text/plain"}
        response = {"status": 200, "headers": [{"name": "Content-Encoding", "value": "gzip"}], "content": content}
        entry = {"request": {"url": "http://a.test/"}, "response": response, "_harrier": {"startedAt": 1, **own}}
        self.har.write_text(json.dumps({"log": {"entries": [entry, entry]}}))
        first, second = self.back()
        assert first == second
        return first

    def who_asked(self) -> list[ConnectionRow | None]:
        """The clients of the exchanges that are back."""
        with closing(CaptureReader(str(self._folder / "back.harrier"))) as reader:
            keys = [reader.detail(number).client_connection for number in reader.ids()]
            return [reader.connection(key) for key in keys]

    @staticmethod
    def _details(path: str) -> list[ExchangeDetail]:
        with closing(CaptureReader(path)) as reader:
            assert reader.lost() == 0
            return [with_bodies(reader, number) for number in reader.ids()]


@pytest.fixture
def way(tmp_path) -> Way:
    return Way(tmp_path)


@pytest.mark.parametrize(
    "sample",
    [
        Sample("/as-it-came", request_body=b"a", response_body=b"b"),
        Sample("/heads", request_forwarded_head=HEAD, response_forwarded_head=ANSWER, response_body=b"b"),
        Sample("/other-bodies", request_body=b"a", request_forwarded_body=b"b", response_forwarded_body=b"c"),
        Sample("/binary", request_forwarded_body=BINARY[:-1], response_body=BINARY, response_forwarded_body=BINARY[1:]),
        Sample("/taken-away", request_body=b"a", request_forwarded_body=b"", response_forwarded_body=b"made"),
        Sample("/coded", response_forwarded_head=ANSWER, response_forwarded_body=gzip.compress(b"c")),
        Sample("/acts", acts=ACTS, response_trailers=b"X-Sum: 1\r\n"),
        Sample("/own", status=None, state=4, failure="aborted", failure_text="So it was.", acts=ACTS, notes="a\nb"),
    ],
    ids=lambda sample: sample.path,
)
def test_an_exchange_comes_back_as_it_was(way, sample):
    before = way.there(sample)
    before = [detail._replace(response=detail.response._replace(head=detail.response.head or b"")) for detail in before]
    assert way.back() == before
    assert way.repairs == []


def test_the_standard_members_tell_what_was_received(way):
    way.there(
        Sample(
            "/",
            request_body=b"asked",
            request_forwarded_head=HEAD,
            request_forwarded_body=b"sent on",
            response_body=b"come",
            response_forwarded_head=ANSWER,
            response_forwarded_body=b"gone on",
        )
    )
    (entry,) = way.entries()
    assert entry["request"]["postData"]["text"] == "asked"
    assert entry["response"]["content"]["text"] == "come"
    assert (entry["request"]["url"], entry["response"]["status"]) == ("https://shop.test/", 200)
    own = way.own()
    assert base64.b64decode(own["requestForwardedHead"]) == HEAD
    assert base64.b64decode(own["responseForwardedBody"]) == b"gone on"


def test_what_went_on_as_it_came_is_not_told(way):
    way.there(Sample("/", request_body=b"a", response_body=b"b"))
    assert not [name for name in way.own() if "orwarded" in name or name == "acts"]


@pytest.mark.parametrize("body", [b"same", BINARY, b""])
def test_a_body_of_the_same_bytes_is_not_told_twice(way, body):
    """A capture tells of what was sent on only where it differs."""
    way.there(
        Sample("/", request_body=body, request_forwarded_body=body, response_body=body, response_forwarded_body=body)
    )
    assert not [name for name in way.own() if "orwarded" in name]
    (after,) = way.back()
    assert after.request.forwarded_body is after.response.forwarded_body is None
    assert (after.request.body or b"", after.response.body or b"") == (body, body)


def test_a_head_keeps_the_coding_of_the_body_that_it_went_with(way):
    """The received body stands in the file without its coding, another that was sent on as on the wire."""
    coded = gzip.compress(b"plain")
    same = Sample("/", response_body=coded, response_fields=GZIP, response_forwarded_head=ANSWER)
    other = Sample("/", response_body=coded, response_fields=GZIP, response_forwarded_head=ANSWER)
    other.response_forwarded_body = gzip.compress(b"other")
    way.there(same, other)
    same_after, other_after = (detail.response for detail in way.back())
    assert (same_after.body, same_after.forwarded_head) == (b"plain", b"HTTP/1.1 418 No\r\n\r\n")
    assert (other_after.body, other_after.forwarded_head) == (b"plain", ANSWER)
    assert gzip.decompress(other_after.forwarded_body or b"") == b"other"


@given(st.lists(st.binary(min_size=1, max_size=7)))
def test_pieces_of_any_length_are_one_base64(parts):
    assert b"".join(base64_pieces(parts)) == base64.b64encode(b"".join(parts))


@given(st.text("AZaz09+/=-_ é\n", max_size=9))
def test_what_is_taken_for_base64_can_be_decoded(text):
    body = OwnBytes({"body": text}, HarRepairs()).body("body")
    if body is not None:
        assert b"".join(body) == base64.b64decode(text, validate=True)


# Of others


@pytest.mark.parametrize("told", [5, True, {}, ["QQ=="], "Q", "QQ=", "QQ==QQ==", "Q Q=", "é===", "====", "\ud83d" * 4])
def test_a_body_that_is_no_base64_is_left_out_and_that_is_said(way, told):
    after = way.back_from(requestForwardedBody=told, responseForwardedBody=told)
    assert after.request.forwarded_body is after.response.forwarded_body is None
    assert after.response.body == b"x"
    assert way.repairs == ["A body that was sent on should be base64, and was not: left out (4 entries)."]


@pytest.mark.parametrize("told", [None, 5, True, {}, ["QQ=="], "Q", "Q Q=", "é===", "\ud83d" * 4, ""])
def test_a_head_or_acts_that_are_none_are_none(way, told):
    after = way.back_from(requestForwardedHead=told, responseForwardedHead=told, acts=told)
    assert after.request.forwarded_head is after.response.forwarded_head is after.acts is None


def test_the_longest_of_all_fit_together(way):
    """Each member of an entry at its bound, or beyond it: the capture that is made of it can be read."""
    head = base64.b64encode(bytes(HEAD_LIMIT_BYTES)).decode()
    too_long = base64.b64encode(bytes(HEAD_LIMIT_BYTES + 1)).decode()
    own: dict[str, object] = {"startedAt": 1}
    own |= dict.fromkeys(("requestTrailersRaw", "responseTrailersRaw", "interim", "requestHead"), head)
    own |= dict.fromkeys(("responseHead", "requestForwardedHead", "responseForwardedHead"), too_long)
    own |= {"acts": base64.b64encode(bytes(ACTS_LIMIT_BYTES)).decode(), "notes": "😀" * TEXT_LIMIT}
    entry = {
        "request": {"url": "http://a.test/" + "p" * 2 * TEXT_LIMIT},
        "response": {"status": 200},
        "_harrier": own,
        "_error": "😀" * TEXT_LIMIT,
    }
    way.har.write_text(json.dumps({"log": {"entries": [entry]}}, ensure_ascii=False))
    (after,) = way.back()
    assert len(after.acts or b"") == ACTS_LIMIT_BYTES
    assert len(after.response.forwarded_head or b"") <= HEAD_LIMIT_BYTES
    assert (after.response.forwarded_head or b"").endswith(b"\r\n\r\n")
    assert way.repairs == ["A text was longer than a capture can hold, and was cut (3 entries)."]
    way.har.unlink()
    convert(str(way.har.parent / "back.harrier"), str(way.har))


def test_acts_that_are_too_long_are_none(way):
    assert way.back_from(acts=base64.b64encode(bytes(ACTS_LIMIT_BYTES + 1)).decode()).acts is None
    assert way.repairs == ["A text was longer than a capture can hold, and was cut (2 entries)."]


def test_a_large_body_that_was_sent_on_is_never_whole_in_memory_on_its_way_out(tmp_path):
    live = LiveCapture(tmp_path / "large.live")
    live.add(*(Sample("/large", response_body=b"x", response_forwarded_body=bytes(96 << 20)) for _ in range(2)))
    path = live.close()
    # In a process of its own, that may take no more than what the imports take and a little.
    program = (
        "import resource, sys; from proxy_core.tasks.har_export import export_har\n"
        "from proxy_core.capture.reader import CaptureReader\n"
        "taken = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (taken + (64 << 20),) * 2)\n"
        "print(export_har(CaptureReader(sys.argv[1]), sys.argv[2]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, path, str(tmp_path / "out.har")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr
    first, second = json.loads((tmp_path / "out.har").read_bytes())["log"]["entries"]
    assert first["_harrier"]["responseForwardedBody"] == base64.b64encode(bytes(96 << 20)).decode()
    assert second["_harrier"]["responseForwardedBody"] == first["_harrier"]["responseForwardedBody"]


def test_who_asked_is_told_where_it_is_a_program_of_this_computer(way):
    curl = Program("curl", 4711, "/usr/bin/curl")
    way.clients = {11: curl, 12: None}
    way.there(Sample(client=11), Sample(client=11), Sample(client=12), Sample(client=13))
    assert way.own(0)["process"] == {"name": "curl", "pid": 4711, "path": "/usr/bin/curl"}
    assert all("process" not in way.own(number) and "client" not in way.own(number) for number in (2, 3))
    way.back()
    first, second, third, fourth = way.who_asked()
    assert first == second
    assert (third, fourth) == (None, None)
    assert program_in(first.tls) == curl
    ends = (first.peer_host, first.peer_port, first.local_host, first.local_port)
    assert ends == ("127.0.0.1", 50_000, "127.0.0.1", 8080)
    target = way.har.with_name("again.har")
    convert(str(way.har.with_name("back.harrier")), str(target))
    again = json.loads(target.read_bytes())["log"]["entries"]
    assert [each["_harrier"].get("client") for each in again] == [way.own(n).get("client") for n in range(4)]


@pytest.mark.parametrize(
    ("process", "client", "program"),
    [
        ("curl", {}, None),
        ({"name": ""}, {}, None),
        ({"pid": 7}, {}, None),
        ({"name": ["a"]}, 7, None),
        ({"name": "a\ud800b"}, {"port": 10**9, "address": "\ud800", "openedAt": "x"}, Program("a?b", 0)),
        ({"name": "a" * 10**6, "pid": -5, "path": {}}, {"openedAt": 10**30}, Program("a" * NAME_LIMIT, 0)),
        ({"name": "a", "pid": 2**60, "path": "/a"}, None, Program("a", 0, "/a")),
    ],
)
def test_whatever_a_file_says_of_who_asked_a_capture_can_hold_it(way, process, client, program):
    way.back_from(process=process, client=client)
    told = way.who_asked()
    assert [None if each is None else program_in(each.tls) for each in told] == [program] * 2
