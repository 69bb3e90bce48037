"""Bytes relayed unread, both ways at once, until both directions have ended.

The end of one direction is passed on as it comes (RFC 9110 §9.3.6: what is outstanding is still delivered); the other
direction then may stay silent for `half_closed_s`. Backpressure is the sockets' own: one read is sent before the next.
"""

from collections.abc import Callable
from functools import partial

import gevent

from proxy_core.engine.exchange.services import Services
from proxy_core.engine.exchange.tunnel_watch import Guarded, TunnelWatch
from proxy_core.engine.limits import Limits
from proxy_core.engine.links.link import Link
from proxy_core.engine.recording.report import Report
from proxy_core.fault_log import caught
from proxy_core.model.exchange import Side
from proxy_core.model.failure import Failure, FailureKind

_Pass = Callable[[int, bytes, Link], None]
_CLIENT, _UPSTREAM = int(Side.CLIENT), int(Side.UPSTREAM)


def relay_tunnel(
    services: Services,
    report: Report,
    client: Link,
    upstream: Link,
    early_up: bytes,
    early_down: bytes,
    watch: TunnelWatch,
) -> None:
    """Relay until the end, counting the bytes in `report`, close both links and finish the report.

    The early bytes were read before it was known that this is a tunnel: `early_up` from the client, `early_down` from
    the upstream. `watch` is shown what is about to be sent on.
    """
    reporter, guarded = services.reporter, Guarded(watch)

    def pass_on(side: int, data: bytes, target: Link) -> None:
        guarded.came(side, data)
        target.send(data)
        if side == _CLIENT:
            report.request_bytes += len(data)
        else:
            report.response_bytes += len(data)
        reporter.changed(report)

    reporter.changed(report)
    problem: Failure | None = None
    try:
        if early_up:
            pass_on(_CLIENT, early_up, upstream)
        if early_down:
            pass_on(_UPSTREAM, early_down, client)
    except OSError as error:
        problem = _broken(f"The tunnel was closed at once ({error.strerror or error}).")
        client.abort()
        upstream.abort()
    problem = problem or _relay(client, upstream, services.limits, pass_on)
    guarded.finish()
    if problem is not None and not guarded.has_closed:
        reporter.fail(report, problem)
    else:
        reporter.complete(report)


def _relay(client: Link, upstream: Link, limits: Limits, pass_on: _Pass) -> Failure | None:
    """Copy both ways until both have ended, and close both. Returns how it broke, if it did."""
    client.read_limit_s = upstream.read_limit_s = limits.tunnel_idle_s
    problems: list[Failure] = []  # the first is the cause: what breaks one direction ends the other
    upload = gevent.spawn(partial(_copy, client, upstream, limits, pass_on, _CLIENT, problems.append))
    try:
        _copy(upstream, client, limits, pass_on, _UPSTREAM, problems.append)
        upload.join()
    finally:
        upload.kill()
        client.close()
        upstream.close()
    return problems[0] if problems else None


def _copy(
    source: Link, target: Link, limits: Limits, pass_on: _Pass, side: int, broke: Callable[[Failure], None]
) -> None:
    name = "the client" if side == _CLIENT else "the server"
    try:
        while data := source.receive():
            pass_on(side, data, target)
        target.read_limit_s = limits.half_closed_s
        target.send_eof()
        return
    except TimeoutError:
        broke(_broken(f"The tunnel was silent for too long ({name} last)."))
    except OSError as error:
        broke(_broken(f"The tunnel was reset while {name} was sending ({error.strerror or error})."))
    except Exception:  # a border: one way is relayed in a greenlet of its own, and nobody else would hear of it
        broke(Failure(FailureKind.OWN_FAULT, caught("a tunnel")))
    # A reset is passed on as one: the other side must not take what it got for the whole.
    source.abort()
    target.abort()


def _broken(text: str) -> Failure:
    return Failure(FailureKind.CONNECTION_TERMINATED, text)
