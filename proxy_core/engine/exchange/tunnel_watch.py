"""Who is shown what goes through a tunnel: before it goes on, so that what a peer has got is recorded, and unable to
break it.
"""

from typing import Protocol

from proxy_core.fault_log import caught


class TunnelWatch(Protocol):
    """Makes something of a copy of the bytes."""

    def came(self, side: int, data: bytes) -> None:
        """This `Side` has said this, and it goes on next."""
        ...

    def finish(self) -> None:
        """Nothing more will be said."""
        ...

    @property
    def has_closed(self) -> bool:
        """Whether all was said that there is to say: how the connection ends then is no failure."""
        ...


class Guarded:
    """A watch at whose border a fault of its own ends: nothing more is shown to it, and the tunnel goes on."""

    def __init__(self, watch: TunnelWatch) -> None:
        self._watch: TunnelWatch | None = watch
        self._has_closed = False

    def came(self, side: int, data: bytes) -> None:
        """See `TunnelWatch`."""
        if self._watch is not None:
            try:
                self._watch.came(side, data)
            except Exception:
                self._watch = None
                caught("reading what goes through a tunnel")

    def finish(self) -> None:
        """See `TunnelWatch`."""
        if self._watch is not None:
            try:
                self._watch.finish()
                self._has_closed = self._watch.has_closed
            except Exception:
                caught("reading the end of a tunnel")
            self._watch = None

    @property
    def has_closed(self) -> bool:
        """See `TunnelWatch`."""
        return self._has_closed
