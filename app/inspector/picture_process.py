"""What runs in the process that decodes pictures: one after the other, until the window goes.

A decoder is native code that meets bytes of strangers. Here it can hang, fill its memory or crash, and takes nothing
along: the window ends the process and says that the picture can't be shown. Qt is loaded in the child alone.
"""

import sys
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

import msgspec

from proxy_core.formats.picture import picture_head, refusal

if TYPE_CHECKING:
    from PySide6.QtCore import QBuffer
    from PySide6.QtGui import QImage

SHOWN_SIDE = 3840  # pixels; a larger picture is made smaller before it crosses the pipe
_QT_LIMIT_MB = 256  # of one picture, as Qt counts it
_MEMORY_BYTES = 1 << 30  # of the process, where the system can limit it
_TIME_S = 20  # of the processor for one picture: for a process whose window is gone


class DecodedPicture(msgspec.Struct, frozen=True):
    """A picture as 32-bit RGBA, or the sentence why there is none. The full size is the original's."""

    format: str = ""
    full_width: int = 0
    full_height: int = 0
    width: int = 0
    height: int = 0
    pixels: bytes = b""
    problem: str = ""


encode_picture = msgspec.msgpack.Encoder().encode
decode_picture = msgspec.msgpack.Decoder(DecodedPicture).decode


def picture_process_main(pipe: "Connection[bytes, bytes]") -> None:
    """The process, from its start: a picture's bytes come, a `DecodedPicture` goes."""
    from PySide6.QtCore import qInstallMessageHandler
    from PySide6.QtGui import QImageReader

    qInstallMessageHandler(lambda _kind, _context, _text: None)  # decoders complain on standard error
    QImageReader.setAllocationLimit(_QT_LIMIT_MB)
    try:
        while True:
            data = pipe.recv_bytes()
            _limit_resources()
            pipe.send_bytes(encode_picture(decode(data)))
    except (EOFError, OSError):
        sys.exit(0)


def decode(data: bytes) -> DecodedPicture:
    """The first frame of a picture, by the reader of its format and no other."""
    head = picture_head(data)
    if (problem := refusal(head)) or head is None:
        return DecodedPicture(problem=problem)
    try:
        image, problem = _read(data, head.format)
    except MemoryError:
        return DecodedPicture(problem="This picture can't be shown: it needs too much memory.")
    if problem:
        return DecodedPicture(problem=f"This picture can't be shown ({problem}).")
    pixels = bytes(image.constBits())
    return DecodedPicture(head.format.upper(), head.width, head.height, image.width(), image.height(), pixels, "")


def _read(data: bytes, name: str) -> tuple["QImage", str]:
    from PySide6.QtCore import QBuffer, QByteArray, QIODevice

    buffer = QBuffer()
    buffer.setData(QByteArray(data))
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    return _read_from(buffer, name)  # the reader must be gone before the buffer: some look into it at their end


def _read_from(buffer: "QBuffer", name: str) -> tuple["QImage", str]:
    from PySide6.QtCore import QByteArray, QSize, Qt
    from PySide6.QtGui import QImage, QImageReader

    reader = QImageReader(buffer, QByteArray(name.encode()))
    reader.setAutoDetectImageFormat(False)
    reader.setAutoTransform(True)
    size = reader.size()
    if size.width() > SHOWN_SIDE or size.height() > SHOWN_SIDE:
        reader.setScaledSize(size.scaled(QSize(SHOWN_SIDE, SHOWN_SIDE), Qt.AspectRatioMode.KeepAspectRatio))
    image = reader.read()
    if image.isNull():
        return image, reader.errorString()
    return image.convertToFormat(QImage.Format.Format_RGBA8888), ""


def _limit_resources() -> None:
    """Bound the memory, and the time of the next picture."""
    try:
        import resource
    except ImportError:  # Windows: Qt's own limit, and the window's patience, are all there is
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    for limit, value in (
        (resource.RLIMIT_DATA, _MEMORY_BYTES),
        (resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + _TIME_S),
    ):
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
