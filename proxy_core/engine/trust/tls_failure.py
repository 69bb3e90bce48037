"""What a failed TLS handshake is called before a person: the precise cause in a sentence, and the way out.

Both functions take what `TlsTransport` raised, from `handshake` or from a later `receive` (in TLS 1.3 a server says
only after the handshake that it wants a client certificate, and a client may refuse ours then).
"""

import ipaddress
import re
import ssl
from datetime import UTC, datetime
from hashlib import sha256

from cryptography import x509
from cryptography.x509.oid import NameOID

from proxy_core.certificate_authority import COMMON_NAME_START
from proxy_core.engine.links.tls_error import TlsEofError, TlsHandshakeError, TlsRenegotiationError
from proxy_core.model.dark_cause import DarkCause
from proxy_core.model.endpoint import endpoint_text
from proxy_core.model.failure import Failure, FailureKind

_GO_ON = "To connect all the same, switch the verification off (in the settings, or by --insecure-upstream)."
_TRUST_IT = "If you trust it, name its certificate (in the settings, or by --upstream-ca)."
_ALERT = re.compile(r"(?:SSLV3|TLSV1|TLSV13)_(?:ALERT_)?(.+)")
_RECORD_TYPES = frozenset(range(20, 25))  # RFC 8446 §5.1, RFC 6520
_ALERT_RECORD, _HANDSHAKE_RECORD = 21, 22
_CERTIFICATE_REQUEST = 13  # RFC 5246 §7.4

# OpenSSL's X509_V_ERR_…, the same in all its versions.
_NOT_YET_VALID, _EXPIRED = 9, 10
_SELF_SIGNED, _SELF_SIGNED_IN_CHAIN = 18, 19
_NO_ISSUER = frozenset((2, 20, 21))
_WRONG_PURPOSE = 26
_WRONG_NAME = frozenset((62, 64))
_WEAK = frozenset((66, 67, 68))
_FORM = frozenset(range(80, 95))  # what only VERIFY_X509_STRICT minds

# RFC 8446 §6.2, in the words of a server about us.
_ALERTS = {
    "handshake_failure": "it found no cipher and key exchange that both sides accept, or wants a client certificate",
    "unrecognized_name": "it serves no site of the name {name}",
    "insufficient_security": "it wants stronger ciphers",
    "internal_error": "it failed for a reason of its own",
    "access_denied": "it doesn't let this client in",
    "no_application_protocol": "it speaks no protocol that was offered (ALPN)",
}
_WANTS_CERTIFICATE = frozenset(("certificate_required", "bad_certificate", "unknown_ca", "certificate_unknown"))
_LATE_ALERTS = {115: "unknown_psk_identity", 116: "certificate_required", 120: "no_application_protocol"}
_CLIENT_REFUSES = {
    "unknown_ca": "it doesn't trust Harrier's CA",
    "bad_certificate": "it doesn't trust Harrier's CA, or accepts only the server's own certificate (pinning)",
    "certificate_unknown": "it doesn't trust Harrier's CA, or accepts only the server's own certificate (pinning)",
    "unsupported_certificate": "it can't use an ECDSA certificate",
    "certificate_expired": "its clock may be wrong",
    "certificate_revoked": "it takes it for revoked",
    "access_denied": "it accepts only the server's own certificate (pinning)",
}
INSTALL = "Install the CA there, or exempt the host from interception."


def upstream_tls_failure(error: OSError, host: str, port: int) -> Failure:
    """Why TLS with the server at host:port failed."""
    where = endpoint_text(host, port)
    cause: Exception = error
    seen, name = b"", host
    if isinstance(error, TlsHandshakeError):
        cause, seen, name = error.cause, error.seen, error.server_hostname or host
    if isinstance(cause, ssl.SSLCertVerificationError):
        chain = error.chain if isinstance(error, TlsHandshakeError) else ()
        text = _certificate_text(cause, chain, where, name)
        return Failure(FailureKind.TLS_CERTIFICATE_ERROR, text)
    if isinstance(cause, TimeoutError):
        return Failure(FailureKind.CONNECTION_TIMEOUT, f"{where} did not finish the TLS handshake in time.")
    if seen and seen[0] not in _RECORD_TYPES:
        return Failure(FailureKind.TLS_PROTOCOL_ERROR, _not_tls_text(seen, where))
    alert = _alert(cause) or _plain_alert(seen)
    if _asks_for_certificate(seen) or alert in _WANTS_CERTIFICATE:
        return Failure(
            FailureKind.TLS_ALERT_RECEIVED if alert else FailureKind.TLS_PROTOCOL_ERROR,
            DarkCause.WANTS_CERTIFICATE.told(where, f" (TLS alert «{alert}»)" if alert else "")
            + " Give it one (--client-certificate HOSTS=FILE), or exempt the host from interception, so that the "
            "client can show its own.",
        )
    if isinstance(cause, TlsRenegotiationError):
        return Failure(
            FailureKind.TLS_PROTOCOL_ERROR,
            DarkCause.WANTS_IT_LATE.told(where) + " exempt the host from interception, so that the client can answer.",
        )
    if alert == "protocol_version":
        return Failure(FailureKind.TLS_ALERT_RECEIVED, DarkCause.OLD_TLS.told(where, f" (TLS alert «{alert}»)"))
    if alert:
        reason = _ALERTS.get(alert, "it could not go on with the handshake").format(name=name)
        text = f"{where} ended TLS with the alert «{alert}»: {reason}.{_no_name_text(name)}"
        return Failure(FailureKind.TLS_ALERT_RECEIVED, text)
    if isinstance(cause, (TlsEofError, ssl.SSLEOFError, ConnectionError)):
        return Failure(
            FailureKind.CONNECTION_TERMINATED,
            f"{where} closed the connection in the middle of the TLS handshake. Is this the right port for HTTPS?",
        )
    return Failure(FailureKind.TLS_PROTOCOL_ERROR, _protocol_text(cause, where, name))


def is_fault_of_form(error: OSError) -> bool:
    """Whether a handshake failed for the form of a certificate alone: what strictness minds and nobody else."""
    return _verify_code(error) in _FORM


def is_fault_of_issuer(error: OSError) -> bool:
    """Whether a handshake failed because no CA that is trusted vouches for the server."""
    return _verify_code(error) in _NO_ISSUER | {_SELF_SIGNED, _SELF_SIGNED_IN_CHAIN}


def is_fault_of_protocol(error: OSError) -> bool:
    """Whether a handshake failed because the server speaks none of the protocols that were offered (RFC 7301 §3.2)."""
    cause = error.cause if isinstance(error, TlsHandshakeError) else error
    seen = error.seen if isinstance(error, TlsHandshakeError) else b""
    return (_alert(cause) or _plain_alert(seen)) == "no_application_protocol"


def _verify_code(error: OSError) -> int:
    """OpenSSL's reason to refuse a certificate, 0 where that isn't what failed."""
    cause = error.cause if isinstance(error, TlsHandshakeError) else error
    return int(cause.verify_code) if isinstance(cause, ssl.SSLCertVerificationError) else 0


def client_tls_failure(error: OSError, host: str) -> Failure:
    """Why TLS with a client that asked for `host` failed."""
    cause = error.cause if isinstance(error, TlsHandshakeError) else error
    if isinstance(cause, TimeoutError):
        return Failure(FailureKind.CLIENT_TIMEOUT, "The client did not finish the TLS handshake in time.")
    alert = _alert(cause)
    if alert in _CLIENT_REFUSES:
        # Who doesn't know the CA has not come to look at the name.
        no_name = _no_name_text(host) if alert != "unknown_ca" else ""
        text = f"{DarkCause.CLIENT_REFUSES.told(host, alert, _CLIENT_REFUSES[alert])} {INSTALL}{no_name}"
        return Failure(FailureKind.CLIENT_REFUSED_CERTIFICATE, text)
    if isinstance(cause, (TlsEofError, ssl.SSLEOFError, ConnectionError)):
        if isinstance(error, TlsHandshakeError) and error.has_answered:
            text = f"{DarkCause.CLIENT_LEFT.told(host)} {INSTALL}{_no_name_text(host)}"
            return Failure(FailureKind.CLIENT_REFUSED_CERTIFICATE, text)
        return Failure(FailureKind.CLIENT_CLOSED, "The client closed the connection within its first TLS message.")
    if isinstance(cause, TlsRenegotiationError):
        return Failure(FailureKind.CLIENT_TLS_ERROR, "The client asks to renegotiate TLS, which is refused as unsafe.")
    if alert:
        return Failure(FailureKind.CLIENT_TLS_ERROR, f"The client ended TLS with the alert «{alert}».")
    return Failure(FailureKind.CLIENT_TLS_ERROR, _client_protocol_text(cause))


def _no_name_text(name: str) -> str:
    """What is to be added where an address is all that is known of a host. RFC 6066 §3: it is no name to ask for."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return ""
    return f" {DarkCause.NO_NAME.told(name)}"


def _alert(error: Exception) -> str | None:
    """The RFC's name of the alert that the peer sent, if it was one."""
    reason = getattr(error, "reason", None)
    found = _ALERT.fullmatch(reason) if isinstance(reason, str) else None
    return found[1].lower().replace("alert_", "") if found else None


def _plain_alert(seen: bytes) -> str | None:
    """An alert at the end of what came, where OpenSSL has no name for it (3.0: no_application_protocol)."""
    is_alert = len(seen) >= 7 and seen[-7] == _ALERT_RECORD and seen[-4:-2] == b"\0\2"
    return _LATE_ALERTS.get(seen[-1]) if is_alert else None


def _asks_for_certificate(seen: bytes) -> bool:
    """Whether the server's part of a TLS 1.2 handshake, which is readable, asks for a client certificate."""
    messages = b""
    while len(seen) >= 5 and seen[0] == _HANDSHAKE_RECORD:
        length = int.from_bytes(seen[3:5])
        messages += seen[5 : 5 + length]
        seen = seen[5 + length :]
    while len(messages) >= 4:
        if messages[0] == _CERTIFICATE_REQUEST:
            return True
        messages = messages[4 + int.from_bytes(messages[1:4]) :]
    return False


def _not_tls_text(seen: bytes, where: str) -> str:
    if seen.startswith(b"HTTP/"):
        return f"{where} speaks plain HTTP, not HTTPS: ask for it with http://."
    first_line = (seen[:60].strip() or seen[:60]).split(b"\r\n")[0].decode("latin-1")
    shown = "".join(char if char.isprintable() else "·" for char in first_line)
    return f"{where} does not speak TLS; its first bytes are «{shown}». Is this the right port for HTTPS?"


def _protocol_text(cause: Exception, where: str, name: str) -> str:
    match getattr(cause, "reason", None):
        case "UNSUPPORTED_PROTOCOL" | "WRONG_VERSION_NUMBER" | "WRONG_SSL_VERSION":
            return DarkCause.OLD_TLS.told(where, "")
        case "UNSAFE_LEGACY_RENEGOTIATION_DISABLED":
            return f"{where} speaks an unsafe old form of TLS (without secure renegotiation, RFC 5746)."
        case (
            "DH_KEY_TOO_SMALL"
            | "EE_KEY_TOO_SMALL"
            | "BAD_ECPOINT"
            | "WRONG_SIGNATURE_TYPE"
            | "LEGACY_SIGALG_DISALLOWED"
        ):
            return f"{where} uses a key or signature that is too weak to be safe. {_GO_ON}"
        case "EXCESSIVE_MESSAGE_SIZE":
            return f"{where} sends more certificates than anyone needs (over 100 KB)."
        case str(reason):
            return f"The TLS handshake with {where} failed ({reason.lower().replace('_', ' ')})."
        case _ if isinstance(cause, ValueError):
            return f"«{name}» is not a name that TLS can ask for."
        case _:
            return f"The TLS handshake with {where} failed ({cause})."


def _client_protocol_text(cause: Exception) -> str:
    match getattr(cause, "reason", None):
        case "UNSUPPORTED_PROTOCOL" | "UNKNOWN_PROTOCOL" | "VERSION_TOO_LOW":
            return "The client offers only TLS versions older than 1.2."
        case "NO_SHARED_CIPHER":
            return "The client offers no cipher that fits an ECDSA certificate."
        case "HTTP_REQUEST" | "HTTPS_PROXY_REQUEST" | "WRONG_VERSION_NUMBER":
            return "The client did not go on with TLS."
        case str(reason):
            return f"The TLS handshake with the client failed ({reason.lower().replace('_', ' ')})."
        case _:
            return f"The TLS handshake with the client failed ({cause})."


# Certificates


def _certificate_text(error: ssl.SSLCertVerificationError, chain: tuple[bytes, ...], where: str, name: str) -> str:
    certificates = _parse(chain)
    harrier = next((issuer for issuer in map(_issuer, certificates) if issuer.startswith(COMMON_NAME_START)), None)
    if harrier is not None:
        return (
            f"{DarkCause.OF_ANOTHER_HARRIER.told(where, harrier)} such a CA never vouches for a server. Somebody "
            "may be listening in, or the request goes through another Harrier."
        )
    text = _fault_text(error, certificates, where, name)
    if not chain:
        return text
    return f"{text} By --accept-certificate {name}={sha256(chain[0]).hexdigest()} this very one is taken, there alone."


def _fault_text(
    error: ssl.SSLCertVerificationError, certificates: list[x509.Certificate], where: str, name: str
) -> str:
    code: int = error.verify_code
    if code in (_EXPIRED, _NOT_YET_VALID):
        return _date_text(certificates, where, is_expired=code == _EXPIRED)
    if code in _WRONG_NAME:
        text = DarkCause.WRONG_NAME.told(where, name, _names_text(certificates))
        return f"{text}{_no_name_text(name)} {_GO_ON}"
    if code == _SELF_SIGNED:
        return f"{DarkCause.SELF_SIGNED.told(where)} {_TRUST_IT} {_GO_ON}"
    if code == _SELF_SIGNED_IN_CHAIN or code in _NO_ISSUER:
        return _issuer_text(certificates, where)
    if code == _WRONG_PURPOSE:
        return f"{DarkCause.WRONG_PURPOSE.told(where)} {_GO_ON}"
    if code in _WEAK:
        return f"{DarkCause.WEAK.told(where, error.verify_message)} {_GO_ON}"
    if code in _FORM:
        return f"{DarkCause.ODD_FORM.told(where, error.verify_message)} {_GO_ON}"
    return f"{DarkCause.NOT_TRUSTED.told(where, error.verify_message)} {_GO_ON}"


def _parse(chain: tuple[bytes, ...]) -> list[x509.Certificate]:
    certificates = []
    for der in chain:
        try:
            certificates.append(x509.load_der_x509_certificate(der))
        except ValueError:
            break
    return certificates


def _date_text(certificates: list[x509.Certificate], where: str, *, is_expired: bool) -> str:
    now = datetime.now(UTC)
    clock = f"{now:%Y-%m-%d %H:%M}"
    for index, certificate in enumerate(certificates):
        whose = where if index == 0 else f"{where}'s issuer «{_subject(certificate)}»"
        if is_expired and certificate.not_valid_after_utc < now:
            ended = f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M}"
            return f"{DarkCause.EXPIRED.told(whose, ended, clock)} {_GO_ON}"
        if not is_expired and certificate.not_valid_before_utc > now:
            starts = f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M}"
            return f"{DarkCause.NOT_YET_VALID.told(whose, starts, clock)} Is the clock right? {_GO_ON}"
    state = "has expired" if is_expired else "is not yet valid"
    return f"A certificate in the chain of {where} {state}; this computer's clock says {clock} UTC. {_GO_ON}"


def _issuer_text(certificates: list[x509.Certificate], where: str) -> str:
    if not certificates:
        return f"{DarkCause.UNKNOWN_CA.told(where, '')} {_TRUST_IT} {_GO_ON}"
    issuer = _issuer(certificates[-1])
    if len(certificates) > 1 or _is_self_issued(certificates[-1]):
        return f"{DarkCause.UNKNOWN_CA.told(where, f', «{issuer}»')} {_TRUST_IT} {_GO_ON}"
    return f"{DarkCause.INCOMPLETE_CHAIN.told(where, issuer)} {_TRUST_IT} {_GO_ON}"


def _names_text(certificates: list[x509.Certificate]) -> str:
    try:
        san = certificates[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (IndexError, x509.ExtensionNotFound):
        return ": it names no host (no SAN)"
    except ValueError:
        return ""
    names = [str(name.value) for name in san if isinstance(name.value, (str, *_ADDRESSES))]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f", only for {', '.join(names[:5])}{more}" if names else ": it names no host"


_ADDRESSES = (ipaddress.IPv4Address, ipaddress.IPv6Address)


def _issuer(certificate: x509.Certificate) -> str:
    return _common_name(certificate.issuer)


def _subject(certificate: x509.Certificate) -> str:
    return _common_name(certificate.subject)


def _is_self_issued(certificate: x509.Certificate) -> bool:
    return certificate.issuer == certificate.subject


def _common_name(name: x509.Name) -> str:
    try:
        common_names = name.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(common_names[0].value) if common_names else name.rfc4514_string()
    except ValueError:
        return "?"
