"""What is taken out of lines is the original to the letter, however the lines are drawn; finding looks at it, too."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.inspector.excerpt import excerpt, has_value, value_of, whole_line, word_at
from app.inspector.lines import (
    LONGEST_LINE,
    HexLines,
    LaidOutLines,
    Lines,
    TextLines,
    drawn,
    drawn_column,
    source_offset,
)
from app.inspector.search import Find, Search, find_in, spans_of
from proxy_core.formats.highlight import Language
from proxy_core.formats.json_text import Layout, lay_out_json

LONG = "".join(chr(0x61 + number % 26) for number in range(2610))  # of a token, as an Authorization field has it
ODD = st.text(st.sampled_from("aé日😀\t\r\n\0\u2028\u2029\x85\x1b\ufeff\u202e."), max_size=60)


def everything(lines: Lines) -> str:
    return excerpt(lines, (0, 0), (lines.count, 0))


def laid_out(*lines: str, language: Language = Language.PLAIN) -> LaidOutLines:
    return LaidOutLines(Layout(list(lines), {}), language)


@pytest.mark.parametrize(
    "text",
    [
        LONG,
        f"one\r\n{LONG}\r\ntwo\r\n",
        f"{LONG}\n\n\n{LONG}",
        "a\rb\r\rc\r",
        "a\r\r\nb\r\n\r\n",
        "a\0b\0\n\0",
        "a\u2028b\u2029c\x85d\x0be\x0cf",
        "tabs\tand\t\tmore\n\t",
        "\ufeffmark",
        "a\u202eb\x1b[31m\x7f",
        "\n",
        "x" * LONGEST_LINE + "\r\n" + "y",
        "x" * (LONGEST_LINE - 1) + "\r\n" + "y",
        "x" * LONGEST_LINE + "\n",
        "日" * 3 * LONGEST_LINE,
        "x😀" * 2 * LONGEST_LINE + "\n",
    ],
)
def test_all_that_is_selected_is_the_original(text):
    assert everything(TextLines(text.encode())) == text


@given(ODD, st.integers(1, 200), ODD)
def test_all_of_any_text_is_the_text(piece, times, tail):
    text = piece * times + tail
    assert everything(TextLines(text.encode())) == text


@given(st.binary(max_size=40), st.integers(1, 300))
def test_bytes_that_are_no_text_become_the_same_characters_broken_or_not(piece, times):
    data = piece * times
    assert everything(TextLines(data)) == data.decode("utf-8", "replace")


@given(ODD, st.integers(1, 200), st.data())
def test_what_lies_between_two_places_is_a_part_of_the_original(piece, times, data):
    text = piece * times + "."
    lines = TextLines(text.encode())
    places = []
    for _ in range(2):
        number = data.draw(st.integers(0, lines.count - 1))
        places.append((number, data.draw(st.integers(0, len(lines.text(number))))))
    start, end = sorted(places)
    before, between, behind = (
        excerpt(lines, (0, 0), start),
        excerpt(lines, start, end),
        excerpt(lines, end, (lines.count, 0)),
    )
    assert before + between + behind == text


@given(ODD)
def test_a_place_in_the_original_is_found_again_from_the_drawn_line(content):
    for offset in range(len(content) + 1):
        if content[offset - 1 : offset + 1] != "\r\n":  # drawn as one sign
            assert source_offset(content, drawn_column(content, offset)) == offset
    assert all(0 <= source_offset(content, column) <= len(content) for column in range(len(drawn(content)) + 3))


def test_a_json_string_of_several_thousand_characters_has_no_line_ends_when_it_is_copied():
    layout = lay_out_json(json.dumps({"token": LONG, "n": [1, 2]}))
    assert everything(LaidOutLines(layout, Language.JSON)) == "\n".join(layout.lines)
    assert json.loads(everything(LaidOutLines(layout, Language.JSON))) == {"token": LONG, "n": [1, 2]}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("filling", ["", LONG])
def test_a_line_end_in_a_json_string_is_copied_as_it_was(end, filling):
    string = f'"a{end}{filling}{end}b"'
    lines = LaidOutLines(lay_out_json(f'{{"x":{string},"y":1}}'), Language.JSON)
    assert everything(lines) == f'{{\n  "x": {string},\n  "y": 1\n}}'


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (f"Authorization: Bearer {LONG}", f"Bearer {LONG}"),
        ("Accept: a, b,", "a, b,"),
        ("X-Odd: a: b", "a: b"),
        ("X-Empty: ", ""),
        ("GET http://shop.test/?a: b HTTP/1.1", None),
        ("HTTP/1.1 200 OK", None),
    ],
)
def test_the_value_of_a_field_is_whole(line, value):
    lines = laid_out("HTTP/1.1 200 OK", line, "Next: x", language=Language.FIELDS)
    for number in range(1, lines.count - 1):
        assert value_of(lines, number) == value
        assert has_value(lines, number) == (value is not None)
        assert whole_line(lines, number) == line


@pytest.mark.parametrize(
    ("text", "line", "value"),
    [
        ('{"a": "x,", "b": 1}', 1, '"x,"'),
        ('{"a: b": "c", "b": 1}', 1, '"c"'),
        ('{"a": 12.50, "b": 1}', 1, "12.50"),
        ('{"a": {"b": [1, 2]}, "c": 1}', 1, '{\n    "b": [\n      1,\n      2\n    ]\n  }'),
        ('{"a": {}, "c": 1}', 1, "{}"),
        ('["a: b"]', 1, None),
        ('{"a": "unfinished,', 1, '"unfinished,'),
        (json.dumps({"a": LONG, "b": 1}), 2, json.dumps(LONG)),
    ],
)
def test_the_value_of_a_json_name_is_whole_and_has_no_comma_of_others(text, line, value):
    lines = LaidOutLines(lay_out_json(text), Language.JSON)
    assert value_of(lines, line) == value
    assert has_value(lines, line) == (value is not None)


def test_the_value_of_a_pair_keeps_its_line_ends_and_signs():
    value = f"one\r\ntwo\tthree = {LONG}"
    lines = LaidOutLines(Layout(["a = b", f"x = y = {value}"], {}), Language.FORM, [4, 8])
    assert value_of(lines, 0) == "b"
    assert all(has_value(lines, number) for number in range(lines.count))
    assert all(value_of(lines, number) == value for number in range(1, lines.count))
    assert lines.text(1).startswith("x = y = one ⏎ two    three")


@pytest.mark.parametrize("text", [json.dumps({"a": "x" * 500_000}), json.dumps({"a": [1] * 50_000})])
def test_whether_there_is_a_value_is_seen_without_fetching_it(text, monkeypatch):
    lines = LaidOutLines(lay_out_json(text), Language.JSON)
    fetched = []
    source = lines.source
    monkeypatch.setattr(lines, "source", lambda first, behind: fetched.append(behind - first) or source(first, behind))
    assert has_value(lines, 1)
    assert sum(fetched) < 100


@pytest.mark.parametrize(("text", "has"), [("a: b", True), ("ab", False), ("x" * 3000, False), ("\na: b", False)])
def test_a_plain_line_has_a_value_behind_a_colon(text, has):
    lines = TextLines(text.encode())
    assert has_value(lines, 0) == has == (value_of(lines, 0) is not None)


def test_a_word_is_whole_over_a_drawn_break():
    text = f"say {LONG} again"
    lines = TextLines(text.encode())
    assert lines.count == 2
    for place in ((0, 10), (0, LONGEST_LINE), (1, 0), (1, 5)):
        assert excerpt(lines, *word_at(lines, place)) == LONG
    assert excerpt(lines, *word_at(lines, (1, len(lines.text(1))))) == "again"
    assert word_at(TextLines(b"a  b"), (0, 1)) == ((0, 0), (0, 1))
    assert word_at(TextLines(b"a  b"), (0, 2)) == ((0, 2), (0, 2))


def test_bytes_in_hexadecimal_are_copied_as_they_are_drawn():
    data = bytes(range(40))
    lines = HexLines(lambda offset, length: data[offset : offset + length], len(data))
    assert everything(lines) == "\n".join(lines.text(number) for number in range(3))
    assert lines.most_copied is not None


# Finding


@pytest.mark.parametrize("make", [lambda text: TextLines(text.encode()), laid_out])
def test_what_a_drawn_break_runs_through_is_found(make):
    lines = make("x" * (LONGEST_LINE - 3) + "needle" + "y" * (LONGEST_LINE - 4) + "NEEDLE")
    assert find_in(lines, "needle", 0, lines.count) == [
        Find(0, LONGEST_LINE - 3, LONGEST_LINE + 3),
        Find(1, LONGEST_LINE - 1, LONGEST_LINE + 5),
    ]
    assert spans_of(lines, Find(0, LONGEST_LINE - 3, LONGEST_LINE + 3)) == [
        (0, LONGEST_LINE - 3, LONGEST_LINE),
        (1, 0, 3),
    ]
    # Whether or not the batches end at the break.
    assert find_in(lines, "needle", 0, 1) == [Find(0, LONGEST_LINE - 3, LONGEST_LINE + 3)]


def test_what_is_found_stands_where_it_is_drawn():
    lines = TextLines(b"\t\tneedle\n\0needle\tneedle")
    assert find_in(lines, "needle", 0, 2) == [Find(0, 8, 14), Find(1, 1, 7), Find(1, 11, 17)]
    assert find_in(lines, "\tneedle", 0, 1) == [Find(0, 4, 14)]


@given(st.text(st.sampled_from("ab\n"), max_size=300), st.integers(1, 40))
def test_a_search_finds_what_one_look_at_the_whole_finds(text, times):
    lines = TextLines((text * times).encode())
    search = Search(lines, "ab", 10**6)
    while not search.is_over:
        search.go_on()
    assert len(search.found) == (text * times).count("ab")


def test_a_search_ends_when_it_has_enough():
    search = Search(TextLines(b"a" * 10_000), "a", 100)
    search.go_on()
    assert (search.is_over, search.is_full, len(search.found)) == (True, True, 100)
