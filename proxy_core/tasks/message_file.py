"""A message within an exchange as a file of its own: what was recorded of it."""

from proxy_core.capture.reader import CaptureReader
from proxy_core.model.message_row import MessageFlag
from proxy_core.partial_file import whole_file
from proxy_core.tasks.conversion_report import ConversionError


def save_message(reader: CaptureReader, exchange_id: int, number: int, path: str) -> list[str]:
    """Write a message; returns remarks. Raises ConversionError, CaptureError; then nothing is left at `path`."""
    rows = [row for row in reader.messages(exchange_id, number - 1, 1) if row.number == number]
    if not rows:
        raise ConversionError("This message is no longer in the capture.")
    data = reader.payload(reader.content(rows[0]))
    try:
        with whole_file(path) as file:
            file.write(data)
    except OSError as error:
        raise ConversionError(f"{path} can't be written ({error.strerror}).") from None
    is_whole = len(data) == rows[0].size or rows[0].flags & MessageFlag.UNDECODED
    return [] if is_whole else ["Only a part of the message was recorded."]
