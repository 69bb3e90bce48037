"""A proxy behind us, as a person names it: `http://user:pass@proxy.corp:3128`, `socks5h://127.0.0.1:1080`.

User and password stand percent-encoded in the URL and are decoded here. They are for this server alone: no origin sees
them, and whatever is shown or written down uses `where`, which has none.
"""

import re
from typing import NamedTuple
from urllib.parse import unquote

from proxy_core.model.endpoint import endpoint_text

# What is spoken to it, and the port that its address means when it names none (as curl has them).
DEFAULT_PROXY_PORTS = {"http": 80, "https": 443, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?:(?P<user>[^:@/?#\s]*)(?::(?P<password>[^@/?#\s]*))?@)?"
    r"(?:\[(?P<address>[0-9A-Fa-f:.]+(?:%25[\w.~-]+)?)\]|(?P<name>[^:@/?#\[\]\s]+))(?::(?P<port>[0-9]{1,5}))?/?"
)
SECRET_LIMIT = 255  # bytes of a user or a password: more SOCKS5 can't carry (RFC 1929 §2)


class ProxyAddressError(ValueError):
    """A text names no proxy: one sentence, without the text's secrets."""


class ProxyServer(NamedTuple):
    """Where it is, what is spoken to it, and who we are there."""

    scheme: str  # a key of DEFAULT_PROXY_PORTS
    host: str
    port: int
    user: str = ""
    password: str = ""

    @property
    def where(self) -> str:
        """For sentences."""
        return endpoint_text(self.host, self.port)

    @property
    def url(self) -> str:
        """Its address without user and password."""
        return f"{self.scheme}://{self.where}"

    @property
    def has_credentials(self) -> bool:
        """Whether we say who we are."""
        return bool(self.user or self.password)


def read_proxy_server(text: str) -> ProxyServer:
    """The proxy that a URL names. Raises ProxyAddressError."""
    text = text.strip()
    match = _URL.fullmatch(text if "://" in text else f"http://{text}")  # `proxy:3128` is what the variables often say
    if match is None:
        raise ProxyAddressError(
            "That is no address of a proxy, such as http://proxy.example:3128 or socks5h://127.0.0.1:1080; "
            "a user and a password stand before an @, with special characters as %XX."
        )
    scheme = match["scheme"].lower()
    scheme = "socks5h" if scheme == "socks" else scheme
    if scheme not in DEFAULT_PROXY_PORTS:
        known = ", ".join(DEFAULT_PROXY_PORTS)
        raise ProxyAddressError(f"A proxy is spoken to by {known}, not by «{scheme}».")
    port = int(match["port"]) if match["port"] else DEFAULT_PROXY_PORTS[scheme]
    if not 1 <= port <= 65535:
        raise ProxyAddressError("The proxy's port does not exist.")
    user, password = (unquote(match[name] or "") for name in ("user", "password"))
    if ":" in user and scheme in ("http", "https"):  # RFC 7617 §2
        raise ProxyAddressError("A proxy's user can't have a colon in the name.")
    if max(len(user.encode()), len(password.encode())) > SECRET_LIMIT or not (user + password).isprintable():
        raise ProxyAddressError("The proxy's user or password is too long, or holds control characters.")
    if "\ufffd" in user + password:  # what no UTF-8 can be read from
        raise ProxyAddressError("The proxy's user or password is not percent-encoded UTF-8.")
    return ProxyServer(scheme, (match["address"] or match["name"]).lower().replace("%25", "%"), port, user, password)
