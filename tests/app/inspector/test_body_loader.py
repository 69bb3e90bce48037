"""Bodies come from a thread that outlives whatever one of them sets off."""

import threading

import pytest
from PySide6.QtCore import QObject

from app.inspector import body_loader
from app.inspector.body_content import load_body
from app.inspector.body_loader import BodyLoader, BodyWish
from proxy_core.capture.reader import CaptureReader
from proxy_core.model.message_head import parse_head
from proxy_core.model.message_record import MessageKind
from tests.support.captures import LiveCapture, Sample


@pytest.fixture
def loader(qapp):
    parent = QObject()
    made = BodyLoader(parent)
    yield made
    made.close()


@pytest.fixture
def wishes(tmp_path):
    """Wishes for the bodies of some exchanges."""
    live = LiveCapture(tmp_path / "a.live")
    samples = [Sample(response_body=body) for body in (b"one", b"two", b"three")]
    ids = live.add(*samples)
    reader = CaptureReader(str(live.folder))
    made = []
    for ticket, each in enumerate(ids, start=1):
        detail = reader.detail(each)
        assert detail is not None
        head = parse_head(detail.response.head)
        made.append(BodyWish(ticket, reader.path, detail.response.body, head, MessageKind.RESPONSE))
    reader.close()
    yield made
    live.close()


def test_a_body_comes_with_its_ticket(loader, wishes, qtbot):
    with qtbot.waitSignal(loader.loaded) as loaded:
        loader.load(wishes[0])
    ticket, content = loaded.args
    assert (ticket, content.data) == (1, b"one")


def test_a_body_that_breaks_the_reading_is_told_and_the_next_one_comes(loader, wishes, qtbot, monkeypatch, capsys):

    def load(reader, extents, head, viewers, checkpoint):
        if extents == wishes[0].extents:
            raise RecursionError("too deep")
        return load_body(reader, extents, head, viewers, checkpoint)

    monkeypatch.setattr(body_loader, "load_body", load)
    with qtbot.waitSignal(loader.failed) as failed:
        loader.load(wishes[0])
    assert failed.args == [1, "This body can't be shown. Harrier's own fault (RecursionError)."]
    assert "RecursionError: too deep" in capsys.readouterr().err
    with qtbot.waitSignal(loader.loaded) as loaded:
        loader.load(wishes[1])
    assert loaded.args[1].data == b"two"


def test_a_capture_that_is_gone_is_told(loader, wishes, qtbot, tmp_path):
    with qtbot.waitSignal(loader.failed) as failed:
        loader.load(wishes[0]._replace(path=str(tmp_path / "none.harrier")))
    assert "none.harrier" in failed.args[1]


def test_of_several_wishes_for_one_place_the_last_counts(loader, wishes, qtbot, monkeypatch):
    goes_on, begun = threading.Event(), threading.Event()

    def load(reader, extents, head, viewers, checkpoint):
        begun.set()
        assert goes_on.wait(20)
        return load_body(reader, extents, head, viewers, checkpoint)

    monkeypatch.setattr(body_loader, "load_body", load)
    loaded = []
    loader.loaded.connect(lambda ticket, _content: loaded.append(ticket))
    loader.load(wishes[0])
    assert begun.wait(20)  # too late to drop this one
    loader.load(wishes[1])
    loader.load(wishes[2])
    goes_on.set()
    qtbot.waitUntil(lambda: 3 in loaded)
    assert loaded == [1, 3]


def test_a_body_that_is_no_longer_wanted_is_given_up_though_it_has_begun(loader, wishes, qtbot, monkeypatch):
    begun, given_up = threading.Event(), threading.Event()

    def load(reader, extents, head, viewers, checkpoint):
        if extents != wishes[0].extents:
            return load_body(reader, extents, head, viewers, checkpoint)
        begun.set()
        try:
            while True:
                checkpoint()
        finally:
            given_up.set()

    monkeypatch.setattr(body_loader, "load_body", load)
    loader.load(wishes[0])
    assert begun.wait(20)
    loader.forget()
    with qtbot.waitSignal(loader.loaded) as loaded:
        loader.load(wishes[1])
    assert given_up.is_set()
    assert loaded.args[0] == 2
