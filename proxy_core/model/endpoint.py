"""Hosts and ports as text: the one place that knows about the brackets of IPv6 (RFC 3986 §3.2.2) and usual ports."""

from proxy_core.model.exchange import ExchangeRow

DEFAULT_PORTS = {"http": 80, "https": 443}


def bracketed(host: str) -> str:
    """A hostname or IP literal as it stands before a port: `shop.test`, `[::1]`."""
    return f"[{host}]" if ":" in host else host


def endpoint_text(host: str, port: int) -> str:
    """`127.0.0.1:8080`, `[::1]:8080`."""
    return f"{bracketed(host)}:{port}"


def authority_text(scheme: str, host: str, port: int) -> str:
    """What stands in a URL or a Host field: without the port where it is the scheme's own."""
    return bracketed(host) if DEFAULT_PORTS.get(scheme) == port else endpoint_text(host, port)


def url_of(row: ExchangeRow) -> str:
    """The URL of an exchange as a person would paste it; for a tunnel its endpoint."""
    if not row.scheme:
        return endpoint_text(row.host, row.port)
    return f"{row.scheme}://{authority_text(row.scheme, row.host, row.port)}{row.path}"
