"""The facts of a certificate that a server showed. It may be hostile, and is often damaged on purpose."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from app.inspector.fact import Fact
from proxy_core.formats.one_line import one_line

_MOST_NAMES = 20


def certificate_facts(der: bytes) -> list[Fact]:
    """Subject, issuer, names, validity and fingerprint; a certificate that can't be read says so."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        return [
            Fact("Subject", one_line(certificate.subject.rfc4514_string()) or "(empty)"),
            *_names(certificate),
            Fact("Issuer", one_line(certificate.issuer.rfc4514_string())),
            Fact("Valid", f"{certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"),
            Fact("SHA-256", certificate.fingerprint(hashes.SHA256()).hex(":").upper()),
        ]
    except (ValueError, x509.InvalidVersion) as error:
        return [Fact("Unreadable", one_line(str(error)), "s4")]


def _names(certificate: x509.Certificate) -> list[Fact]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        return [Fact("Names", one_line(f"unreadable: {error}"), "s4")]
    shown = [str(name.value) for name in names][:_MOST_NAMES]
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return [Fact("Names", one_line(", ".join(shown)) + more)]
