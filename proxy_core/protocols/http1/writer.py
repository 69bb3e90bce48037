"""Bytes that Harrier writes itself: small changes to a head that is forwarded, and whole responses of its own.

A response of our own tells what happened and what to do, is marked as ours (`Server`, and `Proxy-Status` by RFC 9209),
and can't be made to carry anything else: sentences may quote hostile bytes, so they are escaped for HTML and for
fields, and the page may load and run nothing.
"""

import re
from html import escape
from http import HTTPStatus

from proxy_core.model.failure import Failure, FailureKind
from proxy_core.protocols.trailers import sent_trailers
from proxy_core.version import VERSION

_CHUNKED_LINE = re.compile(rb"\r\ntransfer-encoding:[^\r]*+(?=\r)", re.IGNORECASE)
_HTML = (b"text/html", b"application/xhtml+xml")
_WEIGHT_ZERO = re.compile(rb"[ 	]*q=0(?:\.0{0,3})?[ 	]*")

# What a person can do about it; the sentence that says what happened is the failure's own.
_ADVICE = {
    FailureKind.DNS_TIMEOUT: "Check the network connection and the name server, then try again.",
    FailureKind.DNS_ERROR: "Check the spelling of the host name, and whether this machine can resolve it.",
    FailureKind.DESTINATION_IP_UNROUTABLE: "Check the network connection of this machine, and its VPN if it has one.",
    FailureKind.CONNECTION_REFUSED: "Check that the server is running and that the port is right.",
    FailureKind.CONNECTION_TERMINATED: "The server, or something on the way, broke the connection off. Try again.",
    FailureKind.CONNECTION_TIMEOUT: "The server may be down, or a firewall may drop the packets.",
    FailureKind.OWN_FAULT: "Neither the request nor the server is to blame. Please report it with the log's entry.",
    FailureKind.CONNECTION_READ_TIMEOUT: "The server may be overloaded. Try again, or look at its log.",
    FailureKind.CONNECTION_WRITE_TIMEOUT: "The server may be overloaded. Try again, or look at its log.",
    FailureKind.TLS_PROTOCOL_ERROR: "Check that the server speaks TLS on this port, in version 1.2 or later.",
    FailureKind.TLS_CERTIFICATE_ERROR: "Harrier's list shows what helps: this one certificate can be accepted there.",
    FailureKind.TLS_ALERT_RECEIVED: "The server refused the TLS handshake; its log may say why.",
    FailureKind.HTTP_REQUEST_ERROR: "The program that sent this request has to send it otherwise.",
    FailureKind.HTTP_RESPONSE_INCOMPLETE: "The server ended its response too early. Try again, or look at its log.",
    FailureKind.HTTP_RESPONSE_TIMEOUT: "The server may be overloaded. Try again, or look at its log.",
    FailureKind.PROXY_LOOP_DETECTED: "Check that no proxy setting points from Harrier back to Harrier.",
    FailureKind.CLIENT_TIMEOUT: "Send the request again, faster.",
}
# RFC 9209 §2.3 registers the error types; of our own kinds these are answered at all.
_REGISTERED = {
    FailureKind.CLIENT_TIMEOUT: FailureKind.HTTP_REQUEST_ERROR,
    FailureKind.OWN_FAULT: FailureKind.PROXY_INTERNAL_ERROR,
}
_LOG_IN_ADVICE = "Give the program the user name and password of this proxy."
_LOG_IN = 407
_USUAL_ADVICE = "Harrier's list shows this exchange with everything that was received."

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 38rem; margin: 15vh auto 0; padding: 0 1.5rem; }}
h1 {{ font-size: 1.25rem; font-weight: 600; margin: 0 0 .75rem; }}
p {{ margin: 0 0 .75rem; overflow-wrap: anywhere; }}
footer {{ margin-top: 2rem; font-size: .8125rem; opacity: .65; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{text}</p>
<p>{advice}</p>
<footer>This answer is Harrier’s own, not the server’s. {kind}</footer>
</body>
</html>
"""
_TEXT = """\
{title}

{text}
{advice}

This answer is Harrier's own, not the server's. {kind}
"""


def own_response(
    status: int,
    failure: Failure,
    *,
    accept: bytes = b"",
    head_only: bool = False,
    advice: str | None = None,
) -> bytes:
    """A whole response that tells a failure, as HTML where `accept` (the value of the Accept field) names it.

    `head_only` answers HEAD: the same fields, no body. `advice` says what to do in place of the usual sentence.
    """
    html = accepts_html(accept)
    if advice is None:
        advice = _LOG_IN_ADVICE if status == _LOG_IN else _ADVICE.get(failure.kind, _USUAL_ADVICE)
    body = _write_body(status, failure, advice, html=html)
    lines = [
        f"HTTP/1.1 {status} {reason_phrase(status)}",
        f"Server: Harrier/{VERSION}",
        f"Content-Type: {'text/html' if html else 'text/plain'}; charset=utf-8",
        f"Content-Length: {len(body)}",
        "X-Content-Type-Options: nosniff",
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        "Cache-Control: no-store",
        f"Proxy-Status: {proxy_status(failure)}",
    ]
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
    return head if head_only else head + body


def accepts_html(accept: bytes) -> bool:
    """Does this value of Accept name HTML? A wildcard does not: programs send it, browsers name what they read."""
    for member in accept.lower().split(b","):
        media_range, *parameters = member.split(b";")
        if media_range.strip(b" \t") in _HTML and not any(map(_WEIGHT_ZERO.fullmatch, parameters)):
            return True
    return False


def reason_phrase(status: int) -> str:
    """The usual words for a status, "" where there are none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def proxy_status(failure: Failure) -> str:
    """The value of Proxy-Status, RFC 9209 §2."""
    error = _REGISTERED.get(failure.kind, failure.kind)
    return f'harrier; error={error.value}; details="{_quoted(failure.text)}"'


def _quoted(text: str, limit: int = 500) -> str:
    """Text for a structured field's string: printable ASCII, quotes and backslashes escaped (RFC 9651 §3.3.3)."""
    plain = text[:limit].replace("«", "'").replace("»", "'").replace("’", "'").replace("–", "-").replace("…", "...")
    visible = "".join(character if " " <= character <= "~" else "?" for character in plain)
    return visible.replace("\\", "\\\\").replace('"', '\\"')


def _write_body(status: int, failure: Failure, advice: str, *, html: bool) -> bytes:
    template = _PAGE if html else _TEXT
    facts = {
        "title": f"{status} {reason_phrase(status)}".rstrip(),
        "text": failure.text,
        "advice": advice,
        "kind": f"({failure.kind.value})",
    }
    # A terminal may show this, too: no escape sequences, no second lines.
    facts = {name: "".join(c if c.isprintable() else "?" for c in value) for name, value in facts.items()}
    if html:
        facts = {name: escape(value) for name, value in facts.items()}
    return template.format(**facts).encode("utf-8", "replace")


def with_close(forward: bytes) -> bytes:
    """The head, saying that the connection ends with its message."""
    return forward[:-2] + b"Connection: close\r\n\r\n"


def without_chunking(forward: bytes) -> bytes:
    """The head for an HTTP/1.0 client, to whom the body goes undivided and ends with the connection."""
    end = forward.index(b"\r\n")
    return forward[:end] + _CHUNKED_LINE.sub(b"", forward[end:])


def chunk(data: bytes) -> bytes:
    """Some bytes of a body (not none) as one chunk, RFC 9112 §7.1."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def last_chunk(trailers: bytes) -> bytes:
    """The end of a chunked body, with those trailers, as raw field lines, that may be sent on."""
    return b"0\r\n%b\r\n" % sent_trailers(trailers)
