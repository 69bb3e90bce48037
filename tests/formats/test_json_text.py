"""JSON laid out: what is right, what is not quite right, and what was made to break a reader."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.formats.json_text import lay_out_json, looks_like_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=30,
)


def shown(text: str) -> list[str]:
    return lay_out_json(text).lines


@given(VALUES, st.booleans())
def test_what_is_laid_out_reads_as_the_same_value(value, is_ascii):
    text = json.dumps(value, ensure_ascii=is_ascii)
    layout = lay_out_json(text)
    assert json.loads("\n".join(layout.lines)) == value
    assert layout.lines == lay_out_json("\n".join(layout.lines)).lines


@given(VALUES)
def test_a_fold_is_a_value_of_its_own(value):
    layout = lay_out_json(json.dumps(value))
    for first, last in layout.folds.items():
        opening, closing = layout.lines[first], layout.lines[last].rstrip(",")
        assert opening[-1] + closing.lstrip() in ("{}", "[]")
        assert len(opening) - len(opening.lstrip()) == len(closing) - len(closing.lstrip())
        inside = "\n".join([opening[-1], *layout.lines[first + 1 : last], closing])
        assert isinstance(json.loads(inside), dict | list)


@given(st.text(alphabet=st.sampled_from(list('{}[]",:\\a1 \t\n\r\u2028\x85\xa0\x0b\ud800')), max_size=60))
def test_no_line_holds_the_end_of_a_line(text):
    lines = shown(text)
    assert not any("\n" in line or "\r" in line for line in lines)
    blanks = re.compile(r"[ \t\r\n]")
    assert blanks.sub("", "".join(lines)) == blanks.sub("", text)


def test_spelling_order_and_duplicates_stay():
    text = r'{"z":1.0e+5,"a":-0,"z":12345678901234567890.10,"\u0061":"\ud83d\ude00\/","a":"é"}'
    assert [line.strip().rstrip(",") for line in shown(text)[1:-1]] == [
        '"z": 1.0e+5',
        '"a": -0',
        '"z": 12345678901234567890.10',
        r'"\u0061": "\ud83d\ude00\/"',
        '"a": "é"',
    ]


def test_lone_surrogates_stay():
    assert shown('{"a":"\ud800","b":"\udc00x"}') == ["{", '  "a": "\ud800",', '  "b": "\udc00x"', "}"]


def test_marks_inside_strings_are_text():
    text = r'["{[,:]}", "\"", "\\", "// no comment", "</script>"]'
    assert [json.loads(line.strip().rstrip(",")) for line in shown(text)[1:-1]] == json.loads(text)


def test_what_was_laid_out_already_stays_as_it_is():
    text = json.dumps({"a": [1, {"b": []}], "c": {}}, indent=2)
    assert "\n".join(shown(text)) == text


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        (" \r\n\t ", []),
        ("null", ["null"]),
        ('{"a":', ["{", '  "a": ']),
        ('{"a":1', ["{", '  "a": 1']),
        ('{"a":"unfini', ["{", '  "a": "unfini']),
        ('["a\\', ["[", '  "a\\']),
        ("[1,,2]", ["[", "  1,", "  ,", "  2", "]"]),
        ("[1]]}", ["[", "  1", "]", "]", "}"]),
        ("{'a': 1}", ["{", "  'a': 1", "}"]),
        ("{a: undefined}", ["{", "  a: undefined", "}"]),
        (")]}',\n{}", [")", "]", "}", "',", "{}"]),
        ("call({});", ["call(", "{}", ");"]),
        ("{}{}[]", ["{}", "{}", "[]"]),
    ],
)
def test_what_is_not_quite_json_is_laid_out_as_far_as_it_goes(text, lines):
    assert shown(text) == lines


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_end_within_a_string_is_one_on_the_screen_too(end):
    layout = lay_out_json(f'{{"a{end}b":{{"c":"d{end}e"}},"f":1}}')
    assert layout.lines == ["{", '  "a', 'b": {', '    "c": "d', 'e"', "  },", '  "f": 1', "}"]
    assert layout.folds == {2: 5, 0: 7}


def test_no_break_spaces_and_other_false_blanks_stay_to_be_found():
    assert shown('{"a":\xa01}') == ["{", '  "a": \xa01', "}"]
    assert shown("\ufeff[]") == ["\ufeff", "[]"]


def test_lines_of_json_fold_each_for_itself():
    layout = lay_out_json('{"n":1}\n{"n":[]}\r\n\n{"n":{"m":3}}\n')
    assert layout.folds == {0: 2, 3: 5, 7: 9, 6: 10}


def test_a_hundred_thousand_levels_have_their_folds():
    depth = 100_000
    layout = lay_out_json('{"a":[' * depth + "1" + "]}" * depth)
    assert len(layout.lines) == 4 * depth + 1
    assert len(layout.folds) == 2 * depth
    assert layout.folds[0] == len(layout.lines) - 1
    assert max(map(len, layout.lines)) < 200


def test_deep_levels_share_their_lines_instead_of_filling_the_memory():
    layout = lay_out_json("[" * 100_000)
    assert len({id(line) for line in layout.lines}) < 200


def test_a_single_string_of_megabytes_is_one_line():
    text = json.dumps("x\\" * 1_000_000)
    assert shown(text) == [text]


@pytest.mark.parametrize(
    ("text", "is_json"),
    [
        ("\n\t{}\r\n", True),
        ('[{"a":1}', False),
        ("{]", False),
        ("[x]", True),
        ("", False),
        ("<a>[]</a>", False),
        ("plain [note]", False),
    ],
)
def test_what_is_worth_laying_out(text, is_json):
    assert looks_like_json(text) is is_json
