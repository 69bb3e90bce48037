"""Answering in the origin's place: a status, headers and a text, a JSON text or a file."""

from typing import ClassVar, Self

import msgspec

from proxy_core.model.effects.effect import Effect, Mistake, Point
from proxy_core.model.effects.headers import name_mistake, value_mistake

_FINAL = range(200, 600)  # RFC 9110 §15


class AnswerWith(Effect, frozen=True, tag="answer"):
    """Gives the client this response; nothing is connected."""

    KEY: ClassVar[str] = "answer"
    POINT: ClassVar[Point] = Point.REQUEST_HEAD

    status: int = 200
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    text: str = ""
    json: str = ""  # the text of a JSON value; its type goes with it
    file: str = ""  # a path, read for each answer

    @classmethod
    def from_file(cls, value: object) -> Self:
        """A number is a status; what stands behind `json` may be a value instead of its text."""
        if isinstance(value, int) and not isinstance(value, bool):
            value = {"status": value}
        elif isinstance(value, dict) and "json" in value and not isinstance(value["json"], str):
            try:
                value = {**value, "json": msgspec.json.encode(value["json"]).decode("utf-8")}
            except (TypeError, ValueError, RecursionError) as error:
                raise msgspec.ValidationError(f"That can't be JSON: {error} - at `$.json`") from None
        return msgspec.convert(value, cls)

    def mistakes(self) -> list[Mistake]:
        found = []
        if self.status not in _FINAL:
            found.append(Mistake(("status",), f"A response can't have the status {self.status}."))
        for name, value in self.headers.items():
            if text := name_mistake(name) or value_mistake(value):
                found.append(Mistake(("headers", name), text))
        if sum(map(bool, (self.text, self.json, self.file))) > 1:
            found.append(Mistake((), "It has one of text, json and file."))
        if self.json:
            try:
                msgspec.json.decode(self.json.encode("utf-8", "surrogatepass"), type=msgspec.Raw)
            except (msgspec.DecodeError, RecursionError) as error:
                found.append(Mistake(("json",), f"This is no JSON: {error}."))
        if "\0" in self.file:
            found.append(Mistake(("file",), "This can't be a path."))
        return found

    def explain(self) -> str:
        what = f" and {self.file}" if self.file else ""
        return f"answers with status {self.status}{what}"
