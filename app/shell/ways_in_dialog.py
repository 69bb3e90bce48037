"""The ways in besides the first address: other places to listen on, an origin to stand for, who may come in."""

import os

import msgspec
from PySide6.QtWidgets import (
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.look.plain_text import hint_label, plain_label
from app.look.theme import code_font
from app.shell.growing_dialog import GrowingDialog
from app.shell.ways_in_texts import origin_problem, place_lines, places_problem, places_warning, users_problem
from proxy_core.model.ways_in import WaysIn


class WaysInDialog(GrowingDialog):
    """Shows the ways in and gives changed ones back; applies nothing by itself."""

    def __init__(self, ways: WaysIn, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Ways In")
        self.setMinimumWidth(600)
        self._ways = ways
        form = QFormLayout()
        form.setHorizontalSpacing(18)
        form.setVerticalSpacing(10)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self.places = QPlainTextEdit("\n".join(ways.also_listen))
        self.places.setFont(code_font())
        self.places.setPlaceholderText(
            "[::1]:8080\nunix:/run/user/1000/harrier.sock\n127.0.0.1:9000=https://shop.example"
        )
        self.places.setTabChangesFocus(True)
        self.places.setFixedHeight(84)
        self.places.textChanged.connect(self._check)
        self._places_warning = self._row(
            form,
            "Also listen on",
            self.places,
            "One place a line: HOST:PORT, or unix:/PATH for this user alone; with =ORIGIN behind it for that origin.",
        )
        self.reverse = QLineEdit(ways.reverse)
        self.reverse.setFont(code_font())
        self.reverse.setPlaceholderText("no origin: a proxy")
        self.reverse.textChanged.connect(self._check)
        self._reverse_warning = self._row(
            form,
            "Stand for",
            self.reverse,
            "For clients that can't be given a proxy: what they ask of the first address goes to this origin, such as "
            "https://shop.example or unix:/run/app.sock.",
        )
        self.users_file = QLineEdit(ways.users_file)
        self.users_file.setFont(code_font())
        self.users_file.setPlaceholderText("no file: everybody")
        self.users_file.textChanged.connect(self._check)
        choose = QPushButton("Choose…")
        choose.clicked.connect(self._choose_users)
        self._users_warning = self._row(
            form,
            "Who may come in",
            self.users_file,
            "A file with NAME:PASSWORD on a line each. Whoever uses the proxy has to log in then, here, too.",
            choose,
        )
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self._ok = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self._ok.setProperty("kind", "primary")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(16)
        column.addLayout(form)
        column.addStretch(1)
        column.addWidget(buttons)
        self._check()

    def _row(self, form: QFormLayout, title: str, field: QWidget, hint: str, beside: QWidget | None = None) -> QLabel:
        """A field with its hint; returns the room beneath for what is wrong with it."""
        label = plain_label(title)
        label.setBuddy(field)
        field.setAccessibleName(title)
        if beside is None:
            form.addRow(label, field)
        else:
            line = QHBoxLayout()
            line.setSpacing(6)
            line.addWidget(field, 1)
            line.addWidget(beside)
            form.addRow(label, line)
        form.addRow("", hint_label(hint))
        warning = hint_label("", "failed")
        form.addRow("", warning)
        return warning

    def _choose_users(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Who may come in", os.path.dirname(self.users_file.text()))
        if path:
            self.users_file.setText(path)

    def _check(self) -> None:
        """Say what is wrong or dangerous while it is being written."""
        if not hasattr(self, "_ok"):
            return
        ways = self.ways_in
        problems = places_problem(ways.also_listen), origin_problem(ways.reverse), users_problem(ways.users_file)
        self._ok.setEnabled(not any(problems))
        places, reverse, users = problems
        if not places and not ways.users_file:
            places = places_warning(ways.also_listen)
        for label, text in (
            (self._places_warning, places),
            (self._reverse_warning, reverse),
            (self._users_warning, users),
        ):
            label.setText(text)
            label.setVisible(bool(text))
        self.make_room()

    @property
    def ways_in(self) -> WaysIn:
        """As they stand in the dialog."""
        return msgspec.structs.replace(
            self._ways,
            also_listen=place_lines(self.places.toPlainText()),
            reverse=self.reverse.text().strip(),
            users_file=self.users_file.text().strip(),
        )
