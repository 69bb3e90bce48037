"""What the window says of the ways in: whether what was written means any, what they come to. No Qt."""

from proxy_core.model.settings import is_open_to_others
from proxy_core.model.ways_in import WayInError, WaysIn, read_listen_point, read_origin
from proxy_core.proxy_users import ProxyUsersError, read_proxy_users


def place_lines(text: str) -> tuple[str, ...]:
    """The places of a list, one a line; blank lines and repetitions are dropped."""
    return tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def places_problem(places: tuple[str, ...]) -> str:
    """Why one of these is no place to listen on; "" when each is one."""
    try:
        for place in places:
            read_listen_point(place)
    except WayInError as error:
        return f"{error}."
    return ""


def places_warning(places: tuple[str, ...]) -> str:
    """That others than this computer can use one of these; "" where they can't."""
    for place in places:
        point = read_listen_point(place)
        if not point.path and is_open_to_others(point.host):
            return f"Every computer that can reach this one will be able to use {point.place}."
    return ""


def origin_problem(text: str) -> str:
    """Why this is no origin to stand for; "" when it is one, or empty."""
    try:
        if text:
            read_origin(text)
    except WayInError as error:
        return f"{error}."
    return ""


def users_problem(path: str) -> str:
    """Why this file can't say who may come in; "" when it can, or there is none."""
    try:
        if path:
            read_proxy_users(path)
    except ProxyUsersError as error:
        return str(error)
    return ""


def ways_in_text(ways: WaysIn) -> str:
    """What there is besides the first address, in a line."""
    more = len(ways.also_listen)
    parts = [
        f"{more} more place{'s' if more != 1 else ''}" if more else "",
        f"stands for {ways.reverse}" if ways.reverse else "",
        "for those who log in" if ways.users_file else "",
    ]
    return " · ".join(filter(None, parts)) or "this address alone, for everybody who can connect"
