"""The theme: colour roles for light and dark, the palette and style sheet made of them, and which one is in use.

`Theme` belongs to the application; it follows the system unless a person has pinned it. A widget that paints asks
`roles_of(self)`, which reads the application's palette, and repaints when its own palette or style changes; nothing
needs a reference to the theme itself. Every text role has a contrast of at least 4.5:1 on surface, panel and selection.
"""

import os
import sys
from dataclasses import asdict, dataclass
from enum import StrEnum

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory, QWidget

RESOURCES = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "resources")
TEXT_PIXELS = 12.5  # at 96 dots per inch; Qt scales with the screen
_QT_DOTS_PER_INCH = 96.0
_PLAIN_LINUX_FAMILIES = {"dejavu sans", "sans serif", "sans", "sans-serif", ""}  # what is there when nobody chose
_MONO_FAMILIES = ("JetBrains Mono", "Cascadia Mono", "SF Mono", "Menlo", "Consolas", "DejaVu Sans Mono")


@dataclass(frozen=True, slots=True)
class Roles:
    """A colour for each role, as `#rrggbb`."""

    bg: str  # surface of lists and text
    panel: str  # toolbar, side, tabs, status bar
    raise_: str  # fields, raised tab
    line: str  # hairlines
    text: str
    muted: str  # secondary text, GET, units
    accent: str  # the one accent: primary button, focus, links
    on_accent: str  # text on the accent
    sel: str  # selected row
    hover: str  # row under the pointer
    chip: str  # chips, badges
    s1: str  # 1xx, pending
    s2: str
    s3: str
    s4: str  # 4xx, first mark
    s5: str  # 5xx, failed, recording
    pause: str  # paused, GraphQL name
    jk: str  # JSON key
    js: str  # string
    jn: str  # number
    jb: str  # true, false, null
    wblk: str  # the phases of an exchange: blocked …
    wdns: str
    wcon: str
    wtls: str
    wsend: str
    wwait: str
    wrec: str


LIGHT = Roles(
    bg="#ffffff", panel="#f5f6f8", raise_="#ffffff", line="#e2e5ea", text="#1b2027", muted="#5f6b7a",
    accent="#2b5bdc", on_accent="#ffffff", sel="#e6eefe", hover="#f1f4f9", chip="#eceff3",
    s1="#5f6b7a", s2="#16794a", s3="#2459c4", s4="#945207", s5="#c02626", pause="#6d35d4",
    jk="#7a2ea0", js="#16794a", jn="#2459c4", jb="#945207",
    wblk="#cfd6e0", wdns="#7ab8b8", wcon="#e0a35a", wtls="#b48ad8", wsend="#7fa7e8", wwait="#57b583", wrec="#4f83ee",
)  # fmt: skip

DARK = Roles(
    bg="#15181d", panel="#1b1f26", raise_="#232831", line="#2c323c", text="#e5e8ed", muted="#98a3b3",
    accent="#7ea6ff", on_accent="#10131a", sel="#22324f", hover="#1f242c", chip="#272d37",
    s1="#98a3b3", s2="#4fc48c", s3="#74a9ff", s4="#eeb13f", s5="#ff7373", pause="#b99aff",
    jk="#c79bf0", js="#7fd1a3", jn="#8ab4ff", jb="#eeb13f",
    wblk="#3d4552", wdns="#4d8f8f", wcon="#b0803f", wtls="#8a66ad", wsend="#5a80c0", wwait="#3f9468", wrec="#4f7fe0",
)  # fmt: skip


class Scheme(StrEnum):
    """What a person can choose."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` (WCAG 2.2)."""
    parts = [int(colour[begin : begin + 2], 16) / 255 for begin in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def mix(colour: str, into: str, share: float) -> str:
    """`share` of one colour over another, as it looks when painted translucently."""
    pairs = [(int(colour[begin : begin + 2], 16), int(into[begin : begin + 2], 16)) for begin in (1, 3, 5)]
    return "#" + "".join(f"{round(over * share + under * (1 - share)):02x}" for over, under in pairs)


def fill_style_sheet(template: str, roles: Roles, icons: str = "") -> str:
    """Put colours into a style sheet: `@role;` becomes the role's colour, `@icons/` the folder of icons, `@variant`
    the word in the names of those few that a style sheet can't tint.
    """
    names = sorted(asdict(roles).items(), key=lambda item: -len(item[0]))
    for name, colour in names:
        template = template.replace(f"@{name.rstrip('_')};", f"{colour};")
    return template.replace("@icons/", icons).replace("@variant", "dark" if roles is DARK else "light")


def roles_of(widget: QWidget) -> Roles:
    """The roles in use where this widget is."""
    del widget  # its own palette holds what the style sheet made of it
    return DARK if QGuiApplication.palette().color(QPalette.ColorRole.Base).lightness() < 128 else LIGHT


def palette_of(roles: Roles) -> QPalette:
    """The palette of the Fusion style in these roles."""
    palette = QPalette()
    role = QPalette.ColorRole
    for which, colour in (
        (role.Window, roles.panel),
        (role.WindowText, roles.text),
        (role.Base, roles.bg),
        (role.AlternateBase, roles.hover),
        (role.Text, roles.text),
        (role.PlaceholderText, roles.muted),
        (role.Button, roles.panel),
        (role.ButtonText, roles.text),
        (role.BrightText, roles.s5),
        (role.Highlight, roles.sel),
        (role.HighlightedText, roles.text),
        (role.Link, roles.accent),
        (role.LinkVisited, roles.accent),
        (role.ToolTipBase, roles.raise_),
        (role.ToolTipText, roles.text),
        (role.Light, roles.raise_),
        (role.Midlight, roles.chip),
        (role.Mid, roles.line),
        (role.Dark, roles.line),
        (role.Shadow, roles.line),
        (role.Accent, roles.accent),
    ):
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(mix(roles.muted, roles.panel, 0.6)))
    return palette


def text_font(factor: float = 1.0) -> QFont:
    """The font of all text but code: the system's, at the window's size."""
    font = QFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont))
    if sys.platform.startswith("linux") and font.family().lower() in _PLAIN_LINUX_FAMILIES:
        font.setFamilies(["Inter", "Cantarell", "Noto Sans", "DejaVu Sans"])
    return _sized(font, factor)


def code_font(factor: float = 0.96) -> QFont:
    """The font of heads, bodies and the filter: one width for all characters."""
    font = QFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
    font.setFamilies([*_MONO_FAMILIES, font.family()])
    font.setStyleHint(QFont.StyleHint.Monospace)
    return _sized(font, factor)


def _sized(font: QFont, factor: float) -> QFont:
    # In points, so that a person's scaling of texts is kept; a point is a pixel on macOS.
    screen = QGuiApplication.primaryScreen()
    dots = screen.logicalDotsPerInch() if screen is not None and sys.platform == "darwin" else _QT_DOTS_PER_INCH
    font.setPointSizeF(TEXT_PIXELS * 72.0 / dots * factor)
    return font


class Theme(QObject):
    """Which roles the application shows. Signals: `changed` after palette and style sheet are in place."""

    changed = Signal()

    def __init__(self, application: QApplication, scheme: Scheme = Scheme.SYSTEM) -> None:
        super().__init__(application)
        self._application = application
        self._scheme = scheme
        self.roles = LIGHT
        with open(os.path.join(RESOURCES, "styles", "window.qss"), encoding="utf-8") as file:
            self._template = file.read()
        style = QStyleFactory.create("Fusion")
        if style is not None:
            application.setStyle(style)
        application.setFont(text_font())
        application.styleHints().colorSchemeChanged.connect(self._system_changed)
        self.choose(scheme)

    @property
    def scheme(self) -> Scheme:
        """What the person has chosen."""
        return self._scheme

    @property
    def is_dark(self) -> bool:
        """Whether the dark roles are shown."""
        return self.roles is DARK

    def choose(self, scheme: Scheme) -> None:
        """Follow the system, or pin one."""
        self._scheme = scheme
        wanted = {
            Scheme.SYSTEM: Qt.ColorScheme.Unknown,
            Scheme.LIGHT: Qt.ColorScheme.Light,
            Scheme.DARK: Qt.ColorScheme.Dark,
        }[scheme]
        self._application.styleHints().setColorScheme(wanted)
        self._show()

    def _system_changed(self) -> None:
        self._show()

    def _show(self) -> None:
        if self._scheme is Scheme.SYSTEM:
            is_dark = self._application.styleHints().colorScheme() is Qt.ColorScheme.Dark
        else:
            is_dark = self._scheme is Scheme.DARK
        self.roles = DARK if is_dark else LIGHT
        self._application.setPalette(palette_of(self.roles))
        icons = os.path.join(RESOURCES, "icons").replace(os.sep, "/") + "/"
        self._application.setStyleSheet(fill_style_sheet(self._template, self.roles, icons))
        self.changed.emit()
