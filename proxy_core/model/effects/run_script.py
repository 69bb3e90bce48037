"""Having a script decide."""

from typing import ClassVar, Literal, Self

import msgspec

from proxy_core.model.effects.effect import Effect, Mistake, Point


class RunScript(Effect, frozen=True, tag="script"):
    """Calls the hooks of a file. Which bodies it needs, its hooks say when it has loaded."""

    KEY: ClassVar[str] = "script"
    POINT: ClassVar[Point] = Point.RESPONSE_BODY

    file: str
    on_problem: Literal["pass", "fail"] = "pass"  # the message goes on unchanged, or the client gets a 502

    @classmethod
    def from_file(cls, value: object) -> Self:
        """A text is the file's path."""
        return msgspec.convert({"file": value} if isinstance(value, str) else value, cls)

    def mistakes(self) -> list[Mistake]:
        if not self.file or "\0" in self.file:
            return [Mistake(("file",), "This can't be a path.")]
        return []

    def explain(self) -> str:
        return f"runs {self.file}"
