"""The secrets of TLS connections, written for whoever records packets (Wireshark): NSS's format, by OpenSSL.

Only where a person asks for it, never because a variable says so.
"""

import ssl

from proxy_core.ways_out_files import make_key_log

KEYLOG_CONTEXTS_KEPT = 64  # each context holds the file open


def log_keys(context: ssl.SSLContext, path: str) -> None:
    """Write the secrets of this context's connections there. Raises OSError."""
    make_key_log(path)
    context.keylog_filename = path
