"""The results as Markdown: what the processors did, rates, and ratios to Harrier."""

from collections.abc import Iterable, Mapping
from statistics import median

from build_scripts.benchmark.loads import LOADS, Result

Results = Mapping[str, Mapping[str, list[Result]]]  # load → contestant → rounds


def rate_table(results: Results, names: list[str]) -> Iterable[str]:
    """One row a load: the median rate of each contestant, and how many times better Harrier does."""
    peers = [name for name in names if name not in ("direct", "harrier")]
    ratios = [f"harrier : {peer}" for peer in peers] if "harrier" in names else []
    yield _row(["load", *names, *ratios])
    yield _row(["---", *["---:"] * (len(names) + len(ratios))])
    for key, by_name in results.items():
        load = LOADS[key]
        cells = [f"{load.title}, {load.unit}"]
        cells += [_rate(by_name.get(name, []), load.lower_is_better) for name in names]
        for peer in peers if ratios else []:
            cells.append(_ratio(by_name.get("harrier", []), by_name.get(peer, []), inverse=load.lower_is_better))
        yield _row(cells)


def processor_table(results: Results, names: list[str]) -> Iterable[str]:
    """The main figure: processor microseconds of all processes of a proxy for one exchange, and what multiple of
    Harrier's each peer takes. Rates swing with what else the machine does, these hardly.
    """
    proxies = [name for name in names if name != "direct"]
    peers = [name for name in proxies if name != "harrier"]
    ratios = [f"{peer} : harrier" for peer in peers] if "harrier" in names else []
    yield _row(["processor µs an exchange", *proxies, *ratios])
    yield _row(["---", *["---:"] * (len(proxies) + len(ratios))])
    for key, by_name in results.items():
        costs = {name: _cost_us(by_name.get(name, [])) for name in proxies}
        cells = [LOADS[key].title, *("–" if cost is None else f"{cost:,.1f}" for cost in costs.values())]
        ours = costs.get("harrier")
        cells += [
            "–" if not ours or not (theirs := costs[peer]) else f"{theirs / ours:.2f}×" for peer in peers if ratios
        ]
        yield _row(cells)


def _cost_us(rounds: list[Result]) -> float | None:
    # Of the dearest rounds the host's other guests had a part.
    return median(result.proxy_cpu_s / result.requests for result in rounds) * 1e6 if rounds else None


def cost_table(results: Results, names: list[str]) -> Iterable[str]:
    """Processor time: how long each proxy worked for one request (or the download), and how busy the loader was."""
    yield _row(["load", "proxy", "p50 ms", "p99 ms", "proxy µs/request", "origin µs/request", "loader busy", "errors"])
    yield _row(["---", "---", *["---:"] * 6])
    for key, by_name in results.items():
        for name in names:
            rounds = by_name.get(name, [])
            if rounds:
                last = sorted(rounds, key=lambda result: result.rate)[len(rounds) // 2]
                cost_us = _cost_us(rounds) or 0.0
                yield _row(
                    [
                        LOADS[key].title,
                        name,
                        f"{last.p50_ms:.2f}",
                        f"{last.p99_ms:.2f}",
                        f"{cost_us:,.1f}",
                        f"{last.origin_cpu_s / last.requests * 1e6:,.0f}",
                        f"{last.loader_cpu_s / last.wall_s:.0%}",
                        f"{sum(result.errors for result in rounds)}",
                    ]
                )


def _rate(rounds: list[Result], is_fine: bool) -> str:
    if not rounds:
        return "–"
    value = median(result.rate for result in rounds)
    return f"{value:,.2f}" if is_fine else f"{value:,.0f}"


def _ratio(ours: list[Result], theirs: list[Result], *, inverse: bool) -> str:
    if not ours or not theirs:
        return "–"
    value = median(result.rate for result in ours) / median(result.rate for result in theirs)
    return f"{1 / value if inverse else value:.1f}×"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
