"""Facts of TLS as they lie in a capture, whoever wrote them."""

from proxy_core.model.tls_facts import (
    Program,
    TlsFacts,
    decode_tls_facts,
    encode_tls_facts,
    program_in,
    with_program,
)


def test_facts_that_are_nested_without_end_are_none():
    assert decode_tls_facts(b"\x81\xa1a" * 100_000 + b"\xc0") is None


PROGRAM = Program("curl", 4711, "/usr/bin/curl")


def test_a_program_is_known_of_a_connection_without_tls():
    packed = with_program(None, PROGRAM)
    assert program_in(packed) == PROGRAM
    assert decode_tls_facts(packed) is None


def test_a_program_comes_to_the_facts_of_tls():
    packed = with_program(encode_tls_facts(TlsFacts(version="TLSv1.3")), PROGRAM)
    assert decode_tls_facts(packed) == TlsFacts(version="TLSv1.3", program=PROGRAM)


def test_of_damaged_facts_no_program_is_known():
    assert program_in(b"\xc1") is None
    assert program_in(None) is None
