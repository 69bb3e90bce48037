"""Which parts of a line have which role of colour: a look at one line at a time, for the lines that are on the screen.

A line is all that is known, so a comment or string that began lines above is not recognised: it is a help for the eye,
not a parser.
"""

import re
from enum import StrEnum

LONGEST = 4000  # characters of a line that are looked at

Span = tuple[int, int, str]  # start, end, role of `theme.Roles`


class Language(StrEnum):
    """What a line is looked at as."""

    PLAIN = "plain"
    JSON = "json"
    MARKUP = "markup"
    SCRIPT = "script"
    STYLE = "style"
    FIELDS = "fields"
    FORM = "form"


_JSON = re.compile(
    r'(?P<jk>"(?:[^"\\]|\\.)*")(?=\s*:)|(?P<js>"(?:[^"\\]|\\.)*"?)|(?P<jb>\b(?:true|false|null)\b)'
    r"|(?P<jn>-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b)"
)
_MARKUP = re.compile(
    r"(?P<muted><!--.*?(?:-->|$)|<!\[CDATA\[|\]\]>|<[!?][^>]*>?)|(?P<jk></?[A-Za-z][\w:.-]*|/?>)"
    r"|(?P<jn>(?<![\w:.-])[\w:.-]++(?==[\"']))|(?P<js>(?<==)(?:\"[^\"]*\"?|'[^']*'?))|(?P<jb>&#?\w+;)"
)
_SCRIPT = re.compile(
    r"(?P<muted>//.*|/\*.*?(?:\*/|$))|(?P<js>\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|`(?:[^`\\]|\\.)*`?)"
    r"|(?P<jk>\b(?:async|await|break|case|catch|class|const|continue|default|delete|do|else|export|extends|finally|for"
    r"|from|function|if|import|in|instanceof|let|new|of|return|static|super|switch|this|throw|try|typeof|var|void|while"
    r"|yield)\b)|(?P<jb>\b(?:true|false|null|undefined|NaN)\b)|(?P<jn>\b\d[\w.]*\b)"
)
_STYLE = re.compile(
    r"(?P<muted>/\*.*?(?:\*/|$))|(?P<js>\"[^\"]*\"?|'[^']*'?)|(?P<jk>(?<![\w-])[\w-]++(?=\s*+:[^{]{0,200}(?:;|$)))|(?P<jb>[@!][\w-]+)"
    r"|(?P<jn>#[0-9a-fA-F]{3,8}\b|(?<![\w-])-?\d[\w.%]*)"
)
_FIELDS = re.compile(r"^(?:(?P<muted>:[a-z]+: .*)|(?P<jk>[^:\s]+)(?=:))")  # HTTP/2's pseudo-fields stand back
_FORM = re.compile(r"^(?P<jk>.*?)(?= = )")
_PATTERNS = {
    Language.JSON: _JSON,
    Language.MARKUP: _MARKUP,
    Language.SCRIPT: _SCRIPT,
    Language.STYLE: _STYLE,
    Language.FIELDS: _FIELDS,
    Language.FORM: _FORM,
}


def spans(line: str, language: Language) -> list[Span]:
    """The coloured parts of a line, in order, without overlap."""
    pattern = _PATTERNS.get(language)
    if pattern is None:
        return []
    return [
        (match.start(match.lastgroup), match.end(match.lastgroup), match.lastgroup)
        for match in pattern.finditer(line[:LONGEST])
        if match.lastgroup is not None
    ]
