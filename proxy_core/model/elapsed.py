"""What an exchange that is under way has spent so far. Its record tells of the phases that are over."""

import msgspec

from proxy_core.model.exchange import FIRST_FINAL_STATE, ExchangeDetail, ExchangeRow, ExchangeState, Timings


def timings_of(detail: ExchangeDetail) -> Timings:
    """The stored durations; all unknown when they are damaged."""
    try:
        return Timings(*msgspec.msgpack.decode(detail.timings, type=list[int]))
    except (msgspec.DecodeError, TypeError):
        return Timings()


def timings_until(timings: Timings, row: ExchangeRow, now_us: int) -> Timings:
    """With the phase that the exchange is in lasting until now, so that all of them add up to what has elapsed."""
    if row.state >= FIRST_FINAL_STATE:
        return timings
    rest = max(now_us - row.started_at - sum(each for each in timings if each > 0), 0)
    match row.state:
        case ExchangeState.RESPONDING:
            return timings._replace(receive=max(timings.receive, 0) + rest)
        case ExchangeState.WAITING:
            return timings._replace(wait=max(timings.wait, 0) + rest)
        case _ if timings.blocked >= 0:
            return timings._replace(send=max(timings.send, 0) + rest)
        case _:
            return timings._replace(blocked=rest)
