"""What fails while TLS is being set up: a row that says why, and an answer, never just a closed connection."""

import errno
import os
import ssl
import tempfile

import certifi
import pytest

from proxy_core.engine.trust import chain_loading
from proxy_core.model.exchange import ExchangeKind, ExchangeState
from tests.support.conversation import wait_for
from tests.support.tls_conversation import ESTABLISHED, OK, answer_all, connect_through, https_origin

INTERNAL_ERROR_ALERT = b"\x15\x03\x03\x00\x02\x02\x50"  # RFC 8446 §6: fatal, internal_error
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def hello() -> bytes:
    """A ClientHello for localhost."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def test_https_needs_no_temporary_folder(start_proxy, start_origin, trusting, example_ca, tmp_path, monkeypatch):
    origin = https_origin(start_origin, example_ca.leaf("localhost"), answer_all)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    pipe = connect_through(start_proxy(settings=trusting), "localhost", origin.port)
    pipe.sends(REQUEST)
    assert pipe.reads_exactly(len(OK)) == OK


def test_a_certificate_that_cannot_be_made(start_proxy, start_origin, trusting, example_ca, monkeypatch):
    def refuse() -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    origin = https_origin(start_origin, example_ca.leaf("localhost"), answer_all)
    proxy = start_proxy(settings=trusting)
    monkeypatch.setattr(chain_loading.os, "pipe", refuse)
    client = proxy.connect()
    client.sends(b"CONNECT localhost:%d HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
    client.sees(ESTABLISHED)
    client.sends(hello())
    assert client.reads_to_end() == INTERNAL_ERROR_ALERT
    exchange = proxy.only()
    assert (exchange.row.kind, exchange.row.host, exchange.row.state) == (
        ExchangeKind.TUNNEL,
        "localhost",
        ExchangeState.FAILED,
    )
    assert exchange.row.failure == "proxy_internal_error"
    assert exchange.detail.failure_text == (
        "Harrier could not make its certificate for localhost (Too many open files)."
    )
    wait_for(lambda: not proxy.worker.serves)
    assert len(proxy.worker.services.sweep.waiting) == 0  # the prepared upstream is closed, too
    monkeypatch.undo()
    pipe = connect_through(proxy, "localhost", origin.port)
    pipe.sends(REQUEST)
    assert pipe.reads_exactly(len(OK)) == OK


def test_roots_that_cannot_be_read(start_proxy, start_origin, trusting, example_ca, tmp_path, monkeypatch):
    origin = https_origin(start_origin, example_ca.leaf("localhost"), answer_all)
    proxy = start_proxy(settings=trusting)
    monkeypatch.setattr(certifi, "where", lambda: str(tmp_path / "missing.pem"))
    pipe = connect_through(proxy, "localhost", origin.port)
    pipe.sends(REQUEST)
    head = pipe.reads_head()
    assert head.startswith(b"HTTP/1.1 500 ")
    assert b"error=proxy_internal_error" in head
    exchange = proxy.only()
    assert exchange.detail.failure_text == "Harrier could not read the CAs that it trusts (No such file or directory)."
    pipe.reads_exactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]))
    monkeypatch.undo()
    pipe.sends(REQUEST)
    assert pipe.reads_exactly(len(OK)) == OK
