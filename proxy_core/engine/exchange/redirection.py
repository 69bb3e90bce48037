"""Where an origin that we stand for sends its clients; in reverse mode that may be past us."""

import re

from proxy_core.model.message_head import parse_head
from proxy_core.protocols.http1.fields import shown
from proxy_core.protocols.part import RequestHead, ResponseHead

_AUTHORITY = re.compile(rb"(?:[A-Za-z][-+.0-9A-Za-z]*+:)?//([^/?#]*+)")


def remark_on_location(request: RequestHead, response: ResponseHead) -> str:
    """What to say of a Location that names another host than the client has come to; "" for nothing.

    It is left alone: to change it would need a knowledge of the origin's pages that a field of one response doesn't
    give.
    """
    location = parse_head(response.raw).value(b"location")
    match = None if location is None else _AUTHORITY.match(location)
    if match is None:
        return ""
    head = parse_head(request.raw)
    named = dict(head.pseudo).get(b":authority") or head.value(b"host") or b""
    if match[1].lower() == named.lower():
        return ""
    return f"The Location leads past Harrier, to «{shown(match[1])}»."
