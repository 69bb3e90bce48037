r"""The filter language, from text to a tree: one grammar for lists now, and for rules later.

    status>=400 host:api.* -type:image "two words" (method:POST or method:PUT) path:/^\/v[12]/ is:failed

Words search everywhere that a row knows. `key:value` compares: globs and parts of text with `:`, the whole with `=`,
numbers with `>= <= > <`, `400-499` and `4xx`; `/…/` is a regular expression. `-` or `not` negates, a blank or `and`
joins, `or` separates, parentheses group. What a filter means in SQL is told by `capture.filter_sql`.

What a person writes into a search field need not be a filter: `page=2`, `localhost:8080` and half a parenthesis are
text that they look for. `read_filter` takes what it doesn't understand for the words it consists of, and says so;
`parse_filter` refuses it, for what must not guess.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, NoReturn

DEPTH_LIMIT = 50


class FilterError(ValueError):
    """The text is no filter. `position` and `length` say where, the message why; `is_unfinished`: more may mend it."""

    def __init__(self, message: str, position: int, length: int = 1, *, is_unfinished: bool = False) -> None:
        super().__init__(message)
        self.position = position
        self.length = max(length, 1)
        self.is_unfinished = is_unfinished


class Operator(StrEnum):
    """How a key is compared."""

    HAS = ":"  # contains, or matches as a glob
    IS = "="
    AT_LEAST = ">="
    AT_MOST = "<="
    MORE = ">"
    LESS = "<"
    REGEX = "~"  # written as key:/…/


@dataclass(frozen=True, slots=True)
class Word:
    """Text anywhere in the row."""

    text: str
    is_regex: bool = False


@dataclass(frozen=True, slots=True)
class Term:
    """A key compared with a value."""

    key: str
    operator: Operator
    value: str


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    inner: "Filter"


@dataclass(frozen=True, slots=True)
class And:
    """All of them; of none: everything."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of them."""

    parts: tuple["Filter", ...]


Filter = Word | Term | Not | And | Or

TEXT_KEYS = ("method", "scheme", "host", "path", "url", "type", "failure", "app", "messages", "rule")
NUMBER_KEYS = ("status", "port", "size", "time", "id")
IS_VALUES = ("failed", "pending", "complete", "tunnel", "ws", "intercepted", "own")
KEYS = (*TEXT_KEYS, *NUMBER_KEYS, "is")

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<open>\() | (?P<close>\)) |
      (?P<minus>-)(?=\S) |
      (?P<key>[A-Za-z][A-Za-z.]*)(?P<operator>>=|<=|[:=><])
        (?P<value>"(?:[^"\\]|\\.)*"?|/(?:[^/\\]|\\.)+/(?=[\s)]|$)|[^\s()]*) |
      (?P<quoted>"(?:[^"\\]|\\.)*"?) |
      (?P<regex>/(?:[^/\\\s]|\\.)+/(?=[\s)]|$)) |
      (?P<word>[^\s()]+)
    )""",
    re.VERBOSE,
)
_TEXTS = re.compile(r'"(?:[^"\\]|\\.)*"?|\S+')
_STATUS = re.compile(r"[1-9](?:\d\d|xx)|[1-9]\d\d-[1-9]\d\d", re.IGNORECASE)
_RANGE = re.compile(r"\d+(?:\.\d+)?-\d+(?:\.\d+)?")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)(b|k|kb|m|mb|g|gb)?", re.IGNORECASE)
_TIME = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m)?", re.IGNORECASE)
_UNITS = {"b": 1, "k": 1000, "kb": 1000, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9}


def parse_filter(text: str) -> Filter:
    """Read a filter. The empty text matches everything (`And` of nothing). Raises FilterError."""
    return _Parser(text).parse()


class ReadFilter(NamedTuple):
    """What a text means to a person, and what of it was not understood as a filter."""

    filter: Filter
    mistake: FilterError | None


def read_filter(text: str) -> ReadFilter:
    """Read a filter as a person means it: a condition that is none is a word, and a text without sense is words."""
    parser = _Parser(text, is_lenient=True)
    try:
        return ReadFilter(parser.parse(), parser.mistake)
    except FilterError as error:
        words = tuple(Word(_unquote(each) if each.startswith('"') else each) for each in _TEXTS.findall(text))
        return ReadFilter(words[0] if len(words) == 1 else And(words), error)


def mentions(query: Filter, key: str) -> bool:
    """Whether a filter compares this key somewhere."""
    match query:
        case Term():
            return query.key == key
        case Not(inner=inner):
            return mentions(inner, key)
        case And(parts=parts) | Or(parts=parts):
            return any(mentions(part, key) for part in parts)
        case _:
            return False


def number_of(key: str, value: str) -> float:
    """The number that a value of a number key means: bytes for size, microseconds for time. Raises ValueError."""
    if key == "size":
        match = _SIZE.fullmatch(value)
        if match is None:
            raise ValueError("a size is a number, with kB, MB or GB if you like")
        return float(match[1]) * _UNITS[(match[2] or "b").lower()]
    if key == "time":
        match = _TIME.fullmatch(value)
        if match is None:
            raise ValueError("a time is a number of milliseconds, or with s or m")
        return float(match[1]) * {"ms": 1e3, "s": 1e6, "m": 6e7}[(match[2] or "ms").lower()]
    if not re.fullmatch(r"\d{1,18}", value):
        raise ValueError(f"{key} is compared with a number")
    return float(value)


class _Parser:
    def __init__(self, text: str, *, is_lenient: bool = False) -> None:
        self._text = text
        self._is_lenient = is_lenient
        self.mistake: FilterError | None = None  # the first condition that was taken for a word
        self._position = 0
        self._depth = 0
        self._next: re.Match[str] | None = None
        self._advance()

    def _advance(self) -> None:
        match = _TOKEN.match(self._text, self._position)
        self._next = match
        if match is not None:
            self._position = match.end()

    def _fail(self, message: str, *, is_unfinished: bool = False) -> NoReturn:
        match = self._next
        if match is None:
            raise FilterError(message, max(len(self._text) - 1, 0), is_unfinished=True)
        begin = match.start(match.lastgroup or 0)
        if match["key"] is not None:
            begin = match.start("key")
        raise FilterError(message, begin, match.end() - begin, is_unfinished=is_unfinished)

    def parse(self) -> Filter:
        if not self._text.strip():
            return And(())
        tree = self._or()
        if self._next is not None:
            self._fail("This parenthesis was never opened.")
        return tree

    def _is_word(self, word: str) -> bool:
        return self._next is not None and (self._next["word"] or "").lower() == word

    def _or(self) -> Filter:
        parts = [self._and()]
        while self._is_word("or"):
            self._advance()
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _and(self) -> Filter:
        parts = [self._not()]
        while self._next is not None and not self._is_word("or") and self._next["close"] is None:
            if self._is_word("and"):
                self._advance()
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _not(self) -> Filter:
        self._depth += 1
        try:
            if self._depth > DEPTH_LIMIT:
                self._fail("This filter is nested too deeply.")
            if self._next is not None and (self._next["minus"] is not None or self._is_word("not")):
                self._advance()
                return Not(self._not())
            return self._primary()
        finally:
            self._depth -= 1

    def _primary(self) -> Filter:
        match = self._next
        if match is None:
            self._fail("Something is missing at the end.")
        if match["open"] is not None:
            self._advance()
            inner = self._or()
            if self._next is None or self._next["close"] is None:
                self._fail("A closing parenthesis is missing.")
            self._advance()
            return inner
        if match["close"] is not None:
            self._fail("Something is missing before this parenthesis.")
        if match["key"] is not None and match["key"].lower() in ("http", "https") and match["value"].startswith("//"):
            found: Filter = Term("url", Operator.HAS, f"{match['key']}:{match['value']}")
        elif match["key"] is not None:
            found = self._condition(match)
        elif match["quoted"] is not None:
            found = Word(_unquote(match["quoted"]))
        elif match["regex"] is not None:
            found = self._expression(match)
        elif self._is_word("or") or self._is_word("and"):
            self._fail(f"«{match['word']}» stands between two conditions.")
        else:
            found = Word(match["word"])
        self._advance()
        return found

    def _condition(self, match: re.Match[str]) -> Filter:
        try:
            return self._term(match)
        except FilterError as error:
            value = match["value"]
            text = _unquote(value) if value.startswith('"') else value
            return self._word_for(f"{match['key']}{match['operator']}{text}", error)

    def _expression(self, match: re.Match[str]) -> Filter:
        try:
            return Word(self._regex(match["regex"]), is_regex=True)
        except FilterError as error:
            return self._word_for(match["regex"], error)

    def _word_for(self, text: str, error: FilterError) -> Word:
        if not self._is_lenient:
            raise error
        self.mistake = self.mistake or error
        return Word(text)

    def _regex(self, text: str) -> str:
        pattern = text[1:-1]
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            self._fail(f"This regular expression is wrong: {error}.")
        return pattern

    def _term(self, match: re.Match[str]) -> Term:
        key, operator, value = match["key"].lower(), Operator(match["operator"]), match["value"]
        if key not in KEYS:
            self._fail(f"There is no key «{match['key']}»; known are {', '.join(KEYS)}.")
        is_regex = len(value) > 2 and value[0] == value[-1] == "/" and key in TEXT_KEYS and operator is Operator.HAS
        if key == "path" and is_regex and not re.search(r"[\\^$*+?\[\]|(){}.]", value):
            is_regex = False  # path:/static/ means what it says
        if is_regex:
            return Term(key, Operator.REGEX, self._regex(value))
        value = _unquote(value) if value.startswith('"') else value
        if not value:
            is_last = not self._text[match.end() :].strip()
            self._fail(f"«{match['key']}{operator}» needs a value.", is_unfinished=is_last)
        if key == "is":
            if value.lower() not in IS_VALUES:
                self._fail(f"Nothing «is:{value}»; known are {', '.join(IS_VALUES)}.")
            return Term(key, Operator.IS, value.lower())
        if key in TEXT_KEYS:
            if operator not in (Operator.HAS, Operator.IS):
                self._fail(f"«{key}» is text: compare it with : or =.")
            return Term(key, operator, value)
        self._check_number(key, operator, value)
        return Term(key, operator, value.lower())

    def _check_number(self, key: str, operator: Operator, value: str) -> None:
        if operator in (Operator.HAS, Operator.IS):
            if key == "status" and _STATUS.fullmatch(value):
                return
            if _RANGE.fullmatch(value):
                return
        try:
            number_of(key, value)
        except ValueError as error:
            self._fail(f"{str(error)[:1].upper()}{str(error)[1:]}.")


def _unquote(text: str) -> str:
    inner = text[1:-1] if len(text) > 1 and text.endswith('"') else text[1:]
    return re.sub(r"\\(.)", r"\1", inner)
