"""What points have decided, as a HAR tells it: what was received in its own members, and the detail comes back whole."""

from contextlib import closing

import pytest

from proxy_core.capture.reader import CaptureReader
from proxy_core.engine.exchange.point import Abort, Pass, Replace
from proxy_core.tasks.convert import convert
from tests.support.har_validation import check_har
from tests.support.points import HOLDS, OK, POST, Script, answer, with_field

LARGE = b"0123456789abcdef" * 200_000
DECISIONS = {
    "nothing": {},
    "held": HOLDS,
    "heads": {
        "at_request_head": lambda m: Replace(with_field(m._replace(target=b"/new"), b"X-New", b"1")),
        "at_response_head": lambda m: Replace(m._replace(status=418)),
    },
    "bodies": {
        **HOLDS,
        "at_request_body": lambda m: Replace(m._replace(body=b"bye")),
        "at_response_body": lambda m: Replace(m._replace(body=m.body * 3)),
    },
    "large": {"at_response_head": lambda m: Replace(m._replace(body=LARGE))},
    "taken away": {
        "at_request_head": lambda m: Replace(m._replace(body=b"")),
        "at_response_head": lambda m: Replace(m._replace(body=b"")),
    },
    "answered": {"at_response_head": Pass(hold=True), "at_response_body": answer},
    "answered at once": {"at_request_head": answer},
}


def told(path: str) -> list[tuple[object, ...]]:
    """Both messages of each exchange, with the bytes of their bodies, and all else of it but its connections."""
    with closing(CaptureReader(path)) as reader:
        details = [reader.detail(number) for number in reader.ids()]
        rows = [reader.rows([number])[number] for number in reader.ids()]
        return [
            (
                row,
                detail._replace(key=0, request=None, response=None, client_connection=0, upstream_connection=0),
                *(
                    message._replace(
                        body=reader.read_body(message.body),
                        forwarded_body=message.forwarded_body and reader.read_body(message.forwarded_body),
                    )
                    for message in (detail.request, detail.response)
                ),
            )
            for row, detail in zip(rows, details, strict=True)
        ]


def there_and_back(house, folder):
    """What is told of the only exchange, in Harrier and in HAR, when it has come back as it was."""
    house.finishes()
    captured = house.capture()
    (before,) = told(captured)
    convert(captured, str(folder / "out.har"))
    (entry,) = check_har(folder / "out.har")["entries"]
    convert(str(folder / "out.har"), str(folder / "back.harrier"))
    (after,) = told(str(folder / "back.harrier"))
    assert after == before
    return before, entry


@pytest.mark.parametrize("name", DECISIONS)
def test_what_was_decided_comes_back(house, tmp_path, name):
    house.decide(Script(**DECISIONS[name]))
    client = house.http1_client()
    client.sends(POST)
    if name != "answered at once":
        upstream = house.upstream()
        head = upstream.reads_head()
        if b"Content-Length: " in head:
            upstream.reads(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
        upstream.sends(OK)
    client.reads_head()
    house.finishes()
    ((_, _, request, response), entry) = there_and_back(house, tmp_path)
    assert entry["request"]["url"] == "http://shop.test/cart"
    if name == "answered at once":  # the body was not waited for
        assert entry["response"]["content"]["text"] == "short and stout"
    else:
        assert entry["request"]["postData"]["text"] == "hello"
        assert entry["response"]["content"]["text"] == "hi"
    is_changed = name not in ("nothing", "held", "answered at once")
    assert ((request.forwarded_head or response.forwarded_head) is not None) == is_changed


class TestTheVersionIsTheOneThatWasReceived:
    def test_of_each_message(self, house, tmp_path):
        client = house.http2_client()
        pseudo = [(b":method", b"GET"), (b":authority", b"shop.test"), (b":scheme", b"http"), (b":path", b"/")]
        stream = client.requests(pseudo)
        house.upstream().reads_head()
        house.upstream().sends(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        assert client.answer(stream).body == b"hi"
        ((_, _, request, response), entry) = there_and_back(house, tmp_path)
        assert (request.version, response.version) == ("HTTP/2", "HTTP/1.0")
        assert (entry["request"]["httpVersion"], entry["response"]["httpVersion"]) == ("http/2.0", "HTTP/1.0")

    def test_of_a_response_that_never_came_none_is_known(self, house, tmp_path):
        house.decide(Script(at_request_head=Abort("Enough.")))
        client = house.http1_client()
        client.sends(b"GET http://shop.test/ HTTP/1.0\r\n\r\n")
        assert client.reads_to_end() == b"<reset>"
        ((row, _, request, response), entry) = there_and_back(house, tmp_path)
        assert (row.failure, request.version, response.version) == ("aborted", "HTTP/1.0", "")
        assert (entry["request"]["httpVersion"], entry["response"]["httpVersion"]) == ("HTTP/1.0", "HTTP/1.0")
        assert entry["_harrier"]["responseVersion"] == ""
