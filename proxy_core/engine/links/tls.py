"""TLS over any link, itself a link: the same verbs as `Transport`, encrypted.

The handshake and the records are OpenSSL's, through memory BIOs; the bytes come from and go to the link beneath, which
may be TLS itself. What was read of a ClientHello before is given as `first_bytes`.

One greenlet may receive while another sends: OpenSSL is never entered from both at once, because nothing here switches
greenlets but the link's own verbs. The receiving side sends nothing but a last alert, and that only while nobody else
sends, so the two can't mix their bytes. (A key update is answered with the next send, as RFC 8446 §4.6.3 has it. Only
a client certificate that is asked for after the handshake is shown at once.)
"""

import errno
import ssl
import time
from collections.abc import Callable

from proxy_core.engine.links.link import RECEIVE_LIMIT, Link, PeerState
from proxy_core.engine.links.tls_error import TlsEofError, TlsHandshakeError, TlsRenegotiationError
from proxy_core.engine.links.tls_facts import peer_chain
from proxy_core.protocols.client_flight import was_asked_in_vain

RECORD_LIMIT = 16 * 1024  # plaintext bytes of one TLS record (RFC 8446 §5.1)
# What is asked of the link at once: four whole records of TLS 1.3. The BIOs keep their largest size for the life of the
# connection, so larger pieces would cost each connection that. Measured 2026-11-23 over loopback, both ends in one
# process: 830 MB/s; with 256 KiB a piece, not aligned to records, 830 to 900; with eight records 1,030.
ENCRYPTED_LIMIT = 4 * (RECORD_LIMIT + 22)
SEND_CHUNK = 4 * RECORD_LIMIT  # plaintext bytes encrypted before the link must have taken them
SEEN_LIMIT = 32 * 1024  # bytes of a handshake that are kept to explain its failure
CLOSE_LIMIT_S = 1.0  # how long a goodbye may take
# RFC 8446 §6: a fatal alert in the clear, for a handshake that can't be begun.
INTERNAL_ERROR_ALERT = b"\x15\x03\x03\x00\x02\x02\x50"

WantRead = ssl.SSLWantReadError


class TlsTransport:
    """A `Link` that encrypts what goes over another link, which it owns."""

    __slots__ = (
        "_answers_late",
        "_context",
        "_error",
        "_has_more",
        "_incoming",
        "_incoming_write",
        "_is_at_end",
        "_is_closed",
        "_is_established",
        "_is_sending",
        "_link",
        "_link_receive",
        "_link_send",
        "_outgoing",
        "_read",
        "_seen",
        "_server_hostname",
        "_server_side",
        "_stashed",
        "_take",
        "_write",
        "is_truncated",
        "local_host",
        "local_port",
        "owes_certificate",
        "peer_host",
        "peer_port",
        "ssl_object",
    )

    ssl_object: ssl.SSLObject  # from `handshake` on
    _read: Callable[[int], bytes]

    def __init__(
        self,
        link: Link,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        server_hostname: str | None = None,
        first_bytes: bytes = b"",
    ) -> None:
        """Take over `link`. `server_hostname` (client side): name or IP literal that the certificate must be for."""
        self._link = link
        self._link_receive = link.receive
        self._link_send = link.send
        self._context = context
        self._answers_late = context.post_handshake_auth
        self._server_side = server_side
        self._server_hostname = server_hostname
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._incoming_write = self._incoming.write
        self._take = self._outgoing.read
        self._incoming.write(first_bytes)
        self._seen = first_bytes
        self._stashed = b""  # plaintext that was taken out of OpenSSL before it was asked for
        self._error: OSError | None = None  # what receive raises after `_stashed`
        self._has_more = False  # don't ask the link: `_stashed`, OpenSSL, `_error` or the end come first
        self._is_at_end = False
        self._is_established = False
        self._is_sending = self._is_closed = False
        self.is_truncated = False
        self.owes_certificate = False  # as a client: we were asked for one and had none to show
        self.peer_host, self.peer_port = link.peer_host, link.peer_port
        self.local_host, self.local_port = link.local_host, link.local_port

    @property
    def read_limit_s(self) -> float:
        return self._link.read_limit_s

    @read_limit_s.setter
    def read_limit_s(self, limit_s: float) -> None:
        self._link.read_limit_s = limit_s

    @property
    def write_limit_s(self) -> float:
        return self._link.write_limit_s

    @write_limit_s.setter
    def write_limit_s(self, limit_s: float) -> None:
        self._link.write_limit_s = limit_s

    @property
    def on_ahead(self) -> Callable[[], None] | None:
        return self._link.on_ahead

    @on_ahead.setter
    def on_ahead(self, told: Callable[[], None] | None) -> None:
        self._link.on_ahead = told

    # The handshake

    def handshake(self) -> None:
        """Agree on keys, and verify as the context says. Raises TlsHandshakeError, TimeoutError."""
        sent = b""
        try:
            shake = self._start()
            while True:
                try:
                    shake()
                    break
                except WantRead:
                    sent += self._flush()
                data = self._link_receive(ENCRYPTED_LIMIT)
                if not data:
                    raise TlsEofError(errno.ECONNRESET, "the connection was closed within the TLS handshake")
                if len(self._seen) < SEEN_LIMIT:
                    self._seen += data
                self._incoming.write(data)
            sent += self._flush()
        except TimeoutError:
            raise
        except (OSError, ValueError) as error:  # ValueError: a name that can't be one
            if isinstance(error, ssl.SSLError):
                self._send_alert()
            chain = peer_chain(self.ssl_object) if hasattr(self, "ssl_object") else ()
            raise TlsHandshakeError(
                error,
                seen=self._seen,
                chain=chain,
                server_hostname=self._server_hostname or "",
                has_answered=bool(sent),
            ) from error
        self._seen = b""
        self.owes_certificate = not self._server_side and was_asked_in_vain(sent)
        self._is_established = True
        self._has_more = self._incoming.pending > 0

    def _start(self) -> Callable[[], None]:
        hostname = None if self._server_hostname is None else tls_name(self._server_hostname)
        if hostname is not None and "\0" in hostname:
            raise ValueError("a name has no NUL in it")  # `wrap_bio` says TypeError
        self.ssl_object = self._context.wrap_bio(
            self._incoming, self._outgoing, server_side=self._server_side, server_hostname=hostname
        )
        self._read = self.ssl_object.read
        self._write = self.ssl_object.write
        return self.ssl_object.do_handshake

    def _flush(self) -> bytes:
        """Send what OpenSSL has left to send; returns that."""
        if data := self._take():
            self._send_encrypted(data)
        return data

    def _send_alert(self) -> None:
        # The peer learns why. It is broken or leaving, so neither an error nor a wait matters.
        if self._is_sending:
            return
        try:
            self._link.write_limit_s = min(self._link.write_limit_s, CLOSE_LIMIT_S)
            self._flush()
        except OSError:
            pass

    # Receiving
    #
    # Plaintext is in four places, in this order: `_stashed` (taken out before it was asked for), OpenSSL's current
    # record, `_incoming` (encrypted, not looked at), and the link. `_has_more` says that one of the first three may
    # hold something, an error or the end; only when it is false the link is asked, which may wait. What OpenSSL *says*
    # instead of giving data lies behind all the data that it gave before, so it is noted (`_note`, `_end`) and told by
    # the next receive: a relay gets every byte that came before an alert.
    #
    # `receive` is `_receive_more` again, written out for the usual case: nothing is left from before, and what the link
    # brings is whole records.

    def receive(self, limit: int = RECEIVE_LIMIT) -> bytes:
        since_s = 0.0
        while True:
            if self._has_more:
                data = self._receive_more(limit)
                if data or self._is_at_end:
                    return data
            if since_s and time.monotonic() - since_s > self._link.read_limit_s:
                # The link's own limit is for each of its receives: single bytes would hold the connection for ever.
                raise TimeoutError("no record was whole in time")
            if self._answers_late and self._outgoing.pending and not self._is_sending:
                self._flush()  # RFC 8446 §4.6.2: the server waits for our certificate, and we would for its answer
            encrypted = self._link_receive(ENCRYPTED_LIMIT)
            if not encrypted:
                self._end(is_truncated=True)
                return b""
            self._incoming_write(encrypted)
            if limit < RECORD_LIMIT:
                self._has_more = True
                since_s = since_s or time.monotonic()
                continue
            # Measured 2026-11-23, tests/benchmarks/tls_message.py: an SSLWantReadError costs as much as decrypting
            # 2 KiB, so what has come is read at once, and not again to see that nothing is left. Clean: _receive_more.
            try:
                data = self._read(RECORD_LIMIT)
            except OSError as error:
                self._note(error)
                since_s = since_s or time.monotonic()
                continue
            if data and not self._incoming.pending:
                return data
            return self._gather(data, limit)

    def _receive_more(self, limit: int) -> bytes:
        """What has come already; b"" when that is less than a record, or at the end."""
        if self._stashed:
            data, self._stashed = self._stashed[:limit], self._stashed[limit:]
            self._has_more = bool(self._stashed or self._error or self._is_at_end)
            return data
        if self._error is not None:
            raise self._error
        if self._is_at_end:
            return b""
        try:
            first = self._read(min(limit, RECORD_LIMIT))
        except OSError as error:
            kept = self._note(error)
            if kept is not None:
                raise kept from None
            return b""
        return self._gather(first, limit)

    def _gather(self, first: bytes, limit: int) -> bytes:
        """`first`, which has just been read, and what else there is, up to `limit`."""
        parts = [first]
        part, room = first, limit - len(first)
        while part:
            self._has_more = self._incoming.pending > 0 or self.ssl_object.pending() > 0
            if not self._has_more or room <= 0:
                return b"".join(parts)
            try:
                part = self._read(min(room, RECORD_LIMIT))
            except OSError as error:
                self._note(error)
                return b"".join(parts)
            parts.append(part)
            room -= len(part)
        self._end(is_truncated=False)
        return b"".join(parts)

    def _note(self, error: OSError) -> OSError | None:
        """Keep what OpenSSL said instead of giving data, for the receive after the data before it; returns what is
        kept, if it is an error.
        """
        if isinstance(error, ssl.SSLZeroReturnError):
            self._end(is_truncated=False)
            return None
        if isinstance(error, WantRead):
            if not self._outgoing.pending or self.ssl_object.version() == "TLSv1.3":
                self._has_more = False
                return None
            # What TLS 1.2 makes OpenSSL say while it reads is «no renegotiation».
            error = TlsRenegotiationError(errno.EPROTO, "the peer asks to renegotiate TLS, which is not safe")
        self._error = error
        self._has_more = True
        self._send_alert()
        return error

    def _end(self, *, is_truncated: bool) -> None:
        # RFC 9112 §9.8: an end without close_notify may be an attacker's. It is an end all the same, since many origins
        # close so; whether a message was cut short by it, its framing knows, and the side asks `is_truncated`.
        self._is_at_end = self._has_more = True
        self.is_truncated = is_truncated

    def is_readable(self) -> bool:
        """Whether plaintext, an end or an error is there; session tickets that lie before it are taken in."""
        while True:
            if self._has_more:
                self._stash()
            if self._has_more or self._is_closed:
                return True
            if not self._link.is_readable():
                return False
            try:
                encrypted = self._link_receive(ENCRYPTED_LIMIT)
            except OSError as error:
                self._note(error)
                return True
            if not encrypted:
                self._end(is_truncated=True)
                return True
            self._incoming_write(encrypted)
            self._has_more = True

    def is_quiet(self) -> bool:
        return not self._has_more and not self._is_closed and self._link.is_quiet()

    def look_ahead(self) -> PeerState:
        """What the link has, and whether it holds a goodbye (close_notify), which is an end as well."""
        while True:
            state = self._link.look_ahead()
            encrypted = self._link.take_ahead() if len(self._stashed) < RECEIVE_LIMIT else b""
            if not encrypted:
                break
            self._incoming_write(encrypted)
            self._has_more = True
            # An alert, should there be cause for one, would have to wait for a slow link; here nobody may wait.
            is_sending, self._is_sending = self._is_sending, True
            self._stash()
            self._is_sending = is_sending
        if state is PeerState.PRESENT and (self._is_at_end or self._error is not None):
            return PeerState.ENDED
        return state

    def take_ahead(self) -> bytes:
        data, self._stashed = self._stashed, b""
        self._has_more = bool(self._error or self._is_at_end)
        return data

    def put_back(self, data: bytes) -> None:
        if data:
            self._stashed = data + self._stashed
            self._has_more = True

    def _stash(self) -> None:
        """Take all that has come out of OpenSSL: at most what one receive of the link brought."""
        parts = [self._stashed]
        self._stashed = b""
        while self._has_more and self._error is None and not self._is_at_end:
            try:
                parts.append(self._receive_more(ENCRYPTED_LIMIT))
            except OSError:
                break  # it is in `_error` for the next receive
        self._stashed = b"".join(parts)
        self._has_more = bool(self._stashed or self._error or self._is_at_end)

    # Sending

    def send(self, data: bytes | bytearray | memoryview) -> None:
        if len(data) > RECORD_LIMIT:
            self._send_chunks(memoryview(data))
        elif data:
            self._write(data)
            self._send_encrypted(self._take())

    def _send_chunks(self, data: memoryview) -> None:
        while data:
            written = self._write(data[:SEND_CHUNK])
            self._send_encrypted(self._take())
            data = data[written:]

    def _send_encrypted(self, data: bytes) -> None:
        # After an error, part of a record may be on its way: `_is_sending` stays, and nothing more is sent.
        self._is_sending = True
        self._link_send(data)
        self._is_sending = False

    def send_eof(self) -> None:
        """Say goodbye (close_notify) and close our direction; receiving goes on."""
        if self._is_closed or not self._is_established:
            return
        # OpenSSL looks for the peer's goodbye at once, and takes data that lies before it for an error.
        if self._has_more:
            self._stash()
        try:
            self.ssl_object.unwrap()
        except ssl.SSLError:
            pass  # WantRead: the peer's goodbye hasn't come. Others: the session has failed, which receive says
        self._flush()
        self._link.send_eof()

    # Closing

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        # RFC 8446 §6.1: say goodbye before closing. Not from within another's send, half of whose record may be on its
        # way: these bytes would lie in the middle of it.
        if self._is_established and not self._is_sending:
            try:
                self.ssl_object.unwrap()
            except (ssl.SSLError, ValueError):
                pass
            self._send_alert()
        self._link.close()

    def abort(self) -> None:
        self._is_closed = True
        self._link.abort()


def tls_name(hostname: str) -> str:
    """The form in which a name or IP literal is verified and sent as SNI: without brackets, zone and final dot."""
    name = hostname.strip("[]")
    if ":" in name:
        return name.partition("%")[0]
    return name.removesuffix(".")
