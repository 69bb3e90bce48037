"""The facts of a certificate: what it says, safe to show, and never an exception."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from app.inspector.certificate_facts import certificate_facts


def values(certificate: bytes) -> dict[str, str]:
    return {fact.name: fact.value for fact in certificate_facts(certificate)}


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def make_certificate(name: str, *extensions: x509.ExtensionType) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime(2026, 1, 2, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(5).not_valid_before(now).not_valid_after(now + timedelta(days=30))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return der(builder.sign(key, hashes.SHA256()))


def test_the_facts_of_a_certificate():
    certificate = make_certificate(
        "shop.test", x509.SubjectAlternativeName([x509.DNSName("shop.test"), x509.DNSName("*.shop.test")])
    )
    told = values(certificate)
    assert told["Subject"] == "CN=shop.test"
    assert told["Names"] == "shop.test, *.shop.test"
    assert told["Valid"] == "2026-01-02 to 2026-02-01"
    assert len(told["SHA-256"]) == 95


def test_a_hostile_certificate_is_spelled_out():
    told = values(make_certificate("a\u202egpj.exe\x1b[31m\u2028b\u200b\x85c"))
    assert all(value.isprintable() for value in told.values())


def broken_certificates() -> dict[str, bytes]:
    san = x509.SubjectAlternativeName([x509.DNSName("shop.test")])
    # The same extension twice: made with another number, which is then overwritten.
    other = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.117"), san.public_bytes())
    good = make_certificate("shop.test", san)
    return {
        "nothing": b"",
        "no DER": b"\x30\x82 nothing of the sort",
        "cut": good[:100],
        "twice the same extension": make_certificate("shop.test", san, other).replace(b"\x55\x1d\x75", b"\x55\x1d\x11"),
        "a name of another kind": good.replace(b"\x82\x09shop.test", b"\xa3\x09shop.test"),
        "another version": good.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07", 1),
        "a name that is no ASCII": good.replace(b"\x82\x09shop.test", b"\x82\x09sh\xff\xfe.test"),
        "a month that is none": good.replace(b"260102", b"269902"),
    }


@pytest.mark.parametrize("damage", broken_certificates())
def test_a_certificate_that_cannot_be_read_says_so(damage):
    told = values(broken_certificates()[damage])
    problem = told.get("Unreadable") or told["Names"]
    assert problem
    assert problem != "shop.test"
    assert all(value.isprintable() for value in told.values())
