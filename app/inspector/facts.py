"""The facts that the inspector tells of an exchange: pure functions from rows to short texts."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec

from app.exchange_text import LONGEST_URL, status_text, time_text
from app.inspector.body_content import BodyContent
from app.inspector.fact import Fact, Section
from app.inspector.mends import MENDS, mends
from proxy_core.formats.amount import duration_text, size_text
from proxy_core.formats.grpc_status import grpc_status
from proxy_core.formats.one_line import one_line
from proxy_core.model.act import decode_acts
from proxy_core.model.dark_cause import causes_told, reason_in
from proxy_core.model.elapsed import timings_of
from proxy_core.model.endpoint import endpoint_text, url_of
from proxy_core.model.exchange import (
    FIRST_FINAL_STATE,
    ConnectionRow,
    ExchangeDetail,
    ExchangeFlag,
    ExchangeKind,
    ExchangeRow,
    Side,
    Timings,
    relays_bytes,
)
from proxy_core.model.message_head import Field, MessageHead, parse_fields, parse_head, to_text
from proxy_core.model.message_record import MessageRecord
from proxy_core.model.tls_facts import decode_tls_facts, program_in

SHOWN_HEAD_BYTES = 256 * 1024  # what Harrier takes from the wire; a file may hold more
_MOST_NOTES = 50
_MOST_CERTIFICATES = 12  # OpenSSL itself goes up to ten issuers


class Phase(NamedTuple):
    """A part of an exchange's time."""

    name: str
    role: str  # of `theme.Roles`
    duration_us: int  # -1 = doesn't apply


_PHASES = (
    ("Blocked", "wblk"),
    ("DNS", "wdns"),
    ("Connect", "wcon"),
    ("TLS", "wtls"),
    ("Send", "wsend"),
    ("Wait", "wwait"),
    ("Receive", "wrec"),
)


def phases(detail: ExchangeDetail, so_far: Timings | None = None) -> list[Phase]:
    """The seven phases in their order; of an exchange under way as far as `so_far` tells."""
    return [Phase(name, role, spent) for (name, role), spent in zip(_PHASES, so_far or timings_of(detail), strict=True)]


def timing_title(shown: list[Phase], *, is_open: bool = False) -> str:
    """`Timing · 38 ms`: all phases, also the one that lasts. They add up to the time that the list shows."""
    spent = [phase.duration_us for phase in shown if phase.duration_us >= 0]
    so_far = duration_text(sum(spent)) if spent else ""
    if is_open:
        return f"Timing · under way for {so_far}" if so_far else "Timing · under way"
    return f"Timing · {so_far}" if so_far else "Timing"


def timing_sections(row: ExchangeRow, upstream: ConnectionRow | None) -> list[Section]:
    """What stands under the bars: when it began, and which connection it had."""
    facts = [Fact("Started", instant_text(row.started_at).partition(" ")[2] or "unknown")]
    if row.state < FIRST_FINAL_STATE:
        facts += [
            Fact("Sent so far", size_text(row.request_bytes)),
            Fact("Received so far", size_text(row.response_bytes)),
        ]
    if upstream is not None:
        facts.append(Fact("Reused", "yes" if row.flags & ExchangeFlag.UPSTREAM_REUSED else "no, new"))
        facts.append(Fact("Origin", _end_text(upstream.peer_host, upstream.peer_port)))
        tls = decode_tls_facts(upstream.tls)
        if tls is not None and tls.version:
            facts.append(Fact("Protection", _tls_text(tls.version)))
    return [Section("Connection", facts)]


def _tls_text(version: str) -> str:
    return one_line(version).replace("TLSv", "TLS ")


def _end_text(host: str, port: int) -> str:
    """One end of a connection; that of a Unix socket has no port, and a name only where it listens."""
    return endpoint_text(one_line(host), port) if port else one_line(host) or "a Unix socket"


def instant_text(instant_us: int) -> str:
    """A moment in local time."""
    try:
        moment = datetime.fromtimestamp(instant_us / 1e6, UTC).astimezone()
    except (OverflowError, OSError, ValueError):
        return "unknown"
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"


def overview(row: ExchangeRow, detail: ExchangeDetail, upstream: ConnectionRow | None) -> list[Section]:
    """What is worth knowing at a glance."""
    general = [Fact("URL", one_line(url_of(row), LONGEST_URL)), Fact("Method", one_line(row.method))]
    status = status_text(row)
    line = to_text(shown_head(detail.response.head).start_line) if detail.response.head else ""
    shown = one_line(line.partition(" ")[2]) or status.text or "under way"
    general.append(Fact("Status", shown if not status.is_failed else status.text, status.role))
    call = grpc_status(row.media_type, detail)
    if call is not None:
        general.append(Fact("gRPC status", one_line(call.text), "s5" if call.is_error else "s2"))
    helps = _help(row, detail)
    if row.failure and not helps:
        general.append(Fact("Failure", one_line(detail.failure_text or row.failure), "s5"))
    if row.flags & ExchangeFlag.ANSWERED:
        general.append(Fact("Answered by", "Harrier, as it was told to: see what was done about it", "s4"))
    elif row.flags & ExchangeFlag.OWN_RESPONSE:
        general.append(Fact("Answered by", "Harrier itself: the origin's own answer never came", "s4"))
    if row.media_type:
        general.append(Fact("Type", one_line(row.media_type)))
    general += [
        Fact("Started", instant_text(row.started_at)),
        Fact("Duration", time_text(row) or "under way"),
        *_sizes(row, detail),
        *_websocket(row, detail),
    ]
    if upstream is not None:
        tls = decode_tls_facts(upstream.tls)
        general.append(Fact("Remote address", _end_text(upstream.peer_host, upstream.peer_port)))
        general.append(
            Fact("Protection", f"{_tls_text(tls.version)} · {one_line(tls.cipher)}" if tls and tls.version else "none")
        )
    sections = [*helps, Section("General", general)]
    if done := _done(detail):
        sections.append(Section("What was done about it", done))
    said = _why(row, detail) if helps else []
    told = [note for note in detail.notes.splitlines()[:_MOST_NOTES] if note and note not in said]
    notes = [Fact("Note", one_line(note)) for note in told]
    if row.flags & ExchangeFlag.REQUEST_INCOMPLETE:
        notes.append(Fact("Note", "The request body ended before its length was reached.", "s4"))
    if row.flags & ExchangeFlag.RESPONSE_INCOMPLETE:
        notes.append(Fact("Note", "The response ended before its length was reached.", "s4"))
    if row.flags & ExchangeFlag.BODY_NOT_RECORDED:
        notes.append(Fact("Note", "A body went through but could not be recorded.", "s4"))
    if notes:
        sections.append(Section("Remarks", notes))
    return sections


def _done(detail: ExchangeDetail) -> list[Fact]:
    """What rules have made of it, each by its name."""
    facts = []
    for act in decode_acts(detail.acts):
        text = "; ".join(each for each in (act.sentence, f"problem: {act.problem}" if act.problem else "") if each)
        facts.append(Fact(one_line(act.rule), one_line(text), "s4" if act.problem else ""))
    return facts


def _help(row: ExchangeRow, detail: ExchangeDetail) -> list[Section]:
    """Why it failed or stayed dark, and what can be done about it: the first thing to be read. Else nothing."""
    found = mends(row, detail)
    if not found:
        return []
    why = one_line(" ".join(_why(row, detail)))
    facts = [Fact("Why", why, "cause" if row.failure else "")]
    for mend in found:
        text = MENDS[mend]
        facts.append(Fact(text.button, text.sentence, press=mend) if text.button else Fact("Advice", text.sentence))
    return [Section("Why, and what helps", facts)]


def _why(row: ExchangeRow, detail: ExchangeDetail) -> list[str]:
    if not row.failure:
        return causes_told(detail.notes)
    return [each for each in (detail.failure_text or row.failure, reason_in(detail.notes)) if each]


def _sizes(row: ExchangeRow, detail: ExchangeDetail) -> list[Fact]:
    request, response = size_text(len(detail.request.head)), size_text(len(detail.response.head))
    if relays_bytes(row):
        relayed = f"{size_text(row.request_bytes)} sent, {size_text(row.response_bytes)} received"
        return [Fact("Request", f"{request} head"), Fact("Response", f"{response} head"), Fact("Relayed", relayed)]
    return [
        Fact("Request", f"{request} head, {size_text(row.request_bytes)} body"),
        Fact("Response", f"{response} head, {size_text(row.response_bytes)} body"),
    ]


def _websocket(row: ExchangeRow, detail: ExchangeDetail) -> list[Fact]:
    """What both sides of a WebSocket have agreed upon (RFC 6455 §4.2.2)."""
    if row.kind != ExchangeKind.WEBSOCKET:
        return []
    head = shown_head(detail.response.head)
    agreed = (("Subprotocol", b"sec-websocket-protocol"), ("Extensions", b"sec-websocket-extensions"))
    return [Fact(name, one_line(to_text(b", ".join(head.values(field)))) or "none") for name, field in agreed]


def request_summary(row: ExchangeRow, detail: ExchangeDetail, body: BodyContent | None) -> list[Fact]:
    """The request in a line: method, type and size of the body, version."""
    head = shown_head(detail.request.head)
    facts = [Fact("Method", one_line(row.method), "strong")]
    facts += _body_summary(row, head, row.request_bytes, body)
    facts.append(Fact("Version", one_line(detail.request.version)))
    return [fact for fact in facts if fact.value]


def response_summary(
    row: ExchangeRow, detail: ExchangeDetail, upstream: ConnectionRow | None, body: BodyContent | None
) -> list[Fact]:
    """The response in a line: status, type, size on the wire and decoded, version and protection."""
    head = shown_head(detail.response.head)
    status = status_text(row)
    text = one_line(to_text(head.start_line).partition(" ")[2]) if head.start_line else ""
    facts = [Fact("Status", status.text if status.is_failed or not text else text, status.role)]
    facts += _body_summary(row, head, row.response_bytes, body)
    tls = decode_tls_facts(upstream.tls) if upstream is not None else None
    protection = [one_line(detail.response.version), _tls_text(tls.version) if tls else ""]
    facts.append(Fact("Version", " · ".join(each for each in protection if each)))
    return [fact for fact in facts if fact.value]


def _body_summary(row: ExchangeRow, head: MessageHead, length: int, body: BodyContent | None) -> list[Fact]:
    media_type = Fact("Type", one_line(to_text(head.value(b"content-type") or b"")))
    if relays_bytes(row):  # the length is not that of a body
        if body is None or not body.wire_length:
            return [media_type, Fact("Relayed", f"{size_text(length)} relayed" if length else "no body", "muted")]
        length = body.wire_length
    if body is None or not body.coding:
        return [media_type, Fact("Size", size_text(length) if length else "no body", "muted")]
    decoded = "more than " * body.is_truncated + size_text(len(body.data))
    return [media_type, Fact("Size", f"{one_line(body.coding)} · {size_text(length)} on the wire → {decoded}", "muted")]


def connection_sections(
    row: ExchangeRow, client: ConnectionRow | None, upstream: ConnectionRow | None
) -> list[Section]:
    """Both sides, and the certificates that the upstream showed."""
    sections = []
    if client is not None:
        sections.append(Section("Client", _link_facts(client, None)))
    if upstream is not None:
        reuse = "reused" if row.flags & ExchangeFlag.UPSTREAM_REUSED else "new for this exchange"
        sections.append(Section("Upstream", _link_facts(upstream, reuse)))
        tls = decode_tls_facts(upstream.tls)
        # Imported when it is needed: the libraries that read certificates would slow the window's start.
        from app.inspector.certificate_facts import certificate_facts

        for number, der in enumerate(tls.chain[:_MOST_CERTIFICATES] if tls else ()):
            sections.append(Section("Certificate" if not number else f"Issuer {number}", certificate_facts(der)))
    elif row.kind != ExchangeKind.TUNNEL or row.failure:
        sections.append(Section("Upstream", [Fact("Connection", "none was made", "muted")]))
    return sections


def _link_facts(connection: ConnectionRow, reuse: str | None) -> list[Fact]:
    facts = [
        Fact("Remote", _end_text(connection.peer_host, connection.peer_port)),
        Fact("Local", _end_text(connection.local_host, connection.local_port)),
        Fact("Opened", instant_text(connection.opened_at)),
    ]
    if reuse:
        facts.append(Fact("Use", reuse))
    facts += _program_facts(connection)
    tls = decode_tls_facts(connection.tls)
    if tls is None:
        facts.append(Fact("TLS", "none"))
        return facts
    if tls.is_unread:
        facts.append(Fact("TLS", "relayed unread", "s4"))
    else:
        facts.append(Fact("TLS", _tls_text(tls.version) or "the handshake failed", "" if tls.version else "s5"))
    ours = "Our " if connection.side == Side.UPSTREAM else ""
    prints = (f"{ours}JA3", tls.ja3), (f"{ours}JA4", tls.ja4)
    for name, value in (("Cipher", tls.cipher), ("ALPN", tls.alpn), ("Server name", tls.sni), *prints):
        if value:
            facts.append(Fact(name, one_line(value)))
    if connection.side == Side.UPSTREAM and not tls.is_unread:
        verified = "yes" if tls.verified else one_line(tls.verify_error) or "no: verification is switched off"
        facts.append(Fact("Verified", verified, "s2" if tls.verified else "s4"))
    return facts


def _program_facts(connection: ConnectionRow) -> list[Fact]:
    program = program_in(connection.tls)
    if program is None:
        return []
    facts = [Fact("App", f"{one_line(program.name)} (process {program.pid})")]
    if program.path:
        facts.append(Fact("Program", one_line(program.path)))
    return facts


def shown_head(raw: bytes) -> MessageHead:
    """A head taken apart, as far as it is shown. It is asked for several times for one exchange."""
    return _parsed_head(raw[:SHOWN_HEAD_BYTES])


_parsed_head = lru_cache(maxsize=4)(parse_head)


def head_lines(message: MessageRecord, interim: bytes | None) -> list[str]:
    """A head as lines: start line, fields as they came (HTTP/2's pseudo-fields too); interim heads before, trailers
    behind.
    """
    raw, trailers = message.head, message.trailers
    lines: list[str] = []
    for _, head in _interim_heads(interim):
        parsed = shown_head(head)
        lines.append(f"↳ {to_text(parsed.start_line)}")
        lines += _field_lines(parsed.pseudo + parsed.fields)
    parsed = shown_head(raw)
    if raw:
        lines.append(to_text(parsed.start_line))
        lines += _field_lines(parsed.pseudo + parsed.fields)
    if trailers:
        lines.append("↳ Trailers")
        lines += _field_lines(parse_fields(trailers[:SHOWN_HEAD_BYTES]))
    left_out = len(raw[SHOWN_HEAD_BYTES:]) + len((trailers or b"")[SHOWN_HEAD_BYTES:])
    if left_out:
        lines.append(f"↳ {left_out:,} bytes more are not shown")
    return lines


def _field_lines(fields: list[Field]) -> list[str]:
    return [f"{to_text(name)}: {to_text(value)}" for name, value in fields]


def _interim_heads(interim: bytes | None) -> list[tuple[int, bytes]]:
    """Not more of them than a head may have bytes, each taken for a hundred at least."""
    if not interim:
        return []
    try:
        heads = msgspec.msgpack.decode(interim, type=list[tuple[int, bytes]])
    except msgspec.DecodeError:
        return []
    room = SHOWN_HEAD_BYTES
    shown = []
    for each in heads:
        room -= max(len(each[1]), 100)
        if room < 0:
            break
        shown.append(each)
    return shown
