"""Whether a client was asked for a certificate and had none, read off what OpenSSL has sent for it."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.protocols.client_flight import was_asked_in_vain
from tests.support.test_ca import ExampleCa, Fault

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(scope="module")
def ca() -> ExampleCa:
    return ExampleCa()


@pytest.fixture
def flight(ca, tmp_path):
    """What a client sends in a handshake."""

    def shake(version: ssl.TLSVersion, *, asks: bool, shows: bool, curve: str = "") -> bytes:
        server = ca.leaf("localhost").server_context()
        server.maximum_version = version
        if asks:
            server.verify_mode = ssl.CERT_OPTIONAL
            server.load_verify_locations(cadata=ca.pem.decode())
        if curve:
            server.set_ecdh_curve(curve)
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.load_verify_locations(cadata=ca.pem.decode())
        if shows:
            client.load_cert_chain(ca.leaf("me", fault=Fault.CLIENT_ONLY).write(str(tmp_path), "me.pem"))
        up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
        sides = [
            client.wrap_bio(down, up, server_hostname="localhost"),
            server.wrap_bio(into := ssl.MemoryBIO(), down, server_side=True),
        ]
        sent = b""
        for _ in range(4):
            for side in sides:
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    pass
                data = up.read()
                sent += data
                into.write(data)
        assert sides[1].version() == version.name.replace("_", ".")
        return sent

    return shake


# The curve is one that a client offers no key for at first, so TLS 1.3 asks for a second ClientHello.
@pytest.mark.parametrize(("version", "curve"), [*((version, "") for version in VERSIONS), (VERSIONS[1], "secp521r1")])
@pytest.mark.parametrize(
    ("asks", "shows", "is_in_vain"),
    [(True, False, True), (True, True, False), (False, True, False), (False, False, False)],
)
def test_what_openssl_sends(flight, version, asks, shows, is_in_vain, curve):
    assert was_asked_in_vain(flight(version, asks=asks, shows=shows, curve=curve)) is is_in_vain


@given(st.binary(max_size=200))
def test_any_bytes(data):
    assert was_asked_in_vain(data) in (True, False)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_flight_that_is_cut_off_says_nothing_of_what_did_not_come(flight, version):
    sent = flight(version, asks=False, shows=False)
    assert not any(was_asked_in_vain(sent[:size]) for size in range(len(sent)))
