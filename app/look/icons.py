"""Icons: our own SVGs in the text's colour, drawn sharp for every screen."""

import os
from functools import lru_cache

from PySide6.QtCore import QByteArray, QEvent, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QToolButton, QWidget

from app.look.theme import RESOURCES, roles_of

ICON_PIXELS = 18
THEME_EVENTS = frozenset({QEvent.Type.PaletteChange, QEvent.Type.StyleChange})  # a style sheet brings only the latter
_SCALES = (1, 2, 3)


@lru_cache(maxsize=64)
def _source(name: str) -> str:
    with open(os.path.join(RESOURCES, "icons", f"{name}.svg"), encoding="utf-8") as file:
        return file.read()


@lru_cache(maxsize=256)
def tinted_icon(name: str, colour: str, size: int = ICON_PIXELS) -> QIcon:
    """The icon with its strokes in `colour`."""
    renderer = QSvgRenderer(QByteArray(_source(name).replace("currentColor", colour).encode()))
    icon = QIcon()
    for scale in _SCALES:
        pixmap = QPixmap(QSize(size, size) * scale)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        renderer.render(painter)
        painter.end()
        pixmap.setDevicePixelRatio(scale)
        icon.addPixmap(pixmap)
    return icon


def application_icon() -> QIcon:
    """The harrier."""
    return QIcon(os.path.join(RESOURCES, "icons", "harrier.svg"))


def role_colour(widget: QWidget, role: str) -> str:
    """The colour that a role of the theme has where this widget is."""
    colour: str = getattr(roles_of(widget), role)
    return colour


class IconButton(QToolButton):
    """A tool button whose icon follows the theme. `kind` is what the style sheet looks at."""

    def __init__(self, icon: str, text: str = "", kind: str = "", role: str = "text") -> None:
        super().__init__()
        self._icon_name = icon
        self._role = role
        self.setProperty("kind", kind or ("" if text else "icon"))
        self.setIconSize(QSize(ICON_PIXELS, ICON_PIXELS))
        self.setText(text)
        self.setToolButtonStyle(
            Qt.ToolButtonStyle.ToolButtonTextBesideIcon if text else Qt.ToolButtonStyle.ToolButtonIconOnly
        )
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._tint()

    def show_icon(self, icon: str, role: str = "text") -> None:
        """Change the icon and the role of its colour."""
        self._icon_name = icon
        self._role = role
        self._tint()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in THEME_EVENTS:
            self._tint()
        super().changeEvent(event)

    def _tint(self) -> None:
        self.setIcon(tinted_icon(self._icon_name, role_colour(self, self._role)))


def restyle(widget: QWidget) -> None:
    """Apply the style sheet again after a property that it looks at has changed."""
    style = widget.style()
    style.unpolish(widget)
    style.polish(widget)
    widget.update()
