"""What Harrier's CA is called, how it is recognised, its certificate for those who must import it, and how."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.files.file_choice import ask_save
from app.look.plain_text import plain_label
from app.look.theme import code_font
from app.shell.trust_steps import trust_steps
from proxy_core.model.notice import EngineStarted

_COMMAND_HEIGHT = 84  # four lines
_ABOUT = (
    "Harrier signs the certificates that it shows to clients with a CA of its own, made on this computer for you "
    "alone. Browsers opened from Harrier trust it already. Import it elsewhere only where you debug."
)


def fingerprint_lines(fingerprint: str) -> str:
    """A colon-separated fingerprint in two lines of equal length."""
    parts = fingerprint.split(":")
    half = (len(parts) + 1) // 2
    return ":".join(parts[:half]) + "\n" + ":".join(parts[half:])


class CertificateDialog(QDialog):
    """Shows the facts; exports the certificate, never the key."""

    def __init__(self, started: EngineStarted, terminal: str, parent: QWidget) -> None:
        """`terminal` is the line that sets a terminal up."""
        super().__init__(parent)
        self.setWindowTitle("Certificate")
        self._started = started
        self._steps = trust_steps(started.ca_certificate_path, terminal)
        about = plain_label(_ABOUT, wraps=True)
        about.setFixedWidth(500)
        form = QFormLayout()
        form.setHorizontalSpacing(18)
        form.setVerticalSpacing(10)
        form.addRow(plain_label("Name", "muted"), self._fact(started.ca_name))
        form.addRow(
            plain_label("SHA-256", "muted"), self._fact(fingerprint_lines(started.ca_fingerprint), is_code=True)
        )
        form.addRow(plain_label("File", "muted"), self._fact(started.ca_certificate_path, is_code=True))
        self._said = plain_label("", "muted", wraps=True)
        self._said.hide()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        export = QPushButton("Export…")
        export.setProperty("kind", "primary")
        export.clicked.connect(self._export)
        copy = QPushButton("Copy Fingerprint")
        copy.clicked.connect(self._copy)
        buttons.addButton(export, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.addButton(copy, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(16)
        column.addWidget(about)
        column.addLayout(form)
        column.addLayout(self._make_steps())
        column.addStretch(1)
        column.addWidget(self._said)
        column.addWidget(buttons)

    def _make_steps(self) -> QVBoxLayout:
        """How clients come to trust it: one sort of them at a time."""
        self.clients = QComboBox()
        self.clients.setAccessibleName("Have it trusted by")
        for steps in self._steps:
            self.clients.addItem(steps.client)
        label = plain_label("Have it trusted by", "muted")
        label.setBuddy(self.clients)
        line = QHBoxLayout()
        line.setSpacing(18)
        line.addWidget(label)
        line.addWidget(self.clients, 1)
        self.steps = plain_label("", wraps=True)
        self.command = QPlainTextEdit()
        self.command.setReadOnly(True)
        self.command.setAccessibleName("Command")
        self.command.setFont(code_font())
        self.command.setFixedHeight(_COMMAND_HEIGHT)
        self._copy_command = QPushButton("Copy the Command")
        self._copy_command.clicked.connect(self._put_command)
        column = QVBoxLayout()
        column.setSpacing(8)
        column.addLayout(line)
        column.addWidget(self.steps)
        column.addWidget(self.command)
        column.addWidget(self._copy_command, 0, Qt.AlignmentFlag.AlignLeft)
        self.clients.currentIndexChanged.connect(self._show_steps)
        self._show_steps(0)
        return column

    def _show_steps(self, number: int) -> None:
        steps = self._steps[number]
        self.steps.setText(steps.text)
        self.command.setPlainText(steps.command)
        self.command.setVisible(bool(steps.command))
        self._copy_command.setVisible(bool(steps.command))

    def _put_command(self) -> None:
        QGuiApplication.clipboard().setText(self.command.toPlainText())
        self._say("The command is on the clipboard.")

    def _fact(self, text: str, *, is_code: bool = False) -> QLabel:
        label = plain_label(text, wraps=True)
        label.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        if is_code:
            label.setFont(code_font())
        return label

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._started.ca_fingerprint)
        self._say("The fingerprint is on the clipboard.")

    def _say(self, text: str) -> None:
        self._said.setText(text)
        self._said.show()

    def _export(self) -> None:
        path = ask_save(self, "Export the CA's certificate", "harrier-ca.pem", ".pem")
        if not path:
            return
        try:
            with open(self._started.ca_certificate_path, "rb") as source, open(path, "wb") as target:
                target.write(source.read())
        except OSError as error:
            self._say(f"{error.filename} can't be read or written ({error.strerror}).")
        else:
            self._say(f"Written to {path}.")
