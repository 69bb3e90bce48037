"""The form of a field block, checked before a library decodes it (RFC 7541 §5, §6).

No library for HPACK refuses all that it must. The Rust decoder panics, and writes so to standard error, when a block
stops in the middle of a field, and it takes table updates behind fields; the Python one builds integers of any
length. What `check_form` lets through has whole fields, integers below 2^28, and table updates at its beginning only.
Whether indexes are in the table is left to the decoder, which has the table.
"""

from functools import lru_cache

from proxy_core.protocols.http1.fields import MalformedError

# RFC 7541 §4.2: after a change of the limit there are at the most two, the smallest size and the final one.
_MOST_UPDATES = 2
# Bytes; longer blocks are looked at without the cache, so that nobody can make it hold megabytes.
_LONGEST_CACHED = 512
_LARGEST_SHIFT = 21  # four bytes behind the prefix


def check_form(block: bytes) -> int:
    """The number of fields in a block. Raises MalformedError."""
    return _cached_form(block) if len(block) <= _LONGEST_CACHED else _read_form(block)


def _read_form(block: bytes) -> int:
    fields = 0
    updates = 0
    position = 0
    end = len(block)
    while position < end:
        first = block[position]
        if first >= 0x80:  # §6.1: an indexed field
            position = position + 1 if first != 0xFF else _behind_integer(block, position + 1)
            fields += 1
            continue
        if first & 0xE0 == 0x20:  # §6.3: a table update
            if fields or updates == _MOST_UPDATES:
                raise MalformedError("A table size is changed where it may not be.")
            updates += 1
            position = position + 1 if first != 0x3F else _behind_integer(block, position + 1)
            continue
        prefix = 0x3F if first >= 0x40 else 0x0F  # §6.2: a literal, its name by index or as a string
        index = first & prefix
        if index == prefix:
            position = _behind_integer(block, position + 1)
        elif index:
            position += 1
        else:
            position = _behind_string(block, position + 1)
        position = _behind_string(block, position)
        fields += 1
    if position > end:
        raise MalformedError("The field block ends in the middle of a field.")
    return fields


# What a page fetches and what a program asks again has the same block once the dynamic table holds its fields.
_cached_form = lru_cache(maxsize=512)(_read_form)


def _behind_integer(block: bytes, position: int) -> int:
    """Where an integer ends whose prefix was all ones (§5.1); `position` is behind that."""
    return _read_integer(block, position)[1]


def _read_integer(block: bytes, position: int) -> tuple[int, int]:
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
    raise MalformedError("The field block ends in the middle of a field.")


def _behind_string(block: bytes, position: int) -> int:
    """Where a string ends (§5.2), which may be behind the block's end."""
    if position >= len(block):
        raise MalformedError("The field block ends in the middle of a field.")
    length = block[position] & 0x7F
    position += 1
    if length == 0x7F:
        more, position = _read_integer(block, position)
        length += more
    return position + length
