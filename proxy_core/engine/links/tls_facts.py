"""What a connection's TLS turned out to be: read off OpenSSL for the capture and for a failure's sentence."""

import ipaddress
import ssl
import sys
from weakref import WeakKeyDictionary

from proxy_core.model.tls_facts import TlsFacts, encode_tls_facts
from proxy_core.protocols.client_hello import ClientHello, ClientHelloReader
from proxy_core.protocols.fingerprint import UNKNOWN_FINGERPRINT, Fingerprint, fingerprint_of

# RFC 5737, RFC 6761: of nobody. Which name it is leaves the fingerprint as it is.
_SOME_ADDRESS, _SOME_NAME = "192.0.2.1", "name.invalid"


def peer_chain(ssl_object: ssl.SSLObject) -> tuple[bytes, ...]:
    """The certificates that the peer sent, DER, its own first; also after a failed verification."""
    if sys.version_info >= (3, 13):
        return tuple(ssl_object.get_unverified_chain())
    # WORKAROUND CPython 3.11 and 3.12: the method is there, public from 3.13 on (gh-109109), and without it a refused
    # certificate can't be shown. Both versions get security fixes only, so the private name stays.
    chain = ssl_object._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
    return tuple(ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in chain or ())


def tls_facts(
    ssl_object: ssl.SSLObject, sni: str, verify_error: str = "", fingerprint: Fingerprint = UNKNOWN_FINGERPRINT
) -> bytes:
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
            ja3=fingerprint.ja3,
            ja4=fingerprint.ja4,
        )
    )


def hello_facts(hello: ClientHello, *, is_unread: bool = False) -> bytes:
    """The same of a client's TLS that we don't end: what its first message says."""
    fingerprint = fingerprint_of(hello)
    return encode_tls_facts(
        TlsFacts(sni=hello.server_name, ja3=fingerprint.ja3, ja4=fingerprint.ja4, is_unread=is_unread)
    )


def own_fingerprint(context: ssl.SSLContext, server_name: str) -> Fingerprint:
    """By what a server can tell us that is met with this context. Worked out once for a context."""
    try:
        ipaddress.ip_address(server_name)
        server = _SOME_ADDRESS  # RFC 6066 §3: an address is not asked for by SNI
    except ValueError:
        server = _SOME_NAME
    known = _own_fingerprints.setdefault(context, {})
    if server not in known:
        known[server] = _hello_of(context, server)
    return known[server]


_own_fingerprints: WeakKeyDictionary[ssl.SSLContext, dict[str, Fingerprint]] = WeakKeyDictionary()


def _hello_of(context: ssl.SSLContext, server: str) -> Fingerprint:
    outgoing = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=server).do_handshake()
    except ssl.SSLWantReadError:
        pass
    reader = ClientHelloReader()
    reader.receive(outgoing.read())
    hello = reader.next_part()
    return fingerprint_of(hello) if isinstance(hello, ClientHello) else UNKNOWN_FINGERPRINT
