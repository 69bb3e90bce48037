"""The home folder: nobody else can put anything there."""

import os
import secrets
import stat

import pytest

from proxy_core.home import HomeError, open_home


def mode_of(path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.mark.parametrize(("before", "after"), [(0o777, 0o755), (0o775, 0o755), (0o755, 0o755), (0o700, 0o700)])
def test_others_may_no_longer_write_to_it(tmp_path, before, after):
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(before)
    open_home(str(home))
    assert mode_of(home) == after


def test_what_is_made_is_private_and_what_was_open_becomes_so(tmp_path):
    home = open_home(str(tmp_path / "home"))
    for folder in (home.path, home.ca, home.captures):
        assert mode_of(folder) == 0o700
    os.chmod(home.captures, 0o777)
    open_home(home.path)
    assert mode_of(home.captures) == 0o700


def test_a_folder_that_everybody_shares_keeps_its_mode(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    home = open_home(str(shared))
    assert mode_of(shared) == 0o1777
    assert mode_of(home.captures) == 0o700


def test_a_link_in_the_place_of_the_probe_is_not_followed(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setattr(secrets, "token_hex", lambda _size: "guessed")
    (home / ".probe-guessed").symlink_to(tmp_path / "made")
    with pytest.raises(HomeError):
        open_home(str(home))
    assert not (tmp_path / "made").exists()
