"""A window without Qt: starts an engine by `EngineControl`, says where it listens, then tells what it hears.

`python -m tests.integration.window_stand_in HOME`. To be frozen and killed by tests. One line for each thing: «started
PORT ENGINE_PID CAPTURE», «total N» whenever the rows have changed, «failed TEXT».
"""

import sys
import time

from proxy_core.control import EngineControl
from proxy_core.model.command import RowsSeen
from proxy_core.model.notice import EngineFailed, EngineStarted, RowsChanged
from proxy_core.model.settings import Settings


def main(home: str) -> None:
    """Be a window until killed, or until the engine is gone."""
    control = EngineControl()
    control.start(Settings(listen_port=0, workers=2), home)
    while True:
        for notice in control.poll():
            match notice:
                case EngineStarted(port=port, capture_path=path):
                    print(f"started {port} {control.pid} {path}", flush=True)
                case RowsChanged(number=number, total=total):
                    control.send(RowsSeen(number))
                    print(f"total {total}", flush=True)
                case EngineFailed(text=text):
                    print(f"failed {text}", flush=True)
        if not control.is_alive:
            break
        time.sleep(0.02)


if __name__ == "__main__":
    main(sys.argv[1])
