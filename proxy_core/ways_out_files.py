"""The files that the ways out name: looked at before the engine serves, since its workers would do without them."""

import os

from proxy_core.client_certificate import ClientCertificateError, read_client_certificate
from proxy_core.model.ways_out import WayError, WaysOut


def check_files(ways: WaysOut) -> None:
    """Raise WayError when one of them can't be used."""
    for each in ways.client_certificates:
        try:
            read_client_certificate(each.path, each.password)
        except ClientCertificateError as error:
            raise WayError(str(error)) from None
    if ways.keylog:
        try:
            make_key_log(ways.keylog)
        except (OSError, ValueError) as error:
            reason = (isinstance(error, OSError) and error.strerror) or "that is no path"
            raise WayError(f"TLS secrets can't be written to {ways.keylog} ({reason}).") from None


def make_key_log(path: str) -> None:
    """Make the file for TLS secrets, if there is none: its owner's alone from the first byte. Raises OSError."""
    # NONBLOCK: a pipe that nobody reads would be waited for without end.
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NONBLOCK", 0), 0o600))
