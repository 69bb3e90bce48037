"""A file that appears whole or not at all, for its owner alone, and follows no link."""

import errno
import os
import stat

import pytest

from proxy_core.capture.reader import CaptureReader
from proxy_core.capture.saver import save_capture
from proxy_core.partial_file import discard_partial, partial_path, whole_file
from proxy_core.tasks.har_export import export_har
from tests.support.captures import LiveCapture, Sample


def test_it_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "a.har"
    path.write_text("old")
    with whole_file(str(path)) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_of_one_that_is_given_up(tmp_path, error):
    with pytest.raises(error), whole_file(str(tmp_path / "a.har")) as file:
        file.write(b"half")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_its_place_is_not_written_through(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path = str(tmp_path / "a.har")
    os.symlink(victim, partial_path(path))
    with whole_file(path) as file:
        file.write(b"new")
    assert victim.read_text() == "precious"
    assert not os.path.islink(path)


@pytest.mark.parametrize("has_hard_links", [True, False])
def test_one_that_may_not_replace_leaves_what_is_there(tmp_path, monkeypatch, has_hard_links):
    def refuse(*_arguments):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    if not has_hard_links:
        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "a.pem"
    with whole_file(str(path), replaces=False) as file:
        file.write(b"first")
    with pytest.raises(FileExistsError), whole_file(str(path), replaces=False) as file:
        file.write(b"second")
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_what_another_process_left_is_discarded(tmp_path):
    path = str(tmp_path / "a.har")
    with open(partial_path(path, 4_000_000), "wb"):
        pass
    discard_partial(path, 4_000_000)
    discard_partial(path, 4_000_000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX'")
def test_saved_captures_and_archives_are_for_their_owner_alone(tmp_path):
    live = LiveCapture(tmp_path / "a.live")
    live.add(Sample("/", request_fields=[("Authorization", "secret")]))
    reader = CaptureReader(live.close())
    before = os.umask(0o022)
    try:
        save_capture(reader, str(tmp_path / "a.harrier"))
        export_har(reader, str(tmp_path / "a.har"))
    finally:
        os.umask(before)
        reader.close()
    for name in ("a.harrier", "a.har"):
        assert stat.S_IMODE(os.stat(tmp_path / name).st_mode) == 0o600
