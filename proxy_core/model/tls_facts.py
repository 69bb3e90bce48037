"""What is known of a connection's TLS: the column `tls` of a connection row, as MessagePack.

Workers write it once a handshake is over, well or badly; the window and HAR read it. Unknown keys of a later version
are skipped, missing ones have their defaults.
"""

import msgspec


class TlsFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One side's TLS. On the client side the chain is empty: it is ours."""

    version: str = ""  # TLSv1.3; "" when the handshake didn't come so far
    cipher: str = ""
    alpn: str = ""
    sni: str = ""
    verified: bool = False  # the certificate was verified and found good; never so on the client side
    verify_error: str = ""  # why not, for a person
    chain: tuple[bytes, ...] = ()  # DER, as the server sent it, its own certificate first


encode_tls_facts = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(TlsFacts)


def decode_tls_facts(data: bytes | None) -> TlsFacts | None:
    """The facts of a stored column; None for a connection without TLS or with damaged facts."""
    if data is None:
        return None
    try:
        return _decoder.decode(data)
    # A text that is no UTF-8 is not msgspec's error, nor is a member that nobody knows and that is nested without end.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
