"""What the engine tells a worker over the control socket, and the few words that come back. MessagePack, tagged.

The worker says that it serves, or why it can't; then it only asks which programs are behind its connections and who is
to be let pass, and tells who refuses our certificate and what a person can mend. Whatever else it has to tell is an
event, and goes through its queue.
"""

import msgspec

from proxy_core.model.refusals import Pair
from proxy_core.model.rule import RuleGroup
from proxy_core.model.script import RunningScripts
from proxy_core.model.settings import Settings
from proxy_core.model.tls_facts import Program


class UseSettings(msgspec.Struct, frozen=True, tag="settings"):
    """Use these from the next connection or exchange on."""

    settings: Settings


class BytesTaken(msgspec.Struct, frozen=True, tag="taken"):
    """So many bytes of events have left the queue: the worker's backpressure."""

    count: int


class RotateSegments(msgspec.Struct, frozen=True, tag="rotate"):
    """Begin new segments; the old ones may be deleted once nothing points at them."""


class SuspendRecording(msgspec.Struct, frozen=True, tag="suspend"):
    """The disk is full (`on`) or has room again: go on with the traffic without recording it."""

    on: bool


class StopServing(msgspec.Struct, frozen=True, tag="stop"):
    """Stop accepting, finish what is under way for `grace_s`, flush, end."""

    grace_s: float = 1.0


class ProgramsFound(msgspec.Struct, frozen=True, tag="programs"):
    """Who is behind connections that the worker has asked about."""

    found: list[tuple[int, Program | None]]  # key of the connection; None: nobody knows


class RefusalsCounted(msgspec.Struct, frozen=True, tag="refusals"):
    """So often has each client refused our certificate in a row, over all workers; 0: it has taken it."""

    rows: list[tuple[Pair, int]]


class ApplyRules(msgspec.Struct, frozen=True, tag="rules"):
    """These rules are in force, and no others, for every exchange that begins from now on."""

    version: int  # goes up with every change
    groups: tuple[RuleGroup, ...] = ()
    scripts: RunningScripts = RunningScripts()


class TurnGiven(msgspec.Struct, frozen=True, tag="turn"):
    """Whether a rule that acts so many times acts once more."""

    number: int  # of the question
    is_given: bool


WorkerCommand = (
    UseSettings
    | BytesTaken
    | RotateSegments
    | SuspendRecording
    | StopServing
    | ProgramsFound
    | RefusalsCounted
    | ApplyRules
    | TurnGiven
)


class WorkerReady(msgspec.Struct, frozen=True, tag="ready"):
    """The worker serves."""


class WorkerFailed(msgspec.Struct, frozen=True, tag="failed"):
    """The worker can't serve, and ends."""

    reason: str


class LocalConnection(msgspec.Struct, frozen=True, array_like=True):
    """A connection from this computer."""

    key: int
    client_port: int
    our_port: int
    client_host: str = "127.0.0.1"
    our_host: str = "127.0.0.1"


class AskPrograms(msgspec.Struct, frozen=True, tag="ask"):
    """Which programs are these clients?"""

    connections: list[LocalConnection]


class RefusalSeen(msgspec.Struct, frozen=True, tag="refusal"):
    """A client has refused our certificate once more, or has taken it after all."""

    pair: Pair
    has_refused: bool


class ClientRefuses(msgspec.Struct, frozen=True, tag="refuses"):
    """A client has refused our certificate for this host again and again, and is not let pass."""

    host: str


class WorkerRemarks(msgspec.Struct, frozen=True, tag="remarks"):
    """The worker goes on, but not as it should, and the person can mend it."""

    text: str  # one sentence


class RulesApplied(msgspec.Struct, frozen=True, tag="applied"):
    """The worker has put these rules in force."""

    version: int


class TakeTurn(msgspec.Struct, frozen=True, tag="turn"):
    """A rule that acts `times` times has matched: does it act? Over all workers, so the engine counts."""

    number: int  # of the question, for its answer
    rule: str  # its id
    times: int


WorkerWord = (
    WorkerReady | WorkerFailed | AskPrograms | RefusalSeen | ClientRefuses | WorkerRemarks | RulesApplied | TakeTurn
)

_encoder = msgspec.msgpack.Encoder()
_command_decoder: msgspec.msgpack.Decoder[WorkerCommand] = msgspec.msgpack.Decoder(WorkerCommand)
_word_decoder: msgspec.msgpack.Decoder[WorkerWord] = msgspec.msgpack.Decoder(WorkerWord)


def encode_worker_command(command: WorkerCommand) -> bytes:
    """Encode for a frame of the control socket."""
    return _encoder.encode(command)


def decode_worker_command(data: bytes) -> WorkerCommand:
    """Raises msgspec.ValidationError on anything else than a worker's command."""
    return _command_decoder.decode(data)


def encode_word(word: WorkerWord) -> bytes:
    """Encode for a frame of the control socket."""
    return _encoder.encode(word)


def decode_word(data: bytes) -> WorkerWord:
    """Raises msgspec.ValidationError on anything else than a worker's word."""
    return _word_decoder.decode(data)
