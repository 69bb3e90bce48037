"""What stands where a body would be: why there is none, or none yet. No Qt."""

from app.inspector.mends import mends
from proxy_core.formats.amount import size_text
from proxy_core.formats.one_line import one_line
from proxy_core.model.exchange import ExchangeDetail, ExchangeKind, ExchangeRow, ExchangeState, relays_bytes
from proxy_core.model.message_record import MessageKind

_EVENT_STREAM = "text/event-stream"


def why_no_body(row: ExchangeRow, detail: ExchangeDetail, message: MessageKind) -> str:
    """One sentence for a message of which no byte of a body is recorded."""
    is_open = row.state < ExchangeState.COMPLETE
    is_response = message is MessageKind.RESPONSE
    if row.kind == ExchangeKind.WEBSOCKET and relays_bytes(row):
        return f"The WebSocket is {'open' if is_open else 'closed'}: {_amounts(row)}. «Messages» lists what was said."
    if row.kind == ExchangeKind.TUNNEL and not row.failure:
        if not is_open:
            return "A tunnel: its bytes were relayed unread."
        return f"The tunnel {_relayed(row, 'Its bytes', is_open=is_open)}"
    if relays_bytes(row) and row.kind == ExchangeKind.HTTP and is_response:
        return f"The connection has switched protocols, and {_relayed(row, 'Its bytes', is_open=is_open)}"
    if is_response and is_open:
        return _not_yet(row)
    if is_response and (row.status is None or row.kind == ExchangeKind.TUNNEL):
        helps = " «Overview» says what helps." if mends(row, detail) else ""
        return (one_line(detail.failure_text) or "No response") + helps
    return "The response has no body." if is_response else "The request has no body."


def _relayed(row: ExchangeRow, what: str, *, is_open: bool) -> str:
    first = " «Messages» has the first of them." if row.request_bytes + row.response_bytes else ""
    if is_open:
        return f"is open. {what} are relayed unread: {_amounts(row)} until now.{first}"
    return f"is closed. {what} were relayed unread: {_amounts(row)}.{first}"


def _amounts(row: ExchangeRow) -> str:
    return f"{size_text(row.request_bytes)} sent, {size_text(row.response_bytes)} received"


def _not_yet(row: ExchangeRow) -> str:
    if row.state == ExchangeState.REQUESTING:
        return "The request is on its way …"
    if row.state == ExchangeState.WAITING:
        return "Waiting for the response …"
    if row.media_type == _EVENT_STREAM:
        return "The event stream is open. No event has come yet."
    return "The response has begun. Nothing of its body has come yet."
