"""What to call the file of a body, from a path that strangers wrote."""

import mimetypes
import posixpath
import re
from urllib.parse import unquote

from proxy_core.model.exchange import ExchangeRow

_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\u202a-\u202e\u2066-\u2069]')
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}$")
_LONGEST_NAME = 80
_ENDINGS = {"text/javascript": ".js", "application/javascript": ".js", "text/html": ".html", "image/jpeg": ".jpg"}


def suggested_name(row: ExchangeRow, *, is_response: bool) -> str:
    """A file name for a body: the last part of the path, with an ending that fits; nothing that leads elsewhere."""
    name = unquote(posixpath.basename(row.path.partition("?")[0].rstrip("/")), errors="replace")
    name = _UNSAFE.sub("_", name).strip(" .")[:_LONGEST_NAME]
    has_ending = bool(_ENDING.search(name))
    name = name or _UNSAFE.sub("_", row.host) or "body"
    if not is_response:
        return f"{name}.request"
    ending = _ENDINGS.get(row.media_type) or mimetypes.guess_extension(row.media_type) or ""
    return name if has_ending else name + ending
