"""The proxies that this computer is set to: by environment variables (each system), in Windows's or macOS's settings.

What `urllib.request` finds is what counts. Asking may look into the registry, and at which hosts go directly may even
resolve names there, so it is done in gevent's thread pool, and remembered for a while.
"""

import time
import urllib.request

from gevent import get_hub

from proxy_core.model.proxy_server import ProxyAddressError, ProxyServer, read_proxy_server

KEPT_S = 60.0  # an answer; who changes the setting sees it within a minute
ANSWERS_KEPT = 1024


class SystemProxies:
    """Answers for one worker."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[float, ProxyServer | None]] = {}

    def server(self, scheme: str, host: str) -> ProxyServer | None:
        """The proxy for requests with this scheme to this host, None for the direct way."""
        key = scheme, host
        now = time.monotonic()
        kept = self._kept.get(key)
        if kept is None or now > kept[0]:
            if len(self._kept) >= ANSWERS_KEPT:
                self._kept.clear()
            kept = self._kept[key] = (now + KEPT_S, get_hub().threadpool.apply(system_proxy, key))
        return kept[1]


def system_proxy(scheme: str, host: str) -> ProxyServer | None:
    """Ask the system; may take its time."""
    # On Linux `getproxies` is the environment, elsewhere the environment first.
    proxies = urllib.request.getproxies()
    text = proxies.get(scheme) or proxies.get("all") or proxies.get("socks") or ""
    if not text:
        return None
    try:
        if urllib.request.proxy_bypass(host):
            return None
        if "://" not in text and text == proxies.get("socks"):
            text = f"socks5h://{text}"
        return read_proxy_server(text)
    except (ProxyAddressError, OSError):
        return None
