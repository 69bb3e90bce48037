"""Where a text is no JSON, and why."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.formats.json_mistake import json_mistake


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ('{"a": 1, "b": [1,2,}', "line 1, column 20: invalid character"),
        ('{"a": 1, "b": [1,2', "line 1, column 19: it ends too early"),
        ('{\n  "ä": "ö",\n}', "line 3, column 1: trailing comma in object"),
        ('["ä", }', "line 1, column 7: invalid character"),
        ('{"a": 1}\n{"b": 2}', "line 2, column 1: trailing characters"),
        ('{"a": NaN}', "line 1, column 7: invalid character"),
        ("{'a': 1}", "line 1, column 2: expected '\"'"),
        ('["\\ud83d", tru]', "line 1, column 13: invalid character"),
    ],
)
def test_a_mistake_is_found_where_it_is(text, mistake):
    assert json_mistake(text.encode()) == mistake


@pytest.mark.parametrize(
    "text", ['{"a": [1, 2.5e3, null]}', " [] ", '\ufeff{"a": 1}', "7", '"\\ud83d"', '["\\\\ud83d"]', "", " \n"]
)
def test_json_has_none(text):
    assert json_mistake(text.encode()) == ""


def test_of_what_is_too_deep_nothing_is_said():
    assert json_mistake(b"[" * 100_000 + b"]" * 100_000) == ""


def test_each_line_of_lines_is_a_text():
    assert json_mistake(b'{"a": 1}\n\n[2]\r\n3\n', are_lines=True) == ""
    assert json_mistake(b'{"a": 1}\n[2,]\n', are_lines=True) == "line 2, column 4: trailing comma in array"
    passed = []
    json_mistake(b"1\n" * 100_000, lambda: passed.append(1), are_lines=True)
    assert len(passed) > 5


@given(st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(), st.lists))
def test_what_a_writer_writes_has_none(value):
    assert json_mistake(json.dumps(value).encode()) == ""
    assert json_mistake(json.dumps(value).encode() + b",") != ""


@given(st.binary())
def test_any_bytes_have_an_answer(data):
    json_mistake(data)
    json_mistake(data, are_lines=True)
