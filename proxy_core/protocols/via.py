"""Via (RFC 9110 §7.6.3): by which proxies a request has come, and whether we are one of them.

A request that has our own pseudonym in it has been here before: two proxies point at each other, and it would go round
until there are no sockets left. Only what goes to another proxy gets a line of ours; origins see what the client sent.
"""

from proxy_core.model.message_head import parse_head


def via_line(version: str, pseudonym: bytes) -> bytes:
    """The field line that says we have passed a request on that came in `version`; b"" where we have no pseudonym."""
    return b"Via: %b %b\r\n" % (version.removeprefix("HTTP/").encode("ascii"), pseudonym) if pseudonym else b""


def came_by(raw: bytes) -> bytes:
    """What a request's head says of the proxies before us, in order; b"" where there were none."""
    return b", ".join(parse_head(raw).values(b"via")) if b"via:" in raw.lower() else b""


def has_passed(raw: bytes, pseudonym: bytes) -> bool:
    """Whether the proxy of this pseudonym is among those that a request's head names."""
    # Nearly every head is left after one search.
    if not pseudonym or pseudonym not in raw:
        return False
    return any(each.split()[1:2] == [pseudonym] for each in came_by(raw).split(b","))
