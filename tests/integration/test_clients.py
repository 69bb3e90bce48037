"""Clients that others wrote, through the real program, HTTP and HTTPS, HTTP/1.1 and HTTP/2; the origin is Node's.

Each sends a body and judges by its length and hash what the origin has got of it; what Harrier has recorded must be the
same.
"""

import asyncio
import hashlib
import json
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import urllib3

from tests.integration.node_origin import NodeOrigin
from tests.integration.recording import Recording

BODY = bytes(range(256)) * 1200  # 300 KiB: some windows of HTTP/2, some reads
VERSIONS = ["1.1", "2.0"]  # as Node calls them


@pytest.fixture(scope="module")
def origin(tmp_path_factory) -> Iterator[NodeOrigin]:
    with NodeOrigin(tmp_path_factory.mktemp("origin")) as running:
        yield running


@pytest.fixture(scope="module")
def recording(tmp_path_factory, origin) -> Iterator[Recording]:
    with Recording(tmp_path_factory.mktemp("clients"), ["--upstream-ca", origin.ca_path], workers=2) as running:
        yield running
        assert running.stop() == 0


def with_httpx(recording: Recording, url: str, version: str) -> bytes:
    trust = ssl.create_default_context(cafile=recording.ca)
    with httpx.Client(proxy=recording.proxy, verify=trust, http1=version == "1.1", http2=version == "2.0") as client:
        return client.post(url, content=BODY).content


def with_urllib3(recording: Recording, url: str, _version: str) -> bytes:
    with urllib3.ProxyManager(recording.proxy, ca_certs=recording.ca) as pool:
        return pool.request("POST", url, body=BODY).data


def with_aiohttp(recording: Recording, url: str, _version: str) -> bytes:
    async def ask() -> bytes:
        trust = ssl.create_default_context(cafile=recording.ca)
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=BODY, proxy=recording.proxy, ssl=trust) as response,
        ):
            return await response.read()

    return asyncio.run(ask())


def with_curl(recording: Recording, url: str, version: str) -> bytes:
    words = ["-sS", "--noproxy", "", "--max-time", "30", "--http2" if version == "2.0" else "--http1.1"]
    words += ["-x", recording.proxy, "--cacert", recording.ca, "--data-binary", "@-", "-H", "Expect:", url]
    return subprocess.run(["curl", *words], input=BODY, capture_output=True, timeout=60, check=True).stdout


# Node's own clients: through a CONNECT for HTTPS, made by hand.
NODE = """
const [proxyPort, caPath, target, version] = process.argv.slice(1);
const fs = require("node:fs"), http = require("node:http"), tls = require("node:tls");
const http2 = require("node:http2"), url = new URL(target), body = fs.readFileSync(0);
const proxy = { host: "127.0.0.1", port: proxyPort }, print = (stream) => stream.pipe(process.stdout);
if (url.protocol === "http:") {
  http.request({ ...proxy, method: "POST", path: target, headers: { host: url.host } }, print).end(body);
} else {
  http.request({ ...proxy, method: "CONNECT", path: url.host }).on("connect", (_, socket) => {
    const ca = fs.readFileSync(caPath), ALPNProtocols = [version === "2.0" ? "h2" : "http/1.1"];
    const link = tls.connect({ socket, ca, servername: url.hostname, ALPNProtocols }, () => {
      if (version === "2.0") {
        const session = http2.connect(url.origin, { createConnection: () => link });
        const stream = session.request({ ":method": "POST", ":path": url.pathname + url.search });
        print(stream).on("error", () => process.exit(1));
        stream.on("end", () => session.close()).end(body);
      } else {
        const options = { method: "POST", path: url.pathname + url.search, headers: { host: url.host } };
        http.request({ ...options, createConnection: () => link }, print).end(body);
      }
    });
  }).end();
}
"""


def with_node(recording: Recording, url: str, version: str) -> bytes:
    words = ["node", "-e", NODE, "--", str(recording.port), recording.ca, url, version]
    return subprocess.run(words, input=BODY, capture_output=True, timeout=60, check=True).stdout


UNDICI = Path(__file__).resolve().parent.parent / "support" / "undici"


def with_undici(recording: Recording, url: str, version: str, how: str = "request", proxy: str = "") -> bytes:
    assert (UNDICI / "node_modules").is_dir(), "undici is not installed: run build_scripts/test.py, which does it"
    words = ["node", "ask.js", how, proxy or recording.proxy, recording.ca, url, version]
    return subprocess.run(words, cwd=UNDICI, input=BODY, capture_output=True, timeout=60, check=True).stdout


def with_nodes_fetch(recording: Recording, url: str, version: str) -> bytes:
    return with_undici(recording, url, version, "fetch")


def with_undicis_fetch_over_tls(recording: Recording, url: str, version: str) -> bytes:
    """TLS to the proxy itself, too."""
    return with_undici(recording, url, version, "undici", f"https://127.0.0.1:{recording.port}")


UNDICIS = (with_undici, with_nodes_fetch, with_undicis_fetch_over_tls)
CASES: list[Any] = [
    *((client, scheme, "1.1") for client in (with_httpx, with_urllib3, with_aiohttp, with_curl, with_node, *UNDICIS)
      for scheme in ("http", "https")),
    *((client, "https", "2.0") for client in (with_httpx, with_curl, with_node, *UNDICIS)),
]  # fmt: skip


@pytest.mark.parametrize(("client", "scheme", "version"), CASES)
def test_what_a_client_sends_arrives_and_is_recorded(recording, origin, client: Callable, scheme: str, version: str):
    path = f"/echo?{client.__name__}-{scheme}-{version}"
    answer = client(recording, (origin.https_url if scheme == "https" else origin.http_url) + path, version)
    hashed = hashlib.sha256(BODY).hexdigest()
    assert json.loads(answer) == {"method": "POST", "version": version, "length": len(BODY), "sha256": hashed}
    seen = recording.by_path(path)
    assert (seen.request_body, seen.response_body) == (BODY, answer)
    assert seen.row.scheme == scheme
    assert seen.detail.request.version == ("HTTP/2" if version == "2.0" else "HTTP/1.1")


def test_a_body_comes_back_while_it_is_sent(recording, origin):
    trust = ssl.create_default_context(cafile=recording.ca)
    pieces = [bytes([number]) * 20_000 for number in range(100)]
    with httpx.Client(proxy=recording.proxy, verify=trust, http2=True) as client:
        assert client.post(f"{origin.https_url}/body?back", content=iter(pieces)).content == b"".join(pieces)
    seen = recording.by_path("/body?back")
    assert (seen.row.request_bytes, seen.row.response_bytes) == (2_000_000, 2_000_000)
    assert b"x-count: 2000000" in seen.detail.response.trailers
