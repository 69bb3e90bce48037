"""Questions to PAC files, and their answers: from a worker to the engine, and on to the process that evaluates them."""

import msgspec


class PacQuestion(msgspec.Struct, frozen=True, array_like=True):
    """A worker asks the engine."""

    number: int  # the worker's own, which the answer bears
    pac_url: str
    url: str  # scheme, host and port with «/»
    host: str
    names: dict[str, str] = {}  # addresses that the file's function is told when it asks, "" for a name that has none


class PacAnswer(msgspec.Struct, frozen=True, array_like=True):
    """… and is told. Either the text that the file's function returned, or why there is none, in a clause, or what it
    has to know first.
    """

    number: int
    text: str
    problem: str
    wanted: str = ""  # a name whose address is to be among the names when the same is asked again


class FileQuestion(msgspec.Struct, frozen=True, array_like=True):
    """The engine asks a process that has the file."""

    url: str
    host: str
    names: dict[str, str]


class FileAnswer(msgspec.Struct, frozen=True, array_like=True):
    """… and is told. A process begins with two answers that nobody asked for: the file's text, where it has fetched it,
    and whether the text can be evaluated.
    """

    text: str
    problem: str = ""
    wanted: str = ""


_encoder = msgspec.msgpack.Encoder()
_question_decoder: msgspec.msgpack.Decoder[PacQuestion] = msgspec.msgpack.Decoder(PacQuestion)
_answer_decoder: msgspec.msgpack.Decoder[PacAnswer] = msgspec.msgpack.Decoder(PacAnswer)


def encode_pac(message: PacQuestion | PacAnswer) -> bytes:
    """Encode for a frame of the socket between worker and engine."""
    return _encoder.encode(message)


def decode_pac_question(data: bytes) -> PacQuestion:
    """Raises msgspec.ValidationError on anything else."""
    return _question_decoder.decode(data)


def decode_pac_answer(data: bytes) -> PacAnswer:
    """Raises msgspec.ValidationError on anything else."""
    return _answer_decoder.decode(data)
