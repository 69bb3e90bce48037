"""Parts of the ways out as a person writes them on the command line and in a dialog: `HOSTS=PROXY`, `NAME=ADDRESS` …

Each reads one text, and raises WayError with a sentence.
"""

import re

from proxy_core.model.ways_out import (
    AcceptedCertificate,
    ClientCertificate,
    HostOverride,
    ProxyForHosts,
    WayError,
    read_fingerprint,
)

_HOSTS = re.compile(r"[\w.*?:\[\]/-]+")


def read_proxy_for_hosts(text: str) -> ProxyForHosts | None:
    """`HOSTS=PROXY`; None for a proxy alone, which may have a «=» in it, too."""
    hosts, is_split, _ = text.partition("=")
    if not is_split or "://" in hosts:
        return None
    return ProxyForHosts(*_pair(text, "HOSTS=PROXY"))


def read_host_override(text: str) -> HostOverride:
    """`NAME=ADDRESS`."""
    return HostOverride(*_pair(text, "NAME=ADDRESS"))


def read_accepted_certificate(text: str) -> AcceptedCertificate:
    """`HOST=SHA256`."""
    host, fingerprint = _pair(text, "HOST=SHA256")
    return AcceptedCertificate(host.lower(), read_fingerprint(fingerprint))


def read_shown_certificate(text: str, password: str) -> ClientCertificate:
    """`HOSTS=FILE`."""
    hosts, path = _pair(text, "HOSTS=FILE")
    return ClientCertificate(hosts, path, password)


def _pair(text: str, form: str) -> tuple[str, str]:
    left, _, right = (part.strip() for part in text.partition("="))
    if left and not right and text.rstrip().endswith("="):
        raise WayError(f"«{text}» lacks what belongs behind it: {form}.")
    if not right or _HOSTS.fullmatch(left) is None:
        raise WayError(f"«{text}» is no {form}.")
    return left, right
