"""How a call of gRPC ended: its status stands in the trailers, or in the head of a response that has nothing else.

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, «Responses»; the names are those of its status codes.
"""

from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from proxy_core.formats.one_line import one_line
from proxy_core.model.exchange import ExchangeDetail
from proxy_core.model.message_head import parse_fields, parse_head

MEDIA_TYPE = "application/grpc"  # with +proto, +json, or -web behind it
NAMES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
_LONGEST_CODE = 5  # digits
_LONGEST_MESSAGE = 2000  # characters, as they stand percent-encoded in the field


class GrpcStatus(NamedTuple):
    """A code with what was said of it."""

    code: int
    message: str

    @property
    def is_error(self) -> bool:
        """Whether the call failed, whatever HTTP says of it."""
        return self.code != 0

    @property
    def text(self) -> str:
        """`NOT_FOUND (5): no such thing`."""
        name = NAMES[self.code] if self.code < len(NAMES) else "unknown code"
        return f"{name} ({self.code})" + (f": {self.message}" if self.message else "")


def grpc_status(media_type: str, detail: ExchangeDetail) -> GrpcStatus | None:
    """How the call ended; None for what is no gRPC, or has not told."""
    if not media_type.startswith(MEDIA_TYPE):
        return None
    fields = [*parse_head(detail.response.head).fields, *parse_fields(detail.response.trailers or b"")]
    code = message = b""
    for name, value in fields:
        if name.lower() == b"grpc-status":
            code = value
        elif name.lower() == b"grpc-message":
            message = value
    if not code.isdigit() or len(code) > _LONGEST_CODE:
        return None
    said = unquote_to_bytes(message[:_LONGEST_MESSAGE]).decode("utf-8", "replace")
    return GrpcStatus(int(code), one_line(said))
