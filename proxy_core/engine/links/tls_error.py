"""How TLS fails before there is anything to read: the errors that `TlsTransport` raises beside OpenSSL's own."""


class TlsHandshakeError(OSError):
    """The handshake failed; what the failure's sentence needs to be precise. A handshake that lasts too long is a
    TimeoutError instead.
    """

    def __init__(
        self,
        cause: OSError | ValueError,
        *,
        seen: bytes = b"",
        chain: tuple[bytes, ...] = (),
        server_hostname: str = "",
        has_answered: bool = False,
    ) -> None:
        super().__init__(str(cause))
        self.cause = cause  # an ssl.SSLError, the link's own error, TlsEofError, or ValueError for an impossible name
        self.seen = seen  # the first bytes that the peer sent, still encrypted
        self.chain = chain  # DER certificates of the peer, as far as they came
        self.server_hostname = server_hostname  # as a client: the name that we asked for
        self.has_answered = has_answered  # as a server: our certificate is sent


class TlsEofError(OSError):
    """The peer closed the connection within the handshake."""


class TlsRenegotiationError(OSError):
    """The peer asks for a new handshake (TLS 1.2). Refused: it has a history of attacks, and browsers do so, too."""
