"""Who may use the proxy: whoever knows a name and its password of the file that the settings name.

Both are compared as digests, of one length and in constant time, and against some password also where there is no such
name: how long a refusal takes tells nothing. Where the file can't be read any more, nobody is let in.
"""

import hashlib
import hmac
from collections.abc import Mapping

from proxy_core.fault_log import caught
from proxy_core.model.settings import Settings
from proxy_core.proxy_users import ProxyUsersError, read_proxy_users


class Admission:
    """The door of one worker."""

    def __init__(self, users: Mapping[bytes, bytes]) -> None:
        self._digests = {_digest(name): _digest(password) for name, password in users.items()}

    def admits(self, name: bytes, password: bytes) -> bool:
        """Whether these are good."""
        expected = self._digests.get(_digest(name))
        is_known = expected is not None
        return hmac.compare_digest(_digest(password), expected or _digest(b"")) and is_known


def admission_of(settings: Settings) -> Admission | None:
    """Whom the settings let in; None for everybody."""
    path = settings.ways_in.users_file
    if not path:
        return None
    try:
        return Admission(read_proxy_users(path))
    except ProxyUsersError:  # the engine has read it a moment ago, and a person has been told
        caught("reading who may use the proxy")
        return Admission({})


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
