"""Cookies taken apart."""

from proxy_core.formats.cookies import Cookie, parse_cookie, parse_set_cookie


def test_cookie_pairs():
    assert parse_cookie("a=1; b=x=y; ; c") == [Cookie("a", "1"), Cookie("b", "x=y"), Cookie("c", "")]


def test_set_cookie_with_everything():
    told = "sid=31d4; Path=/; Domain=a.test; Expires=Wed, 21-Oct-2026 07:28:00 GMT; HttpOnly; Secure; SameSite=Lax"
    assert parse_set_cookie(told) == Cookie(
        "sid", "31d4", "/", "a.test", "2026-10-21T07:28:00.000Z", http_only=True, secure=True, same_site="Lax"
    )


def test_dates_that_are_none_are_left_out():
    assert parse_set_cookie("a=1; expires=tomorrow").expires == ""
    assert parse_set_cookie("=nameless") is None
