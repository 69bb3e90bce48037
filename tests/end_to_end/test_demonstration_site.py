"""The demonstration site does what it says: the tests that look at it through Harrier rely on that."""

import http.client
import json
import socket
import ssl
import zlib
from collections.abc import Iterator

import pytest
from PySide6.QtGui import QImage

from proxy_core.formats.content_coding import decode, parse_codings
from tests.support.demonstration.answers import ANSWERS
from tests.support.demonstration.faults import FAULTS
from tests.support.demonstration_site import DemonstrationSite


@pytest.fixture(scope="module")
def site() -> Iterator[DemonstrationSite]:
    with DemonstrationSite() as running:
        yield running


def get(site, path, method="GET", body=None, headers=None):
    link = http.client.HTTPConnection("127.0.0.1", site.http_port, timeout=20)
    link.request(method, path, body, headers or {})
    response = link.getresponse()
    data = response.read()
    link.close()
    return response, data


def exchange(site, request: bytes) -> bytes:
    """Everything that comes back for these bytes; a reset ends it like an end."""
    data = b""
    with socket.create_connection(("127.0.0.1", site.http_port), 20) as link:
        link.sendall(request)
        try:
            while chunk := link.recv(65536):
                data += chunk
        except ConnectionResetError:
            data += b"<reset>"
    return data


# http.client knows of no interim response but 100; /hints has a test of its own.
@pytest.mark.parametrize("path", sorted(set(ANSWERS) - {"/endless", "/bomb", "/font.ttf", "/hints"}))
def test_every_page_answers_whole(site, path):
    response, data = get(site, path)
    assert response.status < 500
    assert response.status not in (400, 404)
    assert data or response.status in (204, 302, 303, 308, 401)


@pytest.mark.parametrize("path", sorted(set(ANSWERS) - {"/endless", "/sightings", "/bomb"}))
def test_head_has_no_body(site, path):
    answer = exchange(site, f"HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw-deflate", "br", "zstd", "gzip+br"])
def test_codings_decode(site, coding):
    response, data = get(site, f"/coded/{coding}")
    decoded = decode([data], parse_codings(response.getheader("Content-Encoding")), limit=1_000_000)
    assert len(json.loads(decoded.data)["wares"]) == 120


def test_pictures_are_pictures(site):
    for path, size in (("/picture/2.png", (480, 300)), ("/badge.webp", (48, 48)), ("/picture/3.svg", (96, 64))):
        _, data = get(site, path)
        image = QImage.fromData(data)
        assert (image.width(), image.height()) == size
    badge = QImage.fromData(get(site, "/badge.webp")[1])
    assert badge.pixelColor(24, 24) != badge.pixelColor(0, 0)


def test_forms_and_cookies(site):
    response, _ = get(site, "/order", "POST", "name=Ada", {"Content-Type": "application/x-www-form-urlencoded"})
    assert (response.status, response.getheader("Location")) == (303, "/thanks")
    body = (
        b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nditch\r\n'
        b'--b\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n\x89PNG\r\n--b--\r\n'
    )
    _, data = get(site, "/repair", "POST", body, {"Content-Type": "multipart/form-data; boundary=b"})
    assert json.loads(data)["parts"][1] == {"name": "picture", "file": "a.png", "size": 4}
    basket = {"Cookie": "basket=2; other=1", "Content-Type": "application/json"}
    _, data = get(site, "/api/basket", "POST", '{"id": 1, "count": 3}', basket)
    assert json.loads(data)["count"] == 5
    response, _ = get(site, "/cookies")
    assert len(response.headers.get_all("Set-Cookie")) == 3


def test_trailers_and_extensions_are_on_the_wire(site):
    answer = exchange(site, b"GET /chunked HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"4;part=yes\r\none\n\r\n" in answer
    assert answer.endswith(b"0\r\nX-Checksum: 8f14e45f\r\nX-Count: 3\r\n\r\n")


def test_interim_responses_come_first(site):
    answer = exchange(site, b"GET /hints HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert [line.split()[1] for line in answer.splitlines() if line.startswith(b"HTTP/1.1")] == [b"103", b"102", b"200"]


def test_huge_is_as_long_as_asked(site):
    _, plain = get(site, "/huge?bytes=1000003")
    _, in_chunks = get(site, "/huge?bytes=1000003&chunked=1")
    assert len(plain) == 1_000_003
    assert plain == in_chunks


def test_the_bomb_unfolds(site):
    _, data = get(site, "/bomb")
    assert len(data) < 300_000
    unpacker = zlib.decompressobj(31)
    assert len(unpacker.decompress(data, 5_000_000)) == 5_000_000


def test_authentication_and_validation(site):
    assert get(site, "/secret")[0].status == 401
    good = {"Authorization": "Basic YWRhOmNvcnJlY3QgaG9yc2U="}
    assert get(site, "/secret", headers=good)[0].status == 200
    assert get(site, "/cached", headers={"If-None-Match": '"v1"'})[0].status == 304


def test_expectation_is_answered_before_the_body(site):
    with socket.create_connection(("127.0.0.1", site.http_port), 20) as link:
        link.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert link.recv(100).startswith(b"HTTP/1.1 100 ")
        link.sendall(b"hi")
        link.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: link.recv(65536), b""))
    assert b'"body_length": 2' in answer


EXPECTED_FAULTS = {
    "/fail/reset-before-head": b"<reset>",
    "/fail/close-before-head": b"",
    "/fail/reset-in-head": b"Content-Ty<reset>",
    "/fail/close-in-head": b"Content-Ty",
    "/fail/reset-after-head": b"\r\n\r\n<reset>",
    "/fail/reset-in-body": b"x" * 100 + b"<reset>",
    "/fail/short-body": b"\r\n\r\n" + b"x" * 100,
    "/fail/long-body": b"Content-Length: 10\r\n\r\n" + b"x" * 100,
    "/fail/unfinished-chunks": b"5\r\nhello\r\n",
    "/fail/bad-chunk": b"xyz\r\nhello\r\n0\r\n\r\n",
    "/fail/garbage": b"\xfe\xff",
    "/fail/two-lengths": b"hello!",
    "/fail/nul": b"hello",
    "/fail/wrong-coding": b"This was never compressed.",
}


@pytest.mark.parametrize("path", sorted(FAULTS))
def test_faults_end_as_they_say(site, path):
    answer = exchange(site, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.endswith(EXPECTED_FAULTS[path])


def test_tls_is_the_test_ca_s(site, tmp_path):
    context = ssl.create_default_context(cafile=site.write_ca(tmp_path))
    for name in ("localhost", "127.0.0.1"):
        link = http.client.HTTPSConnection(name, site.https_port, context=context, timeout=20)
        link.request("GET", "/echo")
        assert json.loads(link.getresponse().read())["method"] == "GET"
        link.close()
    assert "GET /echo" in site.seen


def test_it_stops_with_connections_open():
    site = DemonstrationSite()
    with socket.create_connection(("127.0.0.1", site.http_port), 20) as link:
        link.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
        assert link.recv(10)
        site.stop()
        while link.recv(65536):
            pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", site.http_port), 20)
