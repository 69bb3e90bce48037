"""Fields to field blocks and back (RFC 7541): by the Rust code in jh2 where its wheel is there, else by `hpack`.

One decoder and one encoder belong to a connection, and see every field block of it in order: their tables would not
fit those of the peer any more. A block that breaks the rules raises `FieldBlockError`, after which the connection is
lost.
"""

from collections.abc import Iterable
from typing import Any, Protocol

from proxy_core.protocols.http1.fields import MalformedError
from proxy_core.protocols.http2.field_block import BlockForm, check_padding, read_form

try:
    from jh2._hazmat import Decoder as _RustDecoder
    from jh2._hazmat import Encoder as _RustEncoder
    from jh2._hazmat import HPACKError as _RustError
    from jh2._hazmat import OversizedHeaderListError as _RustOversizedError

    HAS_RUST = True
except ImportError:  # no wheel for this system
    HAS_RUST = False

# Name, value, and whether no hop may index it (RFC 7541 §7.1.3).
Field = tuple[bytes, bytes, bool]
Fields = tuple[Field, ...]

TABLE_BYTES = 4096  # RFC 7541 §6.5.2 of HTTP/2: everybody's first size, and the largest that we use on either side
# Of one block, as RFC 7541 §4.1 counts. Sixteen times what a head may have: above the limit a head is refused and its
# connection lives; only what nobody sends by mistake ends it.
_BOMB_FACTOR = 16
_NEVER_INDEXED = b"\x10"  # §6.2.3: a literal, its name a string
_LENGTH_PREFIX = 0x7F


class FieldBlockError(Exception):
    """A field block can't be decoded, and so no later one."""

    def __init__(self, text: str, *, is_bomb: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.is_bomb = is_bomb  # well formed, but made to cost us


class _Decoder(Protocol):
    def decode(self, block: bytes, form: BlockForm) -> Fields:
        """Decode a block of this form. Raises FieldBlockError."""


class _Encoder(Protocol):
    def encode(self, fields: Fields) -> bytes: ...
    def set_table_size(self, size: int) -> None: ...


class FieldDecoder:
    """The receiving end's table; a block holds at the most `limit_fields` fields, by a wide margin `limit_bytes`."""

    def __init__(self, limit_bytes: int, limit_fields: int) -> None:
        most_bytes = limit_bytes * _BOMB_FACTOR
        self._most_fields = limit_fields * _BOMB_FACTOR
        self._decoder: _Decoder = _RustFieldDecoder(most_bytes) if HAS_RUST else _PythonFieldDecoder(most_bytes)

    def decode(self, block: bytes) -> Fields:
        """The fields of a whole block in order. Raises FieldBlockError."""
        try:
            form = read_form(block)
            if form.fields > self._most_fields:
                raise FieldBlockError("A field block holds thousands of fields.", is_bomb=True)
            return self._decoder.decode(block, form)
        except MalformedError as error:
            raise FieldBlockError(error.text) from None


class FieldEncoder:
    """The sending end's table."""

    def __init__(self) -> None:
        self._encoder: _Encoder = _RustFieldEncoder() if HAS_RUST else _PythonFieldEncoder()
        self._table_bytes = TABLE_BYTES

    def encode(self, fields: Fields) -> bytes:
        """A block with these fields; what no hop may index keeps its mark."""
        for field in fields:
            if field[2]:
                return self._encode_with_marks(fields)
        return self._encoder.encode(fields)

    def _encode_with_marks(self, fields: Fields) -> bytes:
        # Either library sends what a table holds by its index, marked or not, though a mark must be passed on
        # (RFC 7541 §6.2.3). So marked fields are written here; they touch no table.
        pieces = [self._encoder.encode(())]  # §4.2: a change of the table comes before all fields
        plain: list[Field] = []
        for field in fields:
            if not field[2]:
                plain.append(field)
                continue
            if plain:
                pieces.append(self._encoder.encode(tuple(plain)))
                plain = []
            pieces += (_NEVER_INDEXED, _string(field[0]), _string(field[1]))
        if plain:
            pieces.append(self._encoder.encode(tuple(plain)))
        return b"".join(pieces)

    def limit_table(self, limit: int) -> None:
        """The peer holds no larger table than that; the next block says what is used of it (RFC 7541 §4.2)."""
        size = min(limit, TABLE_BYTES)
        if size != self._table_bytes:
            self._table_bytes = size
            self._encoder.set_table_size(size)


def _string(text: bytes) -> bytes:
    """Without Huffman's code (RFC 7541 §5.2), its length an integer of a 7-bit prefix (§5.1)."""
    length = len(text)
    if length < _LENGTH_PREFIX:
        return bytes((length,)) + text
    prefix = bytearray((_LENGTH_PREFIX,))
    length -= _LENGTH_PREFIX
    while length >= 0x80:
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    prefix.append(length)
    return bytes(prefix) + text


class _RustFieldDecoder:
    def __init__(self, most_bytes: int) -> None:
        self._decoder = _RustDecoder(most_bytes)

    def decode(self, block: bytes, form: BlockForm) -> Fields:
        try:
            fields: list[Field] = self._decoder.decode(block, True)
        except _RustError as error:
            raise FieldBlockError(f"A field block can't be decoded ({error}).") from None
        except _RustOversizedError:
            raise FieldBlockError("A field block holds megabytes of fields.", is_bomb=True) from None
        check_padding(form, fields)
        return tuple(fields)


class _RustFieldEncoder:
    def __init__(self) -> None:
        self._encoder = _RustEncoder()

    def encode(self, fields: Fields) -> bytes:
        block: bytes = self._encoder.encode(fields)
        return block

    def set_table_size(self, size: int) -> None:
        self._encoder.header_table_size = size


class _PythonFieldDecoder:
    def __init__(self, most_bytes: int) -> None:
        from hpack import Decoder

        self._decoder = Decoder(most_bytes)

    def decode(self, block: bytes, form: BlockForm) -> Fields:  # noqa: ARG002  # it sees to the padding itself
        from hpack import HPACKError, NeverIndexedHeaderTuple, OversizedHeaderListError

        try:
            # Not called tuples here: compiled code would make plain ones of them, whose class is no mark any more.
            fields: Iterable[Any] = self._decoder.decode(block, raw=True)
        except OversizedHeaderListError:
            raise FieldBlockError("A field block holds megabytes of fields.", is_bomb=True) from None
        except HPACKError as error:
            raise FieldBlockError(f"A field block can't be decoded ({error}).") from None
        return tuple((field[0], field[1], isinstance(field, NeverIndexedHeaderTuple)) for field in fields)


class _PythonFieldEncoder:
    def __init__(self) -> None:
        from hpack import Encoder

        self._encoder = Encoder()

    def encode(self, fields: Fields) -> bytes:
        return self._encoder.encode(fields)

    def set_table_size(self, size: int) -> None:
        self._encoder.header_table_size = size
