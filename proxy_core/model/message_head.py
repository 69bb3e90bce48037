"""A message head (start line and fields) taken apart for display, export and search.

This is the lenient reading: it never raises and keeps every byte of names and values. Whether a head is well formed and
how its body is framed is decided elsewhere, strictly, by `protocols.http1`.
"""

from typing import NamedTuple

Field = tuple[bytes, bytes]  # name and value as on the wire, the value without surrounding blanks


class MessageHead(NamedTuple):
    """The start line without its line end, and the fields in order, duplicates kept."""

    start_line: bytes
    fields: list[Field]
    pseudo: list[Field]  # HTTP/2's pseudo-fields (RFC 9113 §8.3), their names with the colon; no fields of the message

    def value(self, name: bytes) -> bytes | None:
        """The first value of the field `name` (lower case), None when absent."""
        for field_name, value in self.fields:
            if field_name.lower() == name:
                return value
        return None

    def values(self, name: bytes) -> list[bytes]:
        """All values of the field `name` (lower case), in order."""
        return [value for field_name, value in self.fields if field_name.lower() == name]


def parse_head(raw: bytes) -> MessageHead:
    """Take a raw head apart. A line without a colon becomes a field with an empty value; folded lines are joined.

    Lines that begin with a colon, before all others, are pseudo-fields: HTTP/2 has them, the text of HTTP/1 never.
    """
    start_line, _, rest = raw.partition(b"\n")
    pseudo: list[Field] = []
    while rest[:1] == b":":  # they come before all others
        line, _, rest = rest.partition(b"\n")
        name, _, value = line[1:].partition(b":")
        pseudo.append((b":" + name.rstrip(b" \t"), value.strip(b" \t\r")))
    return MessageHead(start_line.rstrip(b"\r"), parse_fields(rest), pseudo)


def parse_fields(raw: bytes) -> list[Field]:
    """Take raw field lines (of a head or of trailers) apart; see `parse_head`."""
    fields: list[Field] = []
    folded: list[bytes] = []  # the lines that the last field goes on in
    for line in raw.split(b"\n"):
        line = line.rstrip(b"\r")
        if not line:
            continue
        if line[:1] in (b" ", b"\t") and fields:  # RFC 9112 §5.2: obs-fold
            folded.append(line.strip(b" \t"))
            continue
        if folded:
            _unfold(fields, folded)
        name, _, value = line.partition(b":")
        fields.append((name.rstrip(b" \t"), value.strip(b" \t")))
    if folded:
        _unfold(fields, folded)
    return fields


def _unfold(fields: list[Field], folded: list[bytes]) -> None:
    """Give the last field the lines that it goes on in: at once, or thousands of them would cost their square."""
    name, value = fields[-1]
    fields[-1] = (name, b" ".join(part for part in (value, *folded) if part))
    folded.clear()


def to_text(raw: bytes) -> str:
    """Bytes of a head as text for people: UTF-8 where it is, else ISO-8859-1, in which every byte is a character."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
