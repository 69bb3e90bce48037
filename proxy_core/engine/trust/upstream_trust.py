"""Whom upstream certificates are verified against, and the client contexts that do it: one for each ALPN offer.

Trusted are certifi's roots, the system's own, and what the person names in `upstream_ca`; what stands in that file is
an anchor whatever it is (root, intermediate, a server's own certificate). Harrier's own CA is never one, wherever it is
found: whoever gets at its key would otherwise be every server, too. Names must stand in the SAN. TLS 1.2 is the least.

Verification is strict about form (`VERIFY_X509_STRICT`, RFC 5280). Measured 2026-11-23: of certifi's 117 roots
strictness refuses one (TWCA Global Root CA, without subject key identifier). Private CAs are another matter: `openssl
req -x509` writes no key usage, which every browser accepts. So where a CA in `upstream_ca` is itself not of strict
form, strictness is off: the person who names it wants it to work; signatures, dates, names and uses count as ever.

What the system trusts beyond certifi can't be judged like that: a distribution's bundle holds odd old roots, and a
company's TLS proxy makes odd leaves. There a second context stands by, which trusts those roots alone and is not
strict. `start_tls` turns to it where form was all that was wrong, and remembers for which names.
"""

import ssl
from collections.abc import Sequence
from contextlib import suppress

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from proxy_core.certificate_authority import COMMON_NAME_START, CertificateAuthority, spki_sha256
from proxy_core.engine.trust.system_roots import split_pem, system_roots
from proxy_core.model.settings import Settings
from proxy_core.upstream_ca import UpstreamCaError, read_upstream_ca

NAMES_KEPT = 1024


class UpstreamTrust:
    """The client contexts of one worker under one set of settings."""

    def __init__(self, settings: Settings, authority: CertificateAuthority) -> None:
        """Never fails: a file that has become unreadable since it was set adds no trust."""
        self._is_insecure = settings.insecure_upstream
        self._extra: list[x509.Certificate] = []
        if settings.upstream_ca and not self._is_insecure:
            own = spki_sha256(authority.certificate)
            with suppress(UpstreamCaError):
                named = read_upstream_ca(settings.upstream_ca)
                self._extra = [certificate for certificate in named if spki_sha256(certificate) != own]
        self._is_strict = all(map(_is_of_strict_form, self._extra))
        self._own_key = authority.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self._system: list[bytes] | None = None  # the system's roots that certifi hasn't got, DER; None: not read yet
        self._contexts: dict[tuple[tuple[str, ...], bool], ssl.SSLContext] = {}
        self._names_by_system: set[str] = set()

    def context(self, alpn: tuple[str, ...], *, by_system: bool = False) -> ssl.SSLContext:
        """The context that offers `alpn`, in that order. The first call for an offer takes some 25 ms.

        `by_system`: the lenient one, which trusts the system's roots alone. Raises UpstreamCaError when the roots can't
        be read; the next call tries again.
        """
        context = self._contexts.get((alpn, by_system))
        if context is None:
            try:
                context = self._make_context(alpn, by_system=by_system)
            except OSError as error:
                raise UpstreamCaError(
                    f"Harrier could not read the CAs that it trusts ({error.strerror or error})."
                ) from error
            self._contexts[alpn, by_system] = context
        return context

    def has_system_roots(self) -> bool:
        """Whether `by_system` can make a difference; known once there is a context."""
        return bool(self._system)

    def is_by_system(self, name: str) -> bool:
        """Whether the lenient context is what a server of this name needed the last time."""
        return name in self._names_by_system

    def remember(self, name: str, *, by_system: bool) -> None:
        """Which of the two contexts verified a server of this name."""
        if by_system:
            if len(self._names_by_system) >= NAMES_KEPT:
                self._names_by_system.clear()
            self._names_by_system.add(name)
        else:
            self._names_by_system.discard(name)

    def _make_context(self, alpn: Sequence[str], *, by_system: bool) -> ssl.SSLContext:
        # Made by hand: `create_default_context` would honour SSLKEYLOGFILE.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
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
        if self._is_strict and not by_system:
            context.verify_flags |= ssl.VERIFY_X509_STRICT
        else:
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        _trust_each(context, self._system_roots())
        if by_system:
            return context
        context.load_verify_locations(certifi.where())
        if self._extra:
            context.load_verify_locations(
                cadata=b"".join(certificate.public_bytes(Encoding.DER) for certificate in self._extra)
            )
        return context

    def _system_roots(self) -> list[bytes]:
        """What the system trusts beyond certifi, but for CAs of Harrier's. Raises OSError: certifi can't be read."""
        if self._system is None:
            with open(certifi.where(), "rb") as file:
                known = set(split_pem(file.read()))
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
