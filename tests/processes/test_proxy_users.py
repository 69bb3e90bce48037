"""The file of those who may use the proxy."""

import os

import pytest

from proxy_core.proxy_users import FILE_LIMIT, ProxyUsersError, read_proxy_users


def test_names_and_passwords(tmp_path):
    path = tmp_path / "users"
    path.write_bytes(b"\xef\xbb\xbfme:a:b c \r\n# you:x\n\n  \nyou:\n")
    assert read_proxy_users(str(path)) == {b"me": b"a:b c ", b"you": b""}


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "names nobody"),
        (b"# me:x\n", "names nobody"),
        (b"me:x\nyou\n", "Line 2 of .* is no NAME:PASSWORD"),
        (b":x\n", "Line 1 of .* is no NAME:PASSWORD"),
        (b"me:x\nme:y\n", "named before"),
        (b"a" * 256 + b":x\n", "more than 255 bytes"),
        (b"a:" + b"x" * 256 + b"\n", "more than 255 bytes"),
        (b"a:b\n" + b"#" * FILE_LIMIT, "larger than 1 MiB"),
    ],
)
def test_what_is_no_such_file(tmp_path, data, word):
    path = tmp_path / "users"
    path.write_bytes(data)
    with pytest.raises(ProxyUsersError, match=word):
        read_proxy_users(str(path))


def test_what_can_not_be_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, word in (
        (tmp_path / "none", "No such file"),
        (tmp_path, "no ordinary file"),
        (tmp_path / "pipe", "no ord"),
    ):
        with pytest.raises(ProxyUsersError, match=word):
            read_proxy_users(str(path))
    with pytest.raises(ProxyUsersError, match="no path"):
        read_proxy_users("a\0b")
