"""What `convert` does: from one kind of file to another, by the names' endings."""

import os

from proxy_core.capture.reader import CaptureError
from proxy_core.capture.repair import best_reader, live_folder
from proxy_core.capture.saver import save_capture
from proxy_core.partial_file import discard_partial
from proxy_core.tasks.conversion_report import ConversionError, ConversionReport
from proxy_core.tasks.har_export import export_har
from proxy_core.tasks.har_import import import_har


def convert(source: str, target: str) -> ConversionReport:
    """Convert by the names' endings: .har, .harrier, or a .live folder to read. Raises ConversionError."""
    if not target.endswith((".har", ".harrier")):
        raise ConversionError(f"{target} must end with .har or .harrier.")
    if source.endswith(".har") and target.endswith(".har"):
        raise ConversionError(f"{source} is a HAR file already.")
    if not live_folder(source) and not os.path.exists(source):
        raise ConversionError(f"There is no file {source}.")
    try:
        return import_har(source, target) if source.endswith(".har") else _write_capture(source, target)
    except CaptureError as error:
        raise ConversionError(str(error)) from None
    finally:
        discard_partial(target)  # an interrupt may come between the making of a file and the block that removes it


def _write_capture(source: str, target: str) -> ConversionReport:
    remarks: list[str] = []
    write = export_har if target.endswith(".har") else save_capture
    with best_reader(source, os.path.dirname(os.path.abspath(target)), remarks) as reader:
        return ConversionReport(write(reader, target, remarks=remarks), remarks)
