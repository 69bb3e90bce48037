"""The certificates that clients are shown: one for each name, made when it is asked for, kept in a worker's memory.

All leaves of a worker share one key of its own, made at its start and never the CA's: with equal key identifiers
Windows refuses the chain (mitmproxy #6494). Serials are random, as two certificates with one serial make Firefox refuse
both (SEC_ERROR_REUSED_ISSUER_AND_SERIAL), so workers need not know of each other. A leaf is for the asked name alone;
otherwise browsers would send other hosts' requests over the same connection.
"""

import ipaddress
import re
import ssl
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from proxy_core.certificate_authority import BACKDATING, CertificateAuthority
from proxy_core.engine.links.tls import tls_name
from proxy_core.engine.trust.chain_loading import load_chain
from proxy_core.engine.trust.key_log import KEYLOG_CONTEXTS_KEPT, log_keys

CONTEXTS_KEPT = 1024  # some 20 KB each
# OpenSSL remembers the session of each TLS 1.2 client that takes no tickets: 1.05 KB, up to 20,480 a context (measured
# 2026-11-24 with 3.0), and Python can't switch that off. A context that holds so many makes way for a fresh one.
SESSIONS_KEPT = 32
LEAF_LIFETIME = timedelta(days=37)  # with backdating within the 40 days that the strictest browser plans allow
RENEWED_BEFORE = timedelta(days=2)
_COMMON_NAME_LIMIT = 63
_ODD = re.compile(r"[^a-z0-9._-]")
_LEAF_KEY_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


class LeafError(Exception):
    """No certificate could be made for a name; the message is a sentence that says why."""


class _Kept(NamedTuple):
    context: ssl.SSLContext
    renewed_at: datetime


class LeafCertificates:
    """Makes and keeps server contexts for one worker."""

    def __init__(
        self,
        authority: CertificateAuthority,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        keylog: str = "",
    ) -> None:
        """`keylog` is the file that the secrets of the connections are written to, "" for none."""
        self.authority = authority
        self._keylog = keylog
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._key_pem = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._authority_key = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
            # RFC 5280 §4.2.1.1: copied from the CA, as a recomputed one may differ.
            authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        )
        self._kept: OrderedDict[tuple[str, tuple[str, ...]], _Kept] = OrderedDict()

    def server_context(self, hostname: str, alpn: tuple[str, ...]) -> ssl.SSLContext:
        """The context that ends TLS as `hostname` (a name or IP literal, of whatever spelling).

        `alpn` in our order of preference. A new name takes 0.9 ms, two thirds of it OpenSSL's reading of key and chain
        (measured 2026-11-24 with 3.0). Raises LeafError.
        """
        key = (hostname, alpn)
        kept = self._kept.get(key)
        now = self._now()
        if (
            kept is not None
            and now < kept.renewed_at
            and kept.context.session_stats()["number"] < SESSIONS_KEPT  # 0.9 µs
        ):
            self._kept.move_to_end(key)
            return kept.context
        try:
            leaf = self.issue(hostname)
            kept = _Kept(self._context(leaf, alpn), leaf.not_valid_after_utc - RENEWED_BEFORE)
        except (OSError, ValueError) as error:
            reason = (isinstance(error, OSError) and error.strerror) or str(error)
            raise LeafError(f"Harrier could not make its certificate for {hostname} ({reason}).") from error
        self._kept[key] = kept
        self._kept.move_to_end(key)
        if len(self._kept) > (KEYLOG_CONTEXTS_KEPT if self._keylog else CONTEXTS_KEPT):
            self._kept.popitem(last=False)
        return kept.context

    def log_keys_to(self, keylog: str) -> None:
        """From the next connection on, the secrets go there, or nowhere with ""."""
        self._keylog = keylog
        self._kept.clear()

    def issue(self, hostname: str) -> x509.Certificate:
        """A fresh certificate for `hostname`; one that is no name gets a certificate too, for the nearest that is."""
        name = certificate_name(hostname)
        now = self._now().replace(microsecond=0)
        has_common_name = len(name) <= _COMMON_NAME_LIMIT
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if has_common_name else [])
        return self.authority.sign(
            x509.CertificateBuilder()
            .subject_name(subject)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(max(now - BACKDATING, self.authority.certificate.not_valid_before_utc))
            .not_valid_after(min(now + LEAF_LIFETIME, self.authority.not_after))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_LEAF_KEY_USAGE, critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            # RFC 5280 §4.2.1.6: critical when the subject is empty.
            .add_extension(x509.SubjectAlternativeName([_general_name(name)]), critical=not has_common_name)
            .add_extension(self._authority_key, critical=False)
        )

    def _context(self, leaf: x509.Certificate, alpn: tuple[str, ...]) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.num_tickets = 0  # they would not be good for another worker, and cost each connection a write
        if alpn:
            context.set_alpn_protocols(list(alpn))
        if self._keylog:
            log_keys(context, self._keylog)
        load_chain(context, leaf.public_bytes(Encoding.PEM) + self.authority.certificate_pem, self._key_pem)
        return context


def certificate_name(hostname: str) -> str:
    """What a certificate for `hostname` says: an IP literal in its shortest form, or a DNS name in A-labels.

    Characters that no host name has become «-»: the client gets a certificate that it will refuse, not a closed door.
    """
    name = tls_name(hostname.strip()).lower()
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        pass
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii").lower()
        except UnicodeError:
            pass
    return _ODD.sub("-", name) or "nameless.invalid"


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
