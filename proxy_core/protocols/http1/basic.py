"""Name and password as a client sends them to a proxy: the scheme Basic (RFC 7617) in Proxy-Authorization."""

import binascii
import re
from base64 import b64decode

from proxy_core.model.message_head import parse_head

CHALLENGE = 'Basic realm="Harrier", charset="UTF-8"'
_SCHEME = b"basic"
# Also with blanks before the colon and on folded lines: what is refused for its form is recorded, too.
_CREDENTIALS = re.compile(
    rb"^(proxy-authorization[ \t]*:[ \t]*(?:(?:basic|bearer|digest|negotiate|ntlm)(?=[ \t]))?)"
    rb"[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*",
    re.IGNORECASE | re.MULTILINE,
)
_MASKED = rb"\1 (not recorded)"


def proxy_credentials(head: bytes) -> tuple[bytes, bytes] | None:
    """What a request's head says; None where it says nothing, or nothing in this scheme that has one reading."""
    values = [value for name, value in parse_head(head).fields if name.lower() == b"proxy-authorization"]
    if len(values) != 1:
        return None
    scheme, _, token = values[0].strip(b" \t").partition(b" ")
    if scheme.lower() != _SCHEME:
        return None
    try:
        name, colon, password = b64decode(token.strip(b" "), validate=True).partition(b":")
    except binascii.Error:
        return None
    return (name, password) if colon else None


def without_credentials(head: bytes) -> bytes:
    """The head, with their scheme alone left of all credentials for a proxy."""
    return _CREDENTIALS.sub(_MASKED, head)
