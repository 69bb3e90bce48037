"""Which upstream certificates are refused, and what each failure is called; against real TLS servers on loopback."""

import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import gevent.socket
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from proxy_core.certificate_authority import CertificateAuthority
from proxy_core.engine.links.tls import TlsTransport
from proxy_core.engine.links.tls_error import TlsHandshakeError
from proxy_core.engine.links.transport import DeadlineSweep, Transport
from proxy_core.engine.trust.certificates import LeafCertificates
from proxy_core.engine.trust.tls_failure import client_tls_failure, upstream_tls_failure
from proxy_core.engine.trust.upstream_trust import UpstreamTrust
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.model.settings import Settings
from proxy_core.upstream_ca import UpstreamCaError, read_upstream_ca
from tests.support.test_ca import ExampleCa, Fault, Leaf

CERTIFICATE = FailureKind.TLS_CERTIFICATE_ERROR
PROTOCOL = FailureKind.TLS_PROTOCOL_ERROR
ALERT = FailureKind.TLS_ALERT_RECEIVED
TERMINATED = FailureKind.CONNECTION_TERMINATED


class Server:
    """A blocking server in a thread, with Python's own TLS: serves one connection with `serve(sock)`."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(30)
        self.port: int = self._listener.getsockname()[1]
        self._serve = serve
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with self._listener, suppress(TimeoutError):
            sock, _ = self._listener.accept()
            with sock, suppress(OSError):
                sock.settimeout(30)
                self._serve(sock)

    def stop(self) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()


@pytest.fixture
def start_server() -> Iterator[Callable[..., int]]:
    """Starts servers with a script or with a server context; gives the port."""
    servers: list[Server] = []

    def start(serve: Callable[[socket.socket], None] | ssl.SSLContext) -> int:
        if isinstance(serve, ssl.SSLContext):
            context = serve

            def serve(sock: socket.socket) -> None:
                with context.wrap_socket(sock, server_side=True) as tls:
                    tls.sendall(tls.recv(100))

        servers.append(Server(serve))
        return servers[-1].port

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> CertificateAuthority:
    return CertificateAuthority.load_or_create(str(tmp_path_factory.mktemp("ca")))


@pytest.fixture(scope="module")
def ca() -> ExampleCa:
    return ExampleCa()


@pytest.fixture
def trust(ca, authority, tmp_path) -> UpstreamTrust:
    return UpstreamTrust(Settings(upstream_ca=(ca.write(str(tmp_path)),)), authority)


def shake(port: int, trust: UpstreamTrust, name: str = "localhost", alpn: tuple[str, ...] = ("http/1.1",)) -> bytes:
    """What comes back through TLS for `ping`. Raises what the transport raises."""
    sock = gevent.socket.create_connection(("127.0.0.1", port))
    transport = TlsTransport(
        Transport(sock, DeadlineSweep(), 30.0, 30.0), trust.context(alpn), server_side=False, server_hostname=name
    )
    try:
        transport.handshake()
        with suppress(ConnectionError):  # it may have left, having said why
            transport.send(b"ping")
        return transport.receive()
    finally:
        transport.close()


def failure(port: int, trust: UpstreamTrust, name: str = "localhost") -> Failure:
    with pytest.raises(OSError) as caught:
        shake(port, trust, name)
    found = upstream_tls_failure(caught.value, "localhost", port)
    assert f"localhost:{port}" in found.text
    assert found.text.count("\n") == 0
    assert found.text.endswith((".", "?"))
    return found


# Certificates that are good


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "localhost.", "127.0.0.1"])
def test_a_good_certificate(start_server, trust, ca, version, name):
    context = ca.leaf().server_context(["http/1.1"])
    context.maximum_version = version
    assert shake(start_server(context), trust, name) == b"ping"


def test_an_ipv6_literal(start_server, trust, ca):
    port = start_server(ca.leaf("::1").server_context())
    assert shake(port, trust, "[::1]") == b"ping"


def test_a_chain_with_an_intermediate(start_server, trust, ca):
    leaf = ca.intermediate("Lower").intermediate("Lowest").leaf("localhost")
    assert shake(start_server(leaf.server_context()), trust) == b"ping"


def test_a_wildcard(start_server, trust, ca):
    context = ca.leaf("*.shop.example").server_context()
    assert shake(start_server(context), trust, "www.shop.example") == b"ping"


def test_an_idn(start_server, trust, ca):
    context = ca.leaf("xn--bcher-kva.example").server_context()
    assert shake(start_server(context), trust, "bücher.example") == b"ping"


def test_a_sloppy_private_ca_is_trusted_when_it_is_named(start_server, authority, tmp_path):
    # As «openssl req -x509» makes them: no key usage. Python 3.13's default would refuse it.
    sloppy = ExampleCa("Sloppy Root", sloppy=True)
    trust = UpstreamTrust(Settings(upstream_ca=(sloppy.write(str(tmp_path)),)), authority)
    assert shake(start_server(sloppy.leaf().server_context()), trust) == b"ping"
    assert failure(start_server(sloppy.leaf(fault=Fault.EXPIRED).server_context()), trust).kind == CERTIFICATE


def test_several_cas_are_trusted_and_one_that_is_gone_takes_none_of_them_along(start_server, ca, authority, tmp_path):
    other = ExampleCa("Another Root")
    paths = (str(tmp_path / "gone.pem"), ca.write(str(tmp_path)), other.write(str(tmp_path), "other.pem"))
    trust = UpstreamTrust(Settings(upstream_ca=paths), authority)
    for each in (ca, other):
        assert shake(start_server(each.leaf().server_context()), trust) == b"ping"


def test_a_servers_own_certificate_is_trusted_when_it_is_named(start_server, ca, authority, tmp_path):
    for leaf in (ca.leaf(), ca.leaf(fault=Fault.SELF_SIGNED)):
        path = tmp_path / "server.pem"
        path.write_bytes(leaf.certificate_pem)
        trust = UpstreamTrust(Settings(upstream_ca=(str(path),)), authority)
        assert shake(start_server(leaf.server_context()), trust) == b"ping"


# Certificates that are refused (standards: T1 to T5)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.EXPIRED, ["expired on", "this computer's clock says"]),
        (Fault.NOT_YET_VALID, ["is valid only from", "Is the clock right?"]),
        (Fault.SELF_SIGNED, ["is self-signed", "--upstream-ca"]),
        (Fault.NO_SAN, ["is not for localhost: it names no host (no SAN)"]),
        (Fault.NO_AUTHORITY_KEY, ["not of RFC 5280's form", "Authority Key Identifier"]),
        (Fault.CLIENT_ONLY, ["not meant for servers"]),
        (Fault.WEAK_KEY, ["too weak"]),
    ],
)
def test_a_faulty_certificate_is_refused_with_its_fault(start_server, trust, ca, fault, words):
    found = failure(start_server(ca.leaf(fault=fault).server_context()), trust)
    assert found.kind == CERTIFICATE
    for each in [*words, "--insecure-upstream"]:
        assert each in found.text


def test_dates_and_clock_are_named(start_server, trust, ca):
    leaf = ca.leaf(fault=Fault.EXPIRED)
    text = failure(start_server(leaf.server_context()), trust).text
    assert f"{leaf.certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC" in text
    assert f"{datetime.now(UTC):%Y-%m-%d}" in text


@pytest.mark.parametrize(
    ("names", "asked", "told"),
    [
        (("other.example", "192.0.2.1"), "localhost", "not for localhost, only for other.example, 192.0.2.1."),
        (tuple(f"h{n}.example" for n in range(7)), "localhost", "h4.example and 2 more."),
        (("localhost",), "127.0.0.1", "not for 127.0.0.1, only for localhost."),
        (("127.0.0.1",), "127.0.0.2", "not for 127.0.0.2, only for 127.0.0.1."),
        (("*.example",), "a.b.example", "only for *.example."),
        (("*.com",), "example.com", "only for *.com."),
        (("w*.example.com",), "www.example.com", "only for w*.example.com."),
    ],
)
def test_a_wrong_name_is_refused_with_the_right_ones(start_server, trust, ca, names, asked, told):
    found = failure(start_server(ca.leaf(*names).server_context()), trust, asked)
    assert found.kind == CERTIFICATE
    assert told in found.text


def test_an_address_in_a_dns_name_does_not_count(start_server, trust, ca):
    context = ca.leaf("127.0.0.1", fault=Fault.IP_AS_DNS).server_context()
    assert "not for 127.0.0.1" in failure(start_server(context), trust, "127.0.0.1").text


def test_an_unknown_ca_is_named(start_server, trust):
    root = ExampleCa("Unheard-of Root")
    leaf = root.intermediate("Unheard-of Intermediate").leaf()
    found = failure(start_server(leaf.server_context()), trust)
    assert found.kind == CERTIFICATE
    assert "unknown CA, «Unheard-of Root»" in found.text
    whole = leaf._replace(chain_pem=leaf.chain_pem + root.pem)
    assert "unknown CA, «Unheard-of Root»" in failure(start_server(whole.server_context()), trust).text


def test_a_missing_intermediate_is_named(start_server, trust, ca):
    leaf = ca.intermediate("Lower").leaf("localhost", fault=Fault.MISSING_INTERMEDIATE)
    found = failure(start_server(leaf.server_context()), trust)
    assert found.kind == CERTIFICATE
    assert "issued by «Lower»" in found.text
    assert "incomplete" in found.text


def test_an_expired_intermediate_is_named(start_server, trust, ca):
    lower = ca.intermediate("Lower")
    old = (
        x509.CertificateBuilder()
        .subject_name(lower.name)
        .issuer_name(ca.name)
        .public_key(lower.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2021, 1, 1, tzinfo=UTC))
    )
    for extension in lower.certificate.extensions:
        old = old.add_extension(extension.value, critical=extension.critical)
    lower.pem = old.sign(ca.key, hashes.SHA256()).public_bytes(Encoding.PEM)
    text = failure(start_server(lower.leaf().server_context()), trust).text
    assert "issuer «Lower» expired on 2021-01-01" in text


def own_leaf(authority: CertificateAuthority) -> Leaf:
    """What somebody would make who has got at Harrier's key."""
    key = ec.generate_private_key(ec.SECP256R1())
    leaves = LeafCertificates(authority)
    leaves._key = key
    certificate = leaves.issue("localhost")
    pem = certificate.public_bytes(Encoding.PEM)
    return Leaf(
        certificate,
        pem,
        pem + authority.certificate_pem,
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


@pytest.mark.parametrize("is_named", [False, True])
@pytest.mark.parametrize("is_chain_sent", [False, True])
def test_our_own_ca_vouches_for_no_server(start_server, authority, ca, tmp_path, is_named, is_chain_sent):
    leaf = own_leaf(authority)
    if not is_chain_sent:
        leaf = leaf._replace(chain_pem=leaf.certificate_pem)
    path = tmp_path / "named.pem"
    path.write_bytes(ca.pem + authority.certificate_pem * is_named)
    trust = UpstreamTrust(Settings(upstream_ca=(str(path),)), authority)
    found = failure(start_server(leaf.server_context()), trust)
    assert found.kind == CERTIFICATE
    assert f"issued by «{authority.name}»" in found.text


def test_a_chain_may_come_in_any_order_and_with_more_than_is_needed(start_server, trust, ca):
    """RFC 8446 §4.4.2: a receiver should be prepared for both."""
    leaf = ca.intermediate("Lower").intermediate("Lowest").leaf("localhost")
    first, *others = leaf.chain_pem.split(b"-----BEGIN")[1:]
    strangers = [ExampleCa(f"Stranger {number}").pem.removeprefix(b"-----BEGIN") for number in range(100)]
    for chain in (others[::-1], [*strangers, *others]):
        pem = b"".join(b"-----BEGIN" + each for each in (first, *chain))
        assert shake(start_server(leaf._replace(chain_pem=pem).server_context()), trust) == b"ping"


def test_a_certificate_signed_with_sha_1_is_refused(start_server, trust, ca, tmp_path):
    """By OpenSSL's program: `cryptography` signs with nothing so old."""
    paths = {name: str(tmp_path / name) for name in ("ca.pem", "ca.key", "leaf.key", "leaf.csr", "leaf.pem", "names")}
    leaf = ca.leaf("localhost")
    contents = {"ca.pem": ca.pem, "ca.key": private_pem(ca.key), "leaf.key": leaf.key_pem}
    for name, content in (contents | {"names": b"subjectAltName=DNS:localhost"}).items():
        Path(paths[name]).write_bytes(content)
    asking = f"req -new -key {paths['leaf.key']} -subj /CN=localhost -out {paths['leaf.csr']}"
    signing = f"x509 -req -sha1 -days 9 -in {paths['leaf.csr']} -CA {paths['ca.pem']} -CAkey {paths['ca.key']}"
    signing += f" -CAcreateserial -extfile {paths['names']} -out {paths['leaf.pem']}"
    for words in (asking, signing):
        subprocess.run(["openssl", *words.split()], check=True, capture_output=True)
    pem = Path(paths["leaf.pem"]).read_bytes()
    certificate = x509.load_pem_x509_certificate(pem)
    assert isinstance(certificate.signature_hash_algorithm, hashes.SHA1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # its own OpenSSL would not show it either
    context.load_cert_chain(leaf._replace(certificate=certificate, chain_pem=pem).write(str(tmp_path)))
    found = failure(start_server(context), trust)
    assert found.kind == CERTIFICATE
    assert "digest algorithm too weak" in found.text


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_nothing_weak_is_offered(trust):
    offered = [cipher["description"] for cipher in trust.context(()).get_ciphers()]
    assert offered
    for description in offered:
        assert not re.search(r"Enc=(None|RC4|3DES|DES|RC2|IDEA|SEED)|Au=None|Mac=MD5|EXP", description), description


def test_an_immense_chain_is_refused(start_server, trust, ca):
    leaf = ca.leaf()
    context = leaf._replace(chain_pem=leaf.certificate_pem + ca.pem * 400).server_context()
    found = failure(start_server(context), trust)
    assert found.kind == PROTOCOL
    assert "more certificates than anyone needs" in found.text


@pytest.mark.parametrize(
    "fault", [Fault.EXPIRED, Fault.NOT_YET_VALID, Fault.SELF_SIGNED, Fault.NO_SAN, Fault.CLIENT_ONLY, Fault.WEAK_KEY]
)
def test_without_verification_all_of_them_will_do(start_server, authority, ca, fault):
    trust = UpstreamTrust(Settings(insecure_upstream=True), authority)
    context = ca.leaf("other.example", fault=fault).server_context()
    assert shake(start_server(context), trust) == b"ping"


# The settings


def test_certifis_roots_are_trusted_and_nothing_else(authority, ca, start_server):
    trust = UpstreamTrust(Settings(), authority)
    assert len(trust.context(()).get_ca_certs()) > 50
    assert "unknown CA" in failure(start_server(ca.intermediate().leaf().server_context()), trust).text


def test_one_context_for_each_offer(trust):
    assert trust.context(("http/1.1",)) is trust.context(("http/1.1",))
    assert trust.context(("http/1.1",)) is not trust.context(("h2", "http/1.1"))


def test_verification_is_strict(trust, authority):
    for each in (trust, UpstreamTrust(Settings(), authority)):
        context = each.context(())
        assert context.verify_flags & ssl.VERIFY_X509_STRICT
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("content", [None, b"", b"no PEM", b"\xff\xfe"])
def test_an_unusable_file_of_cas(tmp_path, authority, content):
    path = tmp_path / "cas.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UpstreamCaError, match=re.escape(str(path))):
        read_upstream_ca(str(path))
    trust = UpstreamTrust(Settings(upstream_ca=(str(path),)), authority)
    assert trust.context(()).verify_mode == ssl.CERT_REQUIRED


def test_key_logs_are_not_written(trust, monkeypatch, tmp_path, start_server, ca):
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert shake(start_server(ca.leaf().server_context()), trust) == b"ping"
    assert not (tmp_path / "keys").exists()


# What is not about certificates


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "speaks plain HTTP, not HTTPS"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "first bytes are «SSH-2.0-OpenSSH_9.2p1»"),
        (b"220 mail.example ESMTP\r\n", "first bytes are «220 mail.example ESMTP»"),
        (b"\0\0\0\1\x80", "first bytes are «····\x80»".replace("\x80", "·")),
        (b"\n\n", "first bytes are «··»"),
    ],
)
def test_a_server_without_tls(start_server, trust, greeting, words):
    def serve(sock: socket.socket) -> None:
        sock.sendall(greeting)
        sock.recv(65536)

    found = failure(start_server(serve), trust)
    assert found.kind == PROTOCOL
    assert words in found.text


def test_a_server_that_closes(start_server, trust):
    found = failure(start_server(lambda sock: sock.recv(65536)), trust)
    assert found.kind == TERMINATED
    assert "in the middle of the TLS handshake" in found.text


def test_a_server_that_resets(start_server, trust):
    def serve(sock: socket.socket) -> None:
        sock.recv(1)  # the rest unread: closing resets

    assert failure(start_server(serve), trust).kind == TERMINATED


def test_a_server_with_old_tls_only(start_server, trust, ca):
    context = ca.leaf().server_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    found = failure(start_server(context), trust)
    assert found.kind == ALERT
    assert "none of the TLS versions that the settings allow (TLS alert «protocol_version»)" in found.text


@pytest.mark.parametrize(
    ("alert", "words"),
    [
        (40, "«handshake_failure»: it found no cipher"),
        (112, "«unrecognized_name»: it serves no site of the name localhost"),
        (80, "«internal_error»"),
        (71, "«insufficient_security»"),
        (120, "«no_application_protocol»: it speaks no protocol that was offered"),
    ],
)
def test_a_servers_alert_is_named(start_server, trust, alert, words):
    def serve(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(b"\x15\x03\x03\x00\x02\x02" + bytes([alert]))
        sock.recv(65536)

    found = failure(start_server(serve), trust)
    assert found.kind == ALERT
    assert words in found.text


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_wants_a_client_certificate(start_server, trust, ca, version):
    context = ca.leaf().server_context()
    context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=ca.pem.decode())
    found = failure(start_server(context), trust)
    assert found.kind == ALERT
    assert "wants a client certificate" in found.text


def test_a_server_that_sends_garbage_within_tls(start_server, trust):
    def serve(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(b"\x16\x03\x03\x00\x04\x63\x00\x00\x00")
        sock.recv(65536)

    found = failure(start_server(serve), trust)
    assert found.kind == PROTOCOL
    assert "failed (" in found.text


def test_a_name_that_is_none(start_server, trust):
    found = upstream_tls_failure(TlsHandshakeError(ValueError("no"), server_hostname="a..b"), "localhost", 443)
    assert found == Failure(PROTOCOL, "«a..b» is not a name that TLS can ask for.")


def test_a_handshake_that_takes_too_long():
    assert upstream_tls_failure(TimeoutError("…"), "::1", 443).kind == FailureKind.CONNECTION_TIMEOUT
    assert upstream_tls_failure(TimeoutError("…"), "::1", 443).text.startswith("[::1]:443 did not")
    assert client_tls_failure(TimeoutError("…"), "a.example").kind == FailureKind.CLIENT_TIMEOUT


# The client's side


def accept(authority: CertificateAuthority, client: Callable[[int], None]) -> Failure:
    """How a client's failed handshake with us, in a thread, is called."""
    listener = gevent.socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()

    def run() -> None:
        with suppress(OSError):
            client(listener.getsockname()[1])

    thread = threading.Thread(target=run)
    thread.start()
    sock, _ = listener.accept()
    context = LeafCertificates(authority).server_context("shop.example", ("http/1.1",))
    server = TlsTransport(Transport(sock, DeadlineSweep(), 30.0, 30.0), context, server_side=True)
    try:
        with pytest.raises(OSError) as caught:
            server.handshake()
            server.receive()
            raise AssertionError("the handshake succeeded")
    finally:
        server.close()
        thread.join(30)
        listener.close()
    return client_tls_failure(caught.value, "shop.example")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_that_does_not_trust_us(authority, version):
    def client(port: int) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.maximum_version = version
        with socket.create_connection(("127.0.0.1", port)) as sock:
            context.wrap_socket(sock, server_hostname="shop.example")

    found = accept(authority, client)
    assert found.kind == FailureKind.CLIENT_REFUSED_CERTIFICATE
    assert "refused Harrier's certificate for shop.example (TLS alert «unknown_ca»)" in found.text


def test_a_client_that_leaves_at_the_sight_of_our_certificate(authority):
    def client(port: int) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        shaking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(incoming, outgoing, server_hostname="shop.example")
        with suppress(ssl.SSLWantReadError):
            shaking.do_handshake()
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(outgoing.read())
            sock.recv(65536)

    found = accept(authority, client)
    assert found.kind == FailureKind.CLIENT_REFUSED_CERTIFICATE
    assert "left as soon as it saw" in found.text


def test_a_client_that_leaves_before(authority):
    def client(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(b"\x16\x03\x01")

    assert accept(authority, client).kind == FailureKind.CLIENT_CLOSED


def test_a_client_with_old_tls_only(authority):
    def client(port: int) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning):
            context.minimum_version = ssl.TLSVersion.TLSv1
        with pytest.warns(DeprecationWarning):
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", port)) as sock:
            context.wrap_socket(sock, server_hostname="shop.example")

    found = accept(authority, client)
    assert found.kind == FailureKind.CLIENT_TLS_ERROR
    assert found.text == "The client offers only TLS versions older than 1.2."


def test_a_client_that_sends_garbage(authority):
    def client(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(b"\x16\x03\x01\x00\x04\xff\xff\xff\xff")
            sock.recv(65536)

    found = accept(authority, client)
    assert found.kind == FailureKind.CLIENT_TLS_ERROR
    assert "failed (" in found.text


def test_the_chain_of_a_refused_server_is_kept(start_server, trust, ca):
    leaf = ca.leaf("other.example")
    with pytest.raises(TlsHandshakeError) as caught:
        shake(start_server(leaf.server_context()), trust)
    assert caught.value.chain == (leaf.certificate.public_bytes(Encoding.DER),)
    assert caught.value.server_hostname == "localhost"
