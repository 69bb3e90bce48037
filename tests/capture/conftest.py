"""Captures to test with."""

from collections.abc import Iterator

import pytest

from tests.support.captures import LiveCapture


@pytest.fixture
def live(tmp_path) -> Iterator[LiveCapture]:
    capture = LiveCapture(tmp_path / "test.live")
    yield capture
    capture.journal.close()
