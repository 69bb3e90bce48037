"""Which trailers are sent on, whatever protocols they come and go in."""

import re

# RFC 9110 §6.5.1: fields that mean something before the body must not be merged from behind it. These would change
# framing, routing, authentication or how the body is read, so they are recorded but not sent on.
_FORBIDDEN = re.compile(
    rb"(?m)^(?:connection|content-(?:encoding|length|range|type)|cookie|expect|host|keep-alive|max-forwards|"
    rb"authorization|proxy-[^:]*+|set-cookie|te|trailer|transfer-encoding|upgrade|www-authenticate|authentication-info)"
    rb":.*\n",
    re.IGNORECASE,
)


def sent_trailers(trailers: bytes) -> bytes:
    """Those of these raw field lines that go on."""
    return _FORBIDDEN.sub(b"", trailers)
