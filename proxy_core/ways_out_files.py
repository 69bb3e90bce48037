"""The files that the ways out name: looked at before the engine serves, since its workers would do without them."""

import errno
import os

from proxy_core.client_certificate import ClientCertificateError, read_client_certificate
from proxy_core.model.ways_out import WayError, WaysOut
from proxy_core.ownership import is_of_another, is_readable_by_others
from proxy_core.plain_file import open_plain


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
    """Make the file for TLS secrets, if there is none: its owner's alone from the first byte. Raises OSError.

    OpenSSL opens it by its name, so no link may lie there, nor a file that somebody else has put in the way.
    """
    descriptor = open_plain(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        if is_of_another(os.fstat(descriptor)):
            raise PermissionError(errno.EPERM, "it belongs to another user", path)
    finally:
        os.close(descriptor)


def key_log_remark(ways: WaysOut) -> str:
    """What a person should know of the file for TLS secrets, "" where there is nothing to say."""
    try:
        if not ways.keylog or not is_readable_by_others(os.stat(ways.keylog)):
            return ""
    except OSError:
        return ""  # gone since it was made: OpenSSL makes another
    return f"TLS secrets are written to {ways.keylog}, which other users of this computer can read."
