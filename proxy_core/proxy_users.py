"""The file of those who may use the proxy: `NAME:PASSWORD` on a line each; blank lines and those with a # don't count.

Read before the engine starts, which refuses what is no such file, and by each worker.
"""

import os

FILE_LIMIT = 1024 * 1024  # bytes; thousands of names
_LONGEST = 255  # bytes of a name or a password: RFC 1929 §2 has one octet for each length


class ProxyUsersError(Exception):
    """The file can't be used: a sentence that says why."""


def read_proxy_users(path: str) -> dict[bytes, bytes]:
    """Passwords by name. Raises ProxyUsersError; for those who take the path from a person, too."""
    try:
        if os.path.exists(path) and not os.path.isfile(path):  # a pipe would be waited for without end
            raise ProxyUsersError(f"The file of proxy users {path} can't be read: it is no ordinary file.")
        with open(path, "rb") as file:
            data = file.read(FILE_LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "that is no path"
        raise ProxyUsersError(f"The file of proxy users {path} can't be read: {reason}.") from None
    if len(data) > FILE_LIMIT:
        raise ProxyUsersError(f"{path} is no file of proxy users: it is larger than {FILE_LIMIT >> 20} MiB.")
    users: dict[bytes, bytes] = {}
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        if not line.strip() or line.startswith(b"#"):
            continue
        name, colon, password = line.partition(b":")  # RFC 7617 §2: the name has no colon, the password may
        if not colon or not name:
            raise ProxyUsersError(f"Line {number} of {path} is no NAME:PASSWORD.")
        if len(name) > _LONGEST or len(password) > _LONGEST:
            raise ProxyUsersError(f"Line {number} of {path} has a name or password of more than {_LONGEST} bytes.")
        if name in users:
            raise ProxyUsersError(f"Line {number} of {path} names a user who has been named before.")
        users[name] = password
    if not users:
        raise ProxyUsersError(f"{path} names nobody: it needs a line NAME:PASSWORD.")
    return users
