"""The files that the ways out name: what can't be used is said before anything is served."""

import os
import stat

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from proxy_core.client_certificate import FILE_LIMIT, ClientCertificateError, read_client_certificate
from proxy_core.model.ways_out import WayError, WaysOut
from proxy_core.ways_out_files import check_files
from tests.support.program import Program
from tests.support.test_ca import ExampleCa

SECRET = "geheim"


@pytest.fixture(scope="module")
def leaf():
    return ExampleCa().leaf("me")


def locked_key(leaf) -> bytes:
    key = load_pem_private_key(leaf.key_pem, None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(SECRET.encode()))


def pkcs12(leaf, *, has_certificate: bool = True) -> bytes:
    key = load_pem_private_key(leaf.key_pem, None)
    certificate = leaf.certificate if has_certificate else None
    return serialize_key_and_certificates(b"me", key, certificate, None, BestAvailableEncryption(SECRET.encode()))


@pytest.mark.parametrize("is_key_first", [True, False])
def test_pem(leaf, tmp_path, is_key_first):
    path = tmp_path / "me.pem"
    path.write_bytes(leaf.key_pem + leaf.chain_pem if is_key_first else leaf.chain_pem + leaf.key_pem)
    read = read_client_certificate(str(path))
    assert read.chain == leaf.chain_pem
    assert read.key == leaf.key_pem


def test_the_own_certificate_comes_first(leaf, tmp_path):
    path = tmp_path / "me.pem"
    other = ExampleCa("Other").pem
    path.write_bytes(other + leaf.certificate_pem + leaf.key_pem)
    assert read_client_certificate(str(path)).chain == leaf.certificate_pem + other


@pytest.mark.parametrize(
    ("content", "password", "text"),
    [
        (lambda leaf: b"", "", "neither PEM nor PKCS#12"),
        (lambda leaf: os.urandom(1000), "", "neither PEM nor PKCS#12"),
        (lambda leaf: leaf.chain_pem, "", "no private key"),
        (lambda leaf: leaf.key_pem, "", "no certificate"),
        (lambda leaf: leaf.key_pem + ExampleCa().pem, "", "its key belongs to another"),
        (lambda leaf: leaf.chain_pem + locked_key(leaf), "", "it needs a password"),
        (lambda leaf: leaf.chain_pem + locked_key(leaf), "wrong", "its password is another"),
        (pkcs12, "", "its password is another|needs a password"),
        (pkcs12, "wrong", "its password is another"),
        (lambda leaf: pkcs12(leaf, has_certificate=False), SECRET, "no certificate"),
        (lambda leaf: pkcs12(leaf)[:-100], SECRET, "neither PEM nor PKCS#12"),
        (
            lambda leaf: leaf.chain_pem + b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "",
            "neither",
        ),
        (lambda leaf: b"PRIVATE KEY-----" + leaf.chain_pem, "", "neither"),
        (lambda leaf: b" " * (FILE_LIMIT + 1), "", "larger than 1 MiB"),
    ],
)
def test_what_is_none(leaf, tmp_path, content, password, text):
    path = tmp_path / "me.pem"
    path.write_bytes(content(leaf))
    with pytest.raises(ClientCertificateError, match=text) as caught:
        read_client_certificate(str(path), password)
    said = str(caught.value)
    assert str(path) in said
    assert not password or password not in said.replace(str(path), "")


def test_no_ordinary_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, text in (("pipe", "no ordinary file"), ("nothing", "No such file"), (".", "no ordinary file")):
        with pytest.raises(ClientCertificateError, match=text):
            read_client_certificate(str(tmp_path / name))


def test_the_key_log_is_its_owners_alone(tmp_path):
    old = os.umask(0)
    try:
        check_files(WaysOut(keylog=str(tmp_path / "keys")))
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["missing/keys", ".", "pipe", "link", "dangling"])
def test_no_place_for_a_key_log(tmp_path, name):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "theirs").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    with pytest.raises(WayError, match="TLS secrets can't be written"):
        check_files(WaysOut(keylog=str(tmp_path / name)))

    assert not (tmp_path / "nothing").exists()


def test_a_key_log_that_another_has_put_there(tmp_path, monkeypatch):
    (tmp_path / "keys").write_text("")
    monkeypatch.setattr("proxy_core.ownership._ADMINISTRATOR", -1)
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    with pytest.raises(WayError, match=r"keys \(it belongs to another user\)"):
        check_files(WaysOut(keylog=str(tmp_path / "keys")))


@pytest.mark.parametrize(("mode", "is_told"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_key_log_that_others_can_read(tmp_path, mode, is_told):
    path = tmp_path / "keys"
    path.write_text("")
    path.chmod(mode)
    with Program(["record", "--home", str(tmp_path), "--listen", "127.0.0.1:0", "--keylog", str(path)]) as program:
        program.listening_port()
        program.stop()
        text = f"TLS secrets are written to {path}, which other users of this computer can read."
        assert (text in program.errors) == is_told


def test_the_program_says_so_in_one_line(tmp_path):
    arguments = [
        "record",
        "--home",
        str(tmp_path),
        "--listen",
        "127.0.0.1:0",
        "--client-certificate",
        "a.test=/nowhere",
    ]
    with Program(arguments) as program:
        assert program.wait() == 2
        assert program.errors == "harrier: The client certificate /nowhere can't be read: No such file or directory.\n"
