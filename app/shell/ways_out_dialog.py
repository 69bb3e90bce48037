"""The ways out: by which proxy, where names lead, and what TLS to upstreams may be."""

import os

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import (
    QComboBox,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.look.plain_text import hint_label, plain_label
from app.look.theme import code_font
from app.shell.growing_dialog import GrowingDialog
from app.shell.hidden_password import give_passwords, hide_passwords, missing_password
from app.shell.ways_out_texts import (
    NO_PROXY_DEFAULT,
    files_problem,
    hosts_text,
    problem_of,
    read_lines,
    read_proxy_line,
    words,
)
from proxy_core.model.ways_out import ClientCertificate, WaysOut
from proxy_core.model.ways_out_text import read_accepted_certificate, read_host_override, read_shown_certificate

_VERSIONS = (("1.0", "TLS 1.0 (unsafe)"), ("1.1", "TLS 1.1 (unsafe)"), ("1.2", "TLS 1.2"), ("1.3", "TLS 1.3"))
_ROOTS = (("both", "Mozilla's and the system's"), ("system", "the system's alone"), ("certifi", "Mozilla's alone"))
_FAILURES = (("direct", "go directly"), ("fail", "fail"))


class WaysOutDialog(GrowingDialog):
    """Shows the ways out and gives changed ones back; applies nothing by itself."""

    def __init__(self, ways: WaysOut, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Ways Out")
        self.setMinimumWidth(620)
        self._ways = ways
        self._tabs = QTabWidget()
        self._tabs.setDocumentMode(True)  # the pages are of the dialog's own colour
        self._tabs.tabBar().setDrawBase(False)
        self._add_proxy(self._page("Proxy"), ways)
        self._add_names(self._page("Names"), ways)
        self._add_tls(self._page("TLS"), ways)
        self._warning = hint_label("", "failed")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self._ok = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self._ok.setProperty("kind", "primary")
        buttons.accepted.connect(self._accept_files)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(14)
        column.addWidget(self._tabs, 1)
        column.addWidget(self._warning)
        column.addWidget(buttons)
        self._check()

    def _page(self, title: str) -> QFormLayout:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(2, 14, 2, 4)
        form = QFormLayout()
        column.addLayout(form)
        column.addStretch(1)  # the rows of a page that has few of them stay together
        form.setHorizontalSpacing(18)
        form.setVerticalSpacing(8)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self._tabs.addTab(page, title)
        return form

    def _row(self, form: QFormLayout, title: str, field: QWidget, hint: str = "") -> None:
        label = plain_label(title)
        label.setBuddy(field)
        field.setAccessibleName(title)
        form.addRow(label, field)
        if hint:
            form.addRow("", hint_label(hint))

    @staticmethod
    def _row_with(form: QFormLayout, title: str, field: QWidget, button: QPushButton) -> None:
        """A field with a button beside it."""
        line = QHBoxLayout()
        line.setSpacing(6)
        line.addWidget(field, 1)
        line.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        label = plain_label(title)
        label.setBuddy(field)
        field.setAccessibleName(title)
        form.addRow(label, line)

    def _line(self, text: str, placeholder: str) -> QLineEdit:
        field = QLineEdit(text)
        field.setFont(code_font())
        field.setPlaceholderText(placeholder)
        field.textChanged.connect(self._check)
        return field

    def _list(self, texts: list[str], placeholder: str) -> QPlainTextEdit:
        field = QPlainTextEdit("\n".join(texts))
        field.setFont(code_font())
        field.setPlaceholderText(placeholder)
        field.setTabChangesFocus(True)
        field.setFixedHeight(64)
        field.textChanged.connect(self._check)
        return field

    def _choice(self, choices: tuple[tuple[str, str], ...], chosen: str) -> QComboBox:
        field = QComboBox()
        for value, name in choices:
            field.addItem(name, value)
        field.setCurrentIndex([value for value, _ in choices].index(chosen))
        field.currentIndexChanged.connect(self._check)
        return field

    def _add_proxy(self, form: QFormLayout, ways: WaysOut) -> None:
        self.proxy = self._line(hide_passwords("" if ways.upstream_proxy == "none" else ways.upstream_proxy), "none")
        hint = (
            "http://USER:PASSWORD@proxy.example:3128, also with https, socks5h, socks5 or socks4a; pac+ before the URL "
            "of a PAC file; system, or none."
        )
        self._row(form, "Proxy", self.proxy, hint)
        by_host = [hide_passwords(f"{each.hosts}={each.proxy}") for each in ways.proxies_by_host]
        self.by_host = self._list(by_host, "*.corp.example=http://proxy.corp.example:3128\nlab.example=none")
        self._row(form, "For some hosts", self.by_host, "HOSTS=PROXY, one a line; the first that fits counts.")
        self.no_proxy = self._line(hosts_text(ways.no_proxy), "no host")
        self._row(form, "Without proxy", self.no_proxy, f"Names, networks, commas between. Usual: {NO_PROXY_DEFAULT}.")
        self.pac_failure = self._choice(_FAILURES, ways.pac_failure)
        self._row(form, "If a PAC file fails", self.pac_failure)

    def _add_names(self, form: QFormLayout, ways: WaysOut) -> None:
        overrides = [f"{each.name}={each.address}" for each in ways.host_overrides]
        self.overrides = self._list(overrides, "shop.example=127.0.0.1\n*.shop.example=staging.example")
        self._row(form, "Names", self.overrides, "NAME=ADDRESS, one a line: where a name leads, for Harrier alone.")
        self.resolver = self._line("" if ways.resolver == "system" else ways.resolver, "the system's")
        self._row(form, "DNS server", self.resolver, "An address, such as 9.9.9.9 or [::1]:5353.")

    def _add_tls(self, form: QFormLayout, ways: WaysOut) -> None:
        shown = [f"{each.hosts}={each.path}" for each in ways.client_certificates]
        self.shown = self._list(shown, "*.bank.example=~/me.p12")
        choose = QPushButton("Choose…")
        choose.setAccessibleName("Choose the file of a client certificate")
        choose.clicked.connect(self._choose_certificate)
        self._row_with(form, "Client certificates", self.shown, choose)
        form.addRow("", hint_label("HOSTS=FILE, one a line: PEM with its key, or PKCS#12."))
        self.password = self._line(next((each.password for each in ways.client_certificates if each.password), ""), "")
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self._row(form, "Their password", self.password)
        accepted = [f"{each.host}={each.fingerprint}" for each in ways.accepted_certificates]
        self.accepted_certificates = self._list(accepted, "none")
        self._row(
            form,
            "Accepted",
            self.accepted_certificates,
            "HOST=SHA256, one a line: taken there, whatever is wrong with it.",
        )
        self.version = self._choice(_VERSIONS, ways.tls_minimum)
        self._row(form, "Oldest version", self.version)
        self.roots = self._choice(_ROOTS, ways.roots)
        self._row(form, "Trusted CAs", self.roots)
        self.keylog = self._line(ways.keylog, "no file")
        choose = QPushButton("Choose…")
        choose.setAccessibleName("Choose the file for TLS secrets")
        choose.clicked.connect(self._choose_keylog)
        self._row_with(form, "TLS secrets to", self.keylog, choose)
        form.addRow("", hint_label("For Wireshark. Who reads this file reads all traffic."))

    def begin_client_certificate(self, host: str) -> None:
        """Begin where a host's client certificate is named."""
        self._tabs.setCurrentIndex(self._tabs.count() - 1)
        written = self.shown.toPlainText()
        self.shown.setPlainText(f"{written}\n{host}=" if written else f"{host}=")
        self.shown.moveCursor(QTextCursor.MoveOperation.End)
        self.shown.setFocus()

    def begin_tls_version(self) -> None:
        """Begin where the oldest version is chosen."""
        self._tabs.setCurrentIndex(self._tabs.count() - 1)
        self.version.setFocus()

    def _choose_certificate(self) -> None:
        """Write the chosen file behind the hosts where the cursor is."""
        path, _ = QFileDialog.getOpenFileName(
            self, "A client certificate", "", "Certificates (*.pem *.p12 *.pfx);;All files (*)"
        )
        if path:
            cursor = self.shown.textCursor()
            hosts = cursor.block().text().partition("=")[0].strip() or "*"
            cursor.movePosition(QTextCursor.MoveOperation.StartOfBlock)
            cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
            cursor.insertText(f"{hosts}={path}")

    def _choose_keylog(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Write TLS secrets to", self.keylog.text(), options=QFileDialog.Option.DontConfirmOverwrite
        )
        if path:
            self.keylog.setText(path)

    def _check(self) -> None:
        """Say what is wrong while it is being written."""
        if not hasattr(self, "_ok"):
            return
        self._ways_out, problem = self._read()
        self._show_problem(problem or problem_of(self._ways_out))

    def _show_problem(self, problem: str) -> None:
        self._warning.setText(problem)
        self._warning.setVisible(bool(problem))
        self._ok.setEnabled(not problem)
        self.make_room()

    def _accept_files(self) -> None:
        """Files are looked at once, when the dialog is to be left."""
        problem = files_problem(self._ways_out)
        if problem:
            self._show_problem(problem)
        else:
            self.accept()

    def _read(self) -> tuple[WaysOut, str]:
        """As they stand in the fields, and what is wrong with the first that can't be read."""
        password = self.password.text()

        def read_shown(text: str) -> ClientCertificate:
            shown = read_shown_certificate(text, password)
            return msgspec.structs.replace(shown, path=os.path.expanduser(shown.path))

        former = self._ways
        proxy = give_passwords(self.proxy.text().strip(), former.upstream_proxy)
        by_host_text = give_passwords(
            self.by_host.toPlainText(), "\n".join(each.proxy for each in former.proxies_by_host)
        )
        missing = missing_password(f"{proxy}\n{by_host_text}")
        by_host, wrong_hosts = read_lines(by_host_text, read_proxy_line)
        overrides, wrong_names = read_lines(self.overrides.toPlainText(), read_host_override)
        shown, wrong_shown = read_lines(self.shown.toPlainText(), read_shown)
        accepted, wrong_accepted = read_lines(self.accepted_certificates.toPlainText(), read_accepted_certificate)
        keylog = self.keylog.text().strip()
        ways = msgspec.structs.replace(
            self._ways,
            upstream_proxy=proxy or "none",
            proxies_by_host=by_host,
            no_proxy=words(self.no_proxy.text()),
            pac_failure=self.pac_failure.currentData(),
            host_overrides=overrides,
            resolver=self.resolver.text().strip() or "system",
            client_certificates=shown,
            accepted_certificates=accepted,
            tls_minimum=self.version.currentData(),
            roots=self.roots.currentData(),
            keylog=os.path.abspath(os.path.expanduser(keylog)) if keylog else "",
        )
        return ways, missing or wrong_hosts or wrong_names or wrong_shown or wrong_accepted

    @property
    def ways_out(self) -> WaysOut:
        """As they stand in the dialog."""
        return self._ways_out
