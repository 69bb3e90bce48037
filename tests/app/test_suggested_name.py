"""The name of a body's file leads nowhere else."""

import pytest

from app.suggested_name import suggested_name
from proxy_core.model.exchange import ExchangeKind, ExchangeRow, ExchangeState, ResourceType


@pytest.mark.parametrize(
    ("path", "media_type", "name"),
    [
        ("/img/a.png?x=1", "image/png", "a.png"),
        ("/api/wares", "application/json", "wares.json"),
        ("/", "text/html", "shop.test.html"),
        ("/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "text/plain", "_.._etc_passwd.txt"),
        ("/a/..", "", "shop.test"),
        ("/caf%C3%A9.txt", "text/plain", "café.txt"),
    ],
)
def test_names(path, media_type, name):
    row = ExchangeRow(
        id=1,
        started_at=0,
        duration_us=1,
        state=ExchangeState.COMPLETE,
        kind=ExchangeKind.HTTP,
        method="GET",
        scheme="http",
        host="shop.test",
        port=80,
        path=path,
        status=200,
        media_type=media_type,
        resource_type=ResourceType.OTHER,
        request_bytes=0,
        response_bytes=1,
        failure="",
        flags=0,
    )
    assert suggested_name(row, is_response=True) == name
