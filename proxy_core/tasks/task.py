"""What a file job is asked for and what it tells: plain data that crosses a pipe as MessagePack. No Qt.

The work itself is in `task_process`, which the job's process alone imports (`task_entry`).
"""

from collections.abc import Callable

import msgspec

from proxy_core.capture.left_out import LeftOut
from proxy_core.model.message_record import MessageKind


class SaveTask(msgspec.Struct, frozen=True, tag="save"):
    """Save a capture (all of it, all but what is left out, or some exchanges) as one `.harrier` file."""

    source: str
    target: str
    ids: list[int] | None = None
    left_out: LeftOut | None = None


class ExportTask(msgspec.Struct, frozen=True, tag="export"):
    """Write a capture (all of it, all but what is left out, or some exchanges) as HAR."""

    source: str
    target: str
    ids: list[int] | None = None
    left_out: LeftOut | None = None


class BodyTask(msgspec.Struct, frozen=True, tag="body"):
    """Write the body of a request or a response to a file, as it was on the wire or with its content coding undone."""

    source: str
    target: str
    exchange_id: int
    message: MessageKind
    decoded: bool


class MessageTask(msgspec.Struct, frozen=True, tag="message"):
    """Write what was recorded of a message within an exchange to a file."""

    source: str
    target: str
    exchange_id: int
    number: int


class ImportTask(msgspec.Struct, frozen=True, tag="import"):
    """Make a capture of a HAR file."""

    source: str
    target: str


class OpenTask(msgspec.Struct, frozen=True, tag="open"):
    """Look at a capture before the window does, and make a live one whole that was not closed.

    `source` may also be the `.harrier` file that a live capture was to become. What can't be repaired in its place is
    saved to `target`.
    """

    source: str
    target: str


FileTask = SaveTask | ExportTask | BodyTask | MessageTask | ImportTask | OpenTask


class Progressed(msgspec.Struct, frozen=True, tag="progressed"):
    """So much of so much."""

    done: int
    total: int


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """All is well."""

    remarks: list[str]


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """One sentence why."""

    sentence: str


class Cancelled(msgspec.Struct, frozen=True, tag="cancelled"):
    """As the person wished; nothing was left behind."""


Outcome = Finished | Failed | Cancelled
FileNews = Progressed | Outcome

encode_task = msgspec.msgpack.Encoder().encode
decode_task: Callable[[bytes], FileTask] = msgspec.msgpack.Decoder(FileTask).decode
encode_news = msgspec.msgpack.Encoder().encode
decode_news: Callable[[bytes], FileNews] = msgspec.msgpack.Decoder(FileNews).decode
