"""Whether a text can be the address that Harrier listens on; if not, why, in a sentence. No Qt."""

import ipaddress
import re
import socket

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)
_LONGEST_NAME = 253  # RFC 1035 §2.3.4, without the length bytes


def listen_host(text: str) -> str:
    """The host as the settings hold it: without blanks, and without the brackets in which URLs put IPv6 addresses."""
    host = text.strip()
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def address_problem(text: str) -> str:
    """Why this is no address to listen on; "" when it is one. Asks this computer only, and no name server."""
    host = listen_host(text)
    if not host:
        return "An address is needed, such as 127.0.0.1."
    if "://" in host or "/" in host:
        return f"«{host}» is more than an address: write only the address, such as 127.0.0.1."
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        return _problem_of_name(host)
    if text.strip().startswith("[") and literal.version == 4:
        return f"Brackets belong to IPv6 addresses: write {host}."
    return "" if _is_ours(host) else f"{host} is no address of this computer."


def _problem_of_name(host: str) -> str:
    if host.startswith("[") or host.endswith("]"):
        head, _, port = host.rpartition("]:")
        if head and port.isdigit():
            return f"The port has a field of its own: write {head.lstrip('[')} here."
        return f"«{host}» is no address: a bracket is missing, and none is needed here."
    if ":" in host:
        name, _, port = host.rpartition(":")
        if port.isdigit() and ":" not in name:
            return f"The port has a field of its own: write {name or '127.0.0.1'} here."
        return f"«{host}» is no IPv6 address."
    labels = host.removesuffix(".").split(".")
    if labels[-1].isdigit():  # no name of a computer ends like that (WHATWG URL, «ends in a number checker»)
        return f"«{host}» is no IPv4 address: it has four numbers from 0 to 255, such as 127.0.0.1."
    if len(host) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, labels)):
        return f"«{host}» is neither an address nor a name of this computer."
    return ""


def _is_ours(host: str) -> bool:
    """Whether this computer lets us bind to this literal: the port is any."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(address)
    except OSError:
        return False
    return True
