"""What a response is, told from its media type and the request: the classes of the quick filter buttons."""

from functools import lru_cache

from proxy_core.model.exchange import ResourceType

# RFC 6838 §4.2: at most 127 characters on each side of the slash. Of more only the beginning is looked at, or a peer
# could have a row, and each cache here, hold hundreds of megabytes.
LONGEST_TYPE = 255
_BY_ESSENCE = {
    "text/html": ResourceType.DOCUMENT,
    "application/xhtml+xml": ResourceType.DOCUMENT,
    "text/css": ResourceType.STYLESHEET,
    "application/javascript": ResourceType.SCRIPT,
    "application/ecmascript": ResourceType.SCRIPT,
    "application/x-javascript": ResourceType.SCRIPT,
    "text/javascript": ResourceType.SCRIPT,
    "text/ecmascript": ResourceType.SCRIPT,
    "application/wasm": ResourceType.SCRIPT,
    "application/json": ResourceType.XHR,
    "text/event-stream": ResourceType.XHR,
    "application/xml": ResourceType.XHR,
    "text/xml": ResourceType.XHR,
    "application/grpc": ResourceType.XHR,
    "application/x-ndjson": ResourceType.XHR,
    "application/x-protobuf": ResourceType.XHR,
    "application/vnd.ms-fontobject": ResourceType.FONT,
    "application/font-woff": ResourceType.FONT,
    "application/x-font-ttf": ResourceType.FONT,
    "application/ogg": ResourceType.MEDIA,
    "application/vnd.apple.mpegurl": ResourceType.MEDIA,
    "application/dash+xml": ResourceType.MEDIA,
}
_BY_TREE = {
    "image": ResourceType.IMAGE,
    "font": ResourceType.FONT,
    "audio": ResourceType.MEDIA,
    "video": ResourceType.MEDIA,
}
_SHORT_NAMES = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/css": "css",
    "application/javascript": "js",
    "text/javascript": "js",
    "application/x-javascript": "js",
    "application/json": "json",
    "text/plain": "text",
    "text/xml": "xml",
    "application/xml": "xml",
    "text/event-stream": "sse",
    "image/svg+xml": "svg",
    "image/jpeg": "jpeg",
    "application/octet-stream": "binary",
    "application/x-www-form-urlencoded": "form",
}


def media_essence(content_type: bytes) -> str:
    """`Text/HTML; charset=utf-8` → `text/html` (RFC 9110 §8.3.1)."""
    return _essence(content_type[:LONGEST_TYPE])


@lru_cache(maxsize=512)
def _essence(content_type: bytes) -> str:
    return content_type.partition(b";")[0].strip(b" \t").decode("latin-1").lower()


@lru_cache(maxsize=512)
def resource_type(media_type: str) -> ResourceType:
    """The class of a lower-case media type."""
    known = _BY_ESSENCE.get(media_type)
    if known is not None:
        return known
    if media_type.endswith(("+json", "+xml", "+proto")) and not media_type.startswith("image/"):
        return ResourceType.XHR
    return _BY_TREE.get(media_type.partition("/")[0], ResourceType.OTHER)


@lru_cache(maxsize=512)
def short_type(media_type: str) -> str:
    """The word in the list's column «Type»: `json`, `html`, `png`, `woff2` …; "" for an unknown type."""
    known = _SHORT_NAMES.get(media_type)
    if known is not None:
        return known
    subtype = media_type.partition("/")[2]
    if subtype.endswith("+json"):
        return "json"
    if subtype.endswith("+xml"):
        return "xml"
    return subtype.removeprefix("x-").removeprefix("vnd.")
