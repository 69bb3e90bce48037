"""How a call of gRPC ended, from the trailers or the head of its response."""

import pytest

from proxy_core.formats.grpc_status import NAMES, grpc_status
from proxy_core.model.exchange import ExchangeDetail
from proxy_core.model.message_record import MessageRecord

HEAD = b"HTTP/2 200\r\ncontent-type: application/grpc\r\n"


def detail(head: bytes = b"", trailers: bytes | None = None) -> ExchangeDetail:
    response = MessageRecord(head=HEAD + head + b"\r\n", version="HTTP/2", trailers=trailers)
    request = MessageRecord(head=b"POST /x HTTP/2\r\n\r\n", version="HTTP/2", trailers=None)
    return ExchangeDetail(1, request, response, None, b"", "", "", 0, 0, None)


@pytest.mark.parametrize("code", range(17))
def test_each_code_has_its_name(code):
    found = grpc_status("application/grpc", detail(trailers=b"grpc-status: %d\r\n" % code))
    assert found is not None
    assert (found.code, found.is_error, found.text) == (code, code > 0, f"{NAMES[code]} ({code})")


def test_it_stands_in_the_head_of_a_response_without_anything_else():
    found = grpc_status("application/grpc+proto", detail(b"Grpc-Status: 5\r\nGrpc-Message: no %C3%BC%0Aber\r\n"))
    assert found is not None
    assert found.text.startswith("NOT_FOUND (5): no ü")
    assert "\n" not in found.text


def test_the_trailers_have_the_last_word():
    found = grpc_status("application/grpc", detail(b"grpc-status: 0\r\n", b"grpc-status: 99\r\ngrpc-message: a%zz\xff"))
    assert found is not None
    assert found.text == "unknown code (99): a%zz\ufffd"


@pytest.mark.parametrize("said", [b"", b"grpc-status: \r\n", b"grpc-status: -1\r\n", b"grpc-status: 123456789\r\n"])
def test_what_tells_no_status_has_none(said):
    assert grpc_status("application/grpc", detail(trailers=said)) is None


def test_what_is_no_grpc_has_none():
    assert grpc_status("application/json", detail(trailers=b"grpc-status: 5\r\n")) is None
