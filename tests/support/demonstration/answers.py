"""What the site answers when all goes well: pages, JSON, pictures, forms, codings, streams. `ANSWERS` is the table."""

import base64
import functools
import glob
import gzip
import hashlib
import json
import sys
import zlib
from collections.abc import Callable, Iterator
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from urllib.parse import parse_qsl

import brotli

from tests.support.demonstration import pictures
from tests.support.demonstration.faults import FAULTS
from tests.support.demonstration.visit import Visit
from tests.support.demonstration.wares import wares

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_PAGES = Path(__file__).with_name("pages")
_JSON = "application/json"
_BLOCK = bytes(range(256)) * 256
MOST_BYTES = 20 << 30
USER, PASSWORD = "ada", "correct horse"


@functools.cache
def _text(name: str) -> str:
    return (_PAGES / name).read_text(encoding="utf-8")


def _page(visit: Visit, title: str, main: str, status: int = 200, fields: tuple[tuple[str, str], ...] = ()) -> None:
    """A page in the shop's frame. Pictures come from the other of the site's two names, as from a CDN."""
    host, _, port = visit.header("host").partition(":")
    other = {"localhost": "127.0.0.1", "127.0.0.1": "localhost"}.get(host)
    scheme = "https" if visit.is_secure else "http"
    source = f"{scheme}://{other}:{port}" if other and port else ""
    text = _text("frame.html")
    for name, value in (("title", title), ("pictures", source), ("main", main)):
        text = text.replace("{" + name + "}", value)
    visit.answer(text, status=status, fields=list(fields))


def _json(visit: Visit, value: object, status: int = 200, fields: tuple[tuple[str, str], ...] = ()) -> None:
    visit.answer(json.dumps(value, ensure_ascii=False, indent=1), _JSON, status=status, fields=list(fields))


# Pages


def home(visit: Visit) -> None:
    """The shop."""
    _page(visit, "Shop", _text("home.html"), fields=(("Set-Cookie", "visitor=5e1f; Path=/; HttpOnly; SameSite=Lax"),))


def style(visit: Visit) -> None:
    """The style sheet; cacheable."""
    visit.answer(_text("style.css"), "text/css; charset=utf-8", fields=[("Cache-Control", "max-age=60")])


def script(visit: Visit) -> None:
    """The script."""
    visit.answer(_text("shop.js"), "text/javascript; charset=utf-8")


def font(visit: Visit) -> None:
    """The first TrueType font that this machine has."""
    found = sorted(glob.glob("/usr/share/fonts/**/*.ttf", recursive=True))
    if found:
        visit.answer(Path(found[0]).read_bytes(), "font/ttf")
    else:
        visit.answer("There is no font here.", "text/plain", status=404)


def everything(visit: Visit) -> None:
    """A list of all that the site can do, each with what it is good for."""
    rows = []
    for path, route in {**ANSWERS, **FAULTS}.items():
        lines = (route.__doc__ or "").strip().splitlines()
        rows.append(f'<tr><td><a href="{path}">{path}</a></td><td>{lines[0] if lines else ""}</td></tr>')
    _page(visit, "Everything here", f"<h1>Everything here</h1><table>{''.join(rows)}</table>")


def order(visit: Visit) -> None:
    """A form; its urlencoded answer leads on to a page of its own (303)."""
    if visit.method == "POST":
        given = dict(parse_qsl(visit.body.decode()))
        cookie = ("Set-Cookie", f"order={len(given)}; Path=/; Max-Age=600")
        visit.answer("", status=303, fields=[("Location", "/thanks"), cookie])
    else:
        _page(visit, "Order", _text("order.html"))


def thanks(visit: Visit) -> None:
    """Where an order ends."""
    _page(visit, "Thanks", "<h1>Thank you</h1><p class=lead>Your order is on its way.</p>")


def repair(visit: Visit) -> None:
    """A form with a file (multipart/form-data); answers with the parts' names and sizes."""
    if visit.method != "POST":
        _page(visit, "Repairs", _text("repair.html"))
        return
    head = f"Content-Type: {visit.header('content-type')}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + visit.body)
    parts = [
        {
            "name": part.get_param("name", header="content-disposition"),
            "file": part.get_filename(),
            "size": len(part.get_payload(decode=True) or b""),
        }
        for part in message.iter_parts()
    ]
    _json(visit, {"parts": parts})


# JSON


def api_wares(visit: Visit) -> None:
    """What is sold, as JSON; gzip for who takes it."""
    body = json.dumps({"wares": wares(), "currency": "EUR"}, ensure_ascii=False, indent=1).encode()
    if "gzip" in visit.header("accept-encoding"):
        fields = [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
        visit.answer(gzip.compress(body, mtime=0), _JSON, fields=fields)
    else:
        visit.answer(body, _JSON)


def api_basket(visit: Visit) -> None:
    """Takes JSON, counts in a cookie."""
    try:
        wanted = json.loads(visit.body or b"{}")
    except ValueError:
        _json(visit, {"error": "no JSON"}, status=400)
        return
    count = int(visit.cookies.get("basket", "0")) + int(wanted.get("count", 0))
    _json(visit, {"count": count, "last": wanted.get("id")}, fields=(("Set-Cookie", f"basket={count}; Path=/"),))


def echo(visit: Visit) -> None:
    """Tells what was asked, as JSON, and the body's SHA-256."""
    facts = {
        "method": visit.method,
        "target": visit.target,
        "fields": visit.fields,
        "body_length": len(visit.body),
        "body_sha256": hashlib.sha256(visit.body).hexdigest(),
    }
    _json(visit, facts)


# Pictures


def picture(visit: Visit) -> None:
    """A PNG landscape: /picture/1.png to /picture/6.png, and .svg."""
    name, _, kind = visit.path.rpartition("/")[2].partition(".")
    number = int(name) if name.isdigit() else 0
    if kind == "svg":
        visit.answer(pictures.drawing(number), "image/svg+xml")
    else:
        visit.answer(pictures.landscape(number % 6), "image/png", fields=[("Cache-Control", "max-age=60")])


def badge(visit: Visit) -> None:
    """A small WebP."""
    visit.answer(pictures.badge(), "image/webp")


# Codings, charsets, framings


def _coded(name: str, body: bytes) -> bytes:
    match name:
        case "gzip":
            return gzip.compress(body, mtime=0)
        case "deflate":
            return zlib.compress(body)
        case "raw-deflate":
            packer = zlib.compressobj(wbits=-15)
            return packer.compress(body) + packer.flush()
        case "br":
            return bytes(brotli.compress(body))
        case "zstd":
            return zstd.compress(body)
        case _:
            return body


def coded(visit: Visit) -> None:
    """JSON under a content coding: gzip, deflate, raw-deflate, br, zstd, or two: gzip+br."""
    names = visit.path.rpartition("/")[2].split("+")
    if visit.query.get("what") == "weather":
        body = json.dumps({"text": "light wind from the west, good visibility, 9 °C"}).encode()
    else:
        body = json.dumps({"coding": names, "wares": wares() * 20}, ensure_ascii=False).encode()
    for name in names:
        body = _coded(name, body)
    visit.answer(body, _JSON, fields=[("Content-Encoding", ", ".join(names).replace("raw-", ""))])


def bomb(visit: Visit) -> None:
    """A few kilobytes that become 200 MB."""
    packer = zlib.compressobj(9, wbits=31)
    body = b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
    visit.answer(body, "text/plain", fields=[("Content-Encoding", "gzip")])


def charset(visit: Visit) -> None:
    """Text in the charset that the path names: /charset/latin-1, /charset/utf-16, /charset/shift_jis."""
    name = visit.path.rpartition("/")[2]
    text = {"shift_jis": "チュウヒは湿原の鳥です。"}.get(name, "Größe, façade, señor – «ça va»")
    try:
        visit.answer(text.encode(name, "replace"), f"text/plain; charset={name}")
    except LookupError:
        visit.answer("No such charset.", "text/plain", status=404)


def chunked(visit: Visit) -> None:
    """Three chunks with an extension, and two trailers."""
    fields = [("Content-Type", "text/plain"), ("Transfer-Encoding", "chunked"), ("Trailer", "X-Checksum, X-Count")]
    visit.send_head(200, fields)
    trailers = [("X-Checksum", "8f14e45f"), ("X-Count", "3")]
    visit.send_chunks([b"one\n", b"two\n", b"three\n"], trailers, extension=";part=yes")


def until_close(visit: Visit) -> None:
    """A body that ends with the connection."""
    visit.leave_open = False
    visit.send_head(200, [("Content-Type", "text/plain"), ("Connection", "close")])
    if visit.method != "HEAD":
        visit.send(b"The end of this text is the end of the connection.\n" * 20)


def huge(visit: Visit) -> None:
    """Made on the fly: /huge?bytes=N, with &chunked=1 in chunks."""
    length = visit.number("bytes", 10_000_000, MOST_BYTES)
    fields = [("Content-Type", "application/octet-stream")]
    if visit.query.get("chunked"):
        visit.send_head(200, [*fields, ("Transfer-Encoding", "chunked")])
        visit.send_chunks(_blocks(length))
        return
    visit.send_head(200, [*fields, ("Content-Length", str(length))])
    if visit.method != "HEAD":
        for block in _blocks(length):
            visit.send(block)


def _blocks(length: int) -> Iterator[bytes]:
    for _ in range(length // len(_BLOCK)):
        yield _BLOCK
    yield _BLOCK[: length % len(_BLOCK)]


# Time


def slow(visit: Visit) -> None:
    """Waits before the head: /slow?ms=N."""
    visit.wait_ms(visit.number("ms", 1000, 60_000))
    visit.answer("Worth the wait.\n", "text/plain")


def trickle(visit: Visit) -> None:
    """A body in small pieces: /trickle?pieces=N&interval_ms=N."""
    pieces, interval_ms = visit.number("pieces", 10, 10_000), visit.number("interval_ms", 100, 10_000)
    visit.send_head(200, [("Content-Type", "text/plain"), ("Content-Length", str(10 * pieces))])
    for number in range(pieces if visit.method != "HEAD" else 0):
        visit.wait_ms(interval_ms)
        visit.send(f"piece {number % 1000:3}\n".encode())


def sightings(visit: Visit) -> None:
    """Server-sent events: /sightings?count=N&interval_ms=N."""
    visit.send_head(
        200, [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"), ("Transfer-Encoding", "chunked")]
    )
    visit.send_chunks(_events(visit, visit.number("count", 5, 100_000), visit.number("interval_ms", 500, 10_000)))


def _events(visit: Visit, count: int, interval_ms: int) -> Iterator[bytes]:
    birds = ("Marsh harrier", "Bearded reedling", "Bluethroat", "Spoonbill", "Hen harrier", "Water rail")
    for number in range(count):
        sighting = {"bird": birds[number % len(birds)], "place": f"hide {number % 4 + 1}"}
        yield f"id: {number}\ndata: {json.dumps(sighting)}\n\n".encode()
        visit.wait_ms(interval_ms)
    yield b"event: end\ndata: {}\n\n"


def endless(visit: Visit) -> None:
    """Never ends: a chunk every 100 ms until the visitor goes."""
    visit.send_head(200, [("Content-Type", "text/plain"), ("Transfer-Encoding", "chunked")])
    while True:
        visit.send(b"5\r\nmore\n\r\n")
        visit.wait_ms(100)


# Statuses


def redirect(visit: Visit) -> None:
    """Three redirects in a row: /redirect/3 → 2 → 1 → the shop."""
    name = visit.path.rpartition("/")[2]
    left = min(int(name), 50) if name.isdigit() else 1
    visit.answer("", status=302, fields=[("Location", f"/redirect/{left - 1}" if left > 1 else "/")])


def status(visit: Visit) -> None:
    """Any status: /status/418."""
    name = visit.path.rpartition("/")[2]
    number = int(name) if name.isdigit() and 200 <= int(name) <= 999 else 400
    if number in (204, 304):
        visit.send_head(number, [("ETag", '"1"')])
    elif 300 <= number < 400:
        visit.answer("", status=number, fields=[("Location", "/echo")])
    else:
        _page(visit, str(number), f"<h1>{number}</h1><p class=lead>As you asked.</p>", status=number)


def cached(visit: Visit) -> None:
    """With an ETag: 304 for who has it."""
    if visit.header("if-none-match") == '"v1"':
        visit.send_head(304, [("ETag", '"v1"')])
    else:
        visit.answer("Kept for next time.\n", "text/plain", fields=[("ETag", '"v1"'), ("Cache-Control", "no-cache")])


def hints(visit: Visit) -> None:
    """103 Early Hints and 102 before the page."""
    visit.send(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload; as=style\r\n\r\n")
    visit.send(b"HTTP/1.1 102 Processing\r\n\r\n")
    home(visit)


def cookies(visit: Visit) -> None:
    """Sets three cookies, shows the ones that came."""
    fields = (
        ("Set-Cookie", "theme=dark; Path=/; Max-Age=3600"),
        ("Set-Cookie", "token=abc.def; Path=/; HttpOnly; SameSite=Strict"),
        ("Set-Cookie", "old=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
    )
    _json(visit, {"came": visit.cookies}, fields=fields)


def secret(visit: Visit) -> None:
    """Basic authentication: ada, correct horse."""
    wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    if visit.header("authorization") == wanted:
        visit.answer("The hen harrier nests behind hide 3.\n", "text/plain")
    else:
        visit.answer("Who are you?\n", "text/plain", status=401, fields=[("WWW-Authenticate", 'Basic realm="Nests"')])


def not_found(visit: Visit) -> None:
    """What isn't here."""
    _page(visit, "Not found", "<h1>Not found</h1><p class=lead>It must have flown away.</p>", status=404)


ANSWERS: dict[str, Callable[[Visit], None]] = {
    "/": home,
    "/style.css": style,
    "/shop.js": script,
    "/font.ttf": font,
    "/badge.webp": badge,
    "/picture/1.png": picture,
    "/picture/1.svg": picture,
    "/everything": everything,
    "/order": order,
    "/thanks": thanks,
    "/repair": repair,
    "/api/wares": api_wares,
    "/api/basket": api_basket,
    "/echo": echo,
    "/coded/gzip": coded,
    "/coded/deflate": coded,
    "/coded/raw-deflate": coded,
    "/coded/br": coded,
    "/coded/zstd": coded,
    "/coded/gzip+br": coded,
    "/bomb": bomb,
    "/charset/latin-1": charset,
    "/charset/utf-16": charset,
    "/charset/shift_jis": charset,
    "/chunked": chunked,
    "/until-close": until_close,
    "/huge": huge,
    "/slow": slow,
    "/trickle": trickle,
    "/sightings": sightings,
    "/endless": endless,
    "/redirect/3": redirect,
    "/status/418": status,
    "/status/204": status,
    "/status/308": status,
    "/cached": cached,
    "/hints": hints,
    "/cookies": cookies,
    "/secret": secret,
}
_FAMILIES = {
    path.rpartition("/")[0]: route
    for path, route in ANSWERS.items()
    if route in (picture, coded, charset, redirect, status)
}


def route_for(path: str) -> Callable[[Visit], None]:
    """The route that answers a path."""
    return ANSWERS.get(path) or FAULTS.get(path) or _FAMILIES.get(path.rpartition("/")[0]) or not_found
