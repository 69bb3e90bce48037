"""What is done about a connection that stays dark, or fails: each mend of `dark_cause`, for one exchange.

They come from a button of the inspector, from the list's menu or from the link in a row. What changes the settings has
a way back, or is asked for in a dialog.
"""

import ipaddress
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication

from app.inspector.mends import is_dark, mends
from app.list.exchange_model import ExchangeModel
from app.look.notices import NoticeKind
from app.shell.actions import bind_actions
from app.shell.engine_settings import EngineSettings
from app.shell.main_window import MainWindow
from app.shell.refused_certificate import refused_certificate
from app.shell.way_in_actions import WayInActions
from proxy_core.capture.reader import CaptureError
from proxy_core.formats.shell_word import shell_word
from proxy_core.formats.snippets.curl import CURL, can_be_sent
from proxy_core.formats.snippets.url import visible_url
from proxy_core.model.dark_cause import Mend
from proxy_core.model.endpoint import url_of
from proxy_core.model.exchange import ExchangeKind, ExchangeRow
from proxy_core.model.tls_facts import decode_tls_facts
from proxy_core.tasks.snippet_text import snippet_text

_IN_MENU = {
    "leave_host": Mend.LEAVE_HOST,
    "decrypt_host": Mend.DECRYPT_HOST,
    "accept_certificate": Mend.ACCEPT_CERTIFICATE,
    "client_certificate": Mend.ADD_CLIENT_CERTIFICATE,
    "open_again": Mend.OPEN_AGAIN,
}


class Mending(QObject):
    """`enable` says which of the menu's are possible."""

    def __init__(
        self, window: MainWindow, model: ExchangeModel, settings: EngineSettings, ways_in: WayInActions
    ) -> None:
        super().__init__(window)
        self._window = window
        self._model = model
        self._settings = settings
        self._ways_in = ways_in
        self._acts: dict[Mend, Callable[[ExchangeRow], object]] = {
            Mend.TRUST_OUR_CA: lambda _row: ways_in.show_certificate(),
            Mend.LEAVE_HOST: lambda row: settings.leave_undecrypted(self._host(row)),
            Mend.PASS_REFUSED: lambda _row: settings.pass_refused(is_on=True),
            Mend.NAME_THE_HOST: lambda _row: None,
            Mend.ADD_CLIENT_CERTIFICATE: lambda row: settings.ask_client_certificate(self._host(row), window),
            Mend.ACCEPT_CERTIFICATE: self._accept_certificate,
            Mend.TRUST_ISSUER: lambda _row: settings.ask_trusted_ca(window),
            Mend.ALLOW_OLD_TLS: lambda _row: settings.ask_tls_version(window),
            Mend.DECRYPT_HOST: lambda row: settings.decrypt(row.host, self._host(row)),
            Mend.DECRYPT_REFUSED: lambda _row: settings.pass_refused(is_on=False),
            Mend.DECRYPT_ALL: lambda _row: settings.decrypt_all(),
            Mend.OPEN_AGAIN: lambda row: ways_in.open_page(_page(row)),
            Mend.COPY_CURL: self._copy_curl,
        }
        for key, mend in _IN_MENU.items():
            bind_actions(window.actions_by_key, {key: partial(self._mend_current, mend)})

    def mend(self, row: ExchangeRow | None, mend: Mend) -> None:
        """Do it for this exchange; None is one that is gone."""
        if row is not None and row.host:
            self._acts[mend](row)

    def enable(self) -> None:
        """Let those of the menu be possible that help the current row. Leaving a host alone may help any."""
        row = self._current()
        possible = self._mends(row) if row is not None and row.host and is_dark(row) else []
        is_left = row is None or not row.host or row.host in self._settings.current.not_intercepted
        for key, mend in _IN_MENU.items():
            self._window.action(key).setEnabled(mend in possible if mend is not Mend.LEAVE_HOST else not is_left)

    def _current(self) -> ExchangeRow | None:
        current = self._window.list.current_id
        return None if current is None else self._model.exchange(current)

    def _mend_current(self, mend: Mend) -> None:
        self.mend(self._current(), mend)

    def _mends(self, row: ExchangeRow) -> list[Mend]:
        try:
            detail = None if self._model.reader is None else self._model.reader.detail(row.id)
        except CaptureError:
            detail = None
        return [] if detail is None else mends(row, detail)

    def _host(self, row: ExchangeRow) -> str:
        """What the host is called: who looks names up himself asks for an address, and says the name in TLS."""
        try:
            ipaddress.ip_address(row.host)
        except ValueError:
            return row.host
        reader = self._model.reader
        try:
            detail = None if reader is None else reader.detail(row.id)
            client = None if reader is None or detail is None else reader.connection(detail.client_connection)
        except CaptureError:
            client = None
        facts = None if client is None else decode_tls_facts(client.tls)
        return row.host if facts is None or not facts.sni else facts.sni.lower()

    def _accept_certificate(self, row: ExchangeRow) -> None:
        reader = self._model.reader
        refused = None if reader is None else refused_certificate(reader, row)
        if refused is None:
            said = "The certificate that was refused is not in this capture."
            self._window.notices.tell("accept", NoticeKind.WARNING, said)
        else:
            self._settings.accept_certificate(*refused)

    def _copy_curl(self, row: ExchangeRow) -> None:
        """The request, or a new one to where a tunnel was to lead; by way of Harrier, whatever the terminal has set."""
        by_harrier = self._ways_in.curl_options()
        if not by_harrier:
            self._window.notices.tell("copied", NoticeKind.WARNING, "Harrier's engine isn't running.")
            return
        command = f"curl {shell_word(_page(row).encode())}"
        if can_be_sent(row) and self._model.reader is not None:
            try:
                command, _ = snippet_text(self._model.reader, [row], CURL)
            except CaptureError as error:
                self._model.failed.emit(str(error))
                return
        QGuiApplication.clipboard().setText(f"{command} \\\n  {by_harrier}")
        said = "The command is on the clipboard: paste it into a terminal."
        self._window.notices.tell("copied", NoticeKind.GOOD, said, is_passing=True)


def _page(row: ExchangeRow) -> str:
    """Where a browser is sent."""
    is_tunnel = row.kind == ExchangeKind.TUNNEL
    return visible_url(url_of(row._replace(scheme="https", path="/") if is_tunnel else row))
