"""Addresses of proxies as a field shows them: with dots in the place of each password, which stays what it was. No Qt.

Who wants another password writes it over the dots; who writes another host or user has to write the password, too.
"""

import re
from collections.abc import Iterator

DOTS = "••••••"
# The password ends at the last «@» before the path.
_LOGIN = re.compile(
    r"(?P<scheme>[a-z0-9]://)(?P<user>[^/@:\s]*):(?P<password>[^/\s]*)@(?P<host>[^/@\s]*)", re.IGNORECASE
)


def hide_passwords(text: str) -> str:
    """What is shown of addresses: dots for every password."""
    return _LOGIN.sub(lambda found: _login(found, DOTS) if found["password"] else found[0], text)


def give_passwords(text: str, former: str) -> str:
    """What is meant by addresses that were shown: the passwords that were hidden in `former`, by user and host."""
    known = dict(_passwords(former))
    return _LOGIN.sub(
        lambda found: (
            _login(found, known.get((found["user"], found["host"]), DOTS)) if found["password"] == DOTS else found[0]
        ),
        text,
    )


def missing_password(text: str) -> str:
    """Which password isn't known any more, as a sentence; "" when all are."""
    for found in _LOGIN.finditer(text):
        if DOTS in found["password"]:
            return f"Write the password of «{found['user']}» at {found['host']} again: it was another one's."
    return ""


def _passwords(text: str) -> Iterator[tuple[tuple[str, str], str]]:
    for found in _LOGIN.finditer(text):
        yield (found["user"], found["host"]), found["password"]


def _login(found: re.Match[str], password: str) -> str:
    return f"{found['scheme']}{found['user']}:{password}@{found['host']}"
