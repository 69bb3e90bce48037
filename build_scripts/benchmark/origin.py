"""The origin: nginx with answers of 1 KiB, 100 KiB and 1 GB, plain and with TLS by the tests' own CA.

With TLS it speaks HTTP/2 to those who offer it. `/1k-varied` answers with a head that never comes twice; `/unary` to a
POST as a gRPC server answers a unary call: a framed message, and `grpc-status` in the trailers. Its certificate is good
for any name below `NAMES`. Beside it stands the echo of WebSockets (`echo_origin`).
"""

import sys
from pathlib import Path
from typing import NamedTuple

from build_scripts.benchmark.process_tree import ProcessTree, free_port
from build_scripts.environment import ROOT
from tests.support.test_ca import ExampleCa

NAMES = "bench.test"
SIZES = {"1k": 1024, "100k": 100 * 1024, "1g": 1 << 30}

# A gRPC message: not compressed, its length, and so many bytes of it.
GRPC_MESSAGE = b"\0" + (100).to_bytes(4, "big") + bytes(100)

_CONFIGURATION = """
{user}
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log;
events {{ worker_connections 16384; }}
http {{
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 600s;
  open_file_cache max=10; default_type application/octet-stream; types {{ text/html 1k 100k; }}
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  ssl_certificate {certificate}; ssl_certificate_key {certificate}; ssl_session_cache shared:s:4m;
  server {{
    listen 127.0.0.1:{http_port} backlog=4096;
    listen 127.0.0.1:{https_port} ssl http2 backlog=4096;
    root {root};
    location = /1k-varied {{ alias {root}/1k; add_header X-Number $request_id; }}
    location = /unary {{ error_page 405 =200 /unary-answer; }}  # nginx has no answer of its own to a POST
    location = /unary-answer {{
      internal; alias {root}/unary; default_type application/grpc; add_trailer grpc-status 0;
    }}
  }}
}}
"""


class Origin(NamedTuple):
    """A running origin."""

    tree: ProcessTree
    http_port: int
    https_port: int
    ca_path: Path
    echo: ProcessTree
    echo_port: int

    def url(self, file: str, *, tls: bool = False) -> str:
        return f"https://localhost:{self.https_port}/{file}" if tls else f"http://127.0.0.1:{self.http_port}/{file}"

    def echo_url(self) -> str:
        return f"wss://localhost:{self.echo_port}/"

    def cpu_s(self) -> float:
        return self.tree.cpu_s() + self.echo.cpu_s()

    def stop(self) -> None:
        self.echo.stop()
        self.tree.stop()


def start_origin(folder: Path, *, as_root: bool) -> Origin:
    """Start nginx with everything it needs under `folder`."""
    root = folder / "www"
    root.mkdir(parents=True, exist_ok=True)
    for name, size in SIZES.items():
        with (root / name).open("wb") as file:
            file.write(b"Harrier. " * (min(size, 1 << 20) // 9))
            file.truncate(size)
    (root / "unary").write_bytes(GRPC_MESSAGE)
    ca = ExampleCa()
    ca_path = Path(ca.write(str(folder)))
    certificate = ca.leaf("localhost", "127.0.0.1", f"*.{NAMES}").write(str(folder))
    http_port, https_port = free_port(), free_port()
    text = _CONFIGURATION.format(
        user="user root;" if as_root else "",
        folder=folder,
        certificate=certificate,
        http_port=http_port,
        https_port=https_port,
        root=root,
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(text)
    log = folder / "nginx.log"
    command = ["/usr/sbin/nginx", "-e", str(folder / "nginx-error.log"), "-c", str(configuration), "-p", str(folder)]
    tree = ProcessTree(command, folder=folder, log=log)
    tree.wait_for_port(https_port)
    echo_port = free_port()
    command = [sys.executable, "-m", "build_scripts.benchmark.echo_origin", str(echo_port), certificate]
    echo = ProcessTree(command, folder=ROOT, log=folder / "echo.log")
    echo.wait_for_port(echo_port)
    return Origin(tree, http_port, https_port, ca_path, echo, echo_port)
