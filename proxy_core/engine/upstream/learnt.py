"""What origins turned out to speak that could not be asked, or had nothing to say to it.

TLS settles what is spoken (ALPN); without TLS the client's way is tried, and some origins end TLS without a word when
they are not offered HTTP/2. What one exchange finds out spares the next the same.
"""

Origin = tuple[str, str, int]  # scheme, host, port
_MOST = 1000


class LearntProtocols:
    """A worker's; the oldest are forgotten."""

    def __init__(self) -> None:
        self._names: dict[Origin, str] = {}

    def learn(self, origin: Origin, alpn: str) -> None:
        """Speak that with it next time."""
        self._names.pop(origin, None)
        self._names[origin] = alpn
        if len(self._names) > _MOST:
            del self._names[next(iter(self._names))]

    def forget(self, origin: Origin) -> None:
        """It was not so, or is no more."""
        self._names.pop(origin, None)

    def of(self, origin: Origin) -> str:
        """By its ALPN name; "" for nothing."""
        return self._names.get(origin, "")
