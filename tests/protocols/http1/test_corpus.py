"""Every odd message of the corpus is read as the table says, whichever way it is cut."""

import pytest

from proxy_core.protocols.http1.head import Http1RequestHead
from tests.protocols.http1.corpus import REQUESTS, RESPONSES, Case
from tests.support.http1_readings import Reading, read_requests, read_response


def said(reading: Reading) -> list[tuple[bytes | int, int, bytes]]:
    return [
        (
            message.head.target if isinstance(message.head, Http1RequestHead) else message.head.status,
            message.head.body_length,
            message.data,
        )
        for message in reading.messages
    ]


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case.name)
def test_requests(case: Case):
    reading = read_requests(case.data, eof=case.eof)
    assert said(reading) == case.messages
    assert (reading.failure.status if reading.failure else None) == case.refusal
    if case.refusal is None:
        assert all(message.end is not None for message in reading.messages)


@pytest.mark.parametrize("case", RESPONSES, ids=lambda case: case.name)
def test_responses(case: Case):
    reading = read_response(case.data, method=case.method, eof=case.eof)
    assert said(reading) == case.messages
    assert (reading.failure.kind.value if reading.failure else None) == case.refusal
    if case.refusal is None and reading.messages[-1].head.status >= 200:
        assert reading.messages[-1].end is not None
