"""By what a TLS client can be told from others: JA3 and JA4 of its ClientHello.

Both put what the hello offers into a text and shorten it. JA3 (Salesforce, 2017) keeps the client's order, which
browsers shuffle by now; JA4 (FoxIO, 2023) sorts. Values that mean nothing and stand there to keep servers tolerant
(GREASE, RFC 8701) are left out of both.
"""

from functools import lru_cache
from hashlib import md5, sha256
from typing import NamedTuple

from proxy_core.protocols.client_hello import ClientHello

_SERVER_NAME, _ALPN = 0, 16
_VERSIONS = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2"}
_MOST_COUNTED = 99  # there are two digits
_SHORT = 12  # characters that JA4 keeps of a hash
_NOTHING = "0" * _SHORT
# Bytes. Browsers' hellos have some 2,000; one of 65,536 has room for 32,000 values, which nobody shall have us keep.
_LARGEST_REMEMBERED = 8192
_KEPT = 256  # hellos of the same client are alike, but for what no fingerprint looks at


class Fingerprint(NamedTuple):
    """Of one ClientHello."""

    ja3: str
    ja4: str


UNKNOWN_FINGERPRINT = Fingerprint("", "")


def fingerprint_of(hello: ClientHello) -> Fingerprint:
    """Work it out, or remember it."""
    work_out = _worked_out if hello.length <= _LARGEST_REMEMBERED else _worked_out.__wrapped__
    return work_out(hello._replace(server_name="", length=0))


@lru_cache(maxsize=_KEPT)
def _worked_out(hello: ClientHello) -> Fingerprint:
    return Fingerprint(md5(ja3_text(hello).encode(), usedforsecurity=False).hexdigest(), ja4(hello))


def ja3_text(hello: ClientHello) -> str:
    """What JA3 is the MD5 of."""
    lists = (hello.cipher_suites, hello.extensions, hello.groups, hello.point_formats)
    return ",".join((str(hello.legacy_version), *("-".join(map(str, _meant(each))) for each in lists)))


def ja4(hello: ClientHello) -> str:
    """For TLS over TCP."""
    suites, extensions = _meant(hello.cipher_suites), _meant(hello.extensions)
    version = _VERSIONS.get(max(_meant(hello.versions), default=hello.legacy_version), "00")
    name = "d" if _SERVER_NAME in extensions else "i"
    counts = f"{min(len(suites), _MOST_COUNTED):02}{min(len(extensions), _MOST_COUNTED):02}"
    others = _in_hex(sorted(each for each in extensions if each not in (_SERVER_NAME, _ALPN)))
    algorithms = _in_hex(_meant(hello.signature_algorithms))
    offered = f"{others}_{algorithms}" if algorithms else others
    first = f"t{version}{name}{counts}{_ends_of_alpn(hello.alpn)}"
    return f"{first}_{_shortened(_in_hex(sorted(suites)))}_{_shortened(offered if extensions else '')}"


def _meant(values: tuple[int, ...]) -> list[int]:
    """All but GREASE: two bytes that are alike and end in A."""
    return [each for each in values if each & 0x0F0F != 0x0A0A or each >> 8 != each & 0xFF]


def _in_hex(values: list[int]) -> str:
    return ",".join(f"{each:04x}" for each in values)


def _shortened(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:_SHORT] if text else _NOTHING


def _ends_of_alpn(alpn: tuple[bytes, ...]) -> str:
    """The first and the last character of what the client likes best; of its hex where one of them is none."""
    if not alpn or not alpn[0]:
        return "00"
    ends = alpn[0][:1] + alpn[0][-1:]
    if ends.isalnum():  # of bytes: ASCII alone
        return ends.decode("ascii")
    digits = alpn[0].hex()
    return digits[0] + digits[-1]
