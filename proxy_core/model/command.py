"""Commands: the window's orders to the engine. MessagePack, tagged. The engine's to its workers: `worker_command`."""

import msgspec

from proxy_core.model.settings import Settings


class ApplySettings(msgspec.Struct, frozen=True, tag="settings"):
    """Use these from the next connection or exchange on; address and number of workers with the next engine."""

    settings: Settings


class SetRecording(msgspec.Struct, frozen=True, tag="recording"):
    """Record, or let traffic pass unrecorded."""

    on: bool


class ClearCapture(msgspec.Struct, frozen=True, tag="clear"):
    """Leave every finished exchange out; what was cleared before is forgotten."""


class UndoClear(msgspec.Struct, frozen=True, tag="undo_clear"):
    """Bring back what was cleared last."""


class ForgetCleared(msgspec.Struct, frozen=True, tag="forget_cleared"):
    """Nobody wants back any more what was cleared: delete it."""


class RowsSeen(msgspec.Struct, frozen=True, tag="seen"):
    """The window has taken the notice with this number: there is room for another."""

    number: int


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Stop the workers, finish the capture, end."""


Command = ApplySettings | SetRecording | ClearCapture | UndoClear | ForgetCleared | RowsSeen | Stop

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)


def encode_command(command: Command) -> bytes:
    """Encode for the queue to the engine."""
    return _encoder.encode(command)


def decode_command(data: bytes) -> Command:
    """Raises msgspec.ValidationError on anything else than a command."""
    return _decoder.decode(data)
