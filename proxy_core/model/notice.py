"""Notices: the engine's news to the window. MessagePack, tagged.

A notice of rows carries the rows themselves while the window keeps up, and becomes a range of ids when it doesn't: the
engine never lets more than two unanswered ones lie in the queue (`command.RowsSeen` answers).
"""

import msgspec

RawRow = tuple[  # an ExchangeRow; NamedTuples travel as arrays
    int, int, int | None, int, int, str, str, str, int, str, int | None, str, int, int, int, str, int
]


class EngineStarted(msgspec.Struct, frozen=True, tag="started"):
    """The proxy listens, and the live capture can be opened by a reader."""

    host: str  # or `unix:/PATH`
    port: int
    wanted_port: int  # differs from `port` when that one was taken
    capture_path: str
    ca_certificate_path: str
    ca_name: str
    ca_fingerprint: str  # SHA-256, colon-separated hex
    ca_spki: str  # base64 of SHA-256 of the SubjectPublicKeyInfo, for browsers
    workers: int
    also_listens: tuple[str, ...] = ()  # `ListenPoint.text` of the other places
    has_users: bool = False  # only those who log in may come in
    reverse: str = ""  # the origin that the first place stands for, "" for none


class EngineFailed(msgspec.Struct, frozen=True, tag="failed"):
    """The engine can't start or go on; it ends after this."""

    text: str  # one sentence


class RowsChanged(msgspec.Struct, frozen=True, tag="rows"):
    """These exchanges are new or have changed, and the index holds them."""

    number: int  # of this notice, for `RowsSeen`
    rows: list[RawRow]  # in ascending id; empty when only the range is told
    first_new_id: int  # range of new ids since the last notice, both 0 when none
    last_new_id: int
    changed_from_id: int  # some rows in this range changed, both 0 when none
    changed_to_id: int
    total: int  # exchanges in the capture
    failed: int  # how many of them failed
    capture_bytes: int  # bodies and heads recorded so far, about
    unread: str = ""  # a sentence about records that could not be read, "" for none
    has_programs: bool = False  # who is behind some connections is known by now: exchanges that have ended, too


class CaptureCleared(msgspec.Struct, frozen=True, tag="cleared"):
    """The exchanges up to this one are left out, but those that are under way; they can be brought back for a while."""

    upto_id: int
    kept: list[int]  # under way
    total: int  # how many are left out


class ClearUndone(msgspec.Struct, frozen=True, tag="undone"):
    """What was cleared last is back."""


class ClearedForgotten(msgspec.Struct, frozen=True, tag="forgotten"):
    """What was cleared up to this exchange is deleted."""

    upto_id: int


class RecordingChanged(msgspec.Struct, frozen=True, tag="recording"):
    """`problem` says why recording is suspended against the person's will (disk full), else it is empty."""

    on: bool
    problem: str
    not_recorded: int  # exchanges that passed unrecorded because of problems so far
    has_ended: bool = False  # the problem does not pass: only another engine records again


class WorkerChanged(msgspec.Struct, frozen=True, tag="worker"):
    """A worker died and was replaced, or is not restarted any more."""

    text: str
    alive: int


class Remark(msgspec.Struct, frozen=True, tag="remark"):
    """Something goes on without the engine's doing, and the person should know: a PAC file that gives no answer."""

    text: str


class CertificateRefused(msgspec.Struct, frozen=True, tag="refused"):
    """A client refuses our certificate for this host again and again: the person is to say what becomes of it."""

    host: str


class RuleFileState(msgspec.Struct, frozen=True):
    """How a file of rules is; with a problem, the last good rules of it are in force."""

    path: str
    name: str  # of its group
    problem: str = ""  # one sentence, "" for none
    line: int = 0  # where; 0: nowhere in it
    column: int = 0


class RulesChanged(msgspec.Struct, frozen=True, tag="rules"):
    """Files of rules have been read, or are in force in every worker now."""

    files: tuple[RuleFileState, ...]
    version: int  # of the rules that these files make
    applied: int  # the latest version that every worker acts by


class EngineStopped(msgspec.Struct, frozen=True, tag="stopped"):
    """The capture is closed; nothing comes after this."""


Notice = (
    EngineStarted
    | EngineFailed
    | RowsChanged
    | CaptureCleared
    | ClearUndone
    | ClearedForgotten
    | RecordingChanged
    | WorkerChanged
    | Remark
    | CertificateRefused
    | RulesChanged
    | EngineStopped
)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Notice] = msgspec.msgpack.Decoder(Notice)


def encode_notice(notice: Notice) -> bytes:
    """Encode for the queue to the window."""
    return _encoder.encode(notice)


def decode_notice(data: bytes) -> Notice:
    """Raises msgspec.ValidationError on anything else than a notice."""
    return _decoder.decode(data)
