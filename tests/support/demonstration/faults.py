"""What goes wrong on purpose: answers that no client should take for whole. Every route ends its connection."""

from collections.abc import Callable

from tests.support.demonstration.visit import Visit

_HEAD = b"HTTP/1.1 200 OK\r\nServer: fieldnotes\r\nContent-Type: text/plain\r\n"


def reset_before_head(visit: Visit) -> None:
    """Nothing, then a reset."""
    visit.reset()


def close_before_head(visit: Visit) -> None:
    """Nothing, then an orderly end."""
    visit.leave_open = False


def reset_in_head(visit: Visit) -> None:
    """Half a head, then a reset."""
    visit.send(b"HTTP/1.1 200 OK\r\nContent-Ty")
    visit.reset()


def close_in_head(visit: Visit) -> None:
    """Half a head, then an orderly end."""
    visit.send(b"HTTP/1.1 200 OK\r\nContent-Ty")
    visit.leave_open = False


def reset_after_head(visit: Visit) -> None:
    """A head that announces 1,000 bytes, then a reset."""
    visit.send(_HEAD + b"Content-Length: 1000\r\n\r\n")
    visit.reset()


def reset_in_body(visit: Visit) -> None:
    """A tenth of what was announced, then a reset."""
    visit.send(_HEAD + b"Content-Length: 1000\r\n\r\n" + b"x" * 100)
    visit.reset()


def short_body(visit: Visit) -> None:
    """A tenth of what was announced, then an orderly end."""
    visit.send(_HEAD + b"Content-Length: 1000\r\n\r\n" + b"x" * 100)
    visit.leave_open = False


def long_body(visit: Visit) -> None:
    """More than was announced."""
    visit.send(_HEAD + b"Content-Length: 10\r\n\r\n" + b"x" * 100)
    visit.leave_open = False


def unfinished_chunks(visit: Visit) -> None:
    """Chunks without the last one."""
    visit.send(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    visit.leave_open = False


def bad_chunk(visit: Visit) -> None:
    """A chunk size that is no number."""
    visit.send(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\nhello\r\n0\r\n\r\n")
    visit.leave_open = False


def garbage(visit: Visit) -> None:
    """No HTTP at all."""
    visit.send(bytes(range(256)) * 4)
    visit.leave_open = False


def two_lengths(visit: Visit) -> None:
    """Two lengths that disagree."""
    visit.send(_HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!")
    visit.leave_open = False


def nul_in_field(visit: Visit) -> None:
    """A NUL in a field."""
    visit.send(_HEAD + b"X-Odd: a\0b\r\nContent-Length: 5\r\n\r\nhello")
    visit.leave_open = False


def wrong_coding(visit: Visit) -> None:
    """Says gzip, is none: sound framing, a body that can't be decoded."""
    visit.answer(b"This was never compressed.", "text/plain", fields=[("Content-Encoding", "gzip")])


FAULTS: dict[str, Callable[[Visit], None]] = {
    "/fail/reset-before-head": reset_before_head,
    "/fail/close-before-head": close_before_head,
    "/fail/reset-in-head": reset_in_head,
    "/fail/close-in-head": close_in_head,
    "/fail/reset-after-head": reset_after_head,
    "/fail/reset-in-body": reset_in_body,
    "/fail/short-body": short_body,
    "/fail/long-body": long_body,
    "/fail/unfinished-chunks": unfinished_chunks,
    "/fail/bad-chunk": bad_chunk,
    "/fail/garbage": garbage,
    "/fail/two-lengths": two_lengths,
    "/fail/nul": nul_in_field,
    "/fail/wrong-coding": wrong_coding,
}
