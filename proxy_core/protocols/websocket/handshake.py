"""Whether a WebSocket's opening handshake is one (RFC 6455 §4): remarks for a person, since it is relayed as it is."""

import base64
import binascii
import hashlib

from proxy_core.model.message_head import MessageHead
from proxy_core.protocols.http1.fields import shown
from proxy_core.protocols.websocket.deflate import split_extensions

_KEY, _ACCEPT = b"sec-websocket-key", b"sec-websocket-accept"
_PROTOCOL, _EXTENSIONS = b"sec-websocket-protocol", b"sec-websocket-extensions"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY_BYTES = 16


def handshake_faults(request: MessageHead, response: MessageHead) -> list[str]:
    """What is wrong about this request and the response that has switched, of either version of HTTP."""
    faults = []
    if not request.pseudo:  # RFC 8441 §5: with a stream of its own no key is needed
        faults += _key_faults(request.values(_KEY), response.values(_ACCEPT))
    chosen, offered = response.values(_PROTOCOL), frozenset(_members(request.values(_PROTOCOL)))
    strange = next((each for each in chosen if each not in offered), None)  # one will do: there may be thousands
    if strange is not None:
        faults.append(
            f"The server chose the subprotocol «{shown(strange)}», which the client had not offered (RFC 6455 §4.1)."
        )
    if len(chosen) > 1:
        faults.append("The server chose more than one subprotocol (RFC 6455 §4.2.2).")
    known = _extensions(request.values(_EXTENSIONS))
    unknown = next((each for each in _extensions(response.values(_EXTENSIONS)) if each not in known), None)
    if unknown is not None:
        name = shown(unknown.encode("latin-1"))
        faults.append(f"The server uses the extension «{name}», which the client had not offered (RFC 6455 §4.1).")
    return faults


def _key_faults(keys: list[bytes], accepts: list[bytes]) -> list[str]:
    if len(keys) != 1 or not _is_key(keys[0]):
        return ["The client's Sec-WebSocket-Key is not one (RFC 6455 §4.1)."]
    # What it is made for is to show that the other end knows of WebSocket; it keeps nothing secret.
    expected = base64.b64encode(hashlib.sha1(keys[0] + _GUID, usedforsecurity=False).digest())
    if accepts != [expected]:
        return ["The server's Sec-WebSocket-Accept does not answer the client's key (RFC 6455 §4.1)."]
    return []


def _is_key(text: bytes) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == _KEY_BYTES
    except binascii.Error:
        return False


def _members(values: list[bytes]) -> list[bytes]:
    return [member for value in values for part in value.split(b",") if (member := part.strip(b" \t"))]


def _extensions(values: list[bytes]) -> dict[str, None]:
    """Their names, in order."""
    text = b", ".join(values).decode("latin-1")
    return dict.fromkeys(name for name, *_ in split_extensions(text) if name)
