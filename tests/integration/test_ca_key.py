"""The CA's private key lies in its one file, and nowhere else: not in a capture, a HAR, a log, or what is printed."""

import base64
import signal
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.integration.node_origin import NodeOrigin
from tests.integration.recording import Recording


def get(recording: Recording, url: str, *options: str) -> subprocess.CompletedProcess[bytes]:
    words = ["curl", "-sS", "--noproxy", "", "--max-time", "30", "-x", recording.proxy, *options, url]
    return subprocess.run(words, capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize("is_killed", [False, True])
def test_it_is_in_its_file_alone(tmp_path, is_killed):
    (tmp_path / "origin").mkdir()
    (tmp_path / "recording").mkdir()
    with NodeOrigin(tmp_path / "origin") as origin, Recording(tmp_path / "recording", workers=1) as recording:
        # One that works, one whose origin is not trusted, one whose client does not trust us.
        assert get(recording, origin.http_url + "/echo").returncode == 0
        assert get(recording, origin.https_url + "/echo", "--cacert", recording.ca).returncode == 0
        assert get(recording, origin.https_url + "/echo").returncode != 0
        recording.finished(3)
        key_file = recording.home / "ca" / "harrier-ca-key.pem"
        if is_killed:
            recording.program.signal(signal.SIGKILL)
            recording.program.wait()
        else:
            assert recording.stop() == 0
        printed = recording.program.errors.encode()
    key = load_pem_private_key(key_file.read_bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    number = key.private_numbers().private_value
    raw = number.to_bytes(32, "big")
    lines = key_file.read_bytes().split(b"\n")
    secrets = [
        raw,
        raw[::-1],
        raw.hex().encode(),
        str(number).encode(),
        base64.b64encode(raw)[:40],
        lines[1],
        b"PRIVATE KEY",
    ]
    files = [path for path in (tmp_path / "recording").rglob("*") if path.is_file() and path != key_file]
    assert any(b"/echo" in path.read_bytes() for path in files)
    for secret in secrets:
        assert secret not in printed
        assert not [path for path in files if secret in path.read_bytes()]
    assert b"PRIVATE KEY" in key_file.read_bytes()
