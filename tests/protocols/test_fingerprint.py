"""JA3 and JA4, against what their makers have published."""

from hashlib import md5, sha256

import pytest

from proxy_core.protocols.client_hello import ClientHello
from proxy_core.protocols.fingerprint import fingerprint_of, ja3_text, ja4


def hello(**members) -> ClientHello:
    plain = ClientHello("", (), (), (), 0, 0x0303, (), (), (), ())
    return plain._replace(**members)


# The example of pyJA3's documentation, with its digest.
OLD_SUITES = (
    *(255, 49162, 49172, 136, 135, 57, 56, 49167, 49157, 132, 53, 49159, 49161, 49169, 49171, 69, 68, 51, 50, 49164),
    *(49166, 49154, 49156, 150, 65, 4, 5, 47, 49160, 49170, 22, 19, 49165, 49155, 65279, 10),
)
OLD = hello(
    versions=(769,),
    legacy_version=769,
    cipher_suites=OLD_SUITES,
    extensions=(0, 10, 11, 35),
    groups=(23, 24, 25),
    point_formats=(0,),
)

# The example of JA4's technical details: a Chrome, with its GREASE.
CHROME = hello(
    alpn=(b"h2", b"http/1.1"),
    versions=(0x3A3A, 0x0304, 0x0303),
    cipher_suites=(
        *(0x1A1A, 0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0xC014),
        *(0x009C, 0x009D, 0x002F, 0x0035),
    ),
    extensions=(
        *(0x2A2A, 0x001B, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002D, 0x000D, 0x0005, 0x0023, 0x0012, 0x002B),
        *(0xFF01, 0x000B, 0x000A, 0x0015, 0xDADA),
    ),
    groups=(0x5A5A, 29, 23, 24),
    point_formats=(0,),
    signature_algorithms=(0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601),
)


def test_ja3_of_the_published_example():
    assert fingerprint_of(OLD).ja3 == "2aef69b4ba1938c3a400de4188743185"


def test_ja4_of_the_published_example():
    assert fingerprint_of(CHROME).ja4 == "t13d1516h2_8daaf6152771_e5627efa2ab1"


def test_ja3_leaves_grease_out_and_keeps_the_order():
    assert ja3_text(CHROME) == (
        "771,4865-4866-4867-49195-49199-49196-49200-52393-52392-49171-49172-156-157-47-53,"
        "27-0-51-16-17513-23-45-13-5-35-18-43-65281-11-10-21,29-23-24,0"
    )


def test_a_hello_of_nothing_has_a_fingerprint_too():
    assert ja3_text(hello()) == "771,,,,"
    assert fingerprint_of(hello()) == (
        md5(b"771,,,,", usedforsecurity=False).hexdigest(),
        "t12i000000_000000000000_000000000000",
    )


@pytest.mark.parametrize(
    ("alpn", "ends"),
    [(b"http/1.1", "h1"), (b"h", "hh"), (b"\xab", "ab"), (b"\xab\xcd", "ad"), (b"", "00"), (b"h-", "6d")],
)
def test_the_ends_of_what_is_liked_best(alpn, ends):
    assert ja4(hello(alpn=(alpn,)))[8:10] == ends


def test_without_signature_algorithms_nothing_stands_behind_the_extensions():
    assert ja4(hello(extensions=(5, 0))).endswith("_" + sha256(b"0005").hexdigest()[:12])


def test_more_than_two_digits_can_say_are_99():
    assert ja4(hello(cipher_suites=tuple(range(200))))[4:6] == "99"


def test_whom_it_asks_for_changes_nothing():
    assert fingerprint_of(CHROME) == fingerprint_of(CHROME._replace(server_name="shop.test", length=517))
