"""A picture scaled down to fit, with its format and size beneath. It is decoded elsewhere, by `PictureDecoder`."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QPixmap, QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.inspector.picture_decoder import PictureDecoder
from app.inspector.picture_process import DecodedPicture
from app.look.plain_text import plain_label
from proxy_core.formats.amount import size_text
from proxy_core.formats.picture import picture_head, refusal


class PictureView(QWidget):
    """Shows the bytes that it is given last."""

    def __init__(self) -> None:
        super().__init__()
        self._decoder = PictureDecoder(self)
        self._decoder.decoded.connect(self._decoded)
        self._awaited = 0
        self._size = 0
        self._image = QImage()
        self._label = plain_label("", "muted", wraps=True)  # the picture, or the sentence in its place
        self._label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._label.setAccessibleName("Picture")
        self._label.setMinimumSize(QSize(10, 10))
        self._caption = plain_label("", "muted")
        self._caption.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 8)
        layout.addWidget(self._label, 1)
        layout.addWidget(self._caption)

    @property
    def caption(self) -> str:
        """What is said beneath the picture, or in its place."""
        return self._label.text() or self._caption.text()

    @property
    def is_empty(self) -> bool:
        """Whether no picture is seen."""
        return self._image.isNull()

    def show_bytes(self, data: bytes) -> None:
        """Have a picture decoded and show it; what can't be decoded says why."""
        self._image = QImage()
        self._size = len(data)
        problem = refusal(picture_head(data))
        self._awaited = 0 if problem else self._decoder.decode(data)
        self._say(problem or "Decoding …")

    def end(self) -> None:
        """End the decoder; nothing is decoded any more."""
        self._decoder.close()

    def _say(self, sentence: str) -> None:
        self._caption.setText("")
        self._label.setText(sentence)  # takes the picture away

    def _decoded(self, ticket: int, picture: DecodedPicture) -> None:
        if ticket != self._awaited:
            return
        self._awaited = 0
        if picture.problem:
            self._say(picture.problem)
            return
        stride = 4 * picture.width
        shape = QImage.Format.Format_RGBA8888
        self._image = QImage(picture.pixels, picture.width, picture.height, stride, shape).copy()
        full = f"{picture.full_width} × {picture.full_height}"
        self._caption.setText(f"{picture.format} · {full} pixels · {size_text(self._size)}")
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if self._image.isNull():
            return
        ratio = self.devicePixelRatioF()
        room = self._label.size() * ratio
        image = self._image
        if image.width() > room.width() or image.height() > room.height():
            image = image.scaled(room, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
        pixmap = QPixmap.fromImage(image)
        pixmap.setDevicePixelRatio(ratio)
        self._label.setPixmap(pixmap)
