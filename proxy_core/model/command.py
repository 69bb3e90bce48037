"""Commands: the window's orders to the engine, and the engine's orders to its workers. MessagePack, tagged."""

import msgspec

from proxy_core.model.settings import Settings


class ApplySettings(msgspec.Struct, frozen=True, tag="settings"):
    """Use these from the next connection or exchange on; address and number of workers with the next engine."""

    settings: Settings


class SetRecording(msgspec.Struct, frozen=True, tag="recording"):
    """Record, or let traffic pass unrecorded."""

    on: bool


class ClearCapture(msgspec.Struct, frozen=True, tag="clear"):
    """Leave every finished exchange out; what was cleared before is forgotten (window → engine)."""


class UndoClear(msgspec.Struct, frozen=True, tag="undo_clear"):
    """Bring back what was cleared last (window → engine)."""


class ForgetCleared(msgspec.Struct, frozen=True, tag="forget_cleared"):
    """Nobody wants back any more what was cleared: delete it (window → engine)."""


class RowsSeen(msgspec.Struct, frozen=True, tag="seen"):
    """The window has taken the notice with this number: there is room for another (window → engine)."""

    number: int


class BytesTaken(msgspec.Struct, frozen=True, tag="taken"):
    """So many bytes of events have left the queue (engine → worker): the worker's backpressure."""

    count: int


class RotateSegments(msgspec.Struct, frozen=True, tag="rotate"):
    """Begin new segments; the old ones may be deleted once nothing points at them (engine → worker)."""


class SuspendRecording(msgspec.Struct, frozen=True, tag="suspend"):
    """The disk is full (`on`) or has room again: go on with the traffic without recording it (engine → worker)."""

    on: bool


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Stop accepting, finish what is under way for `grace_s`, flush, end."""

    grace_s: float = 1.0


Command = (
    ApplySettings
    | SetRecording
    | ClearCapture
    | UndoClear
    | ForgetCleared
    | RowsSeen
    | BytesTaken
    | RotateSegments
    | SuspendRecording
    | Stop
)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)


def encode_command(command: Command) -> bytes:
    """Encode for a queue or a control socket."""
    return _encoder.encode(command)


def decode_command(data: bytes) -> Command:
    """Raises msgspec.ValidationError on anything else than a command."""
    return _decoder.decode(data)
