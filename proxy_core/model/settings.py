"""Everything that a person can set about the engine; plain data, kept as JSON in the home folder by the window."""

import ipaddress
from typing import Literal

import msgspec

from proxy_core.model.ways_in import UNIX, ListenPoint, WaysIn, read_listen_point, read_origin
from proxy_core.model.ways_out import WaysOut

DEFAULT_LISTEN_HOST = "127.0.0.1"
DEFAULT_LISTEN_PORT = 8080
MOST_WORKERS = 4


class RuleSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which rules act. What they say stands in their files."""

    on: bool = True
    files: tuple[str, ...] = ()  # their paths, in the order in which their rules act
    scripts: tuple[str, ...] = ()  # paths; each is asked about every exchange, behind all rules
    switched: dict[str, bool] = {}  # the person's own switches by a rule's id: they overrule what its file says


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the engine. `frozen`: change with `msgspec.structs.replace`."""

    listen_host: str = DEFAULT_LISTEN_HOST  # or `unix:/PATH`
    listen_port: int = DEFAULT_LISTEN_PORT
    port_fallback: bool = False  # take the next free port when the wanted one is taken (the window does)
    workers: int = 0  # 0 = as many as cores, at most MOST_WORKERS
    interception: bool = True
    not_intercepted: tuple[str, ...] = ()  # host globs (`*.bank.com`) whose TLS is tunnelled unread
    after_refusals: Literal["ask", "pass"] = "ask"  # a client that refuses our certificate again and again
    recording: bool = True
    insecure_upstream: bool = False  # don't verify upstream certificates
    ways_in: WaysIn = WaysIn()
    upstream_ca: tuple[str, ...] = ()  # paths of PEM files trusted besides certifi's roots and the system's
    ways_out: WaysOut = WaysOut()
    rules: RuleSettings = RuleSettings()


def listen_points(settings: Settings) -> list[ListenPoint]:
    """Where to listen; what is listened on first comes first. Raises WayInError where a text of it means nothing."""
    ways = settings.ways_in
    origin = read_origin(ways.reverse) if ways.reverse else None
    if settings.listen_host.startswith(UNIX):
        first = ListenPoint(path=settings.listen_host.removeprefix(UNIX), origin=origin)
    else:
        first = ListenPoint(settings.listen_host, settings.listen_port, origin=origin)
    return [first, *map(read_listen_point, ways.also_listen)]


def is_open_to_others(host: str) -> bool:
    """Whether listening there lets other computers in."""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"
