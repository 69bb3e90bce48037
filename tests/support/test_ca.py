"""A small certificate authority of the tests' own: what plays the web's CAs and servers, right and wrong ones.

`ExampleCa` is a root or an intermediate; `leaf` makes a server certificate with whatever is to be wrong with it. It
shares no code with Harrier's own CA, so that the one can judge the other. Keys are P-256 and made afresh.
"""

import enum
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Fault(enum.Enum):
    """What is wrong with a leaf. For a wrong name, ask for a leaf of that name."""

    EXPIRED = "expired"  # 30 days ago
    NOT_YET_VALID = "not yet valid"  # in 30 days
    SELF_SIGNED = "self-signed"
    NO_SAN = "no SAN"  # the name stands in the CN alone
    IP_AS_DNS = "IP as DNS name"  # an address in a dNSName
    NO_AUTHORITY_KEY = "no authority key identifier"  # well but for RFC 5280's form
    CLIENT_ONLY = "for clients only"  # extended key usage without serverAuth
    WEAK_KEY = "weak key"  # RSA with 1,024 bits
    MISSING_INTERMEDIATE = "missing intermediate"  # the server sends its own certificate alone


class Leaf(NamedTuple):
    """A server certificate with its key, and the chain that the server sends (PEM, leaf first)."""

    certificate: x509.Certificate
    certificate_pem: bytes
    chain_pem: bytes
    key_pem: bytes

    def server_context(self, alpn: Sequence[str] = ()) -> ssl.SSLContext:
        """A context for a server that shows this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        with tempfile.TemporaryDirectory() as folder:
            path = self.write(folder)
            if isinstance(self.certificate.public_key(), rsa.RSAPublicKey):  # the weak one
                context.set_ciphers("DEFAULT:@SECLEVEL=0")
            context.load_cert_chain(path)
        return context

    def write(self, folder: str, name: str = "server.pem") -> str:
        """Write key and chain into one PEM file (as nginx and `load_cert_chain` take it); its path."""
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            file.write(self.key_pem + self.chain_pem)
        return path


class ExampleCa:
    """A root, or with `issuer` an intermediate. `pem` is its own certificate."""

    def __init__(self, name: str = "Example Root", *, issuer: "ExampleCa | None" = None, sloppy: bool = False) -> None:
        """`sloppy`: made as many private CAs are, without key usage and key identifiers."""
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.issuer = issuer
        self.key = ec.generate_private_key(ec.SECP256R1())
        signer = issuer or self
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(signer.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=100))
            .not_valid_after(now + timedelta(days=1000))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        )
        if not sloppy:
            builder = (
                builder.add_extension(_key_usage(is_ca=True), critical=True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
                .add_extension(
                    x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), critical=False
                )
            )
        self.is_sloppy = sloppy
        self.certificate = builder.sign(signer.key, hashes.SHA256())
        self.pem: bytes = self.certificate.public_bytes(Encoding.PEM)

    def write(self, folder: str, name: str = "root.pem") -> str:
        """Write the certificate as PEM, for `--upstream-ca`; its path."""
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            file.write(self.pem)
        return path

    def intermediate(self, name: str = "Example Intermediate") -> "ExampleCa":
        """A CA below this one. Its leaves come with it in their chain."""
        return ExampleCa(name, issuer=self)

    def leaf(self, *names: str, fault: Fault | None = None) -> Leaf:
        """A server certificate for names and IP addresses (`localhost` and `127.0.0.1` where none is given)."""
        asked = names or ("localhost", "127.0.0.1")
        key: PrivateKey = ec.generate_private_key(ec.SECP256R1())
        if fault is Fault.WEAK_KEY:
            key = rsa.generate_private_key(65537, 1024)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, asked[0][:64])])
        is_self_signed = fault is Fault.SELF_SIGNED
        before, after = _validity(fault)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if is_self_signed else self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(before)
            .not_valid_after(after)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(is_ca=False), critical=True)
        )
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if fault is Fault.CLIENT_ONLY else ExtendedKeyUsageOID.SERVER_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if fault is not Fault.NO_SAN:
            alternatives = [_general_name(name, as_dns=fault is Fault.IP_AS_DNS) for name in asked]
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        if fault is not Fault.NO_AUTHORITY_KEY and not self.is_sloppy:
            signer = key if is_self_signed else self.key
            builder = builder.add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
            )
        certificate = builder.sign(key if is_self_signed else self.key, hashes.SHA256())
        pem = certificate.public_bytes(Encoding.PEM)
        is_alone = is_self_signed or fault is Fault.MISSING_INTERMEDIATE
        return Leaf(
            certificate,
            pem,
            pem if is_alone else pem + self._chain(),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )

    def _chain(self) -> bytes:
        # The root itself isn't sent, as servers don't.
        return self.pem + self.issuer._chain() if self.issuer else b""


def _validity(fault: Fault | None) -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    match fault:
        case Fault.EXPIRED:
            return now - timedelta(days=90), now - timedelta(days=30)
        case Fault.NOT_YET_VALID:
            return now + timedelta(days=30), now + timedelta(days=90)
        case _:
            return now - timedelta(days=1), now + timedelta(days=90)


def _general_name(name: str, *, as_dns: bool) -> x509.GeneralName:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return x509.DNSName(name)
    return x509.DNSName(name) if as_dns else x509.IPAddress(address)


def _key_usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )
