"""What curl did is what the HAR says, by the strictest readers' rules."""

import base64
import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.recording import Recording
from tests.support.demonstration_site import DemonstrationSite
from tests.support.har_validation import check_har
from tests.support.test_ca import ExampleCa

CURL = shutil.which("curl")

pytestmark = pytest.mark.skipif(CURL is None, reason="curl is not installed: apt-get install curl")


@pytest.fixture(scope="module")
def site():
    with DemonstrationSite() as running:
        yield running


class Curl:
    """curl through the proxy, trusting Harrier's CA."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def __call__(self, url: str, *options: str) -> bytes:
        command = [str(CURL), "--silent", "--show-error", "--max-time", "30", "--noproxy", "", "--proxy"]
        command += [self._recording.proxy, "--cacert", self._recording.ca, *options, url]
        done = subprocess.run(command, capture_output=True, check=False, env={"PATH": "/usr/bin:/bin"})
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


def record(tmp_path: Path, site: DemonstrationSite, use: Any) -> list[dict[str, Any]]:
    """Let `use` work with curl; the entries of the HAR that was written, checked."""
    another = ExampleCa("Another").write(str(tmp_path), "another.pem")  # the one does not take the other's place
    cas = ["--upstream-ca", site.write_ca(tmp_path), "--upstream-ca", another]
    with Recording(tmp_path, cas) as recording:
        use(Curl(recording))
        assert recording.stop() == 0, recording.program.errors
    entries: list[dict[str, Any]] = check_har(recording.har)["entries"]
    return entries


def field(message: dict[str, Any], name: str) -> list[str]:
    return [each["value"] for each in message["headers"] if each["name"].lower() == name.lower()]


def test_content_codings_are_undone_and_the_sizes_tell_both(tmp_path, site):
    codings = ["gzip", "deflate", "br", "zstd", "gzip+br"]
    wire: dict[str, int] = {}

    def use(curl: Curl) -> None:
        for coding in codings:
            wire[coding] = len(
                curl(f"{site.https_url}/coded/{coding}", "-H", "Accept-Encoding: gzip, deflate, br, zstd")
            )

    entries = record(tmp_path, site, use)
    assert len(entries) == len(codings)
    for coding, entry in zip(codings, entries, strict=True):
        response = entry["response"]
        assert '"wares"' in response["content"]["text"]
        assert response["content"]["size"] == len(response["content"]["text"].encode())
        assert response["bodySize"] == wire[coding]
        assert response["content"]["compression"] == response["content"]["size"] - wire[coding]


def test_what_is_not_utf8_is_base64_byte_for_byte(tmp_path, site):
    bodies: dict[str, bytes] = {}

    def use(curl: Curl) -> None:
        for path in ("/picture/1.png", "/charset/latin-1", "/charset/shift_jis"):
            bodies[path] = curl(f"{site.http_url}{path}")

    for path, entry in zip(bodies, record(tmp_path, site, use), strict=True):
        content = entry["response"]["content"]
        assert content["encoding"] == "base64"
        assert base64.b64decode(content["text"]) == bodies[path]
        assert content["mimeType"] == field(entry["response"], "content-type")[0]


def test_forms_and_uploads(tmp_path, site):
    upload = tmp_path / "photo.bin"
    upload.write_bytes(bytes(range(256)) * 100)

    def use(curl: Curl) -> None:
        curl(f"{site.https_url}/order", "--data", "name=Anna&note=caf%C3%A9+au+lait")
        curl(f"{site.https_url}/repair", "--form", "what=tripod", "--form", f"photo=@{upload}")
        curl(f"{site.https_url}/echo", "--request", "PUT", "--data-binary", f"@{upload}", "-H", "Content-Type: x/y")

    form, multipart, put = record(tmp_path, site, use)
    assert form["request"]["method"] == "POST"
    assert {each["name"]: each["value"] for each in form["request"]["postData"]["params"]} == {
        "name": "Anna",
        "note": "caf%C3%A9+au+lait",  # as Chrome writes it: some readers undo the escapes
    }
    assert form["request"]["postData"]["text"] == "name=Anna&note=caf%C3%A9+au+lait"
    assert form["response"]["status"] == 303
    assert form["response"]["redirectURL"]
    assert multipart["request"]["bodySize"] > 25_600
    assert multipart["request"]["postData"]["mimeType"].startswith("multipart/form-data")
    assert hashlib.sha256(upload.read_bytes()).hexdigest() in put["response"]["content"]["text"]
    assert put["request"]["bodySize"] == 25_600


def test_redirects_cookies_queries_and_chunks(tmp_path, site):
    def use(curl: Curl) -> None:
        curl(f"{site.http_url}/redirect/2", "--location")
        curl(f"{site.http_url}/cookies", "--cookie", "a=1; b=two words")
        curl(f"{site.http_url}/echo?x=1&y=%C3%A9&z")
        curl(f"{site.http_url}/chunked")
        curl(f"{site.http_url}/hints")
        curl(f"{site.http_url}/status/204")
        curl(f"{site.http_url}/", "--head")

    entries = record(tmp_path, site, use)
    by_path = {entry["request"]["url"].removeprefix(site.http_url): entry for entry in entries}
    assert [entry["response"]["status"] for entry in entries[:2]] == [302, 302]
    assert {each["name"]: each["value"] for each in by_path["/cookies"]["request"]["cookies"]} == {
        "a": "1",
        "b": "two words",
    }
    query = by_path["/echo?x=1&y=%C3%A9&z"]["request"]["queryString"]
    assert [each["name"] for each in query] == ["x", "y", "z"]
    assert by_path["/chunked"]["response"]["content"]["text"]
    assert by_path["/hints"]["response"]["status"] == 200
    assert by_path["/status/204"]["response"]["content"]["size"] == 0
    assert entries[-1]["request"]["method"] == "HEAD"


def test_failures_are_entries_too(tmp_path, site):
    def use(curl: Curl) -> None:
        for path in ("/fail/close-before-head", "/fail/two-lengths", "/fail/garbage"):
            assert b"Harrier" in curl(f"{site.http_url}{path}")
        assert b"could not be found" in curl("http://nowhere.invalid/")

    entries = record(tmp_path, site, use)
    assert len(entries) == 4
    for entry in entries:
        assert entry["response"]["status"] == 0 or entry["response"]["status"] == 502
        assert entry["response"].get("_error") or entry.get("_failure") or entry["response"]["statusText"]
