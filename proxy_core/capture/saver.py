"""Saving a capture as one `.harrier` file: the index copied, the bodies in chunks inside it.

Everything streams: rows a page at a time, bodies a chunk at a time. The file appears whole or not at all.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable

from proxy_core.capture.extents import Extent, encode_extents
from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.capture.schema import (
    ADD_ACTED,
    ADD_CONNECTION,
    CREATION,
    UPSERT_CONNECTION,
    UPSERT_DETAIL,
    UPSERT_EXCHANGE,
    UPSERT_MESSAGE,
)
from proxy_core.capture.walk import Walk
from proxy_core.model.act import decode_acts
from proxy_core.model.bounds import TEXT_LIMIT
from proxy_core.model.event import encode_detail
from proxy_core.model.exchange import ConnectionRow, ExchangeDetail, ExchangeRow
from proxy_core.model.message_record import MessageRecord
from proxy_core.model.message_row import MessageContent, MessageRow, encode_content
from proxy_core.partial_file import create_partial, discard_partial, partial_path, place_partial

CHUNK_BYTES = 1 << 20
_NO_BYTES = encode_extents([])
Progress = Callable[[int, int], bool]  # (exchanges done, exchanges in all) -> go on?


class SaveCancelledError(Exception):
    """The progress callback said no; nothing was left behind."""


class CaptureFile:
    """A `.harrier` file that is being written, under a temporary name until `finish`."""

    def __init__(self, path: str) -> None:
        """Raises CaptureError when the file can't be made."""
        self._path = path
        self._is_finished = False
        try:
            os.close(create_partial(path))
            self._database = sqlite3.connect(partial_path(path), isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise CaptureError(f"{path} can't be written ({getattr(error, 'strerror', None) or error}).") from None
        self._run("PRAGMA journal_mode=OFF")  # the temporary file is thrown away if anything fails
        self._run("PRAGMA synchronous=OFF")  # `finish` syncs once
        self._run("BEGIN")
        for statement in CREATION:
            self._run(statement)
        self._run("INSERT INTO meta VALUES ('closed', '1')")

    def __enter__(self) -> "CaptureFile":
        return self

    def __exit__(self, *_error: object) -> None:
        if not self._is_finished:
            self._database.close()
            discard_partial(self._path)

    def _run(self, sql: str, parameters: object = ()) -> sqlite3.Cursor:
        try:
            return self._database.execute(sql, parameters)  # type: ignore[arg-type]
        except sqlite3.Error as error:
            raise CaptureError(f"{self._path} can't be written ({error}).") from None

    def add(self, row: ExchangeRow, detail: ExchangeDetail) -> None:
        """Add an exchange, whose bodies lie in this file (`add_body`). Raises CaptureError."""
        if len(row.path) > TEXT_LIMIT:
            remark = f"The path is cut after {TEXT_LIMIT:,} of its {len(row.path):,} characters."
            detail = detail._replace(notes="\n".join(part for part in (detail.notes, remark) if part))
            row = row._replace(path=row.path[:TEXT_LIMIT])
        self._run(UPSERT_EXCHANGE, row)
        self._run(UPSERT_DETAIL, (row.id, detail.key, encode_detail(detail)))
        for act in decode_acts(detail.acts):
            self._run(ADD_ACTED, (row.id, act.rule))

    def add_message(self, message: MessageRow, content: MessageContent) -> None:
        """Add a message of an exchange, whose payload lies in its content or in this file (`add_body`)."""
        self._run(UPSERT_MESSAGE, message._replace(body=encode_content(content)))

    def add_connection(self, connection: ConnectionRow, *, replaces: bool = True) -> None:
        """Add the facts about a connection; again replaces them, or leaves those that are there."""
        self._run(UPSERT_CONNECTION if replaces else ADD_CONNECTION, connection)

    def set_meta(self, name: str, value: str) -> None:
        """Store a fact about the capture."""
        self._run("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def add_body(self, chunks: Iterable[bytes]) -> bytes | None:
        """Add a body; its extents, None when there is no byte of it. Raises CaptureError."""
        extents: list[Extent] = []
        for chunk in chunks:
            for begin in range(0, len(chunk), CHUNK_BYTES):
                piece = chunk[begin : begin + CHUNK_BYTES]
                cursor = self._run("INSERT INTO body_chunk (data) VALUES (?)", (piece,))
                assert cursor.lastrowid is not None
                extents.append((0, cursor.lastrowid, len(piece)))
        return encode_extents(extents) if extents else None

    def add_forwarded_body(self, chunks: Iterable[bytes] | None) -> bytes | None:
        """Add a body that was sent on in the place of the received one; None where none was.

        One of no bytes has extents, too: it is not the same as what went on as it came. Raises CaptureError.
        """
        return None if chunks is None else self.add_body(chunks) or _NO_BYTES

    def finish(self) -> None:
        """Make the file appear under its name. Raises CaptureError."""
        self._run("COMMIT")
        self._database.close()
        self._is_finished = True
        try:
            place_partial(self._path)
        except OSError as error:
            discard_partial(self._path)
            raise CaptureError(f"{self._path} can't be written ({error.strerror}).") from None


def save_capture(
    reader: CaptureReader,
    path: str,
    ids: Iterable[int] | None = None,
    progress: Progress | None = None,
    remarks: list[str] | None = None,
) -> int:
    """Write the exchanges (all, or those with `ids`, keeping their numbers) into a `.harrier` file; how many there are.

    What is damaged is left out, and `remarks` gets sentences about it. Raises CaptureError, SaveCancelledError.
    """
    walk = Walk(reader, reader.ids() if ids is None else list(ids))
    count = 0
    seen_connections: set[int] = set()
    with CaptureFile(path) as file:
        file.set_meta("created_at", _created_at(reader))
        for page in walk:
            for row, detail in page:
                request, response = _moved(detail.request, reader, file), _moved(detail.response, reader, file)
                file.add(row, detail._replace(request=request, response=response))
                for message, content in walk.messages(row.id):
                    if content.extents:
                        moved = file.add_body(reader.iterate_body(content.extents, CHUNK_BYTES))
                        content = content._replace(extents=moved)
                    file.add_message(message, content)
                count += 1
                seen_connections.update((detail.client_connection, detail.upstream_connection))
            if progress is not None and not progress(walk.done, walk.total):
                raise SaveCancelledError
        for key in seen_connections:
            connection = walk.connection(key)
            if connection is not None:
                file.add_connection(connection)
        file.finish()
    if remarks is not None:
        remarks += walk.remarks()
    return count


def _moved(message: MessageRecord, reader: CaptureReader, file: CaptureFile) -> MessageRecord:
    """The message with its bodies in `file`."""
    forwarded = message.forwarded_body
    return message._replace(
        body=file.add_body(reader.iterate_body(message.body, CHUNK_BYTES)),
        forwarded_body=file.add_forwarded_body(
            None if forwarded is None else reader.iterate_body(forwarded, CHUNK_BYTES)
        ),
    )


def _created_at(reader: CaptureReader) -> str:
    try:
        return reader.meta("created_at")
    except CaptureError:
        return ""
