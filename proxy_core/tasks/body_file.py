"""The body of one message as a file of its own, streamed from the capture; with or without its content coding."""

from collections.abc import Iterable

from proxy_core.capture.reader import CaptureReader
from proxy_core.capture.saver import Progress, SaveCancelledError
from proxy_core.formats.content_coding import CodingError, codings_text, iterate_decoded, parse_codings
from proxy_core.model.message_head import parse_head
from proxy_core.model.message_record import MessageKind
from proxy_core.partial_file import whole_file
from proxy_core.tasks.conversion_report import ConversionError


def save_body(
    reader: CaptureReader, exchange_id: int, kind: MessageKind, path: str, progress: Progress, *, decoded: bool
) -> list[str]:
    """Write a body; returns remarks. A coding that can't be undone is left as it was, and that is a remark.

    Raises ConversionError, CaptureError, SaveCancelledError; then nothing is left at `path`.
    """
    detail = reader.detail(exchange_id)
    if detail is None:
        raise ConversionError("This exchange is no longer in the capture.")
    extents = detail.message(kind).body
    head = parse_head(detail.message(kind).head)
    codings = parse_codings(b",".join(head.values(b"content-encoding"))) if decoded else ()
    total = reader.body_length(extents)
    remarks: list[str] = []
    read = 0

    def chunks() -> Iterable[bytes]:
        nonlocal read
        for chunk in reader.iterate_body(extents):
            read += len(chunk)
            if not progress(read, total):
                raise SaveCancelledError
            yield chunk

    try:
        try:
            _write(path, iterate_decoded(chunks(), codings))
        except CodingError as error:
            remarks.append(
                f"The body was written as it came: it says it is coded as {codings_text(codings)}, but {error}."
            )
            read = 0
            _write(path, chunks())
    except OSError as error:
        raise ConversionError(f"{path} can't be written ({error.strerror}).") from None
    return remarks


def _write(path: str, parts: Iterable[bytes]) -> None:
    with whole_file(path) as file:
        file.writelines(parts)
