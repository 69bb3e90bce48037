"""Asking the engine which programs have opened our connections, beside the traffic.

A connection from this computer is noted as it is accepted, which costs no call; a greenlet sends what was noted, all
of it together, and the answer comes as a command, when it comes. More than `_WAITING_LIMIT` are not asked about: the
engine is behind, and traffic doesn't wait for it.
"""

import time
from collections.abc import Callable

import gevent.event

from proxy_core.engine.links.link import Link
from proxy_core.model.tls_facts import Program
from proxy_core.model.worker_command import AskPrograms, LocalConnection

_WAITING_LIMIT = 4096
# Each costs as much as half an exchange. Who opens more is a load generator, and most of its connections have gone
# before anybody looks.
_MOST_A_SECOND = 150

Tell = Callable[[Program], None]


class Programs:
    """What one worker has asked."""

    def __init__(self) -> None:
        self._waiting: dict[int, Tell] = {}
        self._unasked: list[LocalConnection] = []
        self._has_news = gevent.event.Event()
        self._second = self._asked_in_second = 0

    def ask(self, key: int, link: Link, tell: Tell) -> None:
        """Have `tell` called with the program behind a client's link, if it is on this computer and can be found."""
        if not _is_local(link) or len(self._waiting) >= _WAITING_LIMIT:
            return
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._asked_in_second = second, 0
        self._asked_in_second += 1
        if self._asked_in_second > _MOST_A_SECOND:
            return
        self._waiting[key] = tell
        self._unasked.append(LocalConnection(key, link.peer_port, link.local_port, link.peer_host, link.local_host))
        self._has_news.set()

    def next_question(self) -> AskPrograms:
        """Wait for something to ask."""
        self._has_news.wait()
        self._has_news.clear()
        unasked, self._unasked = self._unasked, []
        return AskPrograms(unasked)

    def answer(self, found: list[tuple[int, Program | None]]) -> set[int]:
        """Tell those who have asked; returns whose programs are known now."""
        known = set()
        for key, program in found:
            tell = self._waiting.pop(key, None)
            if tell is not None and program is not None:
                tell(program)
                known.add(key)
        return known


def _is_local(link: Link) -> bool:
    host = link.peer_host.removeprefix("::ffff:")
    # Who comes to an address of this computer's own from the same one is here, too.
    is_here = host.startswith("127.") or host in ("::1", link.local_host.removeprefix("::ffff:"))
    return link.peer_port > 0 and is_here
