"""An exchange's request as a command for curl that sends it again: method, target, fields and body, to the byte.

What curl would add of its own (`Accept`, `User-Agent`, a form's content type) is taken away where the request had none;
what belongs to one connection, or follows from the body, is curl's own business. Pure: the caller reads the capture.
"""

import re

from proxy_core.formats.amount import size_text
from proxy_core.formats.one_line import one_line
from proxy_core.formats.shell_word import LONGEST_WORD, is_plain_text, printf_command, shell_word
from proxy_core.formats.snippets.snippet import Recorded, SnippetFormat
from proxy_core.model.endpoint import url_of
from proxy_core.model.exchange import ExchangeDetail, ExchangeFlag, ExchangeKind, ExchangeRow, relays_bytes
from proxy_core.model.message_head import MessageHead, parse_head

CURL_BODY_LIMIT = 1 << 20  # a larger body is no thing to paste; the command then reads it from a file
BODY_FILE = "request-body"
# RFC 9110 §7.6.1 and §11.7: they hold for one connection, or were meant for the proxy.
_HOP_FIELDS = frozenset(
    {b"connection", b"proxy-connection", b"keep-alive", b"te", b"upgrade", b"proxy-authorization"}
    | {b"transfer-encoding", b"content-length"}  # curl makes these itself
)
_CURLS_OWN = (b"Accept", b"User-Agent")  # sent by curl unless told not to
_TOKEN = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2
_NEVER_IN_A_URL = re.compile(rb"[\x00-\x20\x7f]")
# «OPTIONS *» is no path, «#» begins a fragment, and curl encodes what is not ASCII: then the target is told apart.
_URL_PATH = re.compile(rb"/[\x21\x22\x24-\x7e]*")
_DOT_SEGMENT = re.compile(rb"/(?:\.|%2e){1,2}(?:[/?#]|$)", re.IGNORECASE)  # curl would take them out
_GLOB = frozenset(b"[]{}")  # curl would make several requests of them
_CODINGS = re.compile(rb"\b(?:gzip|x-gzip|deflate|br|zstd)\b|\*", re.IGNORECASE)
_BREAK = " \\\n  "
_INCOMPLETE = ExchangeFlag.REQUEST_INCOMPLETE | ExchangeFlag.BODY_NOT_RECORDED


def can_be_sent(row: ExchangeRow) -> bool:
    """Whether the row is a request that curl can make: a tunnel is none, nor is all that a file may bring."""
    is_tunnel = row.kind == ExchangeKind.TUNNEL or row.method == "CONNECT"  # curl asks proxies for those, nobody else
    is_web = not is_tunnel and row.scheme in ("http", "https") and row.host != "" and row.path != ""
    return is_web and _TOKEN.fullmatch(row.method.encode("utf-8", "replace")) is not None


def curl_command(row: ExchangeRow, detail: ExchangeDetail, body: bytes) -> str:
    """The command, for any POSIX shell. The row `can_be_sent`; of a longer body CURL_BODY_LIMIT + 1 bytes do."""
    head = parse_head(detail.request.head)
    remarks: list[str] = []
    fields, has_data = _fields(row, head, body, remarks)
    options = [*_url_options(row, head.start_line), *_version(row, detail.request.version)]
    options += _method(row, has_body=body != b"", has_data=has_data)
    lines = ["curl " + " ".join(options), *(f"-H {shell_word(each)}" for each in fields)]
    if any(name.lower() == b"accept-encoding" and _CODINGS.search(value) for name, value in head.fields):
        lines.append("--compressed")
    before = ""
    if len(body) > CURL_BODY_LIMIT:
        size = size_text(max(row.request_bytes, len(body)))
        remarks.append(f"The body ({size}) is too long for a command: save it from the inspector as {BODY_FILE}.")
        lines.append(f"--data-binary @- < {BODY_FILE}")
    elif has_data and is_plain_text(body) and len(body) <= LONGEST_WORD:
        lines.append(f"--data-raw {shell_word(body)}")
    elif has_data:
        before = printf_command(body) + " |\n"
        lines.append("--data-binary @-")
    if not relays_bytes(row) and len(body) < row.request_bytes and (row.flags & _INCOMPLETE or not body):
        remarks.append(f"The body was not recorded whole: {size_text(len(body))} of {size_text(row.request_bytes)}.")
    # Not «#»: zsh takes it for a word when it stands in what is typed or pasted.
    told = "".join(f": {shell_word(remark.encode())}\n" for remark in remarks)
    return told + before + _BREAK.join(lines)


def _url_options(row: ExchangeRow, start_line: bytes) -> list[str]:
    target, url = _encoded(_target(row, start_line)), _encoded(_origin(row))
    options = []
    if _URL_PATH.fullmatch(target):
        url += target
    else:
        url += b"/"
        options = ["--request-target", shell_word(target)]
    if _DOT_SEGMENT.search(url):
        options.append("--path-as-is")
    if not _GLOB.isdisjoint(url):
        options.append("--globoff")
    return [shell_word(url), *options]


def _origin(row: ExchangeRow) -> bytes:
    return url_of(row._replace(path="")).encode("utf-8", "replace")


def _encoded(part: bytes) -> bytes:
    return _NEVER_IN_A_URL.sub(lambda match: b"%%%02X" % match[0][0], part)


def _target(row: ExchangeRow, start_line: bytes) -> bytes:
    """The target's bytes; the row's path is what they look like as text."""
    spelled = start_line.partition(b" ")[2].rpartition(b" ")[0]
    if not spelled.startswith(b"/"):  # RFC 9112 §3.2.2: a proxy is asked for the whole URL
        authority, slash, path = spelled.partition(b"://")[2].partition(b"/")
        spelled = slash + path if authority else spelled
    is_the_same = spelled.decode("utf-8", "replace") == row.path
    return spelled if is_the_same else row.path.encode("utf-8", "replace")


def _version(row: ExchangeRow, version: str) -> list[str]:
    if version == "HTTP/1.0":
        return ["--http1.0"]
    # Over TLS curl would agree upon HTTP/2.
    return ["--http1.1"] if row.scheme == "https" and version == "HTTP/1.1" else []


def _method(row: ExchangeRow, *, has_body: bool, has_data: bool) -> list[str]:
    if row.method == "HEAD":
        # With data, curl waits for the body of a response to HEAD that never comes: until the server closes.
        return ["-i", "-X", "HEAD", "--ignore-content-length"] if has_body else ["--head"]
    if row.method == ("POST" if has_data else "GET"):
        return []
    return ["-X", shell_word(row.method.encode())]


def _fields(row: ExchangeRow, head: MessageHead, body: bytes, remarks: list[str]) -> tuple[list[bytes], bool]:
    """What follows `-H`, each; and whether the request has a body, be it empty."""
    is_switch = row.kind == ExchangeKind.WEBSOCKET
    named = {each.strip().lower() for value in head.values(b"connection") for each in value.split(b",")}
    dropped = (_HOP_FIELDS | (named - {b"host"})) - ({b"connection", b"upgrade"} if is_switch else set())
    is_chunked = (head.value(b"transfer-encoding") or b"").lower() == b"chunked"
    has_data = body != b"" or ((is_chunked or head.value(b"content-length") is not None) and row.method != "HEAD")
    own_host = _origin(row).partition(b"://")[2].lower()
    told: list[bytes] = []
    for name, value in head.fields:
        lower = name.lower()
        if lower in dropped or (lower == b"host" and value.lower() == own_host):
            continue
        if _is_sendable(name, value):
            told.append(name + (b": " + value if value else b";"))
        else:
            shown = one_line(name.decode("utf-8", "replace"))[:100]
            remarks.append(f"A field is left out, which curl can't send: {shown}")
    if is_chunked and has_data:
        told.append(b"Transfer-Encoding: chunked")
    if row.method == "HEAD" and body:
        told.append(b"Connection: close")
    expected = (*_CURLS_OWN, b"Content-Type") if has_data else _CURLS_OWN
    return told + [name + b":" for name in expected if head.value(name.lower()) is None], has_data


def _is_sendable(name: bytes, value: bytes) -> bool:
    # `-H @NAME` would be a file's content; a value of blanks alone is none to curl.
    is_clean = _TOKEN.fullmatch(name) is not None and not any(mark in value for mark in (b"\0", b"\r", b"\n"))
    return is_clean and bool(value) == bool(value.strip()) and len(name) + len(value) <= LONGEST_WORD


def _write(recorded: Recorded) -> str | None:
    detail = recorded.detail() if can_be_sent(recorded.row) else None
    return None if detail is None else curl_command(recorded.row, detail, recorded.request_body(CURL_BODY_LIMIT + 1))


CURL = SnippetFormat("curl", "Copy as cURL", _write, refuses="no request that curl can make")
