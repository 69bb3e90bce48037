"""Text from outside, fit to stand in one line: of a list, a sentence, a remark in a command."""

# Bidirectional overrides and isolates, line and paragraph separators, invisible operators: never wanted in one line.
_HIDDEN = {
    code: f"\\u{code:04x}"
    for code in (0x061C, *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
}
_HIDDEN.update({code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))})
LONGEST_CELL = 4000  # characters; the inspector has the rest


def one_line(text: str, longest: int = LONGEST_CELL) -> str:
    """Text from outside as it may be shown in one line: control and direction characters are spelled out."""
    return text[:longest].translate(_HIDDEN)
