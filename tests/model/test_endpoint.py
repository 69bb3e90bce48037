"""Hosts and ports as text."""

import pytest

from proxy_core.model.endpoint import authority_text, bracketed, endpoint_text


@pytest.mark.parametrize(
    ("scheme", "host", "port", "authority", "endpoint"),
    [
        ("https", "shop.test", 443, "shop.test", "shop.test:443"),
        ("https", "shop.test", 80, "shop.test:80", "shop.test:80"),
        ("http", "::1", 80, "[::1]", "[::1]:80"),
        ("", "::1", 8443, "[::1]:8443", "[::1]:8443"),
    ],
)
def test_brackets_and_ports(scheme, host, port, authority, endpoint):
    assert authority_text(scheme, host, port) == authority
    assert endpoint_text(host, port) == endpoint
    assert endpoint.startswith(bracketed(host))
