"""An exchange's URL in one line, with nothing in it that a line or a terminal could take for anything else."""

from proxy_core.formats.snippets.snippet import Recorded, SnippetFormat
from proxy_core.model.endpoint import url_of


def visible_url(url: str) -> str:
    """RFC 3986 §2.1: what is no visible character stands as its bytes' percent signs."""
    if url.isprintable() and " " not in url:
        return url
    return "".join(
        character
        if character.isprintable() and character != " "
        else "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "replace"))
        for character in url
    )


def _write(recorded: Recorded) -> str:
    return visible_url(url_of(recorded.row))


URL = SnippetFormat("url", "Copy URL", _write, between="\n")
