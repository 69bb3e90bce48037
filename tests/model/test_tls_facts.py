"""Facts of TLS as they lie in a capture, whoever wrote them."""

from proxy_core.model.tls_facts import decode_tls_facts


def test_facts_that_are_nested_without_end_are_none():
    assert decode_tls_facts(b"\x81\xa1a" * 100_000 + b"\xc0") is None
