"""HTTP/2's fields for a request that came in HTTP/1."""

import pytest

from proxy_core.model.ways_in import Origin
from proxy_core.protocols.http1.head import Http1RequestHead
from proxy_core.protocols.http1.reader import RequestReader
from proxy_core.protocols.http2.translation import request_fields


def read(raw: bytes, served: Origin | None = None) -> Http1RequestHead:
    reader = RequestReader("https", served=served)
    reader.receive(raw)
    head = reader.next_part()
    assert isinstance(head, Http1RequestHead)
    return head


SHOP = Origin("https", "shop.test", 443, "")


@pytest.mark.parametrize(
    ("raw", "served"),
    [
        # RFC 9112 §3.2.2: a target in absolute form has the last word.
        (b"GET https://shop.test/x HTTP/1.1\r\nHost: other.test\r\n\r\n", None),
        (b"GET /x HTTP/1.1\r\nHost: harrier.local:8080\r\n\r\n", SHOP),
        (b"GET /x HTTP/1.1\r\nHost: shop.test\r\n\r\n", None),
    ],
)
def test_the_authority_is_whom_the_request_is_for(raw, served):
    assert request_fields(read(raw, served))[:4] == (
        (b":method", b"GET", False),
        (b":scheme", b"https", False),
        (b":authority", b"shop.test", False),
        (b":path", b"/x", False),
    )
