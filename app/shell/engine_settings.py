"""The settings that the engine runs with, and what becomes of them when a person decides otherwise.

What the command line says holds for one run: of the settings only what a person has changed here is kept for the next
one. Signal: `restart_wanted`, when a person wants at once what only another engine takes up.
"""

from fnmatch import fnmatchcase

import msgspec
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.look.notices import NoticeKind, NoticeStack
from app.look.theme import Theme
from app.preferences import Preferences, save_preferences
from app.shell.engine_bridge import EngineBridge
from app.shell.kept_settings import carried_over
from app.shell.settings_dialog import SettingsDialog
from app.shell.ways_out_dialog import WaysOutDialog
from proxy_core.formats.one_line import one_line
from proxy_core.model.command import ApplySettings
from proxy_core.model.settings import Settings
from proxy_core.model.ways_out import AcceptedCertificate


class EngineSettings(QObject):
    """See the module."""

    restart_wanted = Signal()

    def __init__(
        self,
        settings: Settings,
        bridge: EngineBridge,
        notices: NoticeStack,
        preferences: Preferences,
        preferences_path: str,
        theme: Theme,
    ) -> None:
        super().__init__(notices)
        self._settings = settings
        self._bridge = bridge
        self._notices = notices
        self._preferences = preferences
        self._preferences_path = preferences_path
        self._theme = theme

    @property
    def current(self) -> Settings:
        """What the next engine would run with."""
        return self._settings

    def ask(self, window: QWidget) -> None:
        """Let a person change them."""
        dialog = SettingsDialog(self._settings, self._theme.scheme, window)
        self._take(dialog)

    def _take(self, dialog: SettingsDialog) -> None:
        if dialog.exec():
            self._theme.choose(dialog.chosen_scheme)
            self._apply(dialog.settings)

    def ask_trusted_ca(self, window: QWidget) -> None:
        """Let a person name another CA that vouches for origins."""
        dialog = SettingsDialog(self._settings, self._theme.scheme, window)
        dialog.begin_trusted_ca()
        self._take(dialog)

    def set_recording(self, is_on: bool) -> None:
        """The engine records, or does so no more: the next one does the same."""
        self._settings = msgspec.structs.replace(self._settings, recording=is_on)

    def ask_client_certificate(self, host: str, window: QWidget) -> None:
        """Let a person name the client certificate that a host is to see."""
        dialog = WaysOutDialog(self._settings.ways_out, window)
        dialog.begin_client_certificate(host)
        self._ask_ways_out(dialog)

    def ask_tls_version(self, window: QWidget) -> None:
        """Let a person choose the oldest version of TLS."""
        dialog = WaysOutDialog(self._settings.ways_out, window)
        dialog.begin_tls_version()
        self._ask_ways_out(dialog)

    def _ask_ways_out(self, dialog: WaysOutDialog) -> None:
        if dialog.exec():
            self._apply(msgspec.structs.replace(self._settings, ways_out=dialog.ways_out))

    def leave_undecrypted(self, *hosts: str) -> None:
        """Relay hosts unread from their next connections on, with a way back."""
        new = [host for host in hosts if host not in self._settings.not_intercepted]
        if not new:
            self._tell_so_already(f"{one_line(hosts[0])} is left undecrypted already.")
            return
        self._set_not_intercepted((*self._settings.not_intercepted, *new))

        def undo() -> None:
            self._notices.withdraw("leave")
            self._set_not_intercepted(tuple(each for each in self._settings.not_intercepted if each not in new))

        text = f"{one_line(new[0])} is left undecrypted from its next connection on."
        if len(new) > 1:
            text = f"{len(new)} hosts are left undecrypted from their next connections on."
        self._notices.tell("leave", NoticeKind.GOOD, text, [("Undo", undo)])

    def decrypt(self, *names: str) -> None:
        """Take what means one of these off the list of what is left undecrypted, with a way back."""
        old = self._settings.not_intercepted
        dropped = [each for each in old if any(fnmatchcase(name, each.lower()) for name in names)]
        if not dropped:
            self._tell_so_already(f"{one_line(names[-1])} is decrypted already, from the next connection on.")
            return
        self._set_not_intercepted(tuple(each for each in old if each not in dropped))

        def undo() -> None:
            self._notices.withdraw("leave")
            here = self._settings.not_intercepted
            self._set_not_intercepted((*here, *(each for each in dropped if each not in here)))

        text = f"«{one_line(', '.join(dropped))}» is decrypted from the next connection on."
        self._notices.tell("leave", NoticeKind.GOOD, text, [("Undo", undo)])

    def decrypt_all(self) -> None:
        """Decrypt HTTPS again."""
        self._switch("interception", True, "HTTPS is decrypted from the next connections on.")

    def pass_refused(self, *, is_on: bool) -> None:
        """Whether what a client refuses again and again is passed on unread from then on."""
        if is_on:
            self._switch("after_refusals", "pass", "What a client refuses again and again is passed on unread now.")
        else:
            self._switch("after_refusals", "ask", "What a client refuses is not passed on any more.")

    def _tell_so_already(self, text: str) -> None:
        """Nothing is left to be done; a row tells of what was."""
        self._notices.tell("already", NoticeKind.INFO, text, is_passing=True)

    def _switch(self, name: str, value: object, text: str) -> None:
        """Set one of them, with a way back."""
        old = getattr(self._settings, name)
        if old == value:
            self._tell_so_already(text)
            return
        self._apply(msgspec.structs.replace(self._settings, **{name: value}))

        def undo() -> None:
            self._notices.withdraw(name)
            self._apply(msgspec.structs.replace(self._settings, **{name: old}))

        self._notices.tell(name, NoticeKind.GOOD, text, [("Undo", undo)])

    def accept_certificate(self, host: str, fingerprint: str) -> None:
        """Take one certificate from one host, whatever is wrong with it, with a way back."""
        accepted = AcceptedCertificate(host.lower(), fingerprint)
        if accepted in self._settings.ways_out.accepted_certificates:
            self._tell_so_already(f"This certificate of {one_line(host)} is accepted already.")
            return
        self._set_accepted((*self._settings.ways_out.accepted_certificates, accepted))

        def undo() -> None:
            self._notices.withdraw("accept")
            self._set_accepted(
                tuple(each for each in self._settings.ways_out.accepted_certificates if each != accepted)
            )

        text = f"This certificate of {one_line(host)} is accepted, and no other and nowhere else."
        self._notices.tell("accept", NoticeKind.GOOD, text, [("Undo", undo)])

    def keep(self) -> None:
        """Write what holds for the next run, with all that is preferred."""
        self._preferences.theme = self._theme.scheme.value
        try:
            save_preferences(self._preferences, self._preferences_path)
        except OSError as error:
            said = f"The preferences can't be kept ({error.strerror})."
            self._notices.tell("preferences", NoticeKind.WARNING, said)

    def _set_not_intercepted(self, hosts: tuple[str, ...]) -> None:
        self._apply(msgspec.structs.replace(self._settings, not_intercepted=hosts))

    def _set_accepted(self, accepted: tuple[AcceptedCertificate, ...]) -> None:
        ways = msgspec.structs.replace(self._settings.ways_out, accepted_certificates=accepted)
        self._apply(msgspec.structs.replace(self._settings, ways_out=ways))

    def _apply(self, settings: Settings) -> None:
        old, self._settings = self._settings, settings
        self._preferences.settings = carried_over(self._preferences.settings, old, settings)
        self.keep()
        if not self._bridge.is_running or settings == old:
            return
        self._bridge.send(ApplySettings(settings))
        if _taken_up_at_start(settings) != _taken_up_at_start(old):
            said = (
                "Another address or number of workers is taken up when the engine restarts; a new capture begins then."
            )
            self._notices.tell("restart", NoticeKind.INFO, said, [("Restart Now", self.restart_wanted.emit)])


def _taken_up_at_start(settings: Settings) -> tuple[object, ...]:
    """What another engine takes up, and this one doesn't."""
    ways = settings.ways_in
    return settings.listen_host, settings.listen_port, settings.workers, ways.reverse, ways.also_listen
