"""The question what becomes of clients that refuse our certificate again and again, in one bar for all their hosts.

It is asked once for each host: who closes the bar wants the connections refused as they are.
"""

from PySide6.QtCore import QObject

from app.look.notices import NoticeKind, NoticeStack
from app.shell.engine_bridge import EngineBridge
from app.shell.engine_settings import EngineSettings
from proxy_core.formats.one_line import one_line
from proxy_core.model.notice import CertificateRefused

_KEY = "refusals"
_NAMED = 3  # hosts; the others are counted
_MOST_HOSTS = 100  # asked about in one run: a client can name as many as it likes


class RefusalQuestion(QObject):
    """See the module."""

    def __init__(self, bridge: EngineBridge, settings: EngineSettings, notices: NoticeStack) -> None:
        super().__init__(notices)
        self._settings = settings
        self._notices = notices
        self._asked: set[str] = set()
        self._open: list[str] = []  # hosts that the bar names
        bridge.certificate_refused.connect(self._refused)

    def _refused(self, notice: CertificateRefused) -> None:
        host, settings = notice.host, self._settings.current
        is_decided = settings.after_refusals == "pass" or host in settings.not_intercepted
        if is_decided or host in self._asked or len(self._asked) >= _MOST_HOSTS:
            return
        self._asked.add(host)
        self._open.append(host)
        ways = [
            ("Leave Undecrypted" if len(self._open) == 1 else "Leave Them Undecrypted", self._leave),
            ("Always Pass On", self._pass),
        ]
        text = question_text(self._open)
        self._notices.tell(_KEY, NoticeKind.WARNING, text, ways, closed=self._open.clear)

    def _leave(self) -> None:
        hosts = list(self._open)
        self._close()
        self._settings.leave_undecrypted(*hosts)

    def _pass(self) -> None:
        self._close()
        self._settings.pass_refused(is_on=True)

    def _close(self) -> None:
        self._open.clear()
        self._notices.withdraw(_KEY)


def question_text(hosts: list[str]) -> str:
    """What is asked, for one host or several."""
    named = ", ".join(map(one_line, hosts[:_NAMED]))
    if len(hosts) > _NAMED:
        named += f" and {len(hosts) - _NAMED} more"
    return (
        f"A client refuses Harrier's certificate for {named} again and again: it doesn't trust Harrier's CA, or "
        "accepts only the server's own certificate. Pass its connections on unread?"
    )
