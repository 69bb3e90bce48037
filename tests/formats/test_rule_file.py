"""Rule files: what they may say, and one sentence with its place for each mistake."""

import tomllib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy_core.formats.rule_file import RuleFileError, read_rules
from proxy_core.formats.toml_places import places
from proxy_core.model.effects.answer import AnswerWith
from proxy_core.model.effects.headers import RequestHeaders

CART = """\
version = 1
[[rule]]
name = "Empty cart"
when = 'method:GET host:api.shop.test path:/cart'
answer = { status = 200, json = '{"items": []}' }
stop = true

[[rule]]
name = "Free"
times = 2
off = true
req.headers.set = { X-Env = "test" }
req.headers.remove = ["Cookie"]
"""


def refused(text: str) -> RuleFileError:
    with pytest.raises(RuleFileError) as caught:
        read_rules(text, "shop")
    return caught.value


class TestWhatFilesSay:
    def test_rules_in_order_with_their_effects(self):
        group = read_rules(CART, "shop", "/project")
        cart, free = group.rules
        assert (group.name, group.folder) == ("shop", "/project")
        assert cart.effects == (AnswerWith(status=200, json='{"items": []}'),)
        assert (cart.stop, cart.times, cart.off, cart.line) == (True, 0, False, 2)
        assert free.effects == (RequestHeaders(set={"X-Env": "test"}, remove=("Cookie",)),)
        assert (free.stop, free.times, free.off, free.line) == (False, 2, True, 8)
        assert group.id_of(cart) == "shop/Empty cart"

    def test_they_explain_themselves(self):
        cart, free = read_rules(CART, "shop").rules
        assert cart.explain() == "Answers with status 200; then stops."
        assert free.explain() == "Sets request header X-Env, removes request header Cookie; at most 2 times."

    def test_nothing_is_no_rules(self):
        assert read_rules("", "shop").rules == ()

    def test_an_answer_may_be_a_number_or_hold_a_value(self):
        text = '[[rule]]\nname="a"\nanswer = 404\n[[rule]]\nname="b"\nanswer.json = { items = [1] }\n'
        first, second = read_rules(text, "shop").rules
        assert first.effects == (AnswerWith(status=404),)
        assert second.effects == (AnswerWith(json='{"items":[1]}'),)


RULE = '[[rule]]\nname = "a"\n'


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "place", "said"),
        [
            (RULE + 'hots = "x"', (3, 1), "no key «hots»; known are"),
            (RULE + 'wen = "x"', (3, 1), "no key «wen»; did you mean when?"),
            (RULE + "  when = 'hots:x'", (3, 3), "no key «hots»"),
            (RULE + "answer = { status = 99 }", (3, 12), "A response can't have the status 99."),
            (RULE + "answer = { statu = 99 }", (3, 12), "no key «statu»; did you mean status?"),
            (RULE + 'answer = { status = "x" }', (3, 12), "Here stands a text, not a whole number."),
            (RULE + 'answer.json = "{"', (3, 1), "This is no JSON"),
            (RULE + 'answer = { text = "a", file = "b" }', (3, 1), "It has one of text, json and file."),
            (RULE + "req = 3", (3, 1), "«req» is followed by what is changed"),
            (RULE + "req.header = 3", (3, 1), "no key «header»; did you mean headers?"),
            (RULE + "req.headers = 3", (3, 1), "Here stands a whole number, not a table."),
            (RULE + 'req.headers.set = { "A B" = "x" }', (3, 21), "«A B» can't be the name of a header."),
            (RULE + 'req.headers.set = { A = "x\\ny" }', (3, 21), "A header's value has no line ends"),
            (RULE + 'req.headers.remove = ["a",\n "Content-Length"]', (4, 2), "no rule can change."),
            (RULE + 'req.headers.replace = [{ name = "a", find = "(" }]', (3, 24), "This regular expression"),
            (RULE + 'req.headers.replace = [{ name = "a", find = "x", with = "\\\\9" }]', (3, 24), "what it puts"),
            (RULE + "stop = 1", (3, 1), "stop is true or false."),
            (RULE + "times = -1", (3, 1), "times is a number from 1 on."),
            ("[[rule]]\nstop = true", (1, 1), "A rule needs a name."),
            (RULE + RULE, (4, 1), "There is another rule «a» in this file."),
            (RULE + "when = 'status:404'\nreq.method = 'PUT'", (4, 1), "it is too late for req.method."),
            (RULE + "when = 'cart'", (3, 1), "write «url:cart»."),
            (RULE + "when = '-(time>3 or host:a)'", (3, 1), "«time» is not known while a rule could act"),
            ("rule = 3", (1, 1), "A rule begins with [[rule]]."),
            ("version = 2", (1, 1), "This file is of format 2"),
            ("[[rule]]\nname = ", (2, 8), "This is no TOML"),
            ("a = " + "[" * 5000, (1, 105), "This is nested too deeply."),
        ],
    )
    def test_each_is_told_with_its_place(self, text, place, said):
        error = refused(text)
        assert said in error.text
        assert (error.line, error.column) == place
        assert str(error).startswith(f"line {place[0]}, column {place[1]}: ")

    def test_the_key_of_a_filter(self):
        assert "host" in refused(RULE + "when = 'hots:x'").text


_keys = st.sampled_from(["name", "when", "answer", "status", "json", "req", "headers", "set", "stop", "times", "x y"])
_values = st.recursive(
    st.text(max_size=5) | st.integers() | st.booleans() | st.sampled_from(["host:a", "(", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3),
    max_leaves=6,
)


def toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        escaped = "".join(
            f"\\U{ord(char):08x}" if not 32 <= ord(char) < 127 or char in '"\\' else char for char in value
        )
        return f'"{escaped}"'
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    assert isinstance(value, dict)
    return "{" + ", ".join(f"{toml(key)} = {toml(each)}" for key, each in value.items()) + "}"


def loads_or_tells(text: str) -> None:
    try:
        read_rules(text, "any")
    except RuleFileError as error:
        assert 1 <= error.line <= text.count("\n") + 1
        assert error.column >= 1
        assert error.text.isprintable()
        assert error.text.strip()


@given(st.text())
@example("\ud800")
@example("a = " + "9" * 5000)
@example('"a\nb" = 1')
def test_any_text_loads_or_tells_one_sentence_with_a_place(text):
    loads_or_tells(text)


@given(st.lists(st.dictionaries(_keys, _values, max_size=5), max_size=3))
def test_any_toml_loads_or_tells_one_sentence_with_a_place(rules):
    rules = [{"name": "r", **each} for each in rules]
    text = "\n".join(
        "[[rule]]\n" + "".join(f"{toml(key)} = {toml(value)}\n" for key, value in each.items()) for each in rules
    )
    tomllib.loads(text)
    loads_or_tells(text)


@given(st.dictionaries(_keys, _values, max_size=5))
def test_every_key_and_item_is_found_in_its_place(document):
    text = "".join(f"# [[x]]\n {toml(key)} = {toml(value)}\n" for key, value in document.items())

    def paths(value, path):
        if path:
            yield path
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, each in items:
            yield from paths(each, (*path, key))

    assert set(places(text)) == set(paths(document, ()))
    for key, value in document.items():
        line = text[places(text)[key,] :].partition("\n")[0]
        assert tomllib.loads(line) == {key: value}


def test_tables_of_tables_are_counted():
    text = "[[rule]]\na = 1 # x\n[rule.b]\nc = '''\n[[rule]]\n'''\n[[rule]]\na.d = 1979-05-27 07:32:00\n"
    assert list(places(text)) == [
        ("rule", 0),
        ("rule", 0, "a"),
        ("rule", 0, "b"),
        ("rule", 0, "b", "c"),
        ("rule", 1),
        ("rule", 1, "a"),
        ("rule", 1, "a", "d"),
    ]
