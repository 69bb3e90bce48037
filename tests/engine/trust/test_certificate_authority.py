"""The CA's files: private from birth, made once, never replaced behind a person's back."""

import hashlib
import os
import re
import stat
import subprocess
import sys
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

import proxy_core.certificate_authority as authority_module
from proxy_core import ownership
from proxy_core.certificate_authority import (
    CERTIFICATE_FILE,
    KEY_FILE,
    CertificateAuthority,
    CertificateAuthorityError,
)
from proxy_core.partial_file import whole_file


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "home" / "ca"


@pytest.fixture
def made(folder) -> CertificateAuthority:
    return CertificateAuthority.load_or_create(str(folder))


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refusal(folder: Path) -> str:
    """What is said when the CA is loaded; every file must stay as it is."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(CertificateAuthorityError) as caught:
        CertificateAuthority.load_or_create(str(folder))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    return str(caught.value)


def test_files_are_private_whatever_the_umask(folder):
    old_umask = os.umask(0)
    try:
        CertificateAuthority.load_or_create(str(folder))
    finally:
        os.umask(old_umask)
    assert mode_of(folder) == 0o700
    assert mode_of(folder.parent) == 0o700
    assert sorted(path.name for path in folder.iterdir()) == [KEY_FILE, CERTIFICATE_FILE]
    assert mode_of(folder / KEY_FILE) == 0o600
    assert mode_of(folder / CERTIFICATE_FILE) == 0o600


def test_too_open_permissions_are_tightened(folder, made):
    folder.chmod(0o755)
    (folder / KEY_FILE).chmod(0o644)
    CertificateAuthority.load_or_create(str(folder))
    assert mode_of(folder) == 0o700
    assert mode_of(folder / KEY_FILE) == 0o600


def test_a_folder_shared_by_all_keeps_its_mode(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    CertificateAuthority.load_or_create(str(shared))
    assert mode_of(shared) == 0o1777
    assert mode_of(shared / KEY_FILE) == 0o600


def test_the_same_ca_is_loaded_again(folder, made):
    for again in (CertificateAuthority.load_or_create(str(folder)), CertificateAuthority.load(str(folder))):
        assert again.fingerprint == made.fingerprint
        assert again.certificate_pem == made.certificate_pem == (folder / CERTIFICATE_FILE).read_bytes()


def test_load_makes_nothing(folder):
    with pytest.raises(CertificateAuthorityError, match="start Harrier once"):
        CertificateAuthority.load(str(folder))
    assert not folder.exists()


def test_what_it_tells_of_itself(made):
    der = made.certificate.public_bytes(Encoding.DER)
    assert made.fingerprint == ":".join(f"{byte:02X}" for byte in hashlib.sha256(der).digest())
    spki = made.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert made.spki_sha256_base64 == b64encode(hashlib.sha256(spki).digest()).decode()
    assert re.fullmatch(r"Harrier CA .+ \d{4}-\d{2}", made.name)
    assert made.certificate.subject.rfc4514_string() == f"CN={made.name}"
    assert timedelta(days=5 * 365) < made.not_after - datetime.now(UTC) < timedelta(days=3650)
    assert "PRIVATE" not in repr(made) + str(vars(made))


def test_its_extensions(made):
    extensions = made.certificate.extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert usage.value.crl_sign
    assert not usage.value.digital_signature
    key = made.certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    assert extensions.get_extension_for_class(
        x509.SubjectKeyIdentifier
    ).value == x509.SubjectKeyIdentifier.from_public_key(key)


@pytest.mark.parametrize("hostname", ["", "h" * 300, "büro-pc", "tab\there"])
def test_any_hostname_makes_a_name(folder, monkeypatch, hostname):
    monkeypatch.setattr(authority_module.socket, "gethostname", lambda: hostname)
    name = CertificateAuthority.load_or_create(str(folder)).name
    assert len(name) <= 64
    assert name.isprintable()


def test_processes_that_start_together_get_the_same_ca(folder):
    script = (
        "import sys\n"
        "from proxy_core.certificate_authority import CertificateAuthority\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "print(CertificateAuthority.load_or_create(sys.argv[1]).fingerprint)\n"
    )
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for starter in starters:
        assert starter.stdout.readline() == "ready\n"
    for starter in starters:
        starter.stdin.write("go\n")
        starter.stdin.flush()
    told = {starter.communicate(timeout=60)[0] for starter in starters}
    assert [starter.returncode for starter in starters] == [0] * 4
    assert told == {CertificateAuthority.load(str(folder)).fingerprint + "\n"}
    assert sorted(path.name for path in folder.iterdir()) == [KEY_FILE, CERTIFICATE_FILE]


def test_the_loser_of_a_race_takes_the_winners(folder, monkeypatch):
    # Another process publishes its CA between our look and our own publishing.
    winners = []

    def write_late(path, **options):
        monkeypatch.undo()
        winners.append(CertificateAuthority.load_or_create(str(folder)))
        return whole_file(path, **options)

    monkeypatch.setattr(authority_module, "whole_file", write_late)
    assert CertificateAuthority.load_or_create(str(folder)).fingerprint == winners[0].fingerprint


def test_a_file_system_without_hard_links_will_do(folder, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    made = CertificateAuthority.load_or_create(str(folder))
    assert CertificateAuthority.load(str(folder)).fingerprint == made.fingerprint
    assert mode_of(folder / KEY_FILE) == 0o600
    assert len(list(folder.iterdir())) == 2


def test_a_missing_copy_of_the_certificate_is_written_anew(folder, made):
    (folder / CERTIFICATE_FILE).unlink()
    assert CertificateAuthority.load(str(folder)).fingerprint == made.fingerprint
    assert (folder / CERTIFICATE_FILE).read_bytes() == made.certificate_pem


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.8, 0.97])
def test_a_half_written_key_file_is_refused(folder, made, kept):
    path = folder / KEY_FILE
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    text = refusal(folder)
    assert str(path) in text
    assert "move" in text


def test_garbage_for_a_key_file_is_refused(folder, made):
    (folder / KEY_FILE).write_bytes(b"\xff\x00 not PEM")
    assert "damaged" in refusal(folder)


def test_a_key_that_does_not_fit_its_certificate_is_refused(folder, made):
    other = ec.generate_private_key(ec.SECP256R1())
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / KEY_FILE).write_bytes(pem + made.certificate_pem)
    assert "damaged" in refusal(folder)


def test_a_missing_key_is_not_replaced(folder, made):
    (folder / KEY_FILE).unlink()
    text = refusal(folder)
    assert str(folder / KEY_FILE) in text
    assert "missing" in text


@pytest.mark.parametrize("copy", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_damaged_copy_of_the_certificate_is_refused(folder, made, copy):
    (folder / CERTIFICATE_FILE).write_bytes(copy)
    text = refusal(folder)
    assert str(folder / CERTIFICATE_FILE) in text
    assert "move it away" in text


def test_a_copy_of_another_ca_is_refused(folder, made, tmp_path):
    other = CertificateAuthority.load_or_create(str(tmp_path / "other"))
    (folder / CERTIFICATE_FILE).write_bytes(other.certificate_pem)
    assert str(folder / CERTIFICATE_FILE) in refusal(folder)


def test_an_expired_ca_says_so(folder, monkeypatch):
    monkeypatch.setattr(authority_module, "LIFETIME", timedelta(days=1))  # over since yesterday
    with pytest.raises(CertificateAuthorityError):
        CertificateAuthority.load_or_create(str(folder))
    text = refusal(folder)
    assert "expired on" in text
    assert str(folder / KEY_FILE) in text


def test_a_clock_before_the_ca_says_so(folder, monkeypatch):
    monkeypatch.setattr(authority_module, "BACKDATING", timedelta(days=-30))
    with pytest.raises(CertificateAuthorityError, match="clock"):
        CertificateAuthority.load_or_create(str(folder))


def test_a_folder_that_is_a_file_says_so(tmp_path):
    path = tmp_path / "ca"
    path.write_bytes(b"")
    with pytest.raises(CertificateAuthorityError, match="--home"):
        CertificateAuthority.load_or_create(str(path / "below"))
    with pytest.raises(CertificateAuthorityError):
        CertificateAuthority.load_or_create(str(path))


def test_openssl_reads_the_certificate(folder, made):
    text = subprocess.run(
        ["openssl", "x509", "-in", str(folder / CERTIFICATE_FILE), "-noout", "-fingerprint", "-sha256"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert text.strip().partition("=")[2] == made.fingerprint


class TestAPlantedKey:
    """A key that another user may have put there, or changed, is never used silently."""

    @pytest.mark.parametrize("mode", [0o666, 0o620, 0o602])
    def test_a_key_that_others_can_change_is_refused(self, folder, made, mode):
        path = folder / KEY_FILE
        path.chmod(mode)
        text = refusal(folder)
        assert f"{path} can be changed by other users (mode {mode:04o})" in text
        assert "chmod 600" in text
        with pytest.raises(CertificateAuthorityError, match="other users"):
            CertificateAuthority.load(str(folder))
        path.chmod(0o600)
        assert CertificateAuthority.load(str(folder)).fingerprint == made.fingerprint

    def test_a_key_of_another_user_is_refused(self, folder, made, monkeypatch):
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 4711)
        monkeypatch.setattr(ownership, "_ADMINISTRATOR", -1)
        text = refusal(folder)
        assert "belongs to another user" in text
        assert "chown" in text
        with pytest.raises(CertificateAuthorityError, match="belongs to another user"):
            CertificateAuthority.load(str(folder))

    def test_a_folder_of_another_user_gets_no_ca(self, folder, monkeypatch):
        folder.mkdir(parents=True)
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 4711)
        monkeypatch.setattr(ownership, "_ADMINISTRATOR", -1)
        assert "--home" in refusal(folder)
        assert list(folder.iterdir()) == []

    @pytest.mark.parametrize("name", [KEY_FILE, CERTIFICATE_FILE])
    def test_a_link_is_not_followed(self, folder, made, tmp_path, name):
        (folder / name).rename(tmp_path / "elsewhere.pem")
        (folder / name).symlink_to(tmp_path / "elsewhere.pem")
        assert f"{folder / name} is a link" in refusal(folder)

    @pytest.mark.parametrize("name", [KEY_FILE, CERTIFICATE_FILE])
    def test_a_pipe_is_not_waited_for(self, folder, made, name):
        (folder / name).unlink()
        os.mkfifo(folder / name)
        with pytest.raises(CertificateAuthorityError, match="is no file"):
            CertificateAuthority.load_or_create(str(folder))

    def test_an_endless_key_is_read_up_to_a_limit(self, folder, made):
        with (folder / KEY_FILE).open("r+b") as file:
            file.truncate(1 << 36)
        assert CertificateAuthority.load(str(folder)).fingerprint == made.fingerprint
