"""What is spoken in a connection that nobody reads, told by the first bytes of its sides: a table of known protocols.

A guess for a person, from which nothing follows. What begins like nothing in the table has no name.
"""

import re
from typing import NamedTuple

LOOKED_AT_BYTES = 4096  # of each side; longer than any of the beginnings


class _Known(NamedTuple):
    """One protocol, by how the client or the server begins (where the pattern is None, it may begin as it likes)."""

    name: str
    client: re.Pattern[bytes] | None
    server: re.Pattern[bytes] | None = None


def _begin(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


# The more particular come before the more general.
_TABLE = (
    _Known("TLS", _begin(rb"\x16\x03[\x00-\x04]..\x01")),  # RFC 8446 §5.1: a record with a ClientHello
    _Known("SSH", _begin(rb"SSH-[12]\.")),  # RFC 4253 §4.2
    _Known("SSH", None, _begin(rb"SSH-[12]\.")),
    _Known("HTTP/2 without TLS", _begin(rb"PRI \* HTTP/2\.0\r\n\r\nSM\r\n\r\n")),  # RFC 9113 §3.4
    _Known("MQTT", _begin(rb"\x10.{1,4}?\x00(\x04MQTT|\x06MQIsdp)")),  # MQTT 5.0 §3.1
    _Known("AMQP", _begin(rb"AMQP[\x00-\x03]")),
    _Known("STOMP", _begin(rb"(CONNECT|STOMP)\r?\n[a-z-]+:")),
    _Known("Redis", _begin(rb"\*[0-9]{1,4}\r\n\$[0-9]{1,6}\r\n")),  # RESP: an array of bulk strings
    _Known("PostgreSQL", _begin(rb"\x00\x00..(\x00\x03\x00[\x00-\x02]|\x04\xd2\x16[\x2e-\x30])")),
    _Known("MySQL", None, _begin(rb".{2}\x00\x00\x0a[0-9]{1,2}\.[0-9]")),
    _Known("MongoDB", _begin(rb".{12}(\xdd\x07|\xd4\x07)\x00\x00")),
    _Known("BitTorrent", _begin(rb"\x13BitTorrent protocol")),
    _Known("RDP", _begin(rb"\x03\x00\x00.[\x0e-\xff]\xe0")),
    _Known("VNC", None, _begin(rb"RFB 00[34]\.00[0-9]")),  # RFC 6143 §7.1.1
    _Known("SMB", _begin(rb"\x00...[\xfe\xff]SMB")),
    _Known("LDAP", _begin(rb"\x30.{1,5}?\x02\x01.\x60")),  # RFC 4511 §4.2: a bind
    _Known("Git", _begin(rb"[0-9a-f]{4}git-(upload|receive)-pack ")),
    _Known("XMPP", _begin(rb"(<\?xml[^>]{0,80}>)?\s{0,4}<stream:stream\s")),
    _Known("NATS", None, _begin(rb"INFO \{")),
    _Known("IRC", _begin(rb"(CAP LS|NICK |PASS )[^\r\n]{0,200}\r?\n")),
    _Known("FTP", _begin(rb"(USER|AUTH TLS)\b"), _begin(rb"220[ -]")),
    _Known("SMTP", _begin(rb"(EHLO|HELO|LHLO) ")),  # RFC 5321 §4.1.1.1
    _Known("SMTP", None, _begin(rb"220[ -][^\r\n]{0,300}E?SMTP")),
    _Known("FTP", None, _begin(rb"220[ -][^\r\n]{0,300}FTP")),
    _Known("IMAP", None, _begin(rb"\* (OK|PREAUTH)[ \[]")),  # RFC 9051 §7.1
    _Known("POP3", None, _begin(rb"\+OK ")),
    _Known("HTTP", _begin(rb"[A-Z]{3,16} [^ \r\n]{1,2000} HTTP/1\.[01]\r?\n")),
)


def spoken_protocol(from_client: bytes, from_server: bytes) -> str:
    """The name of what the sides seem to speak, "" when it is none of the known."""
    for known in _TABLE:
        if _fits(known.client, from_client) and _fits(known.server, from_server):
            return known.name
    return ""


def _fits(pattern: re.Pattern[bytes] | None, data: bytes) -> bool:
    return pattern is None or pattern.match(data) is not None
