"""A page that tries what browsers can do (`tests/support/node_page.html`) in a real Chromium and a real Firefox without a
window, through the real program: 200 parts, an upload, a stream, events, gRPC-web, a WebSocket; HTTP/2 and TLS.

The page judges itself and says what it has found; Harrier must have recorded all of it.
"""

import base64
import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from websockets.sync.server import ServerConnection, serve

from app.browsing.browsers import (
    Browser,
    Family,
    certutil_path,
    chromium_arguments,
    clean_environment,
    find_browsers,
    firefox_arguments,
    firefox_user_js,
    needs_no_sandbox,
    nss_folders,
)
from app.browsing.nss_store import trust_ca
from proxy_core.certificate_authority import spki_sha256
from proxy_core.model.exchange import ExchangeState
from tests.integration.node_origin import NodeOrigin
from tests.integration.recording import Recording, read_capture

PARTS = 200
BROWSERS = find_browsers()

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def origin(tmp_path) -> Iterator[NodeOrigin]:
    with NodeOrigin(tmp_path) as running:
        yield running


@pytest.fixture
def socket_url(origin) -> Iterator[str]:
    """A WebSocket echo with TLS."""

    def echo(link: ServerConnection) -> None:
        for message in link:
            link.send(message)

    with serve(echo, "127.0.0.1", 0, ssl=origin.leaf.server_context(["http/1.1"])) as server:
        thread = threading.Thread(target=server.serve_forever, name="echo")
        thread.start()
        yield f"wss://localhost:{server.socket.getsockname()[1]}/"
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def opened(browser: Browser, recording: Recording, url: str) -> Iterator[None]:
    """The browser, set up as *Open Browser* does it, on that page and without a window."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        if browser.family is Family.FIREFOX:
            Path(profile, "user.js").write_text(firefox_user_js("127.0.0.1", recording.port))
            trust_ca(profile, recording.ca, certutil_path(), nss_folders(browser))
            words = ["--headless", *firefox_arguments(profile)[:-1], url]
        else:
            ca = x509.load_pem_x509_certificate(Path(recording.ca).read_bytes())
            proxy = f"127.0.0.1:{recording.port}"
            spki = base64.b64encode(spki_sha256(ca)).decode()
            words = chromium_arguments(proxy, profile, spki, without_sandbox=needs_no_sandbox())
            words = ["--headless=new", *words[:-1], url]
        process = subprocess.Popen(
            [browser.path, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**clean_environment(), "HOME": profile},
            start_new_session=True,
        )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.skipif(not BROWSERS, reason="no browser here")
@pytest.mark.parametrize("browser", BROWSERS, ids=lambda browser: browser.name)
def test_a_page_that_tries_everything(browser, origin, socket_url, tmp_path):
    with Recording(tmp_path, ["--upstream-ca", origin.ca_path], workers=2) as recording:
        with opened(browser, recording, f"{origin.https_url}/page?socket={socket_url}"):
            said = recording.by_path("/done")
            assert said.request_body == b"all is well"
        assert recording.stop() == 0
        seen = read_capture(recording.capture)
    parts = [each for each in seen if each.row.path.startswith("/part/")]
    assert sorted(int(each.row.path[6:]) for each in parts) == list(range(1, PARTS + 1))
    assert {each.row.state for each in parts} == {ExchangeState.COMPLETE}
    assert {each.detail.request.version for each in parts} == {"HTTP/2"}
    by_path = {each.row.path: each for each in seen}
    assert by_path["/echo"].request_body == bytes(place * 7 % 256 for place in range(1 << 20))
    assert by_path["/body"].response_body == bytes([0, 0, 0, 0, 3, 8, 150, 1])
    assert by_path["/lines"].response_body.count(b"\n") == 3
    assert b"event 3" in by_path["/events"].response_body
    assert by_path["/"].row.status == 101
