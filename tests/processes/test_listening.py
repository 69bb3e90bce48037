"""The listening sockets: all or none, and Unix sockets that take nobody's place."""

import os
import socket
import stat

import pytest

from proxy_core.listening import AddressError, close, listen
from proxy_core.model.settings import Settings
from proxy_core.model.ways_in import WaysIn


def settings_for(*also, **options):
    return Settings(listen_port=0, ways_in=WaysIn(also_listen=also), **options)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "harrier.sock")


def connects(path):
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(path) == 0


def test_several_places(path):
    listeners = listen(settings_for("[::1]:0", f"unix:{path}=https://shop.test"))
    try:
        first, second, third = [listener.point for listener in listeners]
        assert (first.host, second.host) == ("127.0.0.1", "::1")
        for point in (first, second):
            socket.create_connection((point.host, point.port)).close()
        assert third.text == f"unix:{path}=https://shop.test"
        assert connects(path)
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    finally:
        close(listeners)
    assert not os.path.exists(path)


def test_a_taken_port_is_named_and_nothing_stays_open(path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressError, match=rf"can't listen on 127\.0\.0\.1:{port} \(Address already in use\)"):
            listen(settings_for(f"unix:{path}", f"127.0.0.1:{port}"))
    assert not os.path.exists(path)


def test_only_the_first_place_falls_back_to_another_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (first,) = listen(Settings(listen_port=port, port_fallback=True))
        close([first])
        assert first.point.port > port
        with pytest.raises(AddressError):
            listen(settings_for(f"127.0.0.1:{port}", port_fallback=True))


def test_what_is_left_of_a_dead_socket_is_taken_away(path):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    listeners = listen(settings_for(f"unix:{path}"))
    assert connects(path)
    close(listeners)


def test_a_living_socket_is_left_alone(path):
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(path)
        living.listen()
        with pytest.raises(AddressError, match="another program listens there"):
            listen(settings_for(f"unix:{path}"))
        assert connects(path)


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_what_is_no_socket_is_left_alone(path, tmp_path, kind):
    target = str(tmp_path / "target")
    if kind == "file":
        with open(path, "w", encoding="ascii") as file:
            file.write("precious")
    elif kind == "link":
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(target)
        os.symlink(target, path)
    else:
        os.mkdir(path)
    with pytest.raises(AddressError, match="a file that is no socket lies there"):
        listen(settings_for(f"unix:{path}"))
    assert os.path.lexists(path)
    assert kind != "link" or os.path.exists(target)


def test_a_file_that_took_our_place_is_left_alone(path):
    listeners = listen(settings_for(f"unix:{path}"))
    os.rename(path, path + ".away")
    with open(path, "w", encoding="ascii") as file:
        file.write("precious")
    close(listeners)
    assert os.path.exists(path)


@pytest.mark.parametrize(("text", "word"), [("unix:/nowhere/a", "No such file"), ("unix:/" + "a" * 200, "too long")])
def test_a_path_that_can_not_be(text, word):
    with pytest.raises(AddressError, match=word):
        listen(settings_for(text))


def test_settings_that_mean_nothing():
    with pytest.raises(AddressError, match="«what» is no HOST:PORT"):
        listen(settings_for("what"))
