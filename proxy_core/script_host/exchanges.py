"""The exchanges that scripts are asked about: made from what comes over the socket, and what has changed in them.

A field's text is UTF-8 with surrogates for bytes that are none, so that it comes back as it went.
"""

from typing import Any

from proxy_core.script_host.fields import Headers
from proxy_core.script_host.flow import HTTPFlow
from proxy_core.script_host.message import Request, Response

MOST_FLOWS = 10_000  # whose end has not been told: the oldest is forgotten


class Exchanges:
    """Those that are under way, by their keys."""

    def __init__(self) -> None:
        self._flows: dict[str, HTTPFlow] = {}

    def flow(self, key: str, told: dict[str, Any], blobs: list[bytes]) -> HTTPFlow:
        """The exchange as it is now; its own things (`metadata`) stay from call to call."""
        request = told["request"]
        made = Request(
            request["method"],
            request["scheme"],
            request["host"],
            request["port"],
            request["target"],
            _headers(request),
            _body(request, blobs),
        )
        flow = self._flows.get(key)
        if flow is None:
            if len(self._flows) >= MOST_FLOWS:
                del self._flows[next(iter(self._flows))]
            flow = self._flows[key] = HTTPFlow(key, made)
        if told.get("response") is None:
            flow.request = made
        response = told.get("response")
        flow.response = (
            None if response is None else Response(response["status"], _headers(response), _body(response, blobs))
        )
        return flow

    def end(self, key: str) -> None:
        """The exchange is over."""
        self._flows.pop(key, None)

    def __len__(self) -> int:
        return len(self._flows)


def told_request(request: Request) -> dict[str, Any]:
    """A request without its body."""
    return {
        "method": request.method,
        "scheme": request.scheme,
        "host": request.host,
        "port": request.port,
        "target": request.path,
        "fields": _fields(request.headers),
    }


def told_response(response: Response) -> dict[str, Any]:
    """A response without its body."""
    return {"status": response.status_code, "fields": _fields(response.headers)}


def _fields(headers: Headers) -> list[list[str]]:
    return [[part.decode("utf-8", "surrogateescape") for part in pair] for pair in headers.fields]


def _headers(told: dict[str, Any]) -> Headers:
    return Headers(
        (name.encode("utf-8", "surrogateescape"), value.encode("utf-8", "surrogateescape"))
        for name, value in told["fields"]
    )


def _body(told: dict[str, Any], blobs: list[bytes]) -> bytes | None:
    number = told.get("body")
    return None if number is None else blobs[number]
