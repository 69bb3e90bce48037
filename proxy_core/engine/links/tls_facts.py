"""What a connection's TLS turned out to be: read off OpenSSL for the capture and for a failure's sentence."""

import ssl
import sys

from proxy_core.model.tls_facts import TlsFacts, encode_tls_facts


def peer_chain(ssl_object: ssl.SSLObject) -> tuple[bytes, ...]:
    """The certificates that the peer sent, DER, its own first; also after a failed verification."""
    if sys.version_info >= (3, 13):
        return tuple(ssl_object.get_unverified_chain())
    # WORKAROUND CPython 3.11 and 3.12: the method is there, public from 3.13 on (gh-109109), and without it a refused
    # certificate can't be shown. Both versions get security fixes only, so the private name stays.
    chain = ssl_object._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
    return tuple(ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in chain or ())


def tls_facts(ssl_object: ssl.SSLObject, sni: str, verify_error: str = "") -> bytes:
    """The column `tls` of a connection row; `verify_error` where the handshake failed."""
    cipher = ssl_object.cipher()
    is_verified = ssl_object.context.verify_mode == ssl.CERT_REQUIRED and not verify_error
    if not ssl_object.server_side and not is_verified and not verify_error:
        verify_error = "Verification is switched off."
    return encode_tls_facts(
        TlsFacts(
            version=ssl_object.version() or "",
            cipher=cipher[0] if cipher else "",
            alpn=ssl_object.selected_alpn_protocol() or "",
            sni=sni,
            verified=is_verified,
            verify_error=verify_error,
            chain=() if ssl_object.server_side else peer_chain(ssl_object),
        )
    )
