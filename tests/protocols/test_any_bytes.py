"""No bytes bring more out of a parser than the error that it promises; `build_scripts/fuzz.py` goes on for longer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.parsers import PARSERS

WORDS = st.sampled_from(
    [
        *(b"GET http://a.test/ HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n", b"Host: a.test\r\n", b"\r\n", b"\r", b"\n"),
        *(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n", b":", b";"),
        *(b"\x05\x01\x00", b"\x05\x01\x00\x03\x06a.test\x00\x50", b"\x04\x01\x00\x50\x00\x00\x00\x01me\x00a.test\x00"),
        *(b"\x05\x00", b"\x05\x02\x01\x00", b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50", b"\x00\x5a\x00\x00"),
        *(b"\x16\x03\x01\x00\x20\x01\x00\x00\x1c\x03\x03", b"\x81\x05hello", b"\x88\x02\x03\xe8", b"data: x\n\n"),
        *(b"\x00\x00\x04\x08\x00\x00\x00\x00\x01", b"\x00\x00\x00\x01\x05\x00\x00\x00\x01", b"\x82\x86\x84\x41"),
        *(b"\x00\x01\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x01a\x04test\x00\x00\x01\x00\x01", b"\xc0\x0c"),
    ]
)
INPUTS = st.tuples(st.binary(min_size=1, max_size=1), st.lists(WORDS | st.binary(max_size=20), max_size=15)).map(
    lambda both: both[0] + b"".join(both[1])
)


@pytest.mark.parametrize("name", PARSERS)
@given(data=INPUTS)
@settings(deadline=None, max_examples=200)
def test_no_bytes_do_more_than_be_refused(name, data):
    PARSERS[name](data)


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize("data", [b"", b"\0", b"\1\0", b"\1" + b"\xff" * 300, b"\0" * 300])
def test_nothing_and_plain_bytes(name, data):
    PARSERS[name](data)
