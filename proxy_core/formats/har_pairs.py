"""Names and values as HAR lists them: those of a query decoded, those of a form as they came, as Chrome has both."""

import re
from urllib.parse import parse_qsl, quote


def query_pairs(path: str) -> list[dict[str, str]]:
    """The `queryString` of a target; none where it can't be read."""
    query = path.partition("#")[0].partition("?")[2]
    return _pairs(query, decode=True)


def form_params(text: str) -> list[dict[str, str]]:
    """The `params` of a form's text."""
    return _pairs(text, decode=False)


def _pairs(text: str, *, decode: bool) -> list[dict[str, str]]:
    if not text:
        return []
    if decode:
        try:
            return [{"name": name, "value": value} for name, value in parse_qsl(text, keep_blank_values=True)]
        except ValueError:
            return []
    pairs = (pair.partition("=") for pair in text.split("&") if pair)
    return [{"name": _escaped(name), "value": _escaped(value)} for name, _, value in pairs]


def _escaped(text: str) -> str:
    """Percent-encoded so that decoding can't fail; what is encoded already stays."""
    return quote(text, safe="%+!*'()-._~") if not _has_bad_percent(text) else quote(text, safe="+!*'()-._~")


def _has_bad_percent(text: str) -> bool:
    return re.search("%(?![0-9a-fA-F]{2})", text) is not None
