"""The certificates that clients are shown."""

import ssl
import subprocess
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import proxy_core.engine.trust.certificates as certificates_module
from proxy_core.certificate_authority import CertificateAuthority
from proxy_core.engine.links.tls_facts import peer_chain
from proxy_core.engine.trust import chain_loading
from proxy_core.engine.trust.certificates import SESSIONS_KEPT, LeafCertificates, LeafError, certificate_name
from tests.support.conversation import open_descriptors

ALPN = ("http/1.1",)


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> CertificateAuthority:
    return CertificateAuthority.load_or_create(str(tmp_path_factory.mktemp("ca")))


@pytest.fixture
def leaves(authority) -> LeafCertificates:
    return LeafCertificates(authority)


def alternative_names(leaf: x509.Certificate) -> list:
    san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return [name.value for name in san.value]


def client_context(authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority.certificate_pem.decode())
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.hostname_checks_common_name = False
    return context


def shaken(server: ssl.SSLContext, client: ssl.SSLContext, name: str, *, says_goodbye: bool = False) -> ssl.SSLObject:
    """The client's end of a handshake in memory."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(down, up, server_hostname=name), server.wrap_bio(up, down, server_side=True)]
    for end in ends * 3:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            pass
    if says_goodbye:  # OpenSSL forgets the session of whoever doesn't
        for end in ends[::-1]:
            with suppress(ssl.SSLWantReadError):
                end.unwrap()
    return ends[0]


def test_a_leaf_is_as_browsers_want_it(leaves, authority):
    leaf = leaves.issue("shop.example.com")
    extensions = leaf.extensions
    assert alternative_names(leaf) == ["shop.example.com"]
    assert not extensions.get_extension_for_class(x509.SubjectAlternativeName).critical
    assert leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "shop.example.com"
    assert leaf.issuer == authority.certificate.subject
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert not usage.key_cert_sign
    issuer_key = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    named_key = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert named_key.key_identifier == issuer_key.digest
    assert leaf.public_key() != authority.certificate.public_key()


def test_a_leaf_lives_for_forty_days_at_the_most(leaves):
    leaf = leaves.issue("a.example")
    now = datetime.now(UTC)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(days=40)
    assert leaf.not_valid_before_utc <= now - timedelta(days=1, hours=23)
    assert leaf.not_valid_after_utc >= now + timedelta(days=30)


def test_a_leaf_does_not_outlive_its_ca(authority):
    clock = Clock()
    clock.time = authority.not_after - timedelta(days=10)
    assert LeafCertificates(authority, clock).issue("a.example").not_valid_after_utc == authority.not_after


def test_serials_are_random(leaves):
    serials = {leaves.issue("a.example").serial_number for _ in range(20)}
    assert len(serials) == 20
    assert min(serials) > 1 << 64


@pytest.mark.parametrize(
    ("hostname", "name"),
    [
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("under_score.example", "under_score.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("::1", "::1"),
        ("[2001:DB8::0:1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("*.example.com", "-.example.com"),
        ("nul\0.example", "nul-.example"),
        ("", "nameless.invalid"),
        (".", "nameless.invalid"),
        ("a" * 64 + ".example", "a" * 64 + ".example"),
        ("\udcff.example", "-.example"),
    ],
)
def test_names_of_whatever_spelling(leaves, hostname, name):
    assert certificate_name(hostname) == name
    assert [str(each) for each in alternative_names(leaves.issue(hostname))] == [name]
    leaves.server_context(hostname, ALPN)


def test_ip_literals_become_addresses(leaves):
    san = leaves.issue("192.0.2.1").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert isinstance(san[0], x509.IPAddress)


@pytest.mark.parametrize("hostname", ["a" * 60 + ".example", ".".join(["a" * 62] * 4) + ".ab", "x" * 255])
def test_a_long_name_stands_in_the_san_alone(leaves, hostname):
    leaf = leaves.issue(hostname)
    assert not list(leaf.subject)
    assert leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical
    assert alternative_names(leaf) == [hostname]
    leaves.server_context(hostname, ALPN)


@pytest.mark.parametrize("hostname", ["localhost", "127.0.0.1", "::1", "bücher.example", "a" * 60 + ".example"])
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_strict_client_takes_the_chain(leaves, authority, hostname, newest):
    client = client_context(authority)
    client.maximum_version = newest
    client.set_alpn_protocols(["h2", "http/1.1"])
    end = shaken(leaves.server_context(hostname, ALPN), client, hostname)
    assert end.selected_alpn_protocol() == "http/1.1"
    assert end.version() == {ssl.TLSVersion.TLSv1_2: "TLSv1.2", ssl.TLSVersion.TLSv1_3: "TLSv1.3"}[newest]


@pytest.mark.parametrize("hostname", ["shop.example.com", "192.0.2.7", "a" * 70 + ".example"])
def test_openssl_verifies_leaf_and_ca_strictly(leaves, authority, tmp_path, hostname):
    path = tmp_path / "leaf.pem"
    path.write_bytes(leaves.issue(hostname).public_bytes(Encoding.PEM))
    asked = ["-verify_ip" if hostname[0].isdigit() else "-verify_hostname", hostname]
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", *asked]
        + ["-CAfile", authority.certificate_path, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_chain_sent_is_leaf_and_ca(leaves, authority):
    client = client_context(authority)
    end = shaken(leaves.server_context("localhost", ALPN), client, "localhost")
    leaf, ca = peer_chain(end)
    assert leaf == end.getpeercert(binary_form=True)
    assert ca == authority.certificate.public_bytes(Encoding.DER)


def test_old_tls_is_refused(leaves):
    assert leaves.server_context("localhost", ALPN).minimum_version == ssl.TLSVersion.TLSv1_2


def test_contexts_are_kept_for_each_name_and_alpn(leaves):
    first = leaves.server_context("a.example", ALPN)
    assert leaves.server_context("a.example", ALPN) is first
    assert leaves.server_context("b.example", ALPN) is not first
    assert leaves.server_context("a.example", ()) is not first


def test_the_least_recently_used_context_goes_first(leaves, monkeypatch):
    monkeypatch.setattr(certificates_module, "CONTEXTS_KEPT", 2)
    first = leaves.server_context("a.example", ALPN)
    second = leaves.server_context("b.example", ALPN)
    assert leaves.server_context("a.example", ALPN) is first
    leaves.server_context("c.example", ALPN)
    assert leaves.server_context("a.example", ALPN) is first
    assert leaves.server_context("b.example", ALPN) is not second


def test_a_certificate_is_renewed_before_it_ends(authority):
    clock = Clock()
    leaves = LeafCertificates(authority, clock)
    first = leaves.server_context("a.example", ALPN)
    ends_at = leaves.issue("a.example").not_valid_after_utc
    clock.time = ends_at - timedelta(days=2, minutes=5)
    assert leaves.server_context("a.example", ALPN) is first
    clock.time = ends_at - timedelta(days=1, hours=23)
    assert leaves.server_context("a.example", ALPN) is not first


def test_no_key_comes_to_the_disk(leaves, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    leaves.server_context("a.example", ALPN)


def test_without_paths_of_descriptors_no_key_stays_on_the_disk(leaves, authority, tmp_path, monkeypatch):
    monkeypatch.setattr(chain_loading, "_DESCRIPTORS", str(tmp_path / "none"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    context = leaves.server_context("a.example", ALPN)
    assert shaken(context, client_context(authority), "a.example").version() == "TLSv1.3"
    assert list(tmp_path.iterdir()) == []


def test_no_descriptor_is_left_open(leaves):
    before = open_descriptors()
    for number in range(20):
        leaves.server_context(f"h{number}.example", ALPN)
    assert open_descriptors() == before


def test_a_context_that_cannot_be_made_is_a_sentence(leaves, tmp_path, monkeypatch):
    monkeypatch.setattr(chain_loading, "_DESCRIPTORS", str(tmp_path / "none"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(LeafError, match=r"certificate for a\.example \(No such file or directory\)\.$"):
        leaves.server_context("a.example", ALPN)
    monkeypatch.undo()
    leaves.server_context("a.example", ALPN)


def test_sessions_of_clients_without_tickets_do_not_pile_up(leaves, authority):
    client = client_context(authority)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.options |= ssl.OP_NO_TICKET
    contexts = []
    for _ in range(5 * SESSIONS_KEPT):
        context = leaves.server_context("a.example", ALPN)
        if context not in contexts:
            contexts.append(context)
        shaken(context, client, "a.example", says_goodbye=True)
    assert [context.session_stats()["number"] for context in contexts] == [SESSIONS_KEPT] * 5


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_clients_with_tickets_leave_no_session_behind(leaves, authority, version):
    client = client_context(authority)
    client.maximum_version = version
    context = leaves.server_context("a.example", ALPN)
    for _ in range(3 * SESSIONS_KEPT):
        shaken(context, client, "a.example", says_goodbye=True)
    assert leaves.server_context("a.example", ALPN) is context
    assert context.session_stats()["number"] == 0
