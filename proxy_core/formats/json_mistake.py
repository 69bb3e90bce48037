"""Where a text that should be JSON is none, and why, in half a sentence. Nothing is made of it."""

import re
from collections.abc import Iterator

import msgspec

from proxy_core.formats.checkpoint import Checkpoint, never

_BOM = b"\xef\xbb\xbf"  # RFC 8259 §8.1: who reads may ignore it
# Half a surrogate pair is JSON all the same (RFC 8259 §8.2), but not to the decoder: it is shown another character.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_ANY_CHARACTER = rb"\\u0041"
_SAID = re.compile(r"JSON is malformed: (?P<why>.*) \(byte (?P<place>[0-9]+)\)")
_TOO_EARLY = "it ends too early"
_TRAILING = "trailing characters"
_BLANK = b" \t\r\n"
_STEPS = 8192  # lines between two checkpoints: some milliseconds
_check = msgspec.json.Decoder(msgspec.Raw).decode


def json_mistake(data: bytes, checkpoint: Checkpoint = never, *, are_lines: bool = False) -> str:
    """«line 1, column 20: invalid character»; "" for JSON, for nothing but blanks, and for what is too deep to tell.

    With `are_lines` each line is a text of its own.
    """
    data = data.removeprefix(_BOM)
    for begin, text in _lines(data, checkpoint) if are_lines else [(0, data)]:
        found = _mistake(text) if text.strip(_BLANK) else None
        if found is not None:
            place, why = found
            return f"{_position(data, begin + place)}: {why}"
    return ""


def _lines(data: bytes, checkpoint: Checkpoint) -> Iterator[tuple[int, bytes]]:
    begin = steps = 0
    while begin < len(data):
        end = data.find(b"\n", begin)
        end = len(data) if end < 0 else end
        yield begin, data[begin:end]
        begin = end + 1
        steps += 1
        if not steps % _STEPS:
            checkpoint()


def _mistake(text: bytes) -> tuple[int, str] | None:
    try:
        _check(text)
    except RecursionError:
        return None
    except msgspec.DecodeError as error:
        said = str(error)
    else:
        return None
    whole = _SURROGATE.sub(_ANY_CHARACTER, text)
    if whole != text:
        return _mistake(whole)
    found = _SAID.fullmatch(said)
    if found is None:
        return len(text), _TOO_EARLY
    # Of characters that follow the decoder names the place behind the first.
    return int(found["place"]) - (found["why"] == _TRAILING), found["why"]


def _position(data: bytes, offset: int) -> str:
    begin = data.rfind(b"\n", 0, offset) + 1
    lines = data.count(b"\n", 0, offset)
    column = len(data[begin:offset].decode("utf-8", "replace")) + 1
    return f"line {lines + 1:,}, column {column:,}"
