"""The way to an upstream, as a person chooses it: directly, as the system has it, by one proxy, or as a PAC file says.

`read_way` reads one choice (`none`, `system`, a proxy's URL, `pac+` and the URL of a file), `read_pac_answer` what a
PAC file's `FindProxyForURL` has returned.
"""

import enum
import re
from typing import NamedTuple

from proxy_core.model.proxy_server import ProxyAddressError, ProxyServer, read_proxy_server

_PAC_URL = re.compile(r"(?:https?://[^\s/?#]+[^\s]*|file:///[^\s]+)", re.IGNORECASE)
# What stands before a server in a PAC file's answer. SOCKS alone is version 4, as Chromium and Firefox read it.
_PAC_WORDS = {"PROXY": "http", "HTTP": "http", "HTTPS": "https", "SOCKS": "socks4a", "SOCKS4": "socks4a"}
_PAC_WORDS["SOCKS5"] = "socks5h"
MOST_PAC_ENTRIES = 20  # of one answer that are tried; more is no configuration, but somebody's joke


class Simple(enum.Enum):
    """The ways that need no address."""

    NONE = "none"
    SYSTEM = "system"


class Pac(NamedTuple):
    """A PAC file decides."""

    url: str


Way = Simple | Pac | ProxyServer


def read_way(text: str) -> Way:
    """Read one choice. Raises ProxyAddressError."""
    word = text.strip()
    if word.lower() in ("none", "direct", ""):
        return Simple.NONE
    if word.lower() == "system":
        return Simple.SYSTEM
    if word[:4].lower() == "pac+":
        url = word[4:]
        if _PAC_URL.fullmatch(url) is None:
            raise ProxyAddressError(
                "A PAC file is named by pac+http://…, pac+https://… or pac+file:///… with its whole path."
            )
        return Pac(url)
    return read_proxy_server(word)


def way_text(way: Way) -> str:
    """A choice as it can be shown: without secrets."""
    match way:
        case Simple():
            return way.value
        case Pac(url):
            return f"pac+{re.sub(r'//[^/@]*@', '//', url)}"
        case ProxyServer():
            return way.url


def read_pac_answer(text: str) -> tuple[ProxyServer | None, ...]:
    """The servers to try in turn, None for the direct way. Raises ProxyAddressError when nothing in it makes sense."""
    servers: list[ProxyServer | None] = []
    for entry in text.split(";")[:MOST_PAC_ENTRIES]:
        word, _, rest = entry.strip().partition(" ")
        scheme = _PAC_WORDS.get(word.upper())
        if word.upper() == "DIRECT" and not rest.strip():
            servers.append(None)
        elif scheme is not None and "@" not in rest and "/" not in rest:
            try:
                servers.append(read_proxy_server(f"{scheme}://{rest.strip()}"))
            except ProxyAddressError:
                continue  # as browsers do: the others may be good
    if not servers and text.strip():
        raise ProxyAddressError("it names no proxy and no DIRECT")
    return tuple(dict.fromkeys(servers)) or (None,)  # an empty answer is DIRECT to all browsers
