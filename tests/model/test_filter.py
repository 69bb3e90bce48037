"""The grammar: trees, and errors that say where and why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.model.filter import And, FilterError, Not, Operator, Or, Term, Word, parse_filter, read_filter

TREES = [
    ("", And(())),
    ("  ", And(())),
    ("word", Word("word")),
    ('"two words"', Word("two words")),
    ('"open end', Word("open end")),
    ("/v[12]$/", Word("v[12]$", is_regex=True)),
    ("/api/items", Word("/api/items")),
    ("a b", And((Word("a"), Word("b")))),
    ("a and b", And((Word("a"), Word("b")))),
    ("a or b c", Or((Word("a"), And((Word("b"), Word("c")))))),
    ("-a", Not(Word("a"))),
    ("not a b", And((Not(Word("a")), Word("b")))),
    ("- a", And((Word("-"), Word("a")))),
    ("x-y", Word("x-y")),
    ("status>=400", Term("status", Operator.AT_LEAST, "400")),
    ("STATUS:4XX", Term("status", Operator.HAS, "4xx")),
    ("host:api.*", Term("host", Operator.HAS, "api.*")),
    ('path:"a b"', Term("path", Operator.HAS, "a b")),
    ("path:/static/", Term("path", Operator.HAS, "/static/")),
    ("path:/^\\/v\\d/", Term("path", Operator.REGEX, "^\\/v\\d")),
    ("-(a or b)", Not(Or((Word("a"), Word("b"))))),
    ("https://a.test/x", Term("url", Operator.HAS, "https://a.test/x")),
    ("size>1.5MB", Term("size", Operator.MORE, "1.5mb")),
    ("is:Failed", Term("is", Operator.IS, "failed")),
]


@pytest.mark.parametrize(("text", "tree"), TREES)
def test_trees(text, tree):
    assert parse_filter(text) == tree


ERRORS = [
    ("colour:red", 0, "no key"),
    ("a status:abc", 2, "number"),
    ("status>4xx", 0, "number"),
    ("host>3", 0, "text"),
    ("host:", 0, "needs a value"),
    ("(a", 1, "parenthesis"),
    ("a)", 1, "never opened"),
    ("a or", 3, "missing"),
    ("or a", 0, "between"),
    ("path:/[/", 0, "regular expression"),
    ("is:purple", 0, "Nothing"),
    ("size>big", 0, "size"),
    ("(" * 200, 50, "deeply"),
]


@pytest.mark.parametrize(("text", "position", "word"), ERRORS)
def test_errors_say_where_and_why(text, position, word):
    with pytest.raises(FilterError, match=word) as caught:
        parse_filter(text)
    assert caught.value.position == position


READ = [
    ("page=2", Word("page=2"), 0, False),
    ("localhost:21011", Word("localhost:21011"), 0, False),
    ("localhost:21011/a?b=1", Word("localhost:21011/a?b=1"), 0, False),
    ("status:404 page=2", And((Term("status", Operator.HAS, "404"), Word("page=2"))), 11, False),
    ("-page=2 or a", Or((Not(Word("page=2")), Word("a"))), 1, False),
    ('colour:"dark red"', Word("colour:dark red"), 0, False),
    ("id=abc", Word("id=abc"), 0, False),
    ("host>3", Word("host>3"), 0, False),
    ("path:/[/", Word("path:/[/"), 0, False),
    ("/a(/", Word("/a(/"), 0, False),
    ("is:purple", Word("is:purple"), 0, False),
    ("host: a", And((Word("host:"), Word("a"))), 0, False),
    ("host:", Word("host:"), 0, True),
    ("(a", Word("(a"), 1, True),
    ('a) "b c"', And((Word("a)"), Word("b c"))), 1, False),
    ("a or", And((Word("a"), Word("or"))), 3, True),
    ("or a", And((Word("or"), Word("a"))), 0, False),
]


@pytest.mark.parametrize(("text", "tree", "position", "is_unfinished"), READ)
def test_what_is_not_understood_is_words(text, tree, position, is_unfinished):
    found, mistake = read_filter(text)
    assert found == tree
    assert mistake is not None
    assert (mistake.position, mistake.is_unfinished) == (position, is_unfinished)
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    assert str(caught.value) == str(mistake)


@pytest.mark.parametrize(("text", "tree"), TREES)
def test_what_is_understood_is_read_the_same(text, tree):
    assert read_filter(text) == (tree, None)


@given(st.text(max_size=40))
def test_any_text_can_be_read(text):
    found, mistake = read_filter(text)
    assert found is not None
    assert mistake is None or 0 <= mistake.position <= len(text)


@given(st.text(alphabet='ab()"/\\-:=<>*? orndtshuy4x[', max_size=40))
def test_any_text_is_a_filter_or_a_filter_error(text):
    try:
        parse_filter(text)
    except FilterError as error:
        assert 0 <= error.position <= len(text)
