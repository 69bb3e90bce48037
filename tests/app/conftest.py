"""What the tests of the window share."""

from collections.abc import Callable
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

# So that a test hangs no longer than this. Whatever is waited for comes: on a machine that has ten other things to do,
# not within the seconds that are patience enough on another.
PATIENCE_MS = 60_000


class PatientBot(QtBot):
    """Waits longer than it is asked to before it gives up."""

    def waitUntil(self, callback: Callable[[], bool | None], *, timeout: int = 0) -> None:
        super().waitUntil(callback, timeout=max(timeout, PATIENCE_MS))

    def waitSignal(self, signal: Any, *, timeout: int = 0, **more: Any) -> Any:
        return super().waitSignal(signal, timeout=max(timeout, PATIENCE_MS), **more)


@pytest.fixture
def qtbot(qapp, request) -> PatientBot:
    return PatientBot(request)
