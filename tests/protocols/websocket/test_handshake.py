"""What is said of handshakes that are not as RFC 6455 §4 wants them."""

import pytest

from proxy_core.model.message_head import parse_head
from proxy_core.protocols.websocket.handshake import handshake_faults

# The pair of RFC 6455 §1.3.
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
PROTOCOL, EXTENSIONS = "Sec-WebSocket-Protocol: ", "Sec-WebSocket-Extensions: "
DEFLATE = EXTENSIONS + "permessage-deflate"


def faults(asked, answered):
    heads = ("\r\n".join([start, *lines, "", ""]).encode() for start, lines in (("GET", asked), ("HTTP", answered)))
    return handshake_faults(*(parse_head(each) for each in heads))


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ([KEY], [ACCEPT]),
        ([KEY, PROTOCOL + "chat, superchat"], [ACCEPT, PROTOCOL + "superchat"]),
        ([KEY, PROTOCOL + "chat", PROTOCOL + "superchat"], [ACCEPT, PROTOCOL + "superchat"]),
        ([KEY, PROTOCOL + "chat"], [ACCEPT]),
        ([KEY, DEFLATE + "; client_max_window_bits, x-one"], [ACCEPT, DEFLATE + ";server_no_context_takeover"]),
        ([KEY, EXTENSIONS + 'x; a="b, c"'], [ACCEPT, EXTENSIONS + 'x; a="b, c"']),
        ([":method: CONNECT"], []),
        ([":method: CONNECT", PROTOCOL + "chat"], [PROTOCOL + "chat"]),
    ],
)
def test_one_that_is(asked, answered):
    assert faults(asked, answered) == []


@pytest.mark.parametrize(
    ("asked", "answered", "words"),
    [
        ([], [ACCEPT], "Sec-WebSocket-Key is not one"),
        ([KEY, KEY], [ACCEPT], "Sec-WebSocket-Key is not one"),
        (["Sec-WebSocket-Key: c2hvcnQ="], [ACCEPT], "Sec-WebSocket-Key is not one"),
        (["Sec-WebSocket-Key: \u00e9"], [ACCEPT], "Sec-WebSocket-Key is not one"),
        ([KEY], [], "does not answer the client's key"),
        ([KEY], [ACCEPT, ACCEPT], "does not answer the client's key"),
        ([KEY], [ACCEPT.replace("s3p", "S3p")], "does not answer the client's key"),
        ([KEY], [ACCEPT, PROTOCOL + "chat"], "subprotocol «chat», which the client had not offered"),
        ([KEY, PROTOCOL + "Chat"], [ACCEPT, PROTOCOL + "chat"], "subprotocol «chat»"),
        ([KEY, PROTOCOL + "a, b"], [ACCEPT, PROTOCOL + "a", PROTOCOL + "b"], "more than one"),
        ([KEY], [ACCEPT, DEFLATE], "extension «permessage-deflate», which the client had not offered"),
        ([KEY, DEFLATE], [ACCEPT, DEFLATE + "; x, other\x1b"], "extension «other\\x1b»"),
        ([":method: CONNECT"], [PROTOCOL + "chat"], "subprotocol «chat»"),
    ],
)
def test_one_that_is_not(asked, answered, words):
    (fault,) = faults(asked, answered)
    assert words in fault
    assert fault.endswith(".")


def test_thousands_of_faults_are_few_sentences():
    names = ", ".join(f"x{number}" for number in range(30_000))
    found = faults([KEY, PROTOCOL + names], [ACCEPT, *[PROTOCOL + "y"] * 1000, EXTENSIONS + names])
    assert len(found) == 3
    assert len("".join(found)) < 1000
