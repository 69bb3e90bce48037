"""What is asked of a DNS server, and which answers are taken."""

import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.protocols.dns_message import AAAA, MOST_ADDRESSES, A, dns_query, read_dns_answer


def answer(query, *records: str, code: int = dns.rcode.NOERROR) -> dns.message.Message:
    response = dns.message.make_response(query.message)
    response.set_rcode(code)
    for record in records:
        name, kind, *values = record.split()
        response.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *values))
    return response


@pytest.fixture
def query():
    return dns_query("shop.test", A, 7)


def test_a_question(query):
    asked = dns.message.from_wire(query.wire)
    assert asked.id == 7
    assert [(str(each.name), each.rdtype.name) for each in asked.question] == [("shop.test.", "A")]


def test_names_of_other_scripts():
    assert b"xn--bcher-kva" in dns_query("bücher.test", AAAA, 1).wire


@pytest.mark.parametrize("name", ["a" * 64 + ".test", ".".join(["abc"] * 70), "a..b"])
def test_no_names(name):
    with pytest.raises(UnicodeError):
        dns_query(name, A, 1)


def test_addresses(query):
    got = read_dns_answer(answer(query, "shop.test. A 192.0.2.1 192.0.2.2").to_wire(), query)
    assert got is not None
    assert set(got.addresses) == {"192.0.2.1", "192.0.2.2"}


def test_aliases_are_followed(query):
    got = read_dns_answer(
        answer(query, "shop.test. CNAME b.test.", "b.test. A 192.0.2.1", "evil.test. A 192.0.2.66").to_wire(), query
    )
    assert got is not None
    assert got.addresses == ("192.0.2.1",)


def test_a_circle_of_aliases_is_no_answer(query):
    got = read_dns_answer(answer(query, "shop.test. CNAME b.test.", "b.test. CNAME shop.test.").to_wire(), query)
    assert got is None


def test_more_addresses_than_anyone_tries(query):
    many = " ".join(f"192.0.2.{last}" for last in range(1, 100))
    got = read_dns_answer(answer(query, f"shop.test. A {many}").to_wire(max_size=65535), query)
    assert got is not None
    assert len(got.addresses) == MOST_ADDRESSES


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (dns.rcode.NXDOMAIN, "no such name"),
        (dns.rcode.SERVFAIL, "the DNS server said SERVFAIL"),
        (dns.rcode.REFUSED, "the DNS server said REFUSED"),
        (dns.rcode.NOERROR, "it has no address"),
    ],
)
def test_no_address(query, code, problem):
    got = read_dns_answer(answer(query, code=code).to_wire(), query)
    assert got is not None
    assert (got.addresses, got.problem) == ((), problem)


def test_another_questions_answers_are_not_taken(query):
    for other in (dns_query("shop.test", A, 8), dns_query("other.test", A, 7), dns_query("shop.test", AAAA, 7)):
        assert read_dns_answer(answer(other, "shop.test. A 192.0.2.66").to_wire(), query) is None
    assert read_dns_answer(query.wire, query) is None


def test_cut_short(query):
    response = answer(query)
    response.flags |= dns.flags.TC
    got = read_dns_answer(response.to_wire(), query)
    assert got is not None
    assert got.is_truncated


@given(st.binary(max_size=200))
def test_nonsense(data):
    query = dns_query("shop.test", A, 7)
    assert read_dns_answer(data, query) is None
    read_dns_answer(query.wire[:2] + b"\x81\x80" + query.wire[4:] + data, query)
