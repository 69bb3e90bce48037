"""What the relays of one worker share. Made by `worker`, handed to each relay; nothing reaches it from elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Protocol

from proxy_core.engine.exchange.point import BeginPoints
from proxy_core.engine.limits import Limits
from proxy_core.engine.links.transport import DeadlineSweep
from proxy_core.engine.recording.programs import Programs
from proxy_core.engine.recording.reporter import Reporter
from proxy_core.engine.trust.admission import Admission
from proxy_core.engine.trust.certificates import LeafCertificates
from proxy_core.engine.upstream.connection import UpstreamConnection
from proxy_core.engine.upstream.learnt import LearntProtocols
from proxy_core.model.dark_cause import DarkCause
from proxy_core.model.refusals import Refusals
from proxy_core.model.settings import Settings


class Opener(Protocol):
    """Opens connections to upstreams: the worker's `UpstreamOpener`."""

    def connect(
        self,
        scheme: str,
        host: str,
        port: int,
        server_name: str,
        alpn: tuple[str, ...],
        *,
        is_tunnel: bool = False,
        came_by: bytes = b"",
    ) -> UpstreamConnection:
        """Connect to an origin, with TLS for https. Raises UpstreamError."""
        ...

    def connect_plain(self, host: str, port: int, came_by: bytes = b"") -> UpstreamConnection:
        """Connect to where bytes can be sent that are meant for host:port. Raises UpstreamError."""
        ...

    def connect_unix(self, scheme: str, host: str, port: int, path: str) -> UpstreamConnection:
        """Connect to an origin on a Unix socket. Raises UpstreamError."""
        ...

    def start_tls(self, upstream: UpstreamConnection, server_name: str, alpn: tuple[str, ...]) -> UpstreamConnection:
        """Put TLS on a plain connection; returns it, or another in its place. Raises UpstreamError."""
        ...


@dataclass(slots=True)
class Services:
    """`settings` and `admission` are replaced when a person changes them; the others stay for the worker's life."""

    settings: Settings
    limits: Limits
    reporter: Reporter
    sweep: DeadlineSweep
    opener: Opener
    certificates: LeafCertificates
    admission: Admission | None = None  # who may use the proxy; None: everybody
    points: BeginPoints | None = None  # who decides about exchanges; None: nobody, and nothing is paid
    when_stopping: set[Callable[[], None]] = field(default_factory=set)  # who has a goodbye to say to its client
    leads_elsewhere: Callable[[str], bool] | None = None  # may what is meant for this host never need it? None: no
    pseudonym: bytes = b""  # by what name we tell other proxies of ourselves; b"" for none
    refusals: Refusals = field(default_factory=Refusals)
    learnt: LearntProtocols = field(default_factory=LearntProtocols)
    programs: Programs | None = None  # who finds out which programs our clients are; None: nobody asks
    ask_person: Callable[[str], None] | None = None  # about a host whose clients keep refusing; None: nobody is there

    def reason_to_pass(self, host: str) -> DarkCause | None:
        """Why the settings want a tunnel to this host relayed unread; None when TLS to it is to be ended here."""
        settings = self.settings
        if not settings.interception:
            return DarkCause.SWITCHED_OFF
        if any(fnmatchcase(host, pattern.lower()) for pattern in settings.not_intercepted):
            return DarkCause.LEFT_ALONE
        return None
