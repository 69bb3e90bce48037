"""The file of CAs that a person trusts for upstreams besides those that everybody trusts.

Read by the engine before it starts, which refuses what is no such file, and by each worker (`UpstreamTrust`).
"""

import os

from cryptography import x509

FILE_LIMIT = 16 * 1024 * 1024  # bytes; a distribution's bundle is 220 KB


class UpstreamCaError(Exception):
    """CAs can't be read, ours or those of the file of additional ones; the message is a sentence that says why."""


def read_upstream_ca(path: str) -> list[x509.Certificate]:
    """The certificates in a PEM file. Raises UpstreamCaError; for those who take the path from a person, too."""
    try:
        if os.path.exists(path) and not os.path.isfile(path):  # a pipe would be waited for without end
            raise UpstreamCaError(f"The file of CA certificates {path} can't be read: it is no ordinary file.")
        with open(path, "rb") as file:
            data = file.read(FILE_LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "that is no path"
        raise UpstreamCaError(f"The file of CA certificates {path} can't be read: {reason}.") from error
    if len(data) > FILE_LIMIT:
        raise UpstreamCaError(f"{path} is no file of CA certificates: it is larger than {FILE_LIMIT >> 20} MiB.")
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise UpstreamCaError(
            f"{path} holds no certificates in PEM form: it must have «-----BEGIN CERTIFICATE-----» blocks."
        ) from error
