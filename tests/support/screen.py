"""What a person sees and presses in a window: texts and buttons, found by what they say."""

from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget


def texts(within: QWidget) -> list[str]:
    """What stands in a widget; what is hidden in it does not."""
    labels = within.findChildren(QLabel)
    return [label.text() for label in labels if label.isVisibleTo(within) and label.text()]


def button(within: QWidget, name: str) -> QAbstractButton:
    """The button that has this text or, with an icon only, this name; the only one that is to be seen."""
    found = [
        each
        for each in within.findChildren(QAbstractButton)
        if each.isVisibleTo(within) and name in (each.text(), each.accessibleName())
    ]
    assert len(found) == 1, f"{len(found)} buttons are called {name}"
    return found[0]
