"""Whom upstream certificates are verified against, and the client contexts that do it: one for each ALPN offer.

What is peculiar to some hosts has contexts of its own, so that nothing of it reaches another: a client certificate that
is shown, a certificate that the person has accepted. An accepted one is the only anchor of its context, whose hosts are
those that it was accepted for; what it vouches for itself is not taken.

Trusted are certifi's roots, the system's own, and what the person names in `upstream_ca`; what stands in that file is
an anchor whatever it is (root, intermediate, a server's own certificate). Harrier's own CA is never one, wherever it is
found: whoever gets at its key would otherwise be every server, too. Names must stand in the SAN. TLS 1.2 is the least
unless the settings say otherwise, as they may say whose roots count.

Verification is strict about form (`VERIFY_X509_STRICT`, RFC 5280). Measured 2026-11-23: of certifi's 117 roots
strictness refuses one (TWCA Global Root CA, without subject key identifier). Private CAs are another matter: `openssl
req -x509` writes no key usage, which every browser accepts. So where a CA in `upstream_ca` is itself not of strict
form, strictness is off: the person who names it wants it to work; signatures, dates, names and uses count as ever.

What a private CA signs, and what the system trusts beyond certifi, can't be judged like that: `openssl x509 -req` may
write no authority key identifier (curl minds as little), a distribution's bundle holds odd old roots, and a company's
TLS proxy makes odd leaves. There a second context stands by, which trusts those CAs alone and is not strict.
`start_tls` turns to it where form was all that was wrong, and remembers for which names.
"""

import ssl
import warnings
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from typing import NamedTuple

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy_core.certificate_authority import COMMON_NAME_START, CertificateAuthority, spki_sha256
from proxy_core.client_certificate import ClientCertificateError, read_client_certificate
from proxy_core.engine.trust.chain_loading import load_chain
from proxy_core.engine.trust.key_log import log_keys
from proxy_core.engine.trust.system_roots import split_pem, system_roots
from proxy_core.model.host_pattern import HostPatterns
from proxy_core.model.settings import Settings
from proxy_core.model.ways_out import ClientCertificate
from proxy_core.upstream_ca import UpstreamCaError, read_upstream_ca

NAMES_KEPT = 1024
_VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)  # OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python has no name for


class Verifying(NamedTuple):
    """One of the ways to verify a server."""

    is_lenient: bool = False  # about form, and trusts what the person or the system has added alone
    accepted: bytes = b""  # by its certificate (DER), which the person has accepted for this host


STRICTLY = Verifying()


class UpstreamTrust:
    """The client contexts of one worker under one set of settings."""

    def __init__(self, settings: Settings, authority: CertificateAuthority) -> None:
        """Never fails: a file that has become unreadable since it was set adds no trust."""
        self._ways = ways = settings.ways_out
        self._is_insecure = settings.insecure_upstream
        self._extra: list[x509.Certificate] = []
        if settings.upstream_ca and not self._is_insecure:
            own = spki_sha256(authority.certificate)
            for path in settings.upstream_ca:
                with suppress(UpstreamCaError):
                    named = read_upstream_ca(path)
                    self._extra += [certificate for certificate in named if spki_sha256(certificate) != own]
        self._is_strict = all(map(_is_of_strict_form, self._extra))
        self._own_key = authority.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self._system: list[bytes] | None = None  # the system's roots that certifi hasn't got, DER; None: not read yet
        self._contexts: dict[tuple[tuple[str, ...], Verifying, int], ssl.SSLContext] = {}
        self._names: dict[str, Verifying] = {}  # by whom servers of these names were verified the last time
        self._shown = [(HostPatterns((each.hosts,)), each) for each in ways.client_certificates]

    def context(
        self, alpn: tuple[str, ...], verifying: Verifying = STRICTLY, *, name: str = "", host: str = ""
    ) -> ssl.SSLContext:
        """The context that offers `alpn`, in that order. The first call for an offer takes some 25 ms.

        `name` is whom the server is verified as, `host` where it was connected to: by them goes whether it may be shown
        a client certificate. Raises UpstreamCaError when the roots, or that certificate, can't be read; the next call
        tries again.
        """
        shown = self._shown_to(name, host) if self._shown else -1
        context = self._contexts.get((alpn, verifying, shown))
        if context is None:
            try:
                context = self._make_context(alpn, verifying)
            except OSError as error:
                raise UpstreamCaError(
                    f"Harrier could not read the CAs that it trusts ({error.strerror or error})."
                ) from error
            self._make_peculiar(context, shown, verifying)
            self._contexts[alpn, verifying, shown] = context
        return context

    def _make_peculiar(self, context: ssl.SSLContext, shown: int, verifying: Verifying) -> None:
        """Raises UpstreamCaError."""
        if shown >= 0:
            _show_certificate(context, self._shown[shown][1])
        elif verifying.accepted:
            # We say nothing before it is seen to be the accepted one, so that may be after the handshake. OpenSSL would
            # still mind what the certificate was meant for.
            context.verify_mode = ssl.CERT_NONE
        if self._ways.keylog:
            try:
                log_keys(context, self._ways.keylog)
            except OSError as error:
                reason = error.strerror or error
                raise UpstreamCaError(f"TLS secrets can't be written to {self._ways.keylog} ({reason}).") from None

    def _shown_to(self, name: str, host: str) -> int:
        """Which of the client certificates this server may see, -1 for none.

        Its name alone decides where it must prove that name before we show anything. Otherwise the client, which says
        the name, could have the certificate sent wherever it likes.
        """
        for index, (patterns, _) in enumerate(self._shown):
            if patterns.match(name) and (not self._is_insecure or patterns.match(host)):
                return index
        return -1

    def accepts(self, name: str, chain: Sequence[bytes]) -> bool:
        """Whether the person has accepted the certificate at the head of a chain for this name."""
        if not chain or not self._ways.accepted_certificates:
            return False
        fingerprint = sha256(chain[0]).hexdigest()
        return any(each.fingerprint == fingerprint and each.is_for(name) for each in self._ways.accepted_certificates)

    def has_added_roots(self) -> bool:
        """Whether `is_lenient` can make a difference; known once there is a context."""
        return bool(self._system or self._extra)

    def first_way(self, name: str) -> Verifying:
        """The way in which a server of this name was verified the last time."""
        return self._names.get(name, STRICTLY)

    def remember(self, name: str, verifying: Verifying) -> None:
        """In which way a server of this name was verified."""
        if verifying == STRICTLY:
            self._names.pop(name, None)
            return
        if len(self._names) >= NAMES_KEPT:
            self._names.clear()
        self._names[name] = verifying

    def _make_context(self, alpn: Sequence[str], verifying: Verifying) -> ssl.SSLContext:
        # Made by hand: `create_default_context` would honour SSLKEYLOGFILE.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with warnings.catch_warnings():  # about old versions: who wants them has said so
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = _VERSIONS[self._ways.tls_minimum]
        if self._ways.tls_minimum < "1.2":
            context.set_ciphers("DEFAULT:@SECLEVEL=0")  # their handshakes are signed with SHA-1
        context.options |= ssl.OP_NO_RENEGOTIATION
        if alpn:
            context.set_alpn_protocols(list(alpn))
        if self._is_insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.set_ciphers("DEFAULT:@SECLEVEL=0")  # short keys, too, are a fault of a certificate
            return context
        context.hostname_checks_common_name = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if verifying.accepted:
            _trust_one_alone(context, verifying.accepted)
            return context
        if self._is_strict and not verifying.is_lenient:
            context.verify_flags |= ssl.VERIFY_X509_STRICT
        else:
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if self._ways.roots != "certifi":
            _trust_each(context, self._system_roots())
        if self._ways.roots != "system" and not verifying.is_lenient:
            context.load_verify_locations(certifi.where())
        if self._extra:
            context.load_verify_locations(
                cadata=b"".join(certificate.public_bytes(Encoding.DER) for certificate in self._extra)
            )
        return context

    def _system_roots(self) -> list[bytes]:
        """What the system trusts beyond certifi (where that counts), but for CAs of Harrier's.

        Raises OSError: certifi can't be read.
        """
        if self._system is None:
            known: set[bytes] = set()
            if self._ways.roots != "system":
                with open(certifi.where(), "rb") as file:
                    known.update(split_pem(file.read()))
            # A certificate holds its key and its name as they are, so there is nothing to parse.
            never = (self._own_key, COMMON_NAME_START.encode())
            self._system = [
                der for der in system_roots() if der not in known and not any(mark in der for mark in never)
            ]
        return self._system


def _trust_each(context: ssl.SSLContext, roots: Sequence[bytes]) -> None:
    """Trust those of the roots that OpenSSL can read: one that is broken is no reason to lose the others."""
    if not roots:
        return
    try:
        context.load_verify_locations(cadata=b"".join(roots))
    except ssl.SSLError:
        for root in roots:
            with suppress(ssl.SSLError):
                context.load_verify_locations(cadata=root)


def _trust_one_alone(context: ssl.SSLContext, certificate: bytes) -> None:
    """Have nothing count but that the server has this certificate: neither name, nor dates, nor strength."""
    context.check_hostname = False
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= _NO_CHECK_TIME
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_verify_locations(cadata=certificate)


def _show_certificate(context: ssl.SSLContext, shown: ClientCertificate) -> None:
    """Raises UpstreamCaError."""
    try:
        pem = read_client_certificate(shown.path, shown.password)
    except ClientCertificateError as unread:
        raise UpstreamCaError(str(unread)) from None
    try:
        load_chain(context, pem.chain, pem.key)
    except OSError as error:  # an ssl.SSLError, too: a key that OpenSSL finds too weak, say
        reason = error.strerror or error
        raise UpstreamCaError(f"The client certificate {shown.path} can't be shown ({reason}).") from None
    context.post_handshake_auth = True


def _is_of_strict_form(certificate: x509.Certificate) -> bool:
    """Whether a CA certificate is as RFC 5280 §4.2 wants it; any other certificate is no chain's issuer, so is."""
    try:
        extensions = certificate.extensions
        constraints = extensions.get_extension_for_class(x509.BasicConstraints)
        if not constraints.value.ca:
            return True
        extensions.get_extension_for_class(x509.KeyUsage)
        extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        return constraints.critical
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False
