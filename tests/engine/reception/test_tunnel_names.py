"""The server's name belongs to the tunnel: every upstream connection of an interception asks for the client's SNI."""

import ssl

import pytest

from tests.support.tls_conversation import OK, BioPipe, connect_through, https_origin

REQUEST = b"GET / HTTP/1.1\r\nHost: shop.test\r\nCookie: id=7\r\n\r\n"


def answer_and_close(pipe: BioPipe) -> None:
    pipe.reads_head()
    pipe.sends(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))


def answer_and_vanish(pipe: BioPipe) -> None:
    pipe.reads_head()
    pipe.sends(OK)


class NamedOrigin:
    """An origin that keeps what each connection asked for: the server name and the protocol that it was given."""

    def __init__(self, start_origin, leaf, handle) -> None:
        self.asked: list[tuple[str | None, str | None]] = []

        def kept(pipe: BioPipe) -> None:
            self.asked[-1] = (self.asked[-1][0], pipe.tls.selected_alpn_protocol())
            handle(pipe)

        def name_came(_tls, name, _context) -> None:
            self.asked.append((name, None))

        self.port = https_origin(
            start_origin, leaf, kept, ("http/1.1",), lambda context: setattr(context, "sni_callback", name_came)
        ).port


@pytest.mark.parametrize("handle", [answer_and_close, answer_and_vanish])
def test_a_reconnect_asks_for_the_clients_name(start_proxy, start_origin, trusting, example_ca, handle):
    origin = NamedOrigin(start_origin, example_ca.leaf("shop.test"), handle)
    pipe = connect_through(start_proxy(settings=trusting), "127.0.0.1", origin.port, name="shop.test")
    for _ in range(3):
        pipe.sends(REQUEST)
        head = pipe.reads_head()
        assert head.startswith(b"HTTP/1.1 200 ")
        assert pipe.reads_exactly(2) == b"hi"
    assert origin.asked == [("shop.test", "http/1.1")] * 3


def test_a_reconnect_refuses_a_certificate_for_the_connect_host(start_proxy, start_origin, trusting, example_ca):
    heads: list[bytes] = []

    def first_right_then_wrong(pipe: BioPipe) -> None:
        heads.append(pipe.reads_head())
        pipe.sends(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

    right = example_ca.leaf("shop.test").server_context()
    wrong = example_ca.leaf("localhost").server_context()
    contexts = [right, wrong]

    def choose(context: ssl.SSLContext) -> None:
        context.sni_callback = lambda tls, _name, _context: setattr(tls, "context", contexts.pop(0))

    origin = https_origin(start_origin, example_ca.leaf("shop.test"), first_right_then_wrong, (), choose)
    proxy = start_proxy(settings=trusting)
    pipe = connect_through(proxy, "localhost", origin.port, name="shop.test")
    pipe.sends(REQUEST)
    assert pipe.reads_head().startswith(b"HTTP/1.1 200 ")
    assert pipe.reads_exactly(2) == b"hi"
    pipe.sends(REQUEST)
    assert pipe.reads_head().startswith(b"HTTP/1.1 502 ")
    assert len(heads) == 1  # the cookie went to nobody else
    refused = proxy.finished(2)[1]
    assert refused.row.failure == "tls_certificate_error"
    assert "not for shop.test" in refused.detail.failure_text


def test_a_first_connection_that_failed_is_repeated_for_the_same_name(start_proxy, start_origin, trusting, example_ca):
    # The first try shows a certificate that is refused, which the client's first request is told.
    contexts = [example_ca.leaf("other.test").server_context(), example_ca.leaf("shop.test").server_context()]

    def choose(context: ssl.SSLContext) -> None:
        context.sni_callback = lambda tls, _name, _context: setattr(tls, "context", contexts.pop(0))

    origin = https_origin(start_origin, example_ca.leaf("shop.test"), answer_and_close, (), choose)
    pipe = connect_through(start_proxy(settings=trusting), "localhost", origin.port, name="shop.test")
    pipe.sends(REQUEST)
    head = pipe.reads_head()
    assert head.startswith(b"HTTP/1.1 502 ")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
    pipe.reads_exactly(length)
    pipe.sends(REQUEST)
    assert pipe.reads_head().startswith(b"HTTP/1.1 200 ")
