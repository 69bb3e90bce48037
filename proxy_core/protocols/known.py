"""Which protocol a connection speaks that nobody reads, by what each side sends first. One more is a line here.

A guess for a person's eyes: nothing is decided by it.
"""

import re

# Name, what the client sends first, what the server sends first: either is enough. Each pattern begins at the first
# byte; what it says is in the protocol's own specification, named behind it.
_KNOWN: tuple[tuple[str, bytes, bytes], ...] = (
    ("SSH", rb"SSH-[12]\.", rb"SSH-[12]\."),  # RFC 4253 §4.2
    ("TLS", rb"\x16\x03[\x00-\x04]..\x01", rb"\x16\x03[\x00-\x04]..\x02"),  # RFC 8446 §5.1
    ("MQTT", rb"\x10[\x00-\xff]{1,4}?\x00(\x04MQTT|\x06MQIsdp)", rb"(?!)"),  # MQTT 5.0 §3.1
    ("AMQP", rb"AMQP[\x00-\x03]", rb"AMQP[\x00-\x03]"),  # AMQP 1.0 §2.2
    ("PostgreSQL", rb"\x00\x00..\x00\x03\x00[\x00-\x02]|\x00\x00\x00\x08\x04\xd2\x16[\x2f\x30]", rb"(?!)"),  # §55.7
    ("MySQL", rb"(?!)", rb"...\x00\x0a[0-9]+\.[0-9]+[^\x00]*\x00"),  # protocol::HandshakeV10
    ("Redis", rb"\*[0-9]{1,4}\r\n\$[0-9]", rb"(?!)"),  # RESP
    ("SMTP", rb"(EHLO|HELO) ", rb"220[ -][^\r\n]*(SMTP|ESMTP)"),  # RFC 5321 §3.1
    ("IMAP", rb"(?!)", rb"\* (OK|PREAUTH|BYE) "),  # RFC 9051 §7.1
    ("POP3", rb"(?!)", rb"\+OK "),  # RFC 1939 §3
    ("FTP", rb"(?!)", rb"220[ -][^\r\n]*FTP"),  # RFC 959 §5.4
    ("XMPP", rb"<\?xml[^>]*>\s*<stream:stream|<stream:stream", rb"(?!)"),  # RFC 6120 §4.2
    ("MongoDB", rb".{4}.{4}\x00{4}(\xdd\x07|\xd4\x07)\x00\x00", rb"(?!)"),  # OP_MSG, OP_QUERY
    ("BitTorrent", rb"\x13BitTorrent protocol", rb"\x13BitTorrent protocol"),  # BEP 3
    ("RDP", rb"\x03\x00\x00.[\x00-\xff]\xe0\x00\x00", rb"(?!)"),  # MS-RDPBCGR §2.2.1.1
    ("VNC", rb"(?!)", rb"RFB [0-9]{3}\.[0-9]{3}\n"),  # RFC 6143 §7.1.1
    ("HTTP/2", rb"PRI \* HTTP/2\.0\r\n", rb"(?!)"),  # RFC 9113 §3.4
    ("HTTP", rb"[A-Z]{3,16} [^\s]{1,2000} HTTP/1\.", rb"HTTP/1\.[01] "),  # RFC 9112
    ("IRC", rb"(NICK|CAP LS|PASS) ?[^\r\n]*\r?\n", rb":[^ ]+ (NOTICE|001) "),  # RFC 2812
    ("Git", rb"[0-9a-f]{4}git-(upload|receive)-pack ", rb"(?!)"),  # gitprotocol-pack
)
_LOOKED_AT_BYTES = 4096
_COMPILED = tuple(
    (name, re.compile(client, re.DOTALL), re.compile(server, re.DOTALL)) for name, client, server in _KNOWN
)


def protocol_named(from_client: bytes, from_server: bytes) -> str:
    """The name, "" when it is none of those known."""
    ours, theirs = from_client[:_LOOKED_AT_BYTES], from_server[:_LOOKED_AT_BYTES]
    for name, client, server in _COMPILED:
        if client.match(ours) or server.match(theirs):
            return name
    return ""
