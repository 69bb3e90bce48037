"""How the engine reaches upstreams, as far as a person can set it: proxies, names, TLS. Plain data within `Settings`.

The texts are kept as the person wrote them and read where they are used; `check_ways_out` finds what can't be read
before anything uses them.
"""

import ipaddress
import re
from typing import Literal

import msgspec

from proxy_core.model.host_pattern import LOOPBACK, means_hosts
from proxy_core.model.proxy_server import ProxyAddressError
from proxy_core.model.way import read_way

_NAME = re.compile(r"(?:\*\.)?[\w-]+(?:\.[\w-]+)*\.?|\*")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


class ProxyForHosts(msgspec.Struct, frozen=True):
    """These hosts are reached in their own way."""

    hosts: str  # a pattern (`model.host_pattern`)
    proxy: str  # as `WaysOut.upstream_proxy`


class HostOverride(msgspec.Struct, frozen=True):
    """A name that leads elsewhere, for the engine alone."""

    name: str  # or `*.` and a name, for all below it
    address: str  # an IP literal or another name


class ClientCertificate(msgspec.Struct, frozen=True):
    """What servers of these hosts are shown when they ask who we are."""

    hosts: str
    path: str  # PEM with certificate and key, or PKCS#12
    password: str = ""


class AcceptedCertificate(msgspec.Struct, frozen=True):
    """A certificate that nobody vouches for, and the person does: for one host, and for no other certificate."""

    host: str
    fingerprint: str  # SHA-256 of the DER, lower-case hex

    def is_for(self, host: str) -> bool:
        """Whether it is this host's."""
        return self.host.lower() == host.lower().removesuffix(".")


class WaysOut(msgspec.Struct, frozen=True, kw_only=True):
    """Everything. `frozen`: change with `msgspec.structs.replace`."""

    upstream_proxy: str = "none"  # none, system, a proxy's URL, pac+URL
    proxies_by_host: tuple[ProxyForHosts, ...] = ()  # the first that means a host comes before `upstream_proxy`
    no_proxy: tuple[str, ...] = LOOPBACK  # patterns of hosts that are reached directly
    pac_failure: Literal["direct", "fail"] = "direct"  # where a PAC file gives no answer
    host_overrides: tuple[HostOverride, ...] = ()
    resolver: str = "system"  # or the address of a DNS server, with a port if need be
    client_certificates: tuple[ClientCertificate, ...] = ()
    tls_minimum: Literal["1.0", "1.1", "1.2", "1.3"] = "1.2"
    roots: Literal["both", "system", "certifi"] = "both"
    accepted_certificates: tuple[AcceptedCertificate, ...] = ()
    keylog: str = ""  # the file that TLS secrets of both sides are written to, for Wireshark; "" = none


class WayError(ValueError):
    """Something in the ways out can't be: one sentence."""


def read_resolver(text: str) -> tuple[str, int] | None:
    """Address and port of a DNS server, None for the system's own way. Raises WayError."""
    word = text.strip()
    if word.lower() in ("", "system"):
        return None
    match = re.fullmatch(r"(?:\[([^\]]+)\]|([^:]+))(?::([0-9]{1,5}))?", word)
    host, port = (match[1] or match[2], int(match[3] or 53)) if match else (word, 53)
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        raise WayError(f"«{text}» is no address of a DNS server, such as 9.9.9.9 or [2620:fe::fe]:53.") from None
    if not 1 <= port <= 65535:
        raise WayError(f"«{text}» names a port that doesn't exist.")
    return host, port


def check_ways_out(ways: WaysOut) -> None:
    """Raise WayError when something in them can't be read. Files are not looked at."""
    for text in (ways.upstream_proxy, *(each.proxy for each in ways.proxies_by_host)):
        try:
            read_way(text)
        except ProxyAddressError as error:
            raise WayError(str(error)) from None
    by_host = [each.hosts for each in ways.proxies_by_host] + [each.hosts for each in ways.client_certificates]
    for pattern in (*ways.no_proxy, *by_host):
        if not means_hosts(pattern):
            raise WayError(
                f"«{pattern}» means no hosts: a name, a .suffix, an address or a network such as 10.0.0.0/8 is wanted."
            )
    read_resolver(ways.resolver)
    for override in ways.host_overrides:
        if _NAME.fullmatch(override.name) is None or not _is_address(override.address):
            raise WayError(
                f"«{override.name}={override.address}» is no name and address, such as shop.test=127.0.0.1 or "
                "*.shop.test=::1."
            )
    for accepted in ways.accepted_certificates:
        if _FINGERPRINT.fullmatch(accepted.fingerprint) is None:
            raise WayError(f"«{accepted.fingerprint}» is no SHA-256 fingerprint of a certificate.")


def read_fingerprint(text: str) -> str:
    """A SHA-256 fingerprint however it is written (colons, blanks, capitals). Raises WayError."""
    digits = re.sub(r"[\s:]", "", text).lower().removeprefix("sha256").lstrip("/")
    if _FINGERPRINT.fullmatch(digits) is None:
        raise WayError(f"«{text}» is no SHA-256 fingerprint of a certificate: 64 hexadecimal digits.")
    return digits


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return _NAME.fullmatch(text) is not None and "*" not in text
    return True
