"""The formats of snippets, in the order of menus. One more is a file beside this one, and its line here."""

from proxy_core.formats.snippets.curl import CURL
from proxy_core.formats.snippets.snippet import SnippetFormat
from proxy_core.formats.snippets.url import URL

SNIPPETS: tuple[SnippetFormat, ...] = (URL, CURL)
