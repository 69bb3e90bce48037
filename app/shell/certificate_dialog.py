"""What Harrier's CA is called, how it is recognised, and its certificate for those who must import it by hand."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.files.file_choice import ask_save
from app.look.plain_text import plain_label
from app.look.theme import code_font
from proxy_core.model.notice import EngineStarted

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

    def __init__(self, started: EngineStarted, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Certificate")
        self._started = started
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
        column.addWidget(self._said)
        column.addWidget(buttons)

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
