"""What is peculiar to some hosts stays with them: client certificates, accepted certificates; and how old TLS may be."""

import contextlib
import os
import ssl
import stat
from hashlib import sha256

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from proxy_core.model.settings import Settings
from proxy_core.model.tls_facts import decode_tls_facts
from proxy_core.model.ways_out import AcceptedCertificate, ClientCertificate, HostOverride, WaysOut
from proxy_core.model.worker_command import UseSettings
from tests.support.test_ca import ExampleCa, Fault, Leaf
from tests.support.tls_conversation import BioPipe, answer_all, connect_through, https_origin

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
HERE = tuple(HostOverride(name, "127.0.0.1") for name in ("shop.test", "other.test", "*.bank.test"))


def settings(ca: Settings, **ways) -> Settings:
    return Settings(
        upstream_ca=ca.upstream_ca,
        insecure_upstream=ca.insecure_upstream,
        ways_out=WaysOut(host_overrides=HERE, **ways),
    )


def status(proxy, host: str, port: int, *, name: str | None = "") -> bytes:
    pipe = connect_through(proxy, host, port, name=name)
    pipe.sends(GET)
    return pipe.reads_head().split(b" ")[1]


class Shown:
    """An origin that asks for a client certificate, and remembers whose it was shown."""

    def __init__(
        self,
        start_origin,
        server: Leaf,
        clients: ExampleCa,
        *,
        newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
        mode: ssl.VerifyMode = ssl.CERT_OPTIONAL,
        is_late: bool = False,
    ) -> None:
        self.names: list[str] = []
        self._is_late = is_late
        self._clients = clients

        def prepare(context: ssl.SSLContext) -> None:
            context.maximum_version = newest
            context.load_verify_locations(cadata=clients.pem.decode())
            if is_late:
                context.post_handshake_auth = True
            context.verify_mode = mode

        self.port = https_origin(start_origin, server, self._answer, (), prepare).port

    def _answer(self, pipe: BioPipe) -> None:
        while True:
            pipe.reads_head()
            if self._is_late:
                pipe.tls.verify_client_post_handshake()
                pipe.run(pipe.tls.write, b"HTTP/1.1 102 Wait\r\n\r\n")
                while True:
                    with contextlib.suppress(ssl.SSLWantReadError):
                        pipe.tls.read(1)
                    if pipe.tls.getpeercert(binary_form=True) is not None:
                        break
                    data = pipe.sock.recv(65536)
                    assert data
                    pipe._incoming.write(data)
            der = pipe.tls.getpeercert(binary_form=True)
            self.names.append(x509.load_der_x509_certificate(der).subject.rfc4514_string() if der else "")
            pipe.sends(OK)


@pytest.fixture(scope="module")
def client_ca() -> ExampleCa:
    return ExampleCa("Clients")


@pytest.fixture
def client_pem(client_ca, tmp_path) -> str:
    return client_ca.leaf("me", fault=Fault.CLIENT_ONLY).write(str(tmp_path), "me.pem")


class TestClientCertificates:
    @pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_it_is_shown_to_its_hosts_alone(
        self, start_proxy, start_origin, example_ca, trusting, client_ca, client_pem, newest
    ):
        origin = Shown(start_origin, example_ca.leaf("a.bank.test", "shop.test"), client_ca, newest=newest)
        shown = (ClientCertificate("*.bank.test", client_pem),)
        proxy = start_proxy(settings=settings(trusting, client_certificates=shown))
        for host in ("shop.test", "a.bank.test", "shop.test"):
            assert status(proxy, host, origin.port) == b"200"
        assert origin.names == ["", "CN=me", ""]

    def test_who_demands_one_gets_it(self, start_proxy, start_origin, example_ca, trusting, client_ca, client_pem):
        origin = Shown(start_origin, example_ca.leaf("a.bank.test"), client_ca, mode=ssl.CERT_REQUIRED)
        proxy = start_proxy(
            settings=settings(trusting, client_certificates=(ClientCertificate("bank.test", client_pem),))
        )
        assert status(proxy, "a.bank.test", origin.port) == b"200"
        assert origin.names == ["CN=me"]

    def test_who_asks_after_the_handshake(self, start_proxy, start_origin, example_ca, trusting, client_ca, client_pem):
        origin = Shown(start_origin, example_ca.leaf("a.bank.test"), client_ca, is_late=True)
        proxy = start_proxy(
            settings=settings(trusting, client_certificates=(ClientCertificate("bank.test", client_pem),))
        )
        pipe = connect_through(proxy, "a.bank.test", origin.port)
        pipe.sends(GET)
        assert pipe.reads_head().startswith(b"HTTP/1.1 102 ")
        assert pipe.reads_head().startswith(b"HTTP/1.1 200 ")
        assert origin.names == ["CN=me"]

    def test_a_name_that_the_client_only_claims_is_not_enough(
        self, start_proxy, start_origin, example_ca, client_ca, client_pem
    ):
        """Unverified, a server at any address could have the certificate of a bank shown to it."""
        origin = Shown(start_origin, example_ca.leaf("shop.test"), client_ca)
        shown = (ClientCertificate("*.bank.test", client_pem),)
        proxy = start_proxy(settings=settings(Settings(insecure_upstream=True), client_certificates=shown))
        assert status(proxy, "shop.test", origin.port, name="a.bank.test") == b"200"
        assert status(proxy, "a.bank.test", origin.port) == b"200"
        assert origin.names == ["", "CN=me"]

    def test_verified_it_is(self, start_proxy, start_origin, example_ca, trusting, client_ca, client_pem):
        origin = Shown(start_origin, example_ca.leaf("a.bank.test"), client_ca)
        shown = (ClientCertificate("*.bank.test", client_pem),)
        proxy = start_proxy(settings=settings(trusting, client_certificates=shown))
        assert status(proxy, "127.0.0.1", origin.port, name="a.bank.test") == b"200"
        wrong = Shown(start_origin, example_ca.leaf("shop.test"), client_ca)
        assert status(proxy, "shop.test", wrong.port, name="a.bank.test") == b"502"
        assert origin.names == ["CN=me"]
        assert wrong.names == []

    @pytest.mark.parametrize("password", ["", "päss"])
    def test_pkcs12(self, start_proxy, start_origin, example_ca, trusting, client_ca, tmp_path, password):
        leaf = ExampleCa.intermediate(client_ca, "Between").leaf("me12", fault=Fault.CLIENT_ONLY)
        between = x509.load_pem_x509_certificates(leaf.chain_pem)[1:]
        encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        key = load_pem_private_key(leaf.key_pem, None)
        path = tmp_path / "me.p12"
        path.write_bytes(serialize_key_and_certificates(b"me", key, leaf.certificate, between, encryption))
        origin = Shown(start_origin, example_ca.leaf("a.bank.test"), client_ca, mode=ssl.CERT_REQUIRED)
        shown = (ClientCertificate("*.bank.test", str(path), password),)
        proxy = start_proxy(settings=settings(trusting, client_certificates=shown))
        assert status(proxy, "a.bank.test", origin.port) == b"200"
        assert origin.names == ["CN=me12"]

    def test_a_pem_with_a_password(self, start_proxy, start_origin, example_ca, trusting, client_ca, tmp_path):
        leaf = client_ca.leaf("me", fault=Fault.CLIENT_ONLY)
        key = load_pem_private_key(leaf.key_pem, None)
        path = tmp_path / "me.pem"
        path.write_bytes(
            leaf.certificate_pem
            + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
        )
        origin = Shown(start_origin, example_ca.leaf("a.bank.test"), client_ca, mode=ssl.CERT_REQUIRED)
        shown = (ClientCertificate("*.bank.test", str(path), "secret"),)
        proxy = start_proxy(settings=settings(trusting, client_certificates=shown))
        assert status(proxy, "a.bank.test", origin.port) == b"200"

    def test_one_that_has_become_unreadable_is_told(
        self, start_proxy, start_origin, example_ca, trusting, client_ca, client_pem
    ):
        origin = Shown(start_origin, example_ca.leaf("a.bank.test", "shop.test"), client_ca)
        shown = (ClientCertificate("*.bank.test", client_pem),)
        os.unlink(client_pem)
        proxy = start_proxy(settings=settings(trusting, client_certificates=shown))
        assert status(proxy, "a.bank.test", origin.port) == b"500"
        assert "me.pem can't be read" in proxy.only().detail.failure_text
        assert status(proxy, "shop.test", origin.port) == b"200"


class TestAcceptedCertificates:
    @pytest.mark.parametrize(
        "fault",
        [
            Fault.SELF_SIGNED,
            Fault.EXPIRED,
            Fault.NOT_YET_VALID,
            Fault.NO_SAN,
            Fault.WEAK_KEY,
            Fault.MISSING_INTERMEDIATE,
        ],
    )
    def test_it_is_taken_from_its_host_alone(self, start_proxy, start_origin, example_ca, fault):
        ca = example_ca.intermediate() if fault is Fault.MISSING_INTERMEDIATE else example_ca
        leaf = ca.leaf("shop.test", fault=fault)
        origin = https_origin(start_origin, leaf, answer_all)
        proxy = start_proxy(settings=settings(Settings(), accepted_certificates=self.accepting("shop.test", leaf)))
        for _ in range(2):
            assert status(proxy, "shop.test", origin.port) == b"200"
        assert status(proxy, "other.test", origin.port) == b"502"
        good, again, refused = proxy.finished(3)
        for each in (good, again):
            facts = decode_tls_facts(proxy.connections[each.detail.upstream_connection].tls)
            assert not facts.verified
            assert "accepted by its fingerprint" in facts.verify_error
        assert refused.row.failure == "tls_certificate_error"
        # The second time, the exception is known: one connection is enough. Who is refused costs one as well.
        assert origin.connections == 4

    def test_another_certificate_of_that_host_is_refused(self, start_proxy, start_origin):
        ca = ExampleCa()
        leaf, other = (ca.leaf("shop.test") for _ in range(2))
        origin = https_origin(start_origin, other, answer_all)
        proxy = start_proxy(settings=settings(Settings(), accepted_certificates=self.accepting("shop.test", leaf)))
        assert status(proxy, "shop.test", origin.port) == b"502"
        assert f"shop.test={fingerprint(other)}" in proxy.only().detail.failure_text

    def test_an_accepted_ca_vouches_for_nobody(self, start_proxy, start_origin):
        """A self-signed server certificate that is a CA, too: what it has signed is another certificate."""
        ca = ExampleCa()
        server = Leaf(ca.certificate, ca.pem, ca.pem, key_pem(ca))
        accepted = (AcceptedCertificate("shop.test", sha256(ca.certificate.public_bytes(Encoding.DER)).hexdigest()),)
        own = https_origin(start_origin, server, answer_all)
        theirs = https_origin(start_origin, ca.leaf("shop.test"), answer_all)
        proxy = start_proxy(settings=settings(Settings(), accepted_certificates=accepted))
        assert status(proxy, "shop.test", own.port) == b"200"
        assert status(proxy, "shop.test", theirs.port) == b"502"

    def test_one_that_was_replaced_by_a_good_one(self, start_proxy, start_origin, example_ca, trusting):
        bad, good = example_ca.leaf("shop.test", fault=Fault.EXPIRED), example_ca.leaf("shop.test")
        first, second = (https_origin(start_origin, leaf, answer_all) for leaf in (bad, good))
        proxy = start_proxy(settings=settings(trusting, accepted_certificates=self.accepting("shop.test", bad)))
        for origin in (first, second, second):
            assert status(proxy, "shop.test", origin.port) == b"200"
        last = proxy.finished(3)[-1]
        assert decode_tls_facts(proxy.connections[last.detail.upstream_connection].tls).verified

    def test_taking_it_back_counts_from_the_next_connection_on(self, start_proxy, start_origin):
        leaf = ExampleCa().leaf("shop.test")
        origin = https_origin(start_origin, leaf, answer_all)
        proxy = start_proxy(settings=settings(Settings()))
        assert status(proxy, "shop.test", origin.port) == b"502"
        accepting = settings(Settings(), accepted_certificates=self.accepting("shop.test", leaf))
        proxy.worker.obey(UseSettings(accepting))
        assert status(proxy, "shop.test", origin.port) == b"200"
        proxy.worker.obey(UseSettings(settings(Settings())))
        assert status(proxy, "shop.test", origin.port) == b"502"

    def test_with_a_client_certificate(self, start_proxy, start_origin, client_ca, client_pem):
        leaf = ExampleCa().leaf("a.bank.test")
        origin = Shown(start_origin, leaf, client_ca, mode=ssl.CERT_REQUIRED)
        other = Shown(start_origin, ExampleCa().leaf("a.bank.test"), client_ca)
        proxy = start_proxy(
            settings=settings(
                Settings(),
                accepted_certificates=self.accepting("a.bank.test", leaf),
                client_certificates=(ClientCertificate("*.bank.test", client_pem),),
            )
        )
        assert status(proxy, "a.bank.test", origin.port) == b"200"
        assert status(proxy, "a.bank.test", other.port) == b"502"
        assert origin.names == ["CN=me"]
        assert other.names == []

    @staticmethod
    def accepting(host: str, leaf: Leaf) -> tuple[AcceptedCertificate, ...]:
        return (AcceptedCertificate(host, fingerprint(leaf)),)


class TestVersions:
    @pytest.mark.parametrize(
        ("least", "newest", "expected"),
        [
            ("1.2", ssl.TLSVersion.TLSv1_2, b"200"),
            ("1.3", ssl.TLSVersion.TLSv1_2, b"502"),
            ("1.3", ssl.TLSVersion.TLSv1_3, b"200"),
            ("1.2", ssl.TLSVersion.TLSv1_1, b"502"),
            ("1.1", ssl.TLSVersion.TLSv1_1, b"200"),
            ("1.0", ssl.TLSVersion.TLSv1, b"200"),
        ],
    )
    def test_the_oldest(self, start_proxy, start_origin, example_ca, trusting, least, newest, expected):
        def prepare(context: ssl.SSLContext) -> None:
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            with pytest.warns(DeprecationWarning) if newest < ssl.TLSVersion.TLSv1_2 else contextlib.nullcontext():
                context.minimum_version = context.maximum_version = newest

        origin = https_origin(start_origin, example_ca.leaf("shop.test"), answer_all, (), prepare)
        proxy = start_proxy(settings=settings(trusting, tls_minimum=least))
        assert status(proxy, "shop.test", origin.port) == expected


class TestKeyLog:
    def test_secrets_of_both_sides_are_written_where_that_is_asked_for(
        self, start_proxy, start_origin, example_ca, trusting, tmp_path
    ):
        path = tmp_path / "keys"
        origin = https_origin(start_origin, example_ca.leaf("shop.test"), answer_all)
        proxy = start_proxy(settings=settings(trusting, keylog=str(path)))
        assert status(proxy, "shop.test", origin.port) == b"200"
        randoms = {line.split(" ")[1] for line in path.read_text().splitlines() if line.startswith("CLIENT_TRAFFIC")}
        assert len(randoms) == 2
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_and_nowhere_else(self, start_proxy, start_origin, example_ca, trusting, tmp_path, monkeypatch):
        path = tmp_path / "keys"
        monkeypatch.setenv("SSLKEYLOGFILE", str(path))
        origin = https_origin(start_origin, example_ca.leaf("shop.test"), answer_all)
        proxy = start_proxy(settings=settings(trusting))
        assert status(proxy, "shop.test", origin.port) == b"200"
        assert not path.exists()
        proxy.worker.obey(UseSettings(settings(trusting, keylog=str(path))))
        assert status(proxy, "shop.test", origin.port) == b"200"
        assert path.exists()


class TestRoots:
    @pytest.mark.parametrize(("roots", "expected"), [("both", b"200"), ("system", b"200"), ("certifi", b"502")])
    def test_whose(self, start_proxy, start_origin, example_ca, tmp_path, monkeypatch, roots, expected):
        monkeypatch.setenv("SSL_CERT_FILE", example_ca.write(str(tmp_path)))
        origin = https_origin(start_origin, example_ca.leaf("shop.test"), answer_all)
        proxy = start_proxy(settings=settings(Settings(), roots=roots))
        assert status(proxy, "shop.test", origin.port) == expected


def fingerprint(leaf: Leaf) -> str:
    return sha256(leaf.certificate.public_bytes(Encoding.DER)).hexdigest()


def key_pem(ca: ExampleCa) -> bytes:
    return ca.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
