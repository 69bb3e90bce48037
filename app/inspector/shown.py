"""The exchange that the inspector shows, with its two connections: what its pages are given. No Qt."""

from typing import NamedTuple

from proxy_core.model.exchange import ConnectionRow, ExchangeDetail, ExchangeRow


class Shown(NamedTuple):
    """Read together, at one moment."""

    row: ExchangeRow
    detail: ExchangeDetail
    client: ConnectionRow | None
    upstream: ConnectionRow | None
    path: str = ""  # of its capture
