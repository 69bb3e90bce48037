"""What to call a file, from texts that strangers wrote: the path of a URL, a host, the name of an opened file. No Qt.

A name leads nowhere else, looks like what it is, and is one on every system: Windows has devices where others have
files, a name that begins with a hyphen is an option to most programs, one that begins with a dot is not listed.
"""

import mimetypes
import posixpath
import re
from urllib.parse import unquote

from proxy_core.model.exchange import ExchangeRow
from proxy_core.model.message_record import MessageKind

_RESERVED = re.compile(r'[<>:"/\\|?*]')
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])[ ]*(?:\.|\Z)", re.IGNORECASE)
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}\Z")
_LONGEST_NAME = 80  # characters
# File systems take 255 bytes, with «.harrier» and with what a file has behind its name while it is written.
_LONGEST_NAME_BYTES = 200
_ENDINGS = {"text/javascript": ".js", "application/javascript": ".js", "text/html": ".html", "image/jpeg": ".jpg"}


def safe_name(text: str, ending: str = "") -> str:
    """The text as a file name with `ending`, which is ours; "" when nothing of the text is left."""
    # Not printable are control characters, bidirectional marks, characters without width, halves of surrogate pairs.
    visible = "".join(each if each.isprintable() else "_" for each in text)
    name = _RESERVED.sub("_", visible).lstrip(" .-").rstrip(" .")
    if not name:
        return ""
    name = _cut(name, len(ending))
    return f"_{name}{ending}" if _DEVICE.match(name + ending) else name + ending


def _cut(name: str, reserve: int) -> str:
    """Not too long; the name's own ending stays."""
    found = _ENDING.search(name)
    own_ending = found[0] if found is not None else ""
    room = _LONGEST_NAME_BYTES - reserve - len(own_ending)
    stem = name.removesuffix(own_ending)[: _LONGEST_NAME - len(own_ending)]
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip(" .") + own_ending


def suggested_name(row: ExchangeRow, message: MessageKind) -> str:
    """A file name for a body: the last part of the path, with an ending that fits."""
    name = safe_name(unquote(posixpath.basename(row.path.partition("?")[0].rstrip("/")), errors="replace"))
    has_ending = bool(_ENDING.search(name))
    name = name or safe_name(row.host) or "body"
    if message is MessageKind.REQUEST:
        return f"{name}.request"
    ending = _ENDINGS.get(row.media_type) or mimetypes.guess_extension(row.media_type) or ""
    return name if has_ending else name + ending
