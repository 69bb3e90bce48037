"""The ways out as texts: what stands in the fields of the dialog, what is wrong with it, and all of it in one line.

No Qt.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from proxy_core.model.host_pattern import LOOPBACK
from proxy_core.model.proxy_server import ProxyAddressError
from proxy_core.model.way import Simple, read_way, way_text
from proxy_core.model.ways_out import ProxyForHosts, WayError, WaysOut, check_ways_out
from proxy_core.model.ways_out_text import read_proxy_for_hosts

_Read = TypeVar("_Read")


def lines(text: str) -> tuple[str, ...]:
    """The lines of a field, without empty ones and repetitions."""
    return tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def words(text: str) -> tuple[str, ...]:
    """Hosts with commas or blanks between."""
    return tuple(dict.fromkeys(text.replace(",", " ").split()))


def read_lines(text: str, read: Callable[[str], _Read]) -> tuple[tuple[_Read, ...], str]:
    """What the lines of a field say, and what is wrong with the first that says nothing."""
    try:
        return tuple(map(read, lines(text))), ""
    except WayError as error:
        return (), str(error)


def read_proxy_line(text: str) -> ProxyForHosts:
    """A line of a field that holds proxies of some hosts only. Raises WayError."""
    read = read_proxy_for_hosts(text)
    if read is None:
        raise WayError("Write the hosts before the proxy, as *.corp.example=http://proxy.example:3128.")
    problem = problem_of(WaysOut(proxies_by_host=(read,)))
    if problem:
        raise WayError(problem)
    return read


def problem_of(ways: WaysOut) -> str:
    """Why these can't be; "" when they can. Files are not looked at."""
    try:
        check_ways_out(ways)
    except WayError as error:
        return str(error)
    return ""


def files_problem(ways: WaysOut) -> str:
    """Why a file that they name can't be used; "" when all can. What is to be written is made."""
    from proxy_core.ways_out_files import check_files  # its library is large, and seldom wanted

    try:
        check_files(ways)
    except WayError as error:
        return str(error)
    return ""


def ways_out_text(ways: WaysOut) -> str:
    """All of it in one line, without secrets."""
    try:
        way = read_way(ways.upstream_proxy)
        said = "directly" if way is Simple.NONE else f"by {way_text(way)}"
        said = "as the system has it" if way is Simple.SYSTEM else said
    except ProxyAddressError:
        said = "by a proxy that can't be read"
    counts = (
        (len(ways.proxies_by_host), "proxy for some hosts", "proxies for some hosts"),
        (len(ways.host_overrides), "name led elsewhere", "names led elsewhere"),
        (len(ways.client_certificates), "client certificate", "client certificates"),
        (len(ways.accepted_certificates), "accepted certificate", "accepted certificates"),
    )
    parts = [said, *(f"{count} {one if count == 1 else many}" for count, one, many in counts if count)]
    parts += [f"DNS by {ways.resolver}"] if ways.resolver not in ("", "system") else []
    parts += [f"TLS from {ways.tls_minimum} on"] if ways.tls_minimum != "1.2" else []
    parts += ["TLS secrets are logged"] if ways.keylog else []
    return " · ".join(parts)


def hosts_text(hosts: Iterable[str]) -> str:
    """Hosts as they stand in a field of one line."""
    return ", ".join(hosts)


NO_PROXY_DEFAULT = hosts_text(LOOPBACK)
