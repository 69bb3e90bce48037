"""Node's servers as an origin: HTTP/1.1 and HTTP/2, written by others (`tests/support/node_origin.js` says what it has)."""

import select
import subprocess
from pathlib import Path

from tests.integration.origin import WAIT_S
from tests.support.test_ca import ExampleCa

_SCRIPT = Path(__file__).resolve().parent.parent / "support" / "node_origin.js"


class NodeOrigin:
    """Serves until the end of its block."""

    def __init__(self, folder: Path) -> None:
        self.ca = ExampleCa()
        self.ca_path = self.ca.write(str(folder))
        self.leaf = self.ca.leaf("localhost", "127.0.0.1")
        certificate = self.leaf.write(str(folder))
        self._process = subprocess.Popen(
            ["node", str(_SCRIPT), certificate], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], WAIT_S)
        assert ready, "Node has not begun to serve"
        self.http_port, self.https_port = map(int, self._process.stdout.readline().split())
        self.http_url = f"http://localhost:{self.http_port}"
        self.https_url = f"https://localhost:{self.https_port}"

    def __enter__(self) -> "NodeOrigin":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(WAIT_S)
        self._process.stdout.close()
