"""The system's roots are trusted, too: read without parsing, held to what other programs mind, and never Harrier's own."""

import ssl
from base64 import b64encode

import gevent
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

import proxy_core.engine.trust.system_roots as roots_module
from proxy_core.certificate_authority import CertificateAuthority
from proxy_core.engine.trust.system_roots import SIZE_LIMIT, system_roots
from proxy_core.engine.trust.upstream_trust import UpstreamTrust, Verifying
from proxy_core.model.settings import Settings
from proxy_core.upstream_ca import UpstreamCaError, read_upstream_ca
from tests.support.test_ca import ExampleCa, Fault
from tests.support.tls_conversation import OK, answer_all, connect_through, https_origin

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """The system's bundle, to be written by the test."""
    path = tmp_path / "ca-certificates.crt"
    monkeypatch.setattr(roots_module, "_BUNDLES", (str(tmp_path / "missing"), str(path)))
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    return path


def der(ca: ExampleCa) -> bytes:
    return ssl.PEM_cert_to_DER_cert(ca.pem.decode())


def asked(proxy, port: int) -> bytes:
    """The head of what a request through a fresh connection is answered with."""
    pipe = connect_through(proxy, "localhost", port)
    pipe.sends(REQUEST)
    head = pipe.reads_head()
    pipe.sock.close()
    return head


def test_both_bundle_and_variable_count_each_root_once(bundle, tmp_path, monkeypatch):
    one, two, three = ExampleCa("One"), ExampleCa("Two"), ExampleCa("Three")
    bundle.write_bytes(b"# comment\n" + one.pem + two.pem.replace(b"\n", b"\r\n"))
    named = tmp_path / "named.pem"
    named.write_bytes(three.pem + one.pem)
    assert system_roots() == [der(one), der(two)]
    monkeypatch.setenv("SSL_CERT_FILE", str(named))
    assert system_roots() == [der(three), der(one), der(two)]


def test_what_cannot_be_read_adds_no_trust(bundle, tmp_path, monkeypatch):
    assert system_roots() == []
    bundle.mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/zero")
    assert system_roots() == []


def test_a_bundle_is_read_up_to_a_limit(bundle):
    first, last = ExampleCa("First"), ExampleCa("Last")
    bundle.write_bytes(first.pem + b"#" * SIZE_LIMIT + b"\n" + last.pem)
    assert system_roots() == [der(first)]


@pytest.mark.parametrize(
    "odd",
    [
        b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n" + b64encode(b"\x30\x05hello") + b"\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n",
    ],
)
def test_an_odd_certificate_does_not_cost_the_others(bundle, start_proxy, start_origin, example_ca, odd):
    bundle.write_bytes(odd + example_ca.pem)
    origin = https_origin(start_origin, example_ca.leaf("localhost"), answer_all)
    assert asked(start_proxy(), origin.port).startswith(b"HTTP/1.1 200 ")


def test_a_server_that_the_system_vouches_for(bundle, start_proxy, start_origin, example_ca):
    bundle.write_bytes(example_ca.pem)
    origin = https_origin(start_origin, example_ca.intermediate().leaf("localhost"), answer_all)
    proxy = start_proxy()
    pipe = connect_through(proxy, "localhost", origin.port)
    pipe.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert pipe.reads_exactly(len(OK)) == OK
    assert origin.connections == 1


@pytest.mark.parametrize("kind", ["root", "leaf"])
def test_what_a_companys_proxy_makes_need_not_be_of_strict_form(bundle, start_proxy, start_origin, kind):
    company = ExampleCa("Company", sloppy=kind == "root")
    bundle.write_bytes(company.pem)
    leaf = company.leaf("localhost", fault=Fault.NO_AUTHORITY_KEY if kind == "leaf" else None)
    origin = https_origin(start_origin, leaf, answer_all)
    proxy = start_proxy()
    for connections in (2, 3, 4):  # the strict way is tried once
        assert asked(proxy, origin.port).startswith(b"HTTP/1.1 200 ")
        assert origin.connections == connections


def test_a_name_that_leaves_the_companys_proxy_is_verified_strictly_again(
    bundle, start_proxy, start_origin, example_ca, tmp_path, monkeypatch
):
    company = ExampleCa("Company", sloppy=True)
    bundle.write_bytes(company.pem)
    monkeypatch.setattr("certifi.where", lambda: example_ca.write(str(tmp_path), "public.pem"))
    proxy = start_proxy()
    inside = https_origin(start_origin, company.leaf("localhost"), answer_all)
    assert asked(proxy, inside.port).startswith(b"HTTP/1.1 200 ")
    outside = https_origin(start_origin, example_ca.leaf("localhost"), answer_all)
    for connections in (2, 3):
        assert asked(proxy, outside.port).startswith(b"HTTP/1.1 200 ")
        assert outside.connections == connections


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.EXPIRED, "expired on"),
        (Fault.CLIENT_ONLY, "not meant for servers"),
        (Fault.NO_SAN, "is not for localhost"),
        (Fault.SELF_SIGNED, "self-signed"),
        (Fault.WEAK_KEY, "too weak"),
    ],
)
def test_dates_names_and_uses_count_there_too(bundle, start_proxy, start_origin, fault, words):
    company = ExampleCa("Company", sloppy=True)
    bundle.write_bytes(company.pem)
    proxy = start_proxy()
    good = https_origin(start_origin, company.leaf("localhost"), answer_all)
    assert asked(proxy, good.port).startswith(b"HTTP/1.1 200 ")
    bad = https_origin(start_origin, company.leaf("localhost", fault=fault), answer_all)
    for count in (2, 3):
        assert asked(proxy, bad.port).startswith(b"HTTP/1.1 502 ")
        assert words in proxy.finished(count)[-1].detail.failure_text


@pytest.mark.parametrize("fault", [None, Fault.EXPIRED])
def test_what_a_private_ca_signs_need_not_be_of_strict_form(start_proxy, start_origin, trusting, example_ca, fault):
    # `openssl x509 -req` may write no authority key identifier; curl takes that, too. Dates count as ever.
    leaf = example_ca.leaf("localhost", fault=fault or Fault.NO_AUTHORITY_KEY)
    origin = https_origin(start_origin, leaf, answer_all)
    proxy = start_proxy(settings=trusting)
    assert asked(proxy, origin.port).startswith(b"HTTP/1.1 502 " if fault else b"HTTP/1.1 200 ")


def test_what_another_root_vouches_for_stays_strict(
    bundle, start_proxy, start_origin, trusting, example_ca, tmp_path, monkeypatch
):
    # That the person and the system trust somebody loosens nothing for servers of others.
    public = ExampleCa("Public")
    monkeypatch.setattr("certifi.where", lambda: public.write(str(tmp_path), "public.pem"))
    bundle.write_bytes(ExampleCa("Company", sloppy=True).pem)
    proxy = start_proxy(settings=trusting)
    good = https_origin(start_origin, public.leaf("localhost"), answer_all)
    assert asked(proxy, good.port).startswith(b"HTTP/1.1 200 ")
    bad = https_origin(start_origin, public.leaf("localhost", fault=Fault.NO_AUTHORITY_KEY), answer_all)
    assert asked(proxy, bad.port).startswith(b"HTTP/1.1 502 ")
    assert "not of RFC 5280's form" in proxy.finished(2)[-1].detail.failure_text


@pytest.mark.parametrize("whose", ["own", "another Harrier's"])
def test_a_ca_of_harriers_in_the_systems_store_vouches_for_nobody(bundle, authority, tmp_path, whose):
    other = CertificateAuthority.load_or_create(str(tmp_path / "other"))
    planted = authority if whose == "own" else other
    bundle.write_bytes(planted.certificate_pem + ExampleCa().pem)
    trust = UpstreamTrust(Settings(), authority)
    for is_lenient in (False, True):
        context = trust.context((), Verifying(is_lenient=is_lenient))
        assert planted.certificate.public_bytes(Encoding.DER) not in context.get_ca_certs(binary_form=True)
    assert len(trust.context((), Verifying(is_lenient=True)).get_ca_certs()) == 1


def test_the_bundle_is_read_once(bundle, authority):
    bundle.write_bytes(ExampleCa().pem)
    trust = UpstreamTrust(Settings(), authority)
    trust.context(("http/1.1",))
    bundle.unlink()
    assert trust.has_added_roots()
    assert len(trust.context((), Verifying(is_lenient=True)).get_ca_certs()) == 1


def test_without_verification_no_roots_are_read(bundle, authority):
    bundle.write_bytes(ExampleCa().pem)
    trust = UpstreamTrust(Settings(insecure_upstream=True), authority)
    assert trust.context(()).get_ca_certs() == []
    assert not trust.has_added_roots()


@pytest.mark.parametrize("path", ["/dev/zero", "/"])
def test_a_file_of_cas_is_an_ordinary_one(path):
    with gevent.Timeout(10), pytest.raises(UpstreamCaError, match=r"no ordinary file\.$"):
        read_upstream_ca(path)


def test_a_file_of_cas_has_a_limit(tmp_path):
    path = tmp_path / "huge.pem"
    with path.open("wb") as file:
        file.truncate(1 << 34)
    with pytest.raises(UpstreamCaError, match=r"larger than 16 MiB\.$"):
        read_upstream_ca(str(path))
