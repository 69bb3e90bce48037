"""What goes over a worker's control socket: frames, commands in, one word out."""

import msgspec
import pytest

from proxy_core.frame import Frames, frame
from proxy_core.model.command import ClearCapture, RowsSeen, SetRecording, encode_command
from proxy_core.model.settings import Settings
from proxy_core.model.worker_command import (
    BytesTaken,
    RotateSegments,
    StopServing,
    SuspendRecording,
    UseSettings,
    WorkerFailed,
    WorkerReady,
    WorkerRemarks,
    decode_word,
    decode_worker_command,
    encode_word,
    encode_worker_command,
)

MESSAGES = [b"one", b"", b"x" * 70_000, b"last"]


@pytest.mark.parametrize("step", [1, 3, 4096, 1 << 20])
def test_messages_come_out_as_they_went_in_however_the_stream_is_cut(step):
    stream = b"".join(map(frame, MESSAGES))
    frames, got = Frames(), []
    for start in range(0, len(stream), step):
        got += frames.feed(stream[start : start + step])
    assert got == MESSAGES


def test_half_a_message_is_kept_for_later():
    frames = Frames()
    whole = frame(b"message")
    assert list(frames.feed(whole + whole[:6])) == [b"message"]
    assert list(frames.feed(whole[6:])) == [b"message"]


COMMANDS = [
    UseSettings(Settings(listen_port=1, not_intercepted=("*.bank.example",))),
    BytesTaken(1 << 40),
    RotateSegments(),
    SuspendRecording(on=True),
    StopServing(0.5),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_worker_reads_its_commands(command):
    assert decode_worker_command(encode_worker_command(command)) == command


@pytest.mark.parametrize(
    "word", [WorkerReady(), WorkerFailed("The CA's key can't be read (ключ)."), WorkerRemarks("So.")]
)
def test_the_engine_reads_a_workers_word(word):
    assert decode_word(encode_word(word)) == word


@pytest.mark.parametrize("command", [SetRecording(on=True), ClearCapture(), RowsSeen(1)])
def test_the_windows_commands_are_none_of_a_worker(command):
    with pytest.raises(msgspec.ValidationError):
        decode_worker_command(encode_command(command))
