"""The roots that this computer trusts beside certifi's: a company's TLS proxy, a CA that somebody has installed.

Linux: the bundle that the distribution keeps, and whatever `SSL_CERT_FILE` names, which OpenSSL's other users go by,
too. Windows: the store ROOT. macOS: the bundle of the system alone, since a keychain can't be read without its own
verifier; what was installed there is to be named in `upstream_ca`. That verifier, and Windows's (truststore calls
them), will not do: they block, may ask the network, and can't be told that Harrier's own CA vouches for nobody.

Nothing is parsed here: it is only split, so a certificate of whatever oddity costs nothing.
"""

import binascii
import os
import re
import ssl
import sys
from collections.abc import Iterator

SIZE_LIMIT = 8 * 1024 * 1024  # bytes read of a bundle; Debian's is 220 KB
# The first that is there; the paths that OpenSSL was built with may be those of another machine.
_BUNDLES: tuple[str, ...] = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Arch, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # macOS, the BSDs
)
_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----([^-]++)-----END CERTIFICATE-----")
_SERVER_AUTHENTICATION = "1.3.6.1.5.5.7.3.1"  # RFC 5280 §4.2.1.12: id-kp-serverAuth


def system_roots() -> list[bytes]:
    """The roots, DER, each once. What can't be read adds none."""
    if sys.platform == "win32":
        found = [
            der
            for der, encoding, uses in ssl.enum_certificates("ROOT")
            if encoding == "x509_asn" and (uses is True or (uses and _SERVER_AUTHENTICATION in uses))
        ]
    else:
        bundle = next(filter(os.path.isfile, _BUNDLES), "")
        found = [der for path in (os.environ.get("SSL_CERT_FILE", ""), bundle) for der in _certificates(path)]
    return list(dict.fromkeys(found))


def split_pem(data: bytes) -> Iterator[bytes]:
    """The certificates in a PEM text, DER."""
    for block in _BLOCK.finditer(data):
        try:
            yield binascii.a2b_base64(block[1])
        except binascii.Error:
            continue


def _certificates(path: str) -> list[bytes]:
    if not os.path.isfile(path):
        return []
    try:
        with open(path, "rb") as file:
            return list(split_pem(file.read(SIZE_LIMIT)))
    except OSError:
        return []
