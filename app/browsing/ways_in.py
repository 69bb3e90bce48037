"""How programs other than a browser are pointed at Harrier: the address, and the line for a terminal. No Qt."""

import os
import re
import sys

from proxy_core.formats.shell_word import shell_word
from proxy_core.model.endpoint import endpoint_text

_ANY_ADDRESS = {
    "0.0.0.0": "127.0.0.1",  # noqa: S104 -- compared with, not bound to
    "::": "::1",
    "": "127.0.0.1",
}
# Each program looks at another one: curl and OpenSSL, Python's requests, Node, git.
_CA_VARIABLES = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO")
_POWERSHELL_QUOTE = re.compile("(['\u2018\u2019\u201a\u201b])")  # PowerShell takes the typographic ones for the same
_TWICE = r"\1\1"


def proxy_address(host: str, port: int) -> str:
    """`127.0.0.1:8080`: what is typed into a proxy setting on this machine."""
    return endpoint_text(_ANY_ADDRESS.get(host, host), port)


def terminal_line(host: str, port: int, ca_path: str, system: str = sys.platform) -> str:
    """One line that sends what is started from that terminal through Harrier."""
    proxy = f"http://{proxy_address(host, port)}"
    variables = {"http_proxy": proxy, "https_proxy": proxy, "no_proxy": ""} | dict.fromkeys(_CA_VARIABLES, ca_path)
    if system == "win32":
        return "; ".join(f"$env:{name}='{_POWERSHELL_QUOTE.sub(_TWICE, value)}'" for name, value in variables.items())
    return "export " + " ".join(f"{name}={shell_word(os.fsencode(value))}" for name, value in variables.items())
