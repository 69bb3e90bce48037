"""A connection as the capture has it: told when it is opened, and again with all that is known once there is more."""

from proxy_core.engine.links.link import Link
from proxy_core.model.exchange import ConnectionRow, Side


def connection_record(key: int, side: Side, opened_at: int, link: Link, tls: bytes | None) -> ConnectionRow:
    """The row of an open link; `opened_at` is microseconds after the epoch, `tls` what `tls_facts` says."""
    where = link.peer_host, link.peer_port, link.local_host, link.local_port
    return ConnectionRow(key, int(side), opened_at, *where, tls)
