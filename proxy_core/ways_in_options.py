"""The options of the command line that say where clients come in and who may, and the settings that they mean."""

import argparse
import os

import msgspec

from proxy_core.model.settings import DEFAULT_LISTEN_HOST, DEFAULT_LISTEN_PORT, Settings
from proxy_core.model.ways_in import UNIX, ListenPoint, Origin, WayInError, read_listen_point, read_origin
from proxy_core.proxy_users import ProxyUsersError, read_proxy_users


def add_ways_in(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser. None of them given leaves everything as it was set before."""
    group = parser.add_argument_group("the ways in")
    group.add_argument(
        "--listen",
        type=_point,
        action="append",
        metavar="PLACE[=ORIGIN]",
        help=f"HOST:PORT (port 0 = any free one) or unix:/PATH; with =ORIGIN it stands for that origin, as with "
        f"--reverse. May come several times; default {DEFAULT_LISTEN_HOST}:{DEFAULT_LISTEN_PORT}",
    )
    group.add_argument(
        "--reverse",
        type=_origin,
        metavar="ORIGIN",
        help="stand for this origin on the first address: http://HOST[:PORT], https://HOST[:PORT] or unix:/PATH",
    )
    group.add_argument(
        "--proxy-user",
        type=_users_file,
        metavar="FILE",
        help="let in only whose user name and password are in this file, NAME:PASSWORD on a line each",
    )


def apply_ways_in(settings: Settings, options: argparse.Namespace, *, needs_port: bool) -> Settings:
    """The settings, overruled by the options. Raises WayInError.

    The first place is the first with a port, if there is one. With `needs_port` (for the window, from which browsers
    are opened) that of the settings stays the first where no other is given.
    """
    points: list[ListenPoint] = options.listen or []
    ways = settings.ways_in
    reverse = options.reverse.text if options.reverse is not None else None
    if points:
        first = next((point for point in points if not point.path), None if needs_port else points[0])
        ways = msgspec.structs.replace(ways, also_listen=tuple(point.text for point in points if point is not first))
        if first is not None:
            if first.origin is not None and reverse is not None:
                raise WayInError(f"--listen {first.text} names its origin already, and --reverse names another")
            host = UNIX + first.path if first.path else first.host
            settings = msgspec.structs.replace(settings, listen_host=host, listen_port=first.port)
            reverse = first.origin.text if first.origin is not None else reverse or ""
    if reverse is not None:
        ways = msgspec.structs.replace(ways, reverse=reverse)
    if options.proxy_user is not None:
        ways = msgspec.structs.replace(ways, users_file=options.proxy_user)
    return msgspec.structs.replace(settings, ways_in=ways)


def _point(text: str) -> ListenPoint:
    try:
        return read_listen_point(text)
    except WayInError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _origin(text: str) -> Origin:
    try:
        return read_origin(text)
    except WayInError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _users_file(path: str) -> str:
    """The whole path of a file that has been read once."""
    try:
        read_proxy_users(path)
    except ProxyUsersError as error:
        raise argparse.ArgumentTypeError(str(error).removesuffix(".")) from None
    return os.path.abspath(path)
