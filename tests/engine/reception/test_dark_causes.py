"""Each cause of the table, brought about by a client and an origin, tells itself in the row; a person is asked in time."""

import ssl
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import pytest

from proxy_core.model.dark_cause import DarkCause, causes_in
from proxy_core.model.settings import Settings
from tests.support.conversation import Origin, Proxy
from tests.support.test_ca import ExampleCa, Fault
from tests.support.tls_conversation import OK, BioPipe, answer_all, connect_through, https_origin, tls_over


class Stage(NamedTuple):
    """What a case needs to bring its cause about."""

    start_proxy: Callable[..., Proxy]
    start_origin: Callable[..., Origin]
    trusting: Settings
    ca: ExampleCa

    def https(self, *names: str, fault: Fault | None = None, ca: ExampleCa | None = None) -> Origin:
        return https_origin(
            self.start_origin, (ca or self.ca).leaf(*(names or ("localhost",)), fault=fault), answer_all
        )


@pytest.fixture
def stage(start_proxy, start_origin, trusting, example_ca) -> Stage:
    return Stage(start_proxy, start_origin, trusting, example_ca)


def causes(proxy: Proxy) -> list[DarkCause]:
    """Of the last exchange; its sentence stands in one line."""
    detail = proxy.exchanges[-1].detail
    assert "\n" not in detail.failure_text
    return causes_in(detail.failure_text, detail.notes)


def refused_by_client(proxy: Proxy, host: str, port: int, name: str | None = "") -> None:
    with pytest.raises(ssl.SSLError):
        connect_through(proxy, host, port, name=name, trust=False)


def answered_for_the_origin(proxy: Proxy, host: str, port: int, name: str | None = "") -> None:
    pipe = connect_through(proxy, host, port, name=name)
    pipe.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert pipe.reads_head().startswith(b"HTTP/1.1 502 ")


def test_a_client_that_does_not_trust_our_ca(stage):
    origin, proxy = stage.https(), stage.start_proxy(settings=stage.trusting)
    refused_by_client(proxy, "localhost", origin.port)
    proxy.only()
    assert causes(proxy) == [DarkCause.CLIENT_REFUSES]
    assert "«unknown_ca»" in proxy.exchanges[0].detail.failure_text


def test_a_client_that_looks_pinned(stage):
    origin, proxy = stage.https(), stage.start_proxy(settings=stage.trusting)
    for number in range(1, 4):
        refused_by_client(proxy, "localhost", origin.port)
        proxy.finished(number)
    assert causes(proxy) == [DarkCause.PINNED, DarkCause.CLIENT_REFUSES]


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Fault.EXPIRED, DarkCause.EXPIRED),
        (Fault.NOT_YET_VALID, DarkCause.NOT_YET_VALID),
        (Fault.SELF_SIGNED, DarkCause.SELF_SIGNED),
        (Fault.NO_SAN, DarkCause.WRONG_NAME),
        (Fault.CLIENT_ONLY, DarkCause.WRONG_PURPOSE),
        (Fault.WEAK_KEY, DarkCause.WEAK),
    ],
)
def test_an_origin_with_a_bad_certificate(stage, fault, cause):
    origin, proxy = stage.https(fault=fault), stage.start_proxy(settings=stage.trusting)
    answered_for_the_origin(proxy, "localhost", origin.port)
    proxy.only()
    assert causes(proxy) == [cause]


def test_an_origin_of_another_name(stage):
    origin, proxy = stage.https("elsewhere.test"), stage.start_proxy(settings=stage.trusting)
    answered_for_the_origin(proxy, "localhost", origin.port)
    proxy.only()
    assert causes(proxy) == [DarkCause.WRONG_NAME]


@pytest.mark.parametrize(("is_below", "cause"), [(False, DarkCause.INCOMPLETE_CHAIN), (True, DarkCause.UNKNOWN_CA)])
def test_an_origin_of_an_unknown_ca(stage, is_below, cause):
    unheard = ExampleCa("Unheard-of Root")
    origin = stage.https(ca=unheard.intermediate() if is_below else unheard)
    proxy = stage.start_proxy(settings=stage.trusting)
    answered_for_the_origin(proxy, "localhost", origin.port)
    proxy.only()
    assert causes(proxy) == [cause]


def test_an_origin_that_wants_a_client_certificate(stage):
    def demand(context: ssl.SSLContext) -> None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=stage.ca.pem.decode())

    origin = https_origin(stage.start_origin, stage.ca.leaf("localhost"), answer_all, (), demand)
    proxy = stage.start_proxy(settings=stage.trusting)
    answered_for_the_origin(proxy, "localhost", origin.port)
    proxy.only()
    assert causes(proxy) == [DarkCause.WANTS_CERTIFICATE, DarkCause.ASKED_IN_VAIN]


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("asks", [True, False])
def test_an_origin_that_complains_of_the_missing_certificate_in_http(stage, asks, newest):
    def ask(context: ssl.SSLContext) -> None:
        context.maximum_version = newest
        if asks:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(cadata=stage.ca.pem.decode())

    def complain(pipe: BioPipe) -> None:
        while pipe.reads_head():
            pipe.sends(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    origin = https_origin(stage.start_origin, stage.ca.leaf("localhost"), complain, (), ask)
    proxy = stage.start_proxy(settings=stage.trusting)
    pipe = connect_through(proxy, "localhost", origin.port)
    for number in (1, 2):
        pipe.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert pipe.reads_head().startswith(b"HTTP/1.1 400 ")
        proxy.finished(number)
        assert causes(proxy) == ([DarkCause.ASKED_IN_VAIN] if asks else [])


def by_connect(proxy: Proxy, port: int):
    client = proxy.connect()
    client.sends(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % port)
    client.sees(b"HTTP/1.1 200 Connection established\r\n\r\n")
    return client


def by_socks(proxy: Proxy, port: int):
    client = proxy.connect()
    client.sends(b"\5\1\0")
    client.sees(b"\5\0")
    client.sends(b"\5\1\0\1\x7f\0\0\1" + port.to_bytes(2, "big"))
    client.sees(b"\5\0\0\1" + bytes(6))
    return client


@pytest.mark.parametrize("come", [by_connect, by_socks])
class TestNoNameIsKnown:
    """The client comes to a bare address, and its ClientHello has no server_name."""

    def test_an_origin_that_has_no_certificate_for_the_address(self, stage, come):
        origin, proxy = stage.https("localhost"), stage.start_proxy(settings=stage.trusting)
        pipe = tls_over(proxy, come(proxy, origin.port), None)
        pipe.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert pipe.reads_head().startswith(b"HTTP/1.1 502 ")
        proxy.only()
        assert causes(proxy) == [DarkCause.NO_NAME, DarkCause.WRONG_NAME]
        assert "to the bare address 127.0.0.1 and named no host" in proxy.exchanges[0].detail.failure_text

    def test_a_client_that_wants_a_certificate_of_the_name_it_has_kept_to_itself(self, stage, come):
        origin, proxy = stage.https("127.0.0.1"), stage.start_proxy(settings=stage.trusting)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=proxy.authority.certificate_pem.decode())
        client = come(proxy, origin.port)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        # An address is asked for without SNI; here it stands for a name that the certificate hasn't got.
        tls = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.2")
        with pytest.raises(ssl.SSLCertVerificationError):
            while True:
                try:
                    tls.do_handshake()
                except ssl.SSLWantReadError:
                    client.sends(outgoing.read())
                    incoming.write(client.sock.recv(65536))
        client.sends(outgoing.read())
        proxy.only()
        assert causes(proxy) == [DarkCause.NO_NAME, DarkCause.CLIENT_REFUSES]

    def test_an_origin_that_has_one_is_read(self, stage, come):
        origin, proxy = stage.https("127.0.0.1"), stage.start_proxy(settings=stage.trusting)
        pipe = tls_over(proxy, come(proxy, origin.port), None)
        pipe.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert pipe.reads_exactly(len(OK)) == OK
        proxy.only()
        assert causes(proxy) == []

    def test_who_does_not_know_our_ca_has_not_come_to_look_at_the_name(self, stage, come):
        origin, proxy = stage.https("127.0.0.1"), stage.start_proxy(settings=stage.trusting)
        with pytest.raises(ssl.SSLError):
            tls_over(proxy, come(proxy, origin.port), None, trust=False)
        proxy.only()
        assert causes(proxy) == [DarkCause.CLIENT_REFUSES]


# A person is asked


def asked_by(proxy: Proxy) -> list[str]:
    asked: list[str] = []
    proxy.worker.services.ask_person = asked.append
    return asked


def test_a_person_is_asked_at_the_third_refusal_and_not_at_each(stage):
    origin, proxy = stage.https(), stage.start_proxy(settings=stage.trusting)
    asked = asked_by(proxy)
    for number, told in enumerate(([], [], ["localhost"], ["localhost"], ["localhost"], ["localhost"] * 2), start=1):
        refused_by_client(proxy, "localhost", origin.port)
        proxy.finished(number)
        assert asked == told


def test_the_host_is_called_what_the_client_calls_it(stage):
    origin, proxy = stage.https(), stage.start_proxy(settings=stage.trusting)
    asked = asked_by(proxy)
    for number in range(1, 4):
        refused_by_client(proxy, "127.0.0.1", origin.port, "localhost")
        proxy.finished(number)
    assert asked == ["localhost"]


def test_who_is_let_pass_is_not_asked_about(stage):
    origin = stage.https()
    proxy = stage.start_proxy(settings=msgspec.structs.replace(stage.trusting, after_refusals="pass"))
    asked = asked_by(proxy)
    for number in range(1, 4):
        refused_by_client(proxy, "localhost", origin.port)
        proxy.finished(number)
    assert asked == []
