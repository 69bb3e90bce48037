"""The settings: where the proxy listens, what it may use, what it decrypts, whom it trusts; and the theme."""

import os
import re

import msgspec
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.look.plain_text import hint_label, plain_label, separator
from app.look.theme import Scheme, code_font
from app.shell.growing_dialog import GrowingDialog
from app.shell.listen_address import address_problem, listen_host
from app.shell.ways_in_dialog import WaysInDialog
from app.shell.ways_in_texts import ways_in_text
from app.shell.ways_out_dialog import WaysOutDialog
from app.shell.ways_out_texts import ways_out_text
from proxy_core.formats.one_line import one_line
from proxy_core.model.settings import Settings, is_open_to_others

_MOST_WORKERS = 64
_FIELD_MARGIN = 7  # a style sheet's padding doesn't reach the field in a spin box
_BETWEEN_FILES = ";"
_AFTER_REFUSALS = (("ask", "Ask me"), ("pass", "Pass it on unread from then on"))
_SCHEMES = ((Scheme.SYSTEM, "As the system"), (Scheme.LIGHT, "Light"), (Scheme.DARK, "Dark"))


def host_lines(text: str) -> tuple[str, ...]:
    """The hosts of a list, one a line; blanks and repetitions are dropped, names are lower case."""
    return tuple(dict.fromkeys(line.strip().lower() for line in text.splitlines() if line.strip()))


def hosts_problem(hosts: tuple[str, ...]) -> str:
    """Why one of these could never be the host of a connection; "" when each could."""
    for host in hosts:
        is_literal = ":" in host and "]" not in host and host.count(":") > 1
        if not is_literal and re.search(r"[^\w.*?!\[\]-]", host):
            return f"«{host}» is no host: write its name or address alone, without scheme, port or path."
    return ""


def file_paths(text: str) -> tuple[str, ...]:
    """The files of a list in one line; blanks and repetitions are dropped."""
    return tuple(dict.fromkeys(filter(None, map(str.strip, text.split(_BETWEEN_FILES)))))


def ca_problem(path: str) -> str:
    """Why the CA of this file can't be trusted; "" when it can."""
    if not os.path.isfile(path):
        return f"There is no file {path} to trust."
    from proxy_core.upstream_ca import UpstreamCaError, read_upstream_ca  # its library is large, and seldom wanted

    try:
        read_upstream_ca(path)
    except UpstreamCaError as error:
        return str(error)
    return ""


class SettingsDialog(GrowingDialog):
    """Shows settings and gives changed ones back; applies nothing by itself."""

    def __init__(self, settings: Settings, scheme: Scheme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self.setMinimumWidth(520)
        self._settings = settings
        self._ways_in = settings.ways_in
        self._ways_out = settings.ways_out
        form = QFormLayout()
        form.setHorizontalSpacing(18)
        form.setVerticalSpacing(10)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self._add_address(form, settings)
        form.addRow(separator(vertical=False))
        self._add_interception(form, settings)
        form.addRow(separator(vertical=False))
        self._add_trust(form, settings)
        self._add_ways_out(form)
        form.addRow(separator(vertical=False))
        self.scheme = QComboBox()
        for value, name in _SCHEMES:
            self.scheme.addItem(name, value)
        self.scheme.setCurrentIndex([value for value, _ in _SCHEMES].index(scheme))
        self._row(form, "Theme", self.scheme)
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

    def _row(self, form: QFormLayout, title: str, field: QWidget, hint: str = "") -> None:
        label = plain_label(title)
        label.setBuddy(field)
        field.setAccessibleName(title)
        form.addRow(label, field)
        if hint:
            form.addRow("", hint_label(hint))

    def _warning(self, form: QFormLayout) -> QLabel:
        """Room beneath the last field for what is wrong with it."""
        warning = hint_label("", "failed")
        form.addRow("", warning)
        return warning

    def _add_address(self, form: QFormLayout, settings: Settings) -> None:
        self.host = QLineEdit(settings.listen_host)
        self.host.setFont(code_font())
        self.host.textChanged.connect(self._check)
        self._row(form, "Listen on", self.host)
        self._address_warning = self._warning(form)
        self.port = QSpinBox()
        self.port.setMinimumWidth(120)
        self.port.setRange(0, 65535)
        self.port.setValue(settings.listen_port)
        self.port.setSpecialValueText("any free one")
        self.port.lineEdit().setTextMargins(_FIELD_MARGIN, 0, 0, 0)
        self._row(form, "Port", self.port)
        self._add_ways_in(form)
        self.workers = QSpinBox()
        self.workers.setMinimumWidth(220)
        self.workers.setRange(0, _MOST_WORKERS)
        self.workers.setValue(settings.workers)
        self.workers.setSpecialValueText("one for each core, at most 4")
        self.workers.lineEdit().setTextMargins(_FIELD_MARGIN, 0, 0, 0)
        self._row(form, "Worker processes", self.workers)

    def _add_ways_in(self, form: QFormLayout) -> None:
        more = QPushButton("Places, Origin, Users…")
        more.clicked.connect(self._ask_for_ways_in)
        self._ways_in_text = self._ways(form, "Ways in", more, ways_in_text(self._ways_in))

    @staticmethod
    def _ways(form: QFormLayout, title: str, more: QPushButton, text: str) -> QLabel:
        """A button that leads to a dialog, and beneath it all that is set there."""
        line = QHBoxLayout()
        line.addWidget(more)
        line.addStretch(1)
        form.addRow(plain_label(title), line)
        label = hint_label(one_line(text))
        form.addRow("", label)
        return label

    def _ask_for_ways_in(self) -> None:
        dialog = WaysInDialog(self._ways_in, self)
        if dialog.exec():
            self._ways_in = dialog.ways_in
            self._ways_in_text.setText(one_line(ways_in_text(self._ways_in)))
            self._check()

    def _add_interception(self, form: QFormLayout, settings: Settings) -> None:
        self.interception = QCheckBox("Decrypt HTTPS")
        self.interception.setChecked(settings.interception)
        self.interception.toggled.connect(self._check)
        form.addRow(plain_label("Interception"), self.interception)
        self.not_intercepted = QPlainTextEdit("\n".join(settings.not_intercepted))
        self.not_intercepted.setFont(code_font())
        self.not_intercepted.setPlaceholderText("*.bank.com")
        self.not_intercepted.setTabChangesFocus(True)
        self.not_intercepted.setFixedHeight(84)
        self.not_intercepted.textChanged.connect(self._check)
        self._row(
            form,
            "Leave undecrypted",
            self.not_intercepted,
            "One host a line, with * for any part of a name. Their traffic is passed on unread.",
        )
        self._hosts_warning = self._warning(form)
        self.after_refusals = QComboBox()
        for value, name in _AFTER_REFUSALS:
            self.after_refusals.addItem(name, value)
        self.after_refusals.setCurrentIndex([value for value, _ in _AFTER_REFUSALS].index(settings.after_refusals))
        hint = "When a client refuses Harrier's certificate for a host again and again."
        self._row(form, "After refusals", self.after_refusals, hint)

    def _add_trust(self, form: QFormLayout, settings: Settings) -> None:
        self.verify = QCheckBox("Verify the certificates of origins")
        self.verify.setChecked(not settings.insecure_upstream)
        form.addRow(plain_label("Upstream"), self.verify)
        line = QHBoxLayout()
        line.setSpacing(6)
        self.upstream_ca = QLineEdit(f"{_BETWEEN_FILES} ".join(settings.upstream_ca))
        self.upstream_ca.setPlaceholderText(f"no other CA (several: with {_BETWEEN_FILES} between)")
        self.upstream_ca.setAccessibleName("Also trust this CA")
        self.upstream_ca.textChanged.connect(self._check)
        choose = QPushButton("Choose…")
        choose.clicked.connect(self._choose_ca)
        line.addWidget(self.upstream_ca, 1)
        line.addWidget(choose)
        label = plain_label("Also trust this CA")
        label.setBuddy(self.upstream_ca)
        form.addRow(label, line)
        self._ca_warning = self._warning(form)

    def _add_ways_out(self, form: QFormLayout) -> None:
        more = QPushButton("Proxy, Names, TLS…")
        more.clicked.connect(self._ask_for_ways_out)
        self._ways_out_text = self._ways(form, "Ways out", more, ways_out_text(self._ways_out))

    def _ask_for_ways_out(self) -> None:
        dialog = WaysOutDialog(self._ways_out, self)
        if dialog.exec():
            self._ways_out = dialog.ways_out
            self._ways_out_text.setText(one_line(ways_out_text(self._ways_out)))
            self._check()

    def begin_trusted_ca(self) -> None:
        """Begin where another CA is named."""
        self.upstream_ca.setFocus()

    def _choose_ca(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "A CA to trust", "", "Certificates (*.pem *.crt *.cer);;All files (*)"
        )
        if path:
            self.upstream_ca.setText(f"{_BETWEEN_FILES} ".join((*file_paths(self.upstream_ca.text()), path)))

    def _check(self) -> None:
        """Say what is wrong or dangerous while it is being written."""
        if not hasattr(self, "_ok"):
            return
        address = self.host.text()
        problems = map(ca_problem, file_paths(self.upstream_ca.text()))
        wrong_address = address_problem(address)
        wrong_hosts = hosts_problem(host_lines(self.not_intercepted.toPlainText()))
        wrong_ca = next(filter(None, problems), "")
        self._ok.setEnabled(not (wrong_address or wrong_hosts or wrong_ca))
        is_guarded = bool(self._ways_in.users_file)
        if not wrong_address and not is_guarded and is_open_to_others(listen_host(address)):
            wrong_address = "Every computer that can reach this one will be able to use this proxy."
        for label, text in (
            (self._address_warning, wrong_address),
            (self._hosts_warning, wrong_hosts),
            (self._ca_warning, wrong_ca),
        ):
            label.setText(text)
            label.setVisible(bool(text))
        self.not_intercepted.setEnabled(self.interception.isChecked())
        self.make_room()

    @property
    def settings(self) -> Settings:
        """As they stand in the dialog."""
        return msgspec.structs.replace(
            self._settings,
            listen_host=listen_host(self.host.text()),
            listen_port=self.port.value(),
            ways_in=self._ways_in,
            ways_out=self._ways_out,
            workers=self.workers.value(),
            interception=self.interception.isChecked(),
            not_intercepted=host_lines(self.not_intercepted.toPlainText()),
            after_refusals=self.after_refusals.currentData(),
            insecure_upstream=not self.verify.isChecked(),
            upstream_ca=file_paths(self.upstream_ca.text()),
        )

    @property
    def chosen_scheme(self) -> Scheme:
        """The theme that was chosen."""
        return Scheme(self.scheme.currentData())
