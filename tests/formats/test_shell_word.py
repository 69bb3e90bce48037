"""Any bytes become words of a command line that real shells take for exactly these bytes, and for nothing else."""

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy_core.formats.shell_word import printf_command, shell_word
from tests.support.shells import SHELLS, ShellTrap

EVERY_BYTE = bytes(range(256))
HOSTILE = [
    b"",
    b"-",
    b"-rf",
    b"=ls",
    b"~",
    b"!!",
    b"#",
    b"\\",
    b"'",
    b"''",
    b"';touch x;'",
    b"$(touch x)",
    b"`touch x`",
    b"${IFS}",
    b"%s%n%b",
    b"\\c\\0101",
    b"a\nb",
    b"\n\n'$(touch x)",
    b"\x1b[201~touch x\r",
    b"\x03\x04\x15\x16\x7f",
    b"\xff\xfe'\x80",
    "ä—\u202e\u2028'\u200bé".encode(),
    b"*?[a-z]{1,2}",
    b"a b\tc",
]
WORDS = st.one_of(
    st.sampled_from(HOSTILE), st.binary(max_size=40), st.text(max_size=20).map(lambda text: text.encode())
)


def can_be_a_word(data: bytes) -> bool:
    return b"\0" not in data and not data.endswith(b"\n")


def assert_no_quotes_over_a_line_end(command: str) -> None:
    """Older shells expand «!» in the later lines of a quoted text."""
    assert command.isascii() or command.replace("\n", "").isprintable()
    for line in command.split("\n"):
        shlex.split(line.removesuffix("\\"))  # raises where a quote is open


@pytest.fixture(scope="module")
def trap(tmp_path_factory):
    return ShellTrap(tmp_path_factory.mktemp("trap"))


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=150, deadline=None)
@given(words=st.lists(WORDS.filter(can_be_a_word), min_size=1, max_size=12))
def test_a_shell_reads_the_words_as_they_were(trap, shell, words):
    command = " ".join(["curl", *map(shell_word, words)])
    assert_no_quotes_over_a_line_end(command)
    calls, _ = trap.run(shell, command)
    assert calls == [words]


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=150, deadline=None)
@given(data=st.one_of(WORDS, st.binary(max_size=2000)))
def test_printf_writes_any_bytes(trap, shell, data):
    command = printf_command(data) + " | curl"
    assert_no_quotes_over_a_line_end(command)
    calls, told = trap.run(shell, command)
    assert calls == [[]]
    assert told == data


@pytest.mark.parametrize("shell", SHELLS)
def test_every_byte_and_a_long_text(trap, shell):
    data = EVERY_BYTE + b"".join(bytes([byte, digit]) for byte in EVERY_BYTE for digit in b"07aA") + b"x" * 300_000
    assert trap.run(shell, printf_command(data) + " | curl")[1] == data
    word = EVERY_BYTE[1:]
    assert trap.run(shell, f"curl {shell_word(word)}")[0] == [[word]]


def test_no_line_is_longer_than_a_terminal_takes():
    for data in (b"\0" * 3000, b"'" * 3000, "\U000e0001".encode() * 3000, b"x" * 3000):
        assert max(map(len, printf_command(data).split("\n"))) < 4095


def test_words_are_visible_text():
    assert shell_word(b"HEAD") == "HEAD"
    assert shell_word(b"") == "''"
    assert shell_word(b"it's") == "'it'\\''s'"
    assert shell_word(b"a\tb") == "'a'\"$(printf '\\011')\"'b'"
    assert shell_word("—ä".encode()) == "'—ä'"
    assert all(
        shell_word(data).isprintable() for data in [*map(bytes, zip(range(1, 256))), *HOSTILE] if can_be_a_word(data)
    )


@pytest.mark.parametrize("data", [b"\0", b"a\0b", b"\n", b"a\n"])
def test_what_no_word_can_hold_is_refused(data):
    with pytest.raises(ValueError):
        shell_word(data)
