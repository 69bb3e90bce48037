"""Giving OpenSSL a certificate chain and its key that are in memory, where Python takes files only."""

import errno
import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_DESCRIPTORS = "/dev/fd"  # on Linux and macOS: open descriptors by number
_PIPE_BYTES = 4096  # what each system's pipes hold at least


def load_chain(context: ssl.SSLContext, chain: bytes, key: bytes) -> None:
    """Give the context a chain and its key, both PEM. Raises OSError."""
    # `load_cert_chain` takes paths only. Where an open descriptor has one, no file is needed, and none can fail.
    if not os.path.isdir(_DESCRIPTORS) or max(len(chain), len(key)) > _PIPE_BYTES:
        _load_from_file(context, chain + key)
        return
    with _pipe_of(chain) as chain_pipe, _pipe_of(key) as key_pipe:
        context.load_cert_chain(f"{_DESCRIPTORS}/{chain_pipe}", f"{_DESCRIPTORS}/{key_pipe}")


@contextmanager
def _pipe_of(data: bytes) -> Iterator[int]:
    """The reading end of a pipe that holds `data` and nothing more. Raises OSError."""
    reading, writing = os.pipe()
    try:
        try:
            # The least that a pipe holds is a page of 4 KiB, some twice of what a leaf's chain is; waiting would be for
            # ever.
            os.set_blocking(writing, False)
            if os.write(writing, data) < len(data):
                raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
        finally:
            os.close(writing)
        yield reading
    finally:
        os.close(reading)


def _load_from_file(context: ssl.SSLContext, pem: bytes) -> None:
    """For Windows, and for long chains. Both the folder and the file are their owner's alone, and gone at once."""
    folder = tempfile.mkdtemp(prefix="harrier-")
    path = os.path.join(folder, "chain.pem")
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
        context.load_cert_chain(path)
    finally:
        if os.path.exists(path):
            os.unlink(path)
        os.rmdir(folder)
