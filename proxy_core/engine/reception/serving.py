"""From an accepted connection to its end: what is spoken on it is served, and what that comes to is carried out."""

from greenlet import getcurrent

from proxy_core.engine.exchange.services import Services
from proxy_core.engine.links.link import Link
from proxy_core.engine.reception.client_connection import ClientConnection
from proxy_core.engine.reception.connect import Connect
from proxy_core.engine.reception.entrance import Entrance
from proxy_core.engine.reception.tunnel_wanted import TunnelWanted
from proxy_core.fault_log import caught
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.model.ways_in import Origin


def serve_client(services: Services, client: Link, origin: Origin | None = None) -> None:
    """Serve a client connection from its first byte to its end; `origin` is whom its listener stands for.

    This is a border: what a relay of ours raises ends what it had under way as failed, and closes both sides.
    """
    connection = ClientConnection(services, client)
    try:
        ended = Entrance(services, connection, origin).serve(client)
        if isinstance(ended, TunnelWanted):
            Connect(services, connection, ended).run()
    except Exception:
        failure = Failure(FailureKind.OWN_FAULT, caught("a relay"))
        for report in services.reporter.under_way(connection.key):
            services.reporter.fail(report, failure)
        client.abort()
        services.sweep.abort_opened_by(getcurrent())
