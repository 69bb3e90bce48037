"""Whom upstream certificates are verified against, and the client contexts that do it: one for each ALPN offer.

Trusted are certifi's roots and what the person names in `upstream_ca`; what stands in that file is an anchor whatever
it is (root, intermediate, a server's own certificate). Harrier's own CA is never one, even if the file holds it:
whoever gets at its key would otherwise be every server, too. Names must stand in the SAN. TLS 1.2 is the least.

Verification is strict about form (`VERIFY_X509_STRICT`, RFC 5280). Measured 2026-11-23: of certifi's 117 roots
strictness refuses one (TWCA Global Root CA, without subject key identifier). Private CAs are another matter: `openssl
req -x509` writes no key usage, which every browser accepts. So where a CA in `upstream_ca` is itself not of strict
form, strictness is off: the person who names it wants it to work; signatures, dates, names and uses count as ever.
"""

import ssl
from collections.abc import Sequence

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from proxy_core.certificate_authority import CertificateAuthority, spki_sha256
from proxy_core.model.settings import Settings


class UpstreamCaError(Exception):
    """CAs can't be read, ours or those of the file of additional ones; the message is a sentence that says why."""


class UpstreamTrust:
    """The client contexts of one worker under one set of settings."""

    def __init__(self, settings: Settings, authority: CertificateAuthority) -> None:
        """Never fails: a file that has become unreadable since it was set adds no trust, and `problem` says so."""
        self.problem = ""
        self._is_insecure = settings.insecure_upstream
        self._extra: list[x509.Certificate] = []
        if settings.upstream_ca and not self._is_insecure:
            try:
                named = read_upstream_ca(settings.upstream_ca)
            except UpstreamCaError as error:
                self.problem = str(error)
            else:
                own = spki_sha256(authority.certificate)
                self._extra = [certificate for certificate in named if spki_sha256(certificate) != own]
        self._is_strict = all(map(_is_of_strict_form, self._extra))
        self._contexts: dict[tuple[str, ...], ssl.SSLContext] = {}

    def context(self, alpn: tuple[str, ...]) -> ssl.SSLContext:
        """The context that offers `alpn`, in that order. The first call for an offer takes some 20 ms.

        Raises UpstreamCaError when the roots can't be read; the next call tries again.
        """
        context = self._contexts.get(alpn)
        if context is None:
            try:
                context = self._contexts[alpn] = self._make_context(alpn)
            except OSError as error:
                raise UpstreamCaError(
                    f"Harrier could not read the CAs that it trusts ({error.strerror or error})."
                ) from error
        return context

    def _make_context(self, alpn: Sequence[str]) -> ssl.SSLContext:
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
        if self._is_strict:
            context.verify_flags |= ssl.VERIFY_X509_STRICT
        else:
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.load_verify_locations(certifi.where())
        if self._extra:
            context.load_verify_locations(
                cadata=b"".join(certificate.public_bytes(Encoding.DER) for certificate in self._extra)
            )
        return context


def read_upstream_ca(path: str) -> list[x509.Certificate]:
    """The certificates in a PEM file. Raises UpstreamCaError; for those who take the path from a person, too."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "that is no path"
        raise UpstreamCaError(f"The file of CA certificates {path} can't be read: {reason}.") from error
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise UpstreamCaError(
            f"{path} holds no certificates in PEM form: it must have «-----BEGIN CERTIFICATE-----» blocks."
        ) from error


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
