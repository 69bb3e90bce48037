"""The files that hold a client certificate and its key: PEM, or PKCS#12 with or without a password.

Read by the engine before it starts, which refuses what is no such file, and by each worker (`UpstreamTrust`). The key
stays in memory.
"""

import os
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates

FILE_LIMIT = 1024 * 1024  # bytes; a key with its whole chain is some 10 KB
_PEM_START = b"-----BEGIN "


class ClientCertificateError(Exception):
    """A file holds no certificate that could be shown: a sentence that says why, without secrets."""


class CertificateAndKey(NamedTuple):
    """PEM: the certificate, the others that vouch for it, and the key, which nothing protects any more."""

    chain: bytes
    key: bytes


def read_client_certificate(path: str, password: str = "") -> CertificateAndKey:
    """Read a file. Raises ClientCertificateError."""
    data = _read(path)
    secret = password.encode() or None
    try:
        if _PEM_START in data:
            chain, key = _from_pem(data, secret)
        else:
            chain, key = _from_pkcs12(data, secret)
    except TypeError:  # so a key is called that needs a password, or needs none
        reason = "it needs a password (--client-certificate-password FILE)" if secret is None else "it has no password"
        raise ClientCertificateError(f"The client certificate {path} can't be opened: {reason}.") from None
    except (ValueError, UnsupportedAlgorithm):
        reason = "it is neither PEM nor PKCS#12, or its password is another"
        raise ClientCertificateError(f"The client certificate {path} can't be opened: {reason}.") from None
    if key is None or not chain:
        what = "no private key" if key is None else "no certificate"
        raise ClientCertificateError(f"The client certificate {path} can't be used: there is {what} in it.")
    chain = _own_first(chain, key)
    if not chain:
        raise ClientCertificateError(f"The client certificate {path} can't be used: its key belongs to another.")
    return CertificateAndKey(
        b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def _read(path: str) -> bytes:
    try:
        if os.path.exists(path) and not os.path.isfile(path):  # a pipe would be waited for without end
            raise ClientCertificateError(f"The client certificate {path} can't be read: it is no ordinary file.")
        with open(path, "rb") as file:
            data = file.read(FILE_LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "that is no path"
        raise ClientCertificateError(f"The client certificate {path} can't be read: {reason}.") from None
    if len(data) > FILE_LIMIT:
        raise ClientCertificateError(f"{path} is no client certificate: it is larger than {FILE_LIMIT >> 20} MiB.")
    return data


def _from_pem(data: bytes, secret: bytes | None) -> tuple[list[x509.Certificate], PrivateKeyTypes | None]:
    has_key = b"PRIVATE KEY-----" in data
    if secret is not None and has_key and b"ENCRYPTED" not in data:
        secret = None  # the password is for another of the certificates
    key = load_pem_private_key(data[_key_start(data) :], secret) if has_key else None
    return x509.load_pem_x509_certificates(data) if b"-----BEGIN CERTIFICATE-----" in data else [], key


def _key_start(data: bytes) -> int:
    """Where the block of the key begins: the library wants it first."""
    return data.rindex(_PEM_START, 0, data.index(b"PRIVATE KEY-----"))


def _from_pkcs12(data: bytes, secret: bytes | None) -> tuple[list[x509.Certificate], PrivateKeyTypes | None]:
    key, certificate, others = load_key_and_certificates(data, secret)
    return [] if certificate is None else [certificate, *others], key


def _own_first(chain: list[x509.Certificate], key: PrivateKeyTypes) -> list[x509.Certificate]:
    """The chain with the key's own certificate first, as TLS wants it; empty where there is none."""
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    own = key.public_key().public_bytes(*form)
    first = [certificate for certificate in chain if certificate.public_key().public_bytes(*form) == own][:1]
    return first + [certificate for certificate in chain if certificate not in first] if first else []
