"""Questions for a DNS server and what it answers (RFC 1035), by dnspython: bytes in, addresses out.

An answer is taken only for the question that was asked: by its number, its name and its kind. Of all that it may hold
no more is looked at than the addresses at the end of its aliases.
"""

from typing import NamedTuple

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

A, AAAA = "A", "AAAA"
UDP_BYTES = 1232  # what no network breaks up (DNS flag day 2020)
MOST_ADDRESSES = 16  # of one name that are worth trying


class DnsQuery(NamedTuple):
    """What is sent, and what an answer must match."""

    message: dns.message.QueryMessage
    wire: bytes


class DnsAnswer(NamedTuple):
    """What there is of a name. `problem` says why the server knows nothing, "" where it does."""

    addresses: tuple[str, ...]
    is_truncated: bool  # the whole answer is to be had over TCP
    problem: str


def dns_query(host: str, kind: str, number: int) -> DnsQuery:
    """Ask for the addresses of a host, A or AAAA. Raises UnicodeError for what is no name."""
    try:
        name = dns.name.from_text(host if host.isascii() else host.encode("idna").decode("ascii"))
        message = dns.message.make_query(name, kind, use_edns=0, payload=UDP_BYTES, id=number)
    except dns.exception.DNSException as error:
        raise UnicodeError(str(error)) from None
    return DnsQuery(message, message.to_wire())


def read_dns_answer(data: bytes, query: DnsQuery) -> DnsAnswer | None:
    """Read an answer; None for what answers another question, or is no DNS."""
    try:
        answer = dns.message.from_wire(data, ignore_trailing=True, raise_on_truncation=False)
        if not query.message.is_response(answer):
            return None
        if answer.flags & dns.flags.TC:
            return DnsAnswer((), is_truncated=True, problem="")
        code = answer.rcode()
        if code == dns.rcode.NXDOMAIN:
            return DnsAnswer((), is_truncated=False, problem="no such name")
        if code != dns.rcode.NOERROR:
            return DnsAnswer((), is_truncated=False, problem=f"the DNS server said {dns.rcode.to_text(code)}")
        if not isinstance(answer, dns.message.QueryMessage):
            return None
        found = answer.resolve_chaining().answer
    except dns.exception.DNSException:
        return None
    except (ValueError, IndexError, RecursionError):  # what somebody else's parser may trip over
        return None
    addresses = tuple(str(item.to_text()) for item in list(found or ())[:MOST_ADDRESSES])
    return DnsAnswer(addresses, is_truncated=False, problem="" if addresses else "it has no address")
