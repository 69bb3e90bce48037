"""No bytes bring more out of a parser than the error that it promises; `build_scripts/fuzz.py` goes on for longer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.parsers import PARSERS, WORDS

INPUTS = st.tuples(
    st.binary(min_size=1, max_size=1), st.lists(st.sampled_from(WORDS) | st.binary(max_size=20), max_size=15)
).map(lambda both: both[0] + b"".join(both[1]))


@pytest.mark.parametrize("name", PARSERS)
@given(data=INPUTS)
@settings(deadline=None, max_examples=200)
def test_no_bytes_do_more_than_be_refused(name, data):
    PARSERS[name](data)


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize("data", [b"", b"\0", b"\1\0", b"\1" + b"\xff" * 300, b"\0" * 300])
def test_nothing_and_plain_bytes(name, data):
    PARSERS[name](data)
