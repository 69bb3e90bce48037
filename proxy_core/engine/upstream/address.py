"""Where a connection can be tried: a family and what `connect` wants in it."""

import socket

Address = tuple[socket.AddressFamily, tuple[str | int | bytes, ...]]
