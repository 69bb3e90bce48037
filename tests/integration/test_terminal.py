"""What strangers wrote can't act on the terminal."""

import pytest

from proxy_core.terminal import complain, say, spelled_out


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Grüße, 日本 ☃ «a»", "Grüße, 日本 ☃ «a»"),
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("a\r\nharrier: all is well", r"a\r\nharrier: all is well"),
        ("\x9b31m \x7f", r"\x9b31m \x7f"),
        ("gpj.\u202eexe \u200f\u2066", r"gpj.\u202eexe \u200f\u2066"),
        ("zero\u200bwidth\ufeff\u2028", r"zero\u200bwidth\ufeff\u2028"),
        ("no name \udcff", r"no name \udcff"),
    ],
)
def test_what_cannot_be_seen_is_spelled_out(capsys, text, shown):
    assert spelled_out(text) == shown
    say(text)
    complain(text)
    assert capsys.readouterr() == (f"{shown}\n", f"{shown}\n")


def test_lines_of_our_own_stay(capsys):
    complain("Traceback\n  a \x1b[2J", keeps_lines=True)
    assert capsys.readouterr().err == "Traceback\n  a \\x1b[2J\n"
