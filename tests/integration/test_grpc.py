"""gRPC's four kinds of call with Google's own client and server (grpcio), intercepted; messages are plain bytes."""

import queue
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from proxy_core.formats.grpc_status import grpc_status
from tests.integration.recording import Recording
from tests.support.test_ca import ExampleCa

CALL_WITHIN_S = 30.0


def unary(message: bytes, context: grpc.ServicerContext) -> bytes:
    context.set_trailing_metadata((("count", "1"),))
    return b"got " + message


def sum_up(messages: Iterator[bytes], _: grpc.ServicerContext) -> bytes:
    return b" ".join(messages)


def count_down(message: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
    for number in range(int(message), 0, -1):
        yield b"%d" % number
    context.set_code(grpc.StatusCode.RESOURCE_EXHAUSTED)
    context.set_details("no numbers left")


def converse(messages: Iterator[bytes], _: grpc.ServicerContext) -> Iterator[bytes]:
    for message in messages:
        yield b"you said " + message


METHODS = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "SumUp": grpc.stream_unary_rpc_method_handler(sum_up),
    "CountDown": grpc.unary_stream_rpc_method_handler(count_down),
    "Converse": grpc.stream_stream_rpc_method_handler(converse),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[tuple[int, str]]:
    """Its port and the path of its CA."""
    folder = tmp_path_factory.mktemp("grpc")
    ca = ExampleCa()
    pem = Path(ca.leaf("localhost").write(str(folder))).read_bytes()
    running = grpc.server(ThreadPoolExecutor(4))
    running.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Till", METHODS),))
    port = running.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(pem, pem)]))
    running.start()
    yield port, ca.write(str(folder))
    running.stop(None).wait()


@pytest.fixture(scope="module")
def recording(tmp_path_factory, server) -> Iterator[Recording]:
    with Recording(tmp_path_factory.mktemp("recorded"), ["--upstream-ca", server[1]]) as running:
        yield running
        assert running.stop() == 0


@pytest.fixture
def channel(recording, server) -> Iterator[grpc.Channel]:
    trust = grpc.ssl_channel_credentials(Path(recording.ca).read_bytes())
    with grpc.secure_channel(f"localhost:{server[0]}", trust, [("grpc.http_proxy", recording.proxy)]) as opened:
        yield opened


def test_unary(channel, recording):
    message, call = channel.unary_unary("/shop.Till/Unary").with_call(b"x" * 100_000, timeout=CALL_WITHIN_S)
    assert message == b"got " + b"x" * 100_000
    assert ("count", "1") in [tuple(each) for each in call.trailing_metadata()]
    seen = recording.by_path("/shop.Till/Unary")
    assert (seen.detail.request.version, seen.row.status) == ("HTTP/2", 200)
    assert (len(seen.request_body), seen.response_body[5:9]) == (100_005, b"got ")  # five bytes before each message
    assert b"grpc-status: 0" in seen.detail.response.trailers


def test_client_streaming(channel, recording):
    words = (b"%d" % number for number in range(200))
    got = channel.stream_unary("/shop.Till/SumUp")(words, timeout=CALL_WITHIN_S)
    assert got.split() == [b"%d" % number for number in range(200)]
    assert recording.by_path("/shop.Till/SumUp").row.status == 200


def test_server_streaming_that_ends_with_an_error(channel, recording):
    got: list[bytes] = []
    with pytest.raises(grpc.RpcError) as caught:
        got.extend(channel.unary_stream("/shop.Till/CountDown")(b"50", timeout=CALL_WITHIN_S))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert caught.value.details() == "no numbers left"
    seen = recording.by_path("/shop.Till/CountDown")
    assert b"grpc-status: 8" in seen.detail.response.trailers
    ended = grpc_status(seen.row.media_type, seen.detail)
    assert ended is not None
    assert ended.text == "RESOURCE_EXHAUSTED (8): no numbers left"


def test_streaming_both_ways_in_turns(channel, recording):
    """Each word is said when the answer to the one before has come: nothing may be held back."""
    answered: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def words() -> Iterator[bytes]:
        for number in range(20):
            if number:
                assert answered.get(timeout=CALL_WITHIN_S) == b"you said %d" % (number - 1)
            yield b"%d" % number

    for answer in channel.stream_stream("/shop.Till/Converse")(words(), timeout=CALL_WITHIN_S):
        answered.put(answer)
    assert answered.get_nowait() == b"you said 19"
    assert recording.by_path("/shop.Till/Converse").row.status == 200


def test_a_call_that_is_cancelled_is_over(channel, recording):
    call = channel.stream_stream("/shop.Till/Converse")(iter(lambda: b"again", b""), timeout=CALL_WITHIN_S)
    assert next(call) == b"you said again"
    call.cancel()
    assert call.code() is grpc.StatusCode.CANCELLED
