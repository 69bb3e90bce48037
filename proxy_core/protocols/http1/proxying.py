"""What HTTP/1 says to a proxy behind us: CONNECT for a tunnel, and requests in absolute form (RFC 9112 §3.2.2, §3.2.3).

The credentials go into the head that is sent and nowhere else: what is recorded of a request is what its client sent.
"""

from base64 import b64encode

from proxy_core.model.endpoint import authority_text, endpoint_text
from proxy_core.model.message_head import parse_head
from proxy_core.model.proxy_server import ProxyServer
from proxy_core.protocols.http1.head import Http1RequestHead, TargetForm

_SHOWN_REALM = 80  # characters


def authorization_line(server: ProxyServer) -> bytes:
    """The field line that says who we are (RFC 7617), b"" where nobody is to be told."""
    if not server.has_credentials:
        return b""
    return b"Proxy-Authorization: Basic %b\r\n" % b64encode(f"{server.user}:{server.password}".encode())


def connect_request(server: ProxyServer, host: str, port: int, via: bytes = b"") -> bytes:
    """The head that asks for a tunnel. `via` is the field line, or lines, that say by whom."""
    where = _ascii(endpoint_text(host, port))
    return b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b%b\r\n" % (where, where, authorization_line(server), via)


def absolute_request(head: Http1RequestHead, server: ProxyServer, host: str, port: int, via: bytes = b"") -> bytes:
    """The head of a request for http://host:port, as the proxy is to get it. `via` is our line, behind others'."""
    lines = head.forward.partition(b"\r\n")[2]
    if via:
        lines = lines[:-2] + via + b"\r\n"
    if head.form is TargetForm.ABSOLUTE and (head.host, head.port) == (host, port) and _is_http(head.target):
        target = head.target  # the client's own spelling
    else:
        # RFC 9112 §3.2.4: «*» is what the last proxy makes of a URL without a path.
        path = b"" if head.origin_target == b"*" else head.origin_target
        target = b"http://%b%b" % (_ascii(authority_text("http", host, port)), path)
    return b"%b %b HTTP/1.1\r\n%b%b" % (head.method, target, authorization_line(server), lines)


def demand_text(raw: bytes) -> str:
    """What a 407 wants, for a sentence: `Basic (realm «office»)`, `NTLM, Negotiate`."""
    demands = []
    for name, value in parse_head(raw).fields:
        if name.lower() == b"proxy-authenticate":
            scheme, _, rest = value.decode("latin-1").partition(" ")
            realm = rest.partition('realm="')[2].partition('"')[0]
            shown = "".join(char for char in realm if char.isprintable())[:_SHOWN_REALM]
            demands.append(f"{_printable(scheme)[:_SHOWN_REALM]} (realm «{shown}»)" if shown else _printable(scheme))
    return ", ".join(demands[:5])


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable())[:_SHOWN_REALM]


def _is_http(target: bytes) -> bool:
    return target[:7].lower() == b"http://"


def _ascii(text: str) -> bytes:
    try:
        return text.encode("ascii")
    except UnicodeError:
        return text.encode("utf-8")
