"""Protocols by what each side sends first."""

import pytest

from proxy_core.protocols.known import protocol_named


@pytest.mark.parametrize(
    ("client", "server", "name"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", b"", "SSH"),
        (b"", b"SSH-2.0-dropbear\r\n", "SSH"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"", "TLS"),
        (b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04abcd", b"", "MQTT"),
        (b"\x10\xc2\x02\x00\x04MQTT\x05", b"", "MQTT"),
        (b"AMQP\x00\x00\x09\x01", b"", "AMQP"),
        (b"\x00\x00\x00\x08\x04\xd2\x16\x2f", b"", "PostgreSQL"),
        (b"\x00\x00\x00\x21\x00\x03\x00\x00user\x00postgres\x00\x00", b"", "PostgreSQL"),
        (b"", b"\x4a\x00\x00\x00\x0a8.0.36\x00\x08\x00\x00\x00", "MySQL"),
        (b"*1\r\n$4\r\nPING\r\n", b"", "Redis"),
        (b"", b"220 mail.test ESMTP Postfix\r\n", "SMTP"),
        (b"EHLO me\r\n", b"220 ready\r\n", "SMTP"),
        (b"", b"220 (vsFTPd 3.0.5) FTP\r\n", "FTP"),
        (b"", b"* OK IMAP4rev1 ready\r\n", "IMAP"),
        (b"", b"RFB 003.008\n", "VNC"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"", "HTTP/2"),
        (b"", b"HTTP/1.1 400 Bad Request\r\n", "HTTP"),
        (b"\x00\x01\x02", b"\xff\xfe", ""),
        (b"", b"", ""),
        (b"x" * 5000, b"y" * 5000, ""),
    ],
)
def test_a_name_by_the_first_bytes(client, server, name):
    assert protocol_named(client, server) == name


def test_bytes_made_to_be_slow_are_not():
    assert protocol_named(b"<?xml" + b"a" * 1_000_000, b"220 " + b"S" * 1_000_000) == ""
