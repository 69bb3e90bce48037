"""Where a worker process begins. Only here is gevent's side imported, and only in a worker."""

import signal
import sys
from typing import NoReturn

from proxy_core.compiled import use_compiled
from proxy_core.fault_log import caught, open_fault_log
from proxy_core.frame import frame
from proxy_core.model.worker_command import WorkerFailed, encode_word
from proxy_core.worker_start import WorkerStart

# The queue's feeder is a native thread: behind a busy hub, half of what it was given took 170 ms with the default of
# 5 ms, and 0.7 ms with this.
SWITCH_INTERVAL_S = 0.0005
_REASON_CHARACTERS = 500  # of a sentence that a person reads; the whole is in the log


def worker_main(start: WorkerStart) -> None:
    """Be a worker until the engine says stop or is gone. What keeps it from starting goes to the control socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the engine decides when we end
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if start.log_path:
        open_fault_log(start.log_path, f"worker {start.series}")
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    use_compiled()
    from proxy_core.certificate_authority import CertificateAuthorityError
    from proxy_core.engine.worker import run_worker

    try:
        run_worker(start)
    except (OSError, CertificateAuthorityError) as error:
        _leave(start, f"{type(error).__name__}: {error}")
    except Exception:
        _leave(start, caught("a worker"))
    start.events.close()


def _leave(start: WorkerStart, reason: str) -> NoReturn:
    readable = reason[:_REASON_CHARACTERS].encode("utf-8", "replace").decode()  # paths may hold surrogates
    try:
        start.control.sendall(frame(encode_word(WorkerFailed(readable))))
    except OSError:
        pass
    start.events.abandon()
    raise SystemExit(3)
