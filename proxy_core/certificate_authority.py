"""The certificate authority: the key that signs the certificates shown to clients, and its two files.

One per installation, made at the first start. Whoever holds the key can impersonate every site to the browsers that
trust it, so the key lies in a folder of mode 0700 in a file that is born with mode 0600, and is never logged, recorded
or exported. `load_or_create` is for the processes that start first; workers `load`.

`harrier-ca-key.pem` holds the key *and* its certificate, and appears at once and whole by a hard link: however many
processes start together, one wins and all load the same. `harrier-ca.pem` is the copy of the certificate for people to
import, and is written anew when it is missing. Nothing damaged is ever replaced silently, and no key that another user
may have put there is ever used: browsers may trust that CA, so a person must decide; the error says what to do.
"""

import contextlib
import errno
import hashlib
import os
import socket
import stat
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from proxy_core.ownership import is_of_another, is_writable_by_others, take_from_others
from proxy_core.partial_file import whole_file

KEY_FILE = "harrier-ca-key.pem"
CERTIFICATE_FILE = "harrier-ca.pem"
COMMON_NAME_START = "Harrier CA "
LIFETIME = timedelta(days=9 * 365)  # browsers take 10 years; some devices refuse more
BACKDATING = timedelta(days=2)  # clients whose clock is behind ours
_FILE_LIMIT = 64 * 1024  # bytes; a key with its certificate is 1 KB
_UNFOLLOWED = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NAME_LIMIT = 64  # X.520 ub-common-name


class CertificateAuthorityError(Exception):
    """The CA can't be used. The message is one sentence or two that say why and what to do."""


class CertificateAuthority:
    """The loaded CA; immutable. Make one with `load` or `load_or_create`."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, certificate_path: str) -> None:
        der = certificate.public_bytes(Encoding.DER)
        self.certificate = certificate
        self.certificate_path = certificate_path
        self.certificate_pem: bytes = certificate.public_bytes(Encoding.PEM)
        self.name = str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        self.fingerprint = hashlib.sha256(der).digest().hex(":").upper()
        self.spki_sha256_base64 = b64encode(spki_sha256(certificate)).decode()
        self.not_after = certificate.not_valid_after_utc
        self._key = key

    def __repr__(self) -> str:
        return f"<CertificateAuthority {self.name!r}>"

    def sign(self, leaf: x509.CertificateBuilder) -> x509.Certificate:
        """Issue `leaf`, whose issuer name is set here."""
        return leaf.issuer_name(self.certificate.subject).sign(self._key, hashes.SHA256())

    @classmethod
    def load(cls, folder: str) -> Self:
        """Load the CA that lies in `folder`. Raises CertificateAuthorityError."""
        authority = cls._load(folder)
        if authority is None:
            raise CertificateAuthorityError(f"There is no CA in {folder} yet: start Harrier once, and it makes one.")
        return authority

    @classmethod
    def load_or_create(cls, folder: str) -> Self:
        """Load the CA that lies in `folder`, or make it. Raises CertificateAuthorityError."""
        try:
            _make_private_folder(folder)
            authority = cls._load(folder)
            if authority is None:
                _publish_key_file(folder, _new_key_file())
                authority = cls._load(folder)  # ours, or that of the process which was faster
        except OSError as error:
            raise CertificateAuthorityError(
                f"The CA's folder {folder} can't be used ({error.strerror or error}): make it writable, or choose "
                "another one with --home."
            ) from error
        if authority is None:
            raise CertificateAuthorityError(
                f"The CA in {folder} vanished while it was being made: start Harrier again."
            )
        return authority

    @classmethod
    def _load(cls, folder: str) -> Self | None:
        """None when there is no CA at all."""
        key_path = os.path.join(folder, KEY_FILE)
        certificate_path = os.path.join(folder, CERTIFICATE_FILE)
        # The certificate is looked for first: the key file is always published before it, so a certificate without a
        # key can't be one that another process is just about to complete.
        copy = _read_if_there(certificate_path)
        key_file = _read_if_there(key_path)
        if key_file is None:
            if copy is None:
                return None
            raise CertificateAuthorityError(
                f"The CA's key {key_path} is missing: put it back, or move {certificate_path} away, and Harrier makes "
                "a new CA, which browsers must then be told to trust."
            )
        key_data, key_status = key_file
        _check_key_is_ours(key_status, key_path)
        key, certificate = _parse_key_file(key_data, key_path)
        _check_validity(certificate, key_path, certificate_path)
        take_from_others(key_path, 0o077)
        if copy is None:
            _write_copy(certificate_path, certificate)
        elif not _is_copy_of(copy[0], certificate):
            raise CertificateAuthorityError(
                f"{certificate_path} is damaged or belongs to another key than {KEY_FILE} beside it: move it away, "
                "and Harrier writes it anew."
            )
        return cls(key, certificate, certificate_path)


def spki_sha256(certificate: x509.Certificate) -> bytes:
    """SHA-256 of the public key as it stands in the certificate: what Chromium's switch and pins name."""
    return hashlib.sha256(
        certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).digest()


def _new_key_file() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC).replace(microsecond=0)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _common_name(socket.gethostname(), now))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATING)
        .not_valid_after(now - BACKDATING + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_CA_KEY_USAGE, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)


_CA_KEY_USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _common_name(hostname: str, now: datetime) -> str:
    """A name that tells the CAs of two computers, or of two years, apart in a trust store."""
    date = f"{now:%Y-%m}"
    printable = "".join(char for char in hostname if char.isprintable()).strip() or "this computer"
    room = _NAME_LIMIT - len(f"{COMMON_NAME_START} {date}")
    return f"{COMMON_NAME_START}{printable[:room]} {date}"


def _parse_key_file(data: bytes, path: str) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    try:
        key = load_pem_private_key(data, password=None)
        certificate = x509.load_pem_x509_certificate(data)
        is_whole = (
            isinstance(key, ec.EllipticCurvePrivateKey)
            and certificate.public_key() == key.public_key()
            and bool(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME))
            and certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
            and bool(certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier))
        )
    except (ValueError, TypeError, x509.ExtensionNotFound):  # TypeError: the key is encrypted
        is_whole = False
    if not is_whole:
        raise CertificateAuthorityError(
            f"The CA's key file {path} is damaged: put an intact copy back, or move it and {CERTIFICATE_FILE} away, "
            "and Harrier makes a new CA, which browsers must then be told to trust."
        )
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key, certificate


def _check_validity(certificate: x509.Certificate, key_path: str, certificate_path: str) -> None:
    now = datetime.now(UTC)
    if now >= certificate.not_valid_after_utc:
        raise CertificateAuthorityError(
            f"The CA expired on {certificate.not_valid_after_utc:%Y-%m-%d}: move {key_path} and {certificate_path} "
            "away, and Harrier makes a new CA, which browsers must then be told to trust."
        )
    if now < certificate.not_valid_before_utc:
        raise CertificateAuthorityError(
            f"The CA is valid from {certificate.not_valid_before_utc:%Y-%m-%d} on, but this computer's clock says "
            f"{now:%Y-%m-%d}: set the clock right."
        )


def _is_copy_of(copy: bytes, certificate: x509.Certificate) -> bool:
    try:
        return x509.load_pem_x509_certificate(copy) == certificate
    except ValueError:
        return False


def _read_if_there(path: str) -> tuple[bytes, os.stat_result] | None:
    """What a file holds and what it is, of one and the same file; never what a link leads to."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _UNFOLLOWED)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise CertificateAuthorityError(f"{path} is a link: put the file itself in its place.") from error
        raise CertificateAuthorityError(
            f"{path} can't be read ({error.strerror or error}): give it back to the user who runs Harrier."
        ) from error
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise CertificateAuthorityError(f"{path} is no file: move it away.")
        return file.read(_FILE_LIMIT), status


def _check_key_is_ours(status: os.stat_result, path: str) -> None:
    """Refuse a key that another user may have put there, who could then be every site to browsers that trust it."""
    if is_of_another(status):
        whose = f"belongs to another user (number {status.st_uid})"
        ours = "make it yours (chown) if you put it there yourself"
    elif is_writable_by_others(status):
        whose = f"can be changed by other users (mode {stat.S_IMODE(status.st_mode):04o})"
        ours = "`chmod 600` it if you know that nobody has changed it"
    else:
        return
    raise CertificateAuthorityError(
        f"The CA's key {path} {whose}, who could then be every site to the browsers that trust it: {ours}; otherwise "
        f"move it and {CERTIFICATE_FILE} away, and Harrier makes a new CA, which browsers must then be told to trust."
    )


def _make_private_folder(folder: str) -> None:
    # On Windows (3.11.10+, 3.12.4+) `mkdir` with this very mode gives the folder to its owner alone, and files within
    # inherit that; older versions leave what the profile's folder grants, which is the owner too.
    parent = os.path.dirname(os.path.abspath(folder))
    if not os.path.isdir(parent):
        _make_private_folder(parent)
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        take_from_others(folder, 0o077)
    if is_of_another(os.stat(folder)):
        raise CertificateAuthorityError(
            f"The folder {folder} belongs to another user, who could put a CA of their own there: make it yours "
            "(chown), or choose another one with --home."
        )


def _publish_key_file(folder: str, data: bytes) -> None:
    """Make the key file appear whole, unless there is one already; then that one stays."""
    with (
        contextlib.suppress(FileExistsError),
        whole_file(os.path.join(folder, KEY_FILE), replaces=False) as file,
    ):
        file.write(data)


def _write_copy(path: str, certificate: x509.Certificate) -> None:
    try:
        with whole_file(path) as file:  # all who get here write the same bytes
            file.write(certificate.public_bytes(Encoding.PEM))
    except OSError as error:
        raise CertificateAuthorityError(
            f"{path} can't be written ({error.strerror or error}): make the folder writable."
        ) from error
