"""`python -m proxy_core.script_host ADDRESS SCRIPT …`: the token is the first line on standard input, in hex.

It ends when standard input does: whoever has started it is gone, then.
"""

import asyncio
import os
import sys
import threading

from proxy_core.script_host.host import CALL_LIMIT_S, Host


def main() -> None:
    """Serve until whoever has started this is gone."""
    address, *paths = sys.argv[1:]
    limit_s = float(os.environ.get("HARRIER_SCRIPT_LIMIT_S", CALL_LIMIT_S))
    token = bytes.fromhex(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    asyncio.run(Host(paths, token, limit_s).serve(address))


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
