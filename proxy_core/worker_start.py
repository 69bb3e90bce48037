"""What a worker is given at its birth; pickled once by `spawn`, so it names only plain data, sockets and the queue."""

import socket
from dataclasses import dataclass

from proxy_core.channel import Outlet
from proxy_core.listening import Listener
from proxy_core.model.settings import Settings
from proxy_core.model.worker_command import ApplyRules
from proxy_core.worker_loads import WorkerLoads


@dataclass(frozen=True, slots=True)
class WorkerStart:
    """The worker owns its copies of the sockets from here on."""

    series: int  # number of this worker's life within the capture, from 1
    listeners: tuple[Listener, ...]  # the listening sockets that all workers share
    control: socket.socket  # frames: commands in, few words out; its end = the engine is gone
    pac: socket.socket | None  # questions to PAC files out, answers in
    events: Outlet  # batches of events out
    capture_folder: str
    log_path: str  # of Harrier's own faults
    ca_folder: str  # where the CA's certificate and key lie
    settings: Settings
    loads: WorkerLoads  # who serves how many …
    slot: int  # … and which number there is this worker's
    rules: ApplyRules  # in force at its birth
    pseudonym: bytes  # of all workers of an engine, in Via (`protocols.via`)
