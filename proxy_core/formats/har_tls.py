"""What is known of an upstream's TLS, in HAR: as Playwright has it for everybody, and whole for an import by Harrier.

The first entry that shows a connection tells all, with the chain of certificates; the others of the same connection
would only repeat its kilobytes.
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from functools import lru_cache
from typing import Any

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from proxy_core.formats.har_values import as_text
from proxy_core.formats.one_line import one_line
from proxy_core.model.tls_facts import decode_tls_facts, encode_tls_facts

_MOST_CHARACTERS = 1 << 19  # of base64: OpenSSL takes chains of 100 KB


def security_details(tls: bytes) -> dict[str, Any]:
    """`_securityDetails`: protocol, cipher and ALPN, and whom the origin's certificate names."""
    facts = decode_tls_facts(tls)
    if facts is None:
        return {}
    told = {"protocol": facts.version, "_cipher": facts.cipher, "_alpn": facts.alpn}
    details: dict[str, Any] = {name: value for name, value in told.items() if value}
    return details | (_certificate(facts.chain[0]) if facts.chain else {})


@lru_cache(maxsize=64)
def _certificate(der: bytes) -> dict[str, Any]:
    """It may be hostile: what can't be read is not told."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        return {
            "subjectName": _common_name(certificate.subject),
            "issuer": _common_name(certificate.issuer),
            "validFrom": int(certificate.not_valid_before_utc.timestamp()),
            "validTo": int(certificate.not_valid_after_utc.timestamp()),
        }
    except (ValueError, x509.InvalidVersion, UnsupportedAlgorithm):
        return {}


def _common_name(name: x509.Name) -> str:
    """As browsers have it; of who has none, all of the name."""
    for each in name.get_attributes_for_oid(NameOID.COMMON_NAME):
        if isinstance(each.value, str):
            return one_line(each.value)
    return one_line(name.rfc4514_string())


def told_tls(tls: bytes | None) -> dict[str, str]:
    """What `_harrier` tells of the upstream's connection: all that is known of its TLS."""
    facts = decode_tls_facts(tls)
    if facts is None:
        return {}
    return {"upstreamTls": b64encode(encode_tls_facts(msgspec.structs.replace(facts, program=None))).decode()}


def read_tls(own: dict[str, Any]) -> bytes | None:
    """That again, of whoever says that he is Harrier; None where it isn't told, or is none."""
    told = as_text(own.get("upstreamTls"))
    if not told or len(told) > _MOST_CHARACTERS:
        return None
    try:
        facts = decode_tls_facts(b64decode(told, validate=True))
    except (Base64Error, ValueError):
        return None
    return None if facts is None else encode_tls_facts(msgspec.structs.replace(facts, program=None))
