"""The form of a field block, checked before and after a library decodes it (RFC 7541 §5, §6).

No library for HPACK refuses all that it must. The Rust decoder panics, and writes so to standard error, when a block
stops in the middle of a field; it takes table updates behind fields and any padding of a Huffman code. The Python one
builds integers of any length. What `read_form` lets through has whole fields, integers below 2^28, and table updates at
its beginning only. Whether indexes are in the table is left to the decoder, which has the table.
"""

from functools import lru_cache

import msgspec

from proxy_core.protocols.http1.fields import MalformedError

# Bits of each byte's Huffman code (RFC 7541, appendix B).
# fmt: off
_CODE_BITS = bytes((
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28,
    28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15,
    6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22,
    20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23,
    23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22,
    22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26,
    27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27,
    26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
))
# fmt: on
# RFC 7541 §4.2: after a change of the limit there are at the most two, the smallest size and the final one.
_MOST_UPDATES = 2
# Bytes; longer blocks are looked at without the cache, so that nobody can make it hold megabytes.
_LONGEST_CACHED = 512
_LARGEST_SHIFT = 21  # four bytes behind the prefix
_NAME = 0
_VALUE = 1
_HUFFMAN = 0x80


class HuffmanString(msgspec.Struct, frozen=True, gc=False):
    """Where a string in Huffman's code stands, and how it ends."""

    field: int  # the number of its field in the block
    part: int  # 0 the name, 1 the value
    bits: int  # with the padding
    last: int  # byte


class BlockForm(msgspec.Struct, frozen=True, gc=False):
    """What was seen of a block without its table."""

    fields: int
    strings: tuple[HuffmanString, ...]


def read_form(block: bytes) -> BlockForm:
    """Check a block before it is decoded. Raises MalformedError."""
    return _cached_form(block) if len(block) <= _LONGEST_CACHED else _read_form(block)


def check_padding(form: BlockForm, fields: list[tuple[bytes, bytes, bool]]) -> None:
    """Check that what was decoded fills its Huffman codes, but for the padding (§5.2). Raises MalformedError."""
    for string in form.strings:
        field = fields[string.field]
        text = field[1] if string.part else field[0]
        padding = string.bits - sum(text.translate(_CODE_BITS))
        ones = (1 << padding) - 1 if 0 <= padding < 8 else -1
        if ones < 0 or string.last & ones != ones:
            raise MalformedError("A Huffman code is not padded as it must be.")


def _read_form(block: bytes) -> BlockForm:
    fields = 0
    updates = 0
    position = 0
    end = len(block)
    strings: list[HuffmanString] = []
    while position < end:
        first = block[position]
        if first >= 0x80:  # §6.1: an indexed field
            position = position + 1 if first != 0xFF else _read_integer(block, position + 1)[1]
            fields += 1
            continue
        if first & 0xE0 == 0x20:  # §6.3: a table update
            if fields or updates == _MOST_UPDATES:
                raise MalformedError("A table size is changed where it may not be.")
            updates += 1
            position = position + 1 if first != 0x3F else _read_integer(block, position + 1)[1]
            continue
        prefix = 0x3F if first >= 0x40 else 0x0F  # §6.2: a literal, its name by index or as a string
        index = first & prefix
        position += 1
        if index == prefix:
            position = _read_integer(block, position)[1]
        elif not index:
            position = _read_string(block, position, fields, _NAME, strings)
        position = _read_string(block, position, fields, _VALUE, strings)
        fields += 1
    return BlockForm(fields, tuple(strings))


# What a page fetches and what a program asks again has the same block once the dynamic table holds its fields.
_cached_form = lru_cache(maxsize=512)(_read_form)


def _read_integer(block: bytes, position: int) -> tuple[int, int]:
    """An integer whose prefix was all ones (§5.1), without that prefix, and where it ends."""
    value = 0
    shift = 0
    while position < len(block):
        byte = block[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > _LARGEST_SHIFT:
            raise MalformedError("An integer in the field block is too large.")
    raise _cut_short()


def _read_string(block: bytes, position: int, field: int, part: int, strings: list[HuffmanString]) -> int:
    """Where a string ends (§5.2); one in Huffman's code is noted."""
    if position >= len(block):
        raise _cut_short()
    first = block[position]
    length = first & 0x7F
    position += 1
    if length == 0x7F:
        more, position = _read_integer(block, position)
        length += more
    end = position + length
    if end > len(block):
        raise _cut_short()
    if first >= _HUFFMAN and length:
        strings.append(HuffmanString(field, part, length * 8, block[end - 1]))
    return end


def _cut_short() -> MalformedError:
    return MalformedError("The field block ends in the middle of a field.")
