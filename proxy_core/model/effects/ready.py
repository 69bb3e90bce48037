"""What people want one click away: no cache, no compression, CORS open; and another status."""

from typing import ClassVar, Self

import msgspec

from proxy_core.model.effects.effect import Effect, Mistake, Point

_FINAL = range(200, 600)  # RFC 9110 §15


class _Switch(Effect, frozen=True):
    on: bool = True

    @classmethod
    def from_file(cls, value: object) -> Self:
        """`true` is all there is to say."""
        return msgspec.convert({"on": value} if isinstance(value, bool) else value, cls)


class NoCache(_Switch, frozen=True, tag="no_cache"):
    """Has the origin send everything anew, and the client keep nothing."""

    KEY: ClassVar[str] = "no_cache"
    POINT: ClassVar[Point] = Point.RESPONSE_HEAD

    def explain(self) -> str:
        return "goes past all caches"


class Plain(_Switch, frozen=True, tag="plain"):
    """Asks for bodies without compression."""

    KEY: ClassVar[str] = "plain"
    POINT: ClassVar[Point] = Point.REQUEST_HEAD

    def explain(self) -> str:
        return "asks for no compression"


class Cors(_Switch, frozen=True, tag="cors"):
    """Lets every page use what comes back: answers preflights, and allows the page's own origin."""

    KEY: ClassVar[str] = "cors"
    POINT: ClassVar[Point] = Point.RESPONSE_HEAD

    def explain(self) -> str:
        return "opens CORS"


class ResponseStatus(Effect, frozen=True, tag="res.status"):
    """Another status."""

    KEY: ClassVar[str] = "res.status"
    POINT: ClassVar[Point] = Point.RESPONSE_HEAD

    set: int

    @classmethod
    def from_file(cls, value: object) -> Self:
        """The number alone will do."""
        is_number = isinstance(value, int) and not isinstance(value, bool)
        return msgspec.convert({"set": value} if is_number else value, cls)

    def mistakes(self) -> list[Mistake]:
        if self.set not in _FINAL:
            return [Mistake((), f"A response can't have the status {self.set}.")]
        return []

    def explain(self) -> str:
        return f"sets status {self.set}"
