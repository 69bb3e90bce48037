"""Colours of a line: what they mean, what is left alone, and that a hostile line costs no more than its length."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.look.theme import DARK
from proxy_core.formats.highlight import LONGEST, Language, spans

LANGUAGES = st.sampled_from(list(Language))


def coloured(line: str, language: Language) -> list[tuple[str, str]]:
    return [(line[start:end], role) for start, end, role in spans(line, language)]


@given(st.text(max_size=200), LANGUAGES)
def test_parts_are_in_order_and_have_known_roles(line, language):
    behind = 0
    for start, end, role in spans(line, language):
        assert behind <= start < end <= len(line)
        assert hasattr(DARK, role)
        behind = end


@pytest.mark.parametrize(
    ("language", "line", "parts"),
    [
        (Language.PLAIN, '{"a": 1} <b> // c', []),
        (
            Language.JSON,
            r'  "a\"b" : "x: \"y\"", ',
            [(r'"a\"b"', "jk"), (r'"x: \"y\""', "js")],
        ),
        (Language.JSON, '"a": -1.5e+10,', [('"a"', "jk"), ("-1.5e+10", "jn")]),
        (Language.JSON, "true, false, null, nullable", [("true", "jb"), ("false", "jb"), ("null", "jb")]),
        (Language.JSON, '"cut off', [('"cut off', "js")]),
        (Language.JSON, '"a":"b"', [('"a"', "jk"), ('"b"', "js")]),
        (
            Language.MARKUP,
            "<a href='x' b=\"y\">&lt;z</a>",
            [
                ("<a", "jk"),
                ("href", "jn"),
                ("'x'", "js"),
                ("b", "jn"),
                ('"y"', "js"),
                (">", "jk"),
                ("&lt;", "jb"),
                ("</a", "jk"),
                (">", "jk"),
            ],
        ),
        (Language.MARKUP, "<!-- <b> --> <i/>", [("<!-- <b> -->", "muted"), ("<i", "jk"), ("/>", "jk")]),
        (Language.MARKUP, "<!-- goes on", [("<!-- goes on", "muted")]),
        (Language.MARKUP, "<!DOCTYPE html>", [("<!DOCTYPE html>", "muted")]),
        (
            Language.SCRIPT,
            "return x.returned + `a ${b}` // return",
            [("return", "jk"), ("`a ${b}`", "js"), ("// return", "muted")],
        ),
        (Language.SCRIPT, "let a = /* b */ 'it\\'s' + 0x1f", [("let", "jk"), ("/* b */", "muted"), ("'it\\'s'", "js"), ("0x1f", "jn")]),
        (Language.SCRIPT, "'not ended // x", [("'not ended // x", "js")]),
        (Language.STYLE, "@media (x) { /* y */", [("@media", "jb"), ("/* y */", "muted")]),
        (Language.STYLE, "  margin: -2px 50% !important;", [("margin", "jk"), ("-2px", "jn"), ("50%", "jn"), ("!important", "jb")]),
        (Language.STYLE, "a:hover { x }", []),
        (Language.FIELDS, "Cache-Control: max-age=0, a: b", [("Cache-Control", "jk")]),
        (Language.FIELDS, "HTTP/1.1 200 OK: fine", []),
        (Language.FIELDS, ": no name", []),
        (Language.FIELDS, ":authority: shop.test", [(":authority: shop.test", "muted")]),
        (Language.FORM, "a = b = c", [("a", "jk")]),
        (Language.FORM, "no value", []),
    ],
)  # fmt: skip
def test_parts_and_their_roles(language, line, parts):
    assert coloured(line, language) == parts


@pytest.mark.parametrize("language", list(Language))
def test_only_the_beginning_of_a_very_long_line_is_looked_at(language):
    line = 'a: "b" <c d="e"> 1; ' * 100_000
    assert all(end <= LONGEST for _, end, _ in spans(line, language))


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("line", ["", " ", "\0", "\ud800", "\u202e", '"', "'", "`", "<", "&", "/*", "=", ": = "])
def test_odd_short_lines_are_lines_too(language, line):
    assert all(start < end <= len(line) for start, end, _ in spans(line, language))
