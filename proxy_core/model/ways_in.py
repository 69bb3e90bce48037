"""The ways in: where clients come in, whom they reach there, and who may. Plain data, and its reading from text.

A listening place is written `HOST:PORT` or `unix:/PATH`, and with `=ORIGIN` behind it where it stands for an origin
(reverse mode): `http://HOST[:PORT]`, `https://HOST[:PORT]` or `unix:/PATH`.
"""

import re

import msgspec

from proxy_core.model.endpoint import DEFAULT_PORTS, authority_text, endpoint_text

UNIX = "unix:"
LOCAL_HOST = "localhost"  # how an origin on a Unix socket is called, which has no host
# An equals sign may stand in the path of a socket, but in no address.
_PLACE_AND_ORIGIN = re.compile(r"(unix:.*?)(?:=([A-Za-z][A-Za-z0-9+.-]*://.*|unix:.*))?|([^=]*)(?:=(.*))?", re.DOTALL)
_ORIGIN = re.compile(r"(https?)://(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?/?")


class WayInError(Exception):
    """A text that means no way in: a sentence that says why."""


class Origin(msgspec.Struct, frozen=True):
    """Whom a listening place stands for."""

    scheme: str
    host: str  # a name in lower case, or an IP literal without brackets
    port: int
    path: str = ""  # of the Unix socket on which it is reached

    @property
    def authority(self) -> str:
        """As it stands in a Host field."""
        return authority_text(self.scheme, self.host, self.port)

    @property
    def text(self) -> str:
        """As it is written."""
        return UNIX + self.path if self.path else f"{self.scheme}://{self.authority}"


class ListenPoint(msgspec.Struct, frozen=True):
    """Where to listen: an address with a port, or the path of a Unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""
    origin: Origin | None = None

    @property
    def place(self) -> str:
        """Where, without for whom."""
        return UNIX + self.path if self.path else endpoint_text(self.host, self.port)

    @property
    def text(self) -> str:
        """As it is written."""
        return self.place if self.origin is None else f"{self.place}={self.origin.text}"


class WaysIn(msgspec.Struct, frozen=True):
    """What can be set about them, besides the first address."""

    reverse: str = ""  # whom the first address stands for, "" for nobody
    also_listen: tuple[str, ...] = ()  # other places
    users_file: str = ""  # path of a file with the names and passwords of those who may come in, "" for everybody


def read_listen_point(text: str) -> ListenPoint:
    """Raises WayInError."""
    match = _PLACE_AND_ORIGIN.fullmatch(text.strip())
    assert match is not None  # it takes everything
    place, spelled_origin = match[1] or match[3] or "", match[2] or match[4]
    origin = None if spelled_origin is None else read_origin(spelled_origin)
    if place.startswith(UNIX):
        return ListenPoint(path=_read_path(place), origin=origin)
    host, _, port = place.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    host = host.strip("[]")
    is_port = port.isascii() and port.isdigit() and int(port) <= 65535
    if not host or not is_port or "/" in host or (":" in host) != is_bracketed:
        raise WayInError(f"«{text}» is no HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080, and no unix:/PATH")
    return ListenPoint(host, int(port), origin=origin)


def read_origin(text: str) -> Origin:
    """Raises WayInError."""
    text = text.strip()
    if text.startswith(UNIX):
        return Origin("http", LOCAL_HOST, DEFAULT_PORTS["http"], _read_path(text))
    match = _ORIGIN.fullmatch(text)
    port = int(match[3]) if match is not None and match[3] else 0
    if match is None or port > 65535 or (match[3] and not port):
        raise WayInError(
            f"«{text}» is no origin, such as https://shop.example, http://127.0.0.1:3000 or unix:/run/app.sock"
        )
    return Origin(match[1], match[2].strip("[]").lower(), port or DEFAULT_PORTS[match[1]])


def _read_path(text: str) -> str:
    path = text.removeprefix(UNIX)
    if not path.startswith("/") or "\0" in path or path.endswith("/"):
        raise WayInError(f"«{text}» names no Unix socket: its whole path is needed, such as unix:/run/app.sock")
    return path
