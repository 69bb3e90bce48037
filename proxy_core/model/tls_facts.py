"""What is known of a connection besides its ends: the column `tls` of a connection row, as MessagePack.

Workers write it once a handshake is over, well or badly, and again when the program behind a client is known; the
window and HAR read it. Unknown keys of a later version are skipped, missing ones have their defaults.
"""

import msgspec


class Program(msgspec.Struct, frozen=True, omit_defaults=True):
    """The program on this computer that has opened a connection to us."""

    name: str
    pid: int
    path: str = ""  # "" where the system doesn't tell it


class TlsFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One side's TLS. On the client side the chain is empty: it is ours."""

    version: str = ""  # TLSv1.3; "" when the handshake didn't come so far
    cipher: str = ""
    alpn: str = ""
    sni: str = ""
    verified: bool = False  # the certificate was verified and found good; never so on the client side
    verify_error: str = ""  # why not, for a person
    chain: tuple[bytes, ...] = ()  # DER, as the server sent it, its own certificate first
    ja3: str = ""  # of the ClientHello: the client's, or ours to an upstream
    ja4: str = ""
    is_unread: bool = False  # relayed as it came: there is no more to know than the ClientHello says
    program: Program | None = None  # of a client on this computer
    is_plain: bool = False  # there is no TLS: the program is all that is known


encode_tls_facts = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(TlsFacts)


def decode_facts(data: bytes | None) -> TlsFacts | None:
    """All of a stored column, also of a connection without TLS; None where nothing is known, or it is damaged."""
    if data is None:
        return None
    try:
        return _decoder.decode(data)
    # A text that is no UTF-8 is not msgspec's error, nor is a member that nobody knows and that is nested without end.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def decode_tls_facts(data: bytes | None) -> TlsFacts | None:
    """The facts of a stored column; None for a connection without TLS or with damaged facts."""
    facts = decode_facts(data)
    return None if facts is None or facts.is_plain else facts


def program_in(data: bytes | None) -> Program | None:
    """The program behind the connection, None where it is unknown."""
    facts = decode_facts(data)
    return None if facts is None else facts.program


def with_program(data: bytes | None, program: Program) -> bytes:
    """The column with the program in it."""
    facts = decode_facts(data) or TlsFacts(is_plain=True)
    return encode_tls_facts(msgspec.structs.replace(facts, program=program))
