"""Layouts lose nothing, whatever comes, and cost no more than a few passes over it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.formats.highlight import Language, spans
from proxy_core.formats.json_text import Layout, lay_out_json, looks_like_json
from proxy_core.formats.markup_text import lay_out_markup

ODD_TEXT = st.text(alphabet=st.sampled_from(list("{}[]\",:\\ \n\t<>/!-=abc019&;'\u202e\ud800é")), max_size=80)
# What a pattern that looks too far ahead chokes on: its cost grows with the square of the length.
GREEDY = [
    "<!--",
    "<![CDATA[",
    "<script>",
    "<script ",
    "<a ",
    "</b>",
    '"\\"',
    " ",
    "-",
    "a:",
    "a:{",
    "/*",
    "`",
    "&a",
    "[",
    '{"a":',
]


def without_blanks(text: str) -> str:
    return "".join(text.split())


def check(layout: Layout, text: str) -> None:
    assert without_blanks("".join(layout.lines)) == without_blanks(text)
    for first, last in layout.folds.items():
        assert 0 <= first < last < len(layout.lines)


@given(ODD_TEXT)
def test_json_layout_loses_nothing(text):
    check(lay_out_json(text), text)


@given(ODD_TEXT, st.booleans())
def test_markup_layout_loses_nothing(text, is_html):
    check(lay_out_markup(text, is_html=is_html), text)


@given(ODD_TEXT, st.sampled_from(list(Language)))
def test_spans_are_in_order(text, language):
    end_before = 0
    for start, end, _ in spans(text, language):
        assert end_before <= start <= end <= len(text)
        end_before = end


def test_json_is_laid_out_a_member_a_line():
    layout = lay_out_json('{"b":[1,2.50,{}],"b":"x, {y}","e":[]}')
    assert layout.lines == [
        "{",
        '  "b": [',
        "    1,",
        "    2.50,",
        "    {}",
        "  ],",
        '  "b": "x, {y}",',
        '  "e": []',
        "}",
    ]
    assert layout.folds == {0: 8, 1: 5}


def test_lines_of_json_are_laid_out_one_after_the_other():
    assert lay_out_json('{"a":1}\n{"a":2}').lines == ["{", '  "a": 1', "}", "{", '  "a": 2', "}"]
    assert lay_out_json("1\n[2]\n3").lines == ["1", "[", "  2", "]", "3"]


def test_depth_costs_no_recursion():
    layout = lay_out_json("[" * 100_000 + "]" * 100_000)
    assert len(layout.lines) >= 100_000
    assert len(layout.lines[-1]) < 1000


@pytest.mark.parametrize(("text", "is_json"), [('{"a":1}', True), (" [1]\n", True), ("{", False), ("hello", False)])
def test_what_looks_like_json(text, is_json):
    assert looks_like_json(text) is is_json


def test_markup_is_laid_out_a_tag_a_line():
    layout = lay_out_markup("<ul><li>one</li><li><b>two</b></li></ul><br><p>x", is_html=True)
    assert layout.lines == [
        "<ul>",
        "  <li>one</li>",
        "  <li>",
        "    <b>two</b>",
        "  </li>",
        "</ul>",
        "<br>",
        "<p>",
        "  x",
    ]
    assert layout.folds[0] == 5


def test_scripts_are_not_taken_for_markup():
    script = "<script>if (a < b && c > d) { x('</p>') }</script>"
    assert script in lay_out_markup(f"<div>{script}</div>", is_html=True).lines[1]


@pytest.mark.parametrize("piece", GREEDY)
def test_the_cost_grows_with_the_length_and_not_with_its_square(piece):
    # Milliseconds; with the square it would be minutes, and the suite's limit for one test ends it.
    text = piece * 200_000
    check(lay_out_json(text), text)
    check(lay_out_markup(text, is_html=True), text)
    for language in Language:
        assert all(end <= len(text) for _, end, _ in spans(text, language))


@pytest.mark.parametrize(
    ("language", "line", "coloured"),
    [
        (Language.JSON, '"a": [1, "b", true]', {"jk": '"a"', "jn": "1", "js": '"b"', "jb": "true"}),
        (Language.MARKUP, '<a href="x">&amp;', {"js": '"x"', "jb": "&amp;"}),
        (Language.SCRIPT, "const a = 'b' // c", {"jk": "const", "js": "'b'", "muted": "// c"}),
        (Language.STYLE, "color: #fff;", {"jk": "color", "jn": "#fff"}),
        (Language.FIELDS, "Content-Type: text/html", {"jk": "Content-Type"}),
        (Language.FORM, "name = Anna", {"jk": "name"}),
    ],
)
def test_parts_are_coloured(language, line, coloured):
    found = {role: line[start:end] for start, end, role in spans(line, language)}
    assert coloured.items() <= found.items()


def test_a_request_line_is_no_field():
    assert spans("GET http://shop.test/ HTTP/1.1", Language.FIELDS) == []
