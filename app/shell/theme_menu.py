"""The menu in which dark, light or the system's own is chosen."""

from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu

from app.look.theme import Scheme, Theme

SCHEMES = ((Scheme.SYSTEM, "As the System"), (Scheme.LIGHT, "Light"), (Scheme.DARK, "Dark"))


def fill_theme_menu(menu: QMenu, theme: Theme) -> None:
    """Offer the schemes; the mark follows the theme, whoever changes it."""
    group = QActionGroup(menu)
    for scheme, name in SCHEMES:
        action = menu.addAction(name)
        action.setCheckable(True)
        action.setData(scheme)
        group.addAction(action)
        action.triggered.connect(lambda _checked=False, scheme=scheme: theme.choose(scheme))

    def mark() -> None:
        for action in menu.actions():
            action.setChecked(action.data() == theme.scheme)

    theme.changed.connect(mark)
    mark()
