"""The text of a PAC file: from a web server, or from this computer. Never through a proxy, and never more than 1 MiB.

How long it may take is bounded from outside, as all that happens in this process.
"""

import os
import ssl
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

import certifi

from proxy_core.version import VERSION

SIZE_LIMIT = 1024 * 1024  # bytes; Chromium's own limit for PAC files
_SILENCE_S = 10.0
_HANDLERS = (
    urllib.request.HTTPHandler,
    urllib.request.HTTPRedirectHandler,
    urllib.request.HTTPErrorProcessor,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.UnknownHandler,
)


class SourceError(Exception):
    """The file can't be had: why, in a clause."""


def read_source(url: str, extra_ca: Sequence[str] = ()) -> str:
    """The text behind an http, https or file URL. Raises SourceError."""
    try:
        data, charset = _from_file(url) if urlsplit(url).scheme.lower() == "file" else _from_web(url, extra_ca)
    except HTTPError as error:
        raise SourceError(f"its server answered {error.code}") from None
    except URLError as error:
        raise SourceError(f"it can't be fetched ({_reason(error.reason)})") from None
    except (OSError, HTTPException, ValueError) as error:
        raise SourceError(f"it can't be fetched ({_reason(error)})") from None
    if len(data) > SIZE_LIMIT:
        raise SourceError(f"it is larger than {SIZE_LIMIT >> 20} MiB")
    for name in (charset, "utf-8-sig", "latin-1"):
        try:
            return data.decode(name)
        except (LookupError, ValueError):
            continue
    raise AssertionError("latin-1 reads everything")


def _from_file(url: str) -> tuple[bytes, str]:
    path = urllib.request.url2pathname(urlsplit(url).path)
    if os.path.exists(path) and not os.path.isfile(path):  # a pipe would be waited for without end
        raise SourceError("it is no ordinary file")
    with open(path, "rb") as file:
        return file.read(SIZE_LIMIT + 1), "utf-8-sig"


def _from_web(url: str, extra_ca: Sequence[str]) -> tuple[bytes, str]:
    # By hand: the ready-made opener asks the system's proxies, reads files and speaks FTP.
    opener = urllib.request.OpenerDirector()
    for handler in _HANDLERS:
        opener.add_handler(handler())
    opener.add_handler(urllib.request.HTTPSHandler(context=_context(extra_ca)))
    request = urllib.request.Request(url, headers={"User-Agent": f"Harrier/{VERSION}", "Accept": "*/*"})  # noqa: S310
    with opener.open(request, timeout=_SILENCE_S) as response:
        return response.read(SIZE_LIMIT + 1), response.headers.get_content_charset() or "utf-8-sig"


def _context(extra_ca: Sequence[str]) -> ssl.SSLContext:
    # By hand: `create_default_context` would honour SSLKEYLOGFILE.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certifi.where())
    context.load_default_certs()
    for path in extra_ca:
        context.load_verify_locations(path)
    return context


def _reason(error: object) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return str((isinstance(error, OSError) and error.strerror) or error)[:200]
