"""Answering in the origin's place with what a rule says, or with a file as it is in that moment."""

import mimetypes
import os

import gevent

from proxy_core.engine.acting.deed import Deed, Making, Turn
from proxy_core.engine.exchange.point import Answer, Decision
from proxy_core.model.effects.answer import AnswerWith
from proxy_core.model.effects.headers import header_fields
from proxy_core.model.message import Message
from proxy_core.model.message_head import Field
from proxy_core.plain_file import open_plain

FILE_LIMIT_BYTES = 32 * 1024 * 1024  # it is read into memory for each answer
_JSON = b"application/json"
_TEXT = b"text/plain; charset=utf-8"
_ANY = b"application/octet-stream"


class AnswerDeed(Deed):
    """Gives the client a response."""

    leads_elsewhere = True

    def __init__(self, effect: AnswerWith, making: Making) -> None:
        self._said = effect.explain()
        self._status = effect.status
        self._fields = header_fields(effect.headers)
        self._body = (effect.json or effect.text).encode("utf-8", "replace")
        self._path = os.path.join(making.folder, effect.file) if effect.file else ""
        self._type = b""
        if effect.json:
            self._type = _JSON
        elif effect.text:
            self._type = _TEXT
        elif effect.file:
            self._type = (mimetypes.guess_type(effect.file)[0] or "").encode("ascii") or _ANY

    def at_request_head(self, request: Message, turn: Turn) -> Decision:
        body, status, fields = self._body, self._status, self._fields
        if self._path:
            try:
                body = gevent.get_hub().threadpool.apply(_read, (self._path,))
            except OSError as error:
                turn.fail(f"can't read {self._path}: {error.strerror or error}")
                text = f"Harrier was to answer with a file that it can't read: {self._path}."
                return Answer(
                    request._replace(status=404, fields=_typed((), _TEXT), body=text.encode("utf-8", "replace"))
                )
        turn.say(self._said)
        return Answer(request._replace(status=status, fields=_typed(fields, self._type), body=body))


def _typed(fields: tuple[Field, ...], content_type: bytes) -> tuple[Field, ...]:
    if not content_type or any(name.lower() == b"content-type" for name, _ in fields):
        return fields
    return (*fields, (b"Content-Type", content_type))


def _read(path: str) -> bytes:
    """Raises OSError. Runs in a thread of the hub's."""
    descriptor = open_plain(path, os.O_RDONLY)
    with open(descriptor, "rb") as file:
        data = file.read(FILE_LIMIT_BYTES + 1)
    if len(data) > FILE_LIMIT_BYTES:
        raise OSError(0, f"it is larger than {FILE_LIMIT_BYTES // 2**20} MiB")
    return data
