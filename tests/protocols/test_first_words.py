"""What is spoken in a tunnel, by its first bytes."""

import pytest

from proxy_core.protocols.first_words import spoken_protocol


@pytest.mark.parametrize(
    ("client", "server", "name"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"", "TLS"),
        (b"SSH-2.0-OpenSSH_9.7\r\n", b"", "SSH"),
        (b"", b"SSH-2.0-OpenSSH_9.7\r\n", "SSH"),
        (b"\x10\x18\x00\x04MQTT\x04\x02\x00\x3c", b"", "MQTT"),
        (b"\x10\xff\x01\x00\x06MQIsdp\x03", b"", "MQTT"),
        (b"*1\r\n$4\r\nPING\r\n", b"", "Redis"),
        (b"EHLO here\r\n", b"220 mail.test ready\r\n", "SMTP"),
        (b"", b"220 mail.test ESMTP Postfix\r\n", "SMTP"),
        (b"USER anonymous\r\n", b"220 Welcome\r\n", "FTP"),
        (b"", b"* OK [CAPABILITY IMAP4rev1] ready\r\n", "IMAP"),
        (b"", b"+OK ready\r\n", "POP3"),
        (b"\x00\x00\x00\x08\x04\xd2\x16\x2f", b"", "PostgreSQL"),
        (b"\x00\x00\x00\x29\x00\x03\x00\x00user\x00me\x00", b"", "PostgreSQL"),
        (b"", b"\x4a\x00\x00\x00\x0a8.0.36\x00", "MySQL"),
        (b"AMQP\x00\x00\x09\x01", b"", "AMQP"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"", "HTTP/2 without TLS"),
        (b"", b"RFB 003.008\n", "VNC"),
        (b"\x03\x00\x00\x13\x0e\xe0\x00\x00", b"", "RDP"),
        (b"\x13BitTorrent protocol\x00", b"", "BitTorrent"),
        (b"<?xml version='1.0'?><stream:stream to='a'>", b"", "XMPP"),
        (b"GET / HTTP/1.1\r\n", b"", "HTTP"),
        (b"", b"", ""),
        (b"hello", b"world", ""),
        (b"\x16\x03", b"", ""),
        (b"A" * 4096, b"2" * 4096, ""),
    ],
)
def test_the_name_of_what_is_spoken(client, server, name):
    assert spoken_protocol(client, server) == name
