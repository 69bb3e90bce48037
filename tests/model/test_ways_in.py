"""Where clients come in, and for whom: read from text, and written again."""

import pytest

from proxy_core.model.settings import Settings, listen_points
from proxy_core.model.ways_in import ListenPoint, Origin, WayInError, WaysIn, read_listen_point, read_origin

SHOP = Origin("https", "shop.test", 443)


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("127.0.0.1:8080", ListenPoint("127.0.0.1", 8080)),
        ("[::1]:0", ListenPoint("::1", 0)),
        ("localhost:80", ListenPoint("localhost", 80)),
        ("unix:/run/a=b.sock", ListenPoint(path="/run/a=b.sock")),
        ("127.0.0.1:1=https://shop.test", ListenPoint("127.0.0.1", 1, origin=SHOP)),
        ("unix:/a=unix:/b", ListenPoint(path="/a", origin=Origin("http", "localhost", 80, "/b"))),
        ("unix:/a=http://[::1]:3000", ListenPoint(path="/a", origin=Origin("http", "::1", 3000))),
    ],
)
def test_a_place(text, point):
    assert read_listen_point(text) == point
    assert point.text == text
    assert read_listen_point(point.text) == point


@pytest.mark.parametrize(
    "text",
    ["", ":1", "a", "a:", "a:x", "a:65536", "a:-1", "::1:80", "[::1:80", "http://a:80", "unix:", "unix:a", "unix:/a\0b"]
    + ["a:1=http://", "a:1=https://b/path", "a:1=http://b:0", "a:1=http://u@b", "a:1=unix:b", "a:1=ftp://b"],
)
def test_what_is_no_place(text):
    with pytest.raises(WayInError) as told:
        read_listen_point(text)
    assert str(told.value).startswith("«")


@pytest.mark.parametrize("place", ["127.0.0.1:1", "[::1]:1", "unix:/a"])
@pytest.mark.parametrize("origin", ["ftp://x", "http://", "unix:b", "https://b/path"])
def test_who_is_at_fault_is_named(place, origin):
    with pytest.raises(WayInError, match=rf"^«{origin}» (is no origin|names no Unix socket)"):
        read_listen_point(f"{place}={origin}")


@pytest.mark.parametrize(
    ("text", "origin", "authority"),
    [
        ("https://Shop.test/", SHOP, "shop.test"),
        ("http://shop.test:443", Origin("http", "shop.test", 443), "shop.test:443"),
        ("https://[2001:db8::7]:8443", Origin("https", "2001:db8::7", 8443), "[2001:db8::7]:8443"),
        ("unix:/run/app.sock", Origin("http", "localhost", 80, "/run/app.sock"), "localhost"),
    ],
)
def test_an_origin(text, origin, authority):
    assert read_origin(text) == origin
    assert origin.authority == authority
    assert read_origin(origin.text) == origin


def test_the_settings_say_where():
    ways = WaysIn(reverse="https://shop.test", also_listen=("unix:/a", "[::1]:1=https://shop.test"))
    assert listen_points(Settings(ways_in=ways)) == [
        ListenPoint("127.0.0.1", 8080, origin=SHOP),
        ListenPoint(path="/a"),
        ListenPoint("::1", 1, origin=SHOP),
    ]
    assert listen_points(Settings(listen_host="unix:/b")) == [ListenPoint(path="/b")]
