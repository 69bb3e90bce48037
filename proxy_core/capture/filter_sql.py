"""What a filter means in SQL, over the narrow table `exchange`.

Text compares without regard to case (ASCII), `*` and `?` are globs, everything else stands for itself. Regular
expressions run in Python inside the query, so `CaptureReader.interrupt` ends the query between two rows; one match is
bounded by looking at the first `REGEX_INPUT_LIMIT` characters of a field. What is sought in messages is sought by a
`MessageSearch`, which is the reader's.
"""

import re
import sqlite3
from functools import lru_cache
from typing import assert_never

import msgspec

from proxy_core.model.event import decode_detail
from proxy_core.model.exchange import FIRST_FINAL_STATE, ExchangeFlag, ExchangeKind, ExchangeState, ResourceType
from proxy_core.model.filter import And, Filter, Not, Operator, Or, Term, Word, number_of
from proxy_core.model.tls_facts import program_in

REGEX_INPUT_LIMIT = 2000
Sql = tuple[str, list[object]]

_HOST = "CASE WHEN instr(host, ':') THEN '[' || host || ']' ELSE host END"
_HOST_AND_PORT = f"({_HOST} || ':' || port)"
_PORT = "CASE scheme || port WHEN 'http80' THEN '' WHEN 'https443' THEN '' ELSE ':' || port END"
_URL = f"(scheme || '://' || {_HOST} || {_PORT} || path)"  # as it is shown and copied …
_URL_WITH_PORT = f"(scheme || '://' || {_HOST} || ':' || port || path)"  # … and as it may be written, too
_COLUMNS = {"id": "id", "status": "status", "port": "port", "size": "response_bytes", "time": "duration_us"}
_TEXT = {"method": "method", "scheme": "scheme", "host": "host", "path": "path", "url": _URL, "failure": "failure"}
# Asked of one exchange at a time and last of all conditions that the others can rule out; a row has no place for it.
_TEXT["app"] = (
    "(SELECT program(tls) FROM detail JOIN connection ON connection.key = client_of(packed) WHERE exchange_id = id)"
)
_TEXT["rule"] = "(SELECT group_concat(rule, char(10)) FROM acted WHERE exchange_id = id)"
# Nothing is called for the many exchanges that have no message.
_SAYS = "CASE WHEN EXISTS (SELECT 1 FROM message WHERE exchange_id = id) THEN messages_say(?, ?, id) ELSE 0 END"
# What a list can be sorted by, beside the columns of a row.
ORDERS = {"app": f"{_TEXT['app']} COLLATE NOCASE"}
_WORD_COLUMNS = ("host", "path", "method", "media_type", "failure")
_TYPES = {
    "doc": ResourceType.DOCUMENT,
    "xhr": ResourceType.XHR,
    "js": ResourceType.SCRIPT,
    "script": ResourceType.SCRIPT,
    "css": ResourceType.STYLESHEET,
    "img": ResourceType.IMAGE,
    "image": ResourceType.IMAGE,
    "font": ResourceType.FONT,
    "media": ResourceType.MEDIA,
    "ws": ResourceType.WEBSOCKET,
    "other": ResourceType.OTHER,
}
_IS: dict[str, Sql] = {
    "failed": ("state = ?", [int(ExchangeState.FAILED)]),
    "complete": ("state = ?", [int(ExchangeState.COMPLETE)]),
    "pending": ("state < ?", [int(FIRST_FINAL_STATE)]),
    "tunnel": ("kind = ?", [int(ExchangeKind.TUNNEL)]),
    "ws": ("kind = ?", [int(ExchangeKind.WEBSOCKET)]),
    "intercepted": ("flags & ? <> 0", [int(ExchangeFlag.INTERCEPTED)]),
    "own": ("flags & ? <> 0", [int(ExchangeFlag.OWN_RESPONSE)]),
}


def compile_filter(query: Filter | None) -> Sql:
    """A condition with its parameters, in their order."""
    if query is None:
        return "1", []
    match query:
        case Word():
            return _word(query)
        case Term():
            return _term(query)
        case Not(inner=inner):
            sql, parameters = compile_filter(inner)
            return f"NOT coalesce({sql}, 0)", parameters
        case And(parts=parts):
            return _join(parts, " AND ") if parts else ("1", [])
        case Or(parts=parts):
            return _join(parts, " OR ")
        case _:
            assert_never(query)


def register_functions(database: sqlite3.Connection) -> None:
    """Make what compiled filters call known to a connection."""
    database.create_function("matches", 2, _matches, deterministic=True)
    database.create_function("client_of", 1, _client_of, deterministic=True)
    database.create_function("program", 1, _program, deterministic=True)


@lru_cache(maxsize=32)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _matches(pattern: str, text: object) -> int:
    return _compiled(pattern).search(str(text)[:REGEX_INPUT_LIMIT]) is not None


def _client_of(packed: object) -> int | None:
    try:
        return decode_detail(packed).client_connection if isinstance(packed, bytes) else None
    except msgspec.DecodeError:
        return None


def _program(tls: object) -> str | None:
    """Name and path: a part of either finds it."""
    found = program_in(tls) if isinstance(tls, bytes) else None
    return None if found is None else f"{found.name} {found.path}".rstrip()


def _join(parts: tuple[Filter, ...], joint: str) -> Sql:
    compiled = [compile_filter(part) for part in parts]
    return (
        "(" + joint.join(sql for sql, _ in compiled) + ")",
        [parameter for _, parameters in compiled for parameter in parameters],
    )


def _like(text: str, *, whole: bool) -> str:
    """A LIKE pattern; `*` and `?` are globs, which match a whole, other text is found anywhere."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    if "*" in escaped or "?" in escaped:
        return escaped.replace("*", "%").replace("?", "_")
    return escaped if whole else f"%{escaped}%"


def _word(word: Word) -> Sql:
    if word.is_regex:
        return f"(matches(?, {_URL}) OR matches(?, method))", [word.text, word.text]
    pattern = _like(word.text, whole=False)
    if "*" in word.text or "?" in word.text:
        pattern = f"%{pattern}%"
    sql = " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column in _WORD_COLUMNS)
    parameters: list[object] = [pattern] * len(_WORD_COLUMNS)
    if any(mark in word.text for mark in ":/["):  # it may be of more than one of them: localhost:8080, shop.test/cart
        sql += f" OR {_URL} LIKE ? ESCAPE '\\' OR {_URL_WITH_PORT} LIKE ? ESCAPE '\\'"
        parameters += [pattern, pattern]
    if word.text.isascii() and word.text.isdigit() and len(word.text) == 3:
        sql += " OR status = ?"
        parameters.append(int(word.text))
    return f"({sql})", parameters


def _term(term: Term) -> Sql:
    if term.key == "is":
        return _IS[term.value]
    if term.key == "type":
        return _type(term)
    if term.key == "messages":
        return _SAYS, [term.operator.value, term.value]
    if term.key in _TEXT:
        return _text(_TEXT[term.key], term)
    return _number(_COLUMNS[term.key], term)


def _text(column: str, term: Term) -> Sql:
    if term.operator is Operator.REGEX:
        if term.key == "host":  # as it is stored, and as it is shown
            return f"(matches(?, host) OR instr(host, ':') AND matches(?, {_HOST}))", [term.value, term.value]
        return f"matches(?, {column})", [term.value]
    # A method is short: part of one means nobody's.
    whole = term.operator is Operator.IS or term.key in ("method", "scheme")
    pattern = _like(term.value, whole=whole)
    if term.key == "url":
        return f"({_URL} LIKE ? ESCAPE '\\' OR {_URL_WITH_PORT} LIKE ? ESCAPE '\\')", [pattern, pattern]
    if term.key == "host" and (":" in term.value or "[" in term.value):  # as a URL and the list have it: [::1]:9002
        likes = [f"{each} LIKE ? ESCAPE '\\'" for each in ("host", _HOST, _HOST_AND_PORT)]
        return f"({' OR '.join(likes)})", [pattern] * len(likes)
    return f"{column} LIKE ? ESCAPE '\\'", [pattern]


def _type(term: Term) -> Sql:
    known = _TYPES.get(term.value.lower())
    if known is not None and term.operator is not Operator.REGEX:
        return "resource_type = ?", [int(known)]
    return _text("media_type", term)


def _number(column: str, term: Term) -> Sql:
    value = term.value
    if term.operator in (Operator.HAS, Operator.IS):
        if value.endswith("xx"):
            return f"{column} BETWEEN ? AND ?", [int(value[0]) * 100, int(value[0]) * 100 + 99]
        low, dash, high = value.partition("-")
        if dash:
            return f"{column} BETWEEN ? AND ?", [number_of(term.key, low), number_of(term.key, high)]
        return f"{column} = ?", [number_of(term.key, value)]
    return f"{column} {term.operator.value} ?", [number_of(term.key, value)]
