"""Which browsers are found, and what they are told, on each system; without starting one."""

import json
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.browsing.browsers import (
    Browser,
    Family,
    certutil_path,
    chromium_arguments,
    chromium_preferences,
    clean_environment,
    find_browsers,
    firefox_arguments,
    firefox_user_js,
    nss_folders,
    profile_folder,
)
from app.browsing.ways_in import proxy_address, terminal_line

CHROMIUM = Browser("chromium", "Chromium", Family.CHROMIUM, "/usr/bin/chromium")
WINDOWS = {"PROGRAMFILES": r"C:\Program Files", "PROGRAMFILES(X86)": r"C:\Program Files (x86)", "LOCALAPPDATA": r"C:\L"}


def found(system: str, environment: dict[str, str], *files: str) -> list[tuple[str, str]]:
    return [(browser.key, browser.path) for browser in find_browsers(system, environment, lambda path: path in files)]


def test_browsers_on_the_path_come_before_those_in_the_usual_places():
    assert found("linux", {"PATH": "/opt/mine:/usr/bin"}, "/opt/mine/firefox", "/usr/bin/firefox") == [
        ("firefox", "/opt/mine/firefox")
    ]
    assert found("linux", {}, "/snap/bin/chromium", "/usr/bin/firefox-esr") == [
        ("chromium", "/snap/bin/chromium"),
        ("firefox", "/usr/bin/firefox-esr"),
    ]


def test_a_name_that_is_better_wins_over_a_better_place():
    files = ("/usr/bin/chromium-browser", "/usr/local/bin/chromium")
    assert found("linux", {"PATH": "/usr/bin:/usr/local/bin"}, *files) == [("chromium", "/usr/local/bin/chromium")]


def test_each_browser_is_offered_once_in_the_same_order():
    everything = find_browsers("linux", {"PATH": "/usr/bin"}, lambda _path: True)
    assert [browser.key for browser in everything] == ["chromium", "chrome", "edge", "brave", "firefox"]
    assert {browser.family for browser in everything} == {Family.CHROMIUM, Family.FIREFOX}


def test_windows_looks_below_every_program_folder():
    chrome = r"C:\Program Files\Google\Chrome\Application\chrome.exe"
    edge = r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe"
    brave = r"C:\L\BraveSoftware\Brave-Browser\Application\brave.exe"
    assert found("win32", WINDOWS, chrome, edge, brave) == [("chrome", chrome), ("edge", edge), ("brave", brave)]
    assert found("win32", {}, chrome) == []


def test_macos_looks_into_both_folders_of_applications():
    own = "/Users/anna/Applications/Firefox.app/Contents/MacOS/firefox"
    chrome = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
    assert found("darwin", {"HOME": "/Users/anna"}, own, chrome) == [("chrome", chrome), ("firefox", own)]


def test_no_browser_is_no_error():
    assert found("linux", {"PATH": ""}) == []


# What they are told


def test_chromium_trusts_the_key_and_sends_everything_through_the_proxy():
    arguments = chromium_arguments("127.0.0.1:8080", "/p r", "c3BraQ==")
    assert "--user-data-dir=/p r" in arguments
    assert "--proxy-server=http://127.0.0.1:8080" in arguments
    assert "--ignore-certificate-errors-spki-list=c3BraQ==" in arguments
    assert "--proxy-bypass-list=<-loopback>" in arguments  # else what runs on this machine would be missing
    assert "--disable-quic" in arguments
    assert arguments[-1] == "about:blank"
    assert "--ignore-certificate-errors" not in arguments  # that would trust everyone
    assert "--no-sandbox" not in arguments
    assert "--no-sandbox" in chromium_arguments("a:1", "p", "s", without_sandbox=True)
    assert not any(word.startswith("--disable-web-security") for word in arguments)


def test_no_feature_is_switched_off_twice():
    options = [word.partition("=")[0] for word in chromium_arguments("a:1", "p", "s")[:-1]]
    assert len(options) == len(set(options))  # Chromium takes the last of several


def test_chromiums_preferences_are_json():
    assert json.loads(chromium_preferences())["search"]["suggest_enabled"] is False


def preferences_of(text: str) -> dict[str, object]:
    lines = re.findall(r"^user_pref\((.+?), (.+)\);$", text, re.MULTILINE)
    assert len(lines) == len(text.splitlines())
    return {json.loads(name): json.loads(value) for name, value in lines}


def test_firefox_sends_everything_through_the_proxy():
    preferences = preferences_of(firefox_user_js("127.0.0.1", 8080))
    assert preferences["network.proxy.type"] == 1
    for kind in ("http", "ssl"):
        assert preferences[f"network.proxy.{kind}"] == "127.0.0.1"
        assert preferences[f"network.proxy.{kind}_port"] == 8080
    assert preferences["network.proxy.no_proxies_on"] == ""
    assert preferences["network.proxy.allow_hijacking_localhost"] is True
    assert preferences["network.http.http3.enable"] is False
    assert firefox_arguments("/p")[-3:] == ["--profile", "/p", "about:blank"]


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])))
def test_no_host_breaks_out_of_its_string(host):
    assert preferences_of(firefox_user_js(host, 1))["network.proxy.http"] == host


def test_each_port_has_a_profile_of_its_own(tmp_path):
    folders = {profile_folder(CHROMIUM, str(tmp_path), port) for port in (8080, 8081)}
    assert len(folders) == 2
    assert all(os.path.dirname(folder) == str(tmp_path) for folder in folders)


@pytest.mark.skipif(os.name == "nt", reason="snaps are Linux's")
def test_a_snap_has_its_profile_where_it_may_look(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/anna")
    monkeypatch.setattr("app.browsing.browsers.sys.platform", "linux")
    by_path = Browser("chromium", "Chromium", Family.CHROMIUM, "/snap/bin/chromium")
    assert profile_folder(by_path, str(tmp_path), 1) == "/home/anna/snap/chromium/common/harrier/chromium-1"
    script = tmp_path / "firefox"
    script.write_text('#!/bin/sh\nexec "/snap/bin/firefox" "$@"\n')
    by_script = Browser("firefox", "Firefox", Family.FIREFOX, str(script))
    assert profile_folder(by_script, str(tmp_path), 1) == "/home/anna/snap/firefox/common/harrier/firefox-1"
    script.write_text("#!/bin/sh\nexec /usr/lib/firefox/firefox\n")
    assert profile_folder(by_script, str(tmp_path), 1) == str(tmp_path / "firefox-1")


def test_a_packaged_program_keeps_its_libraries_to_itself():
    environment = {
        "LD_LIBRARY_PATH": "/harrier/_internal",
        "LD_LIBRARY_PATH_ORIG": "/usr/lib/mine",
        "DYLD_LIBRARY_PATH": "/harrier",
        "QT_PLUGIN_PATH": "/harrier/plugins",
        "QML2_IMPORT_PATH": "x",
        "_MEIPASS2": "x",
        "_PYI_ARCHIVE_FILE": "x",
        "PATH": "/bin",
    }
    assert clean_environment(environment, is_frozen=True) == {"LD_LIBRARY_PATH": "/usr/lib/mine", "PATH": "/bin"}
    assert clean_environment(environment, is_frozen=False) == environment
    assert clean_environment(environment, is_frozen=False) is not environment


def test_where_the_tools_of_nss_are_looked_for(monkeypatch):
    monkeypatch.setattr("app.browsing.browsers.sys.platform", "linux")
    assert certutil_path(lambda name: f"/usr/bin/{name}") == "/usr/bin/certutil"
    monkeypatch.setattr("app.browsing.browsers.sys.platform", "win32")
    assert certutil_path(lambda name: f"C:/{name}") is None  # Windows has another program of that name
    assert "/usr/lib/firefox-esr" in nss_folders(Browser("firefox", "Firefox", Family.FIREFOX, "/usr/bin/firefox-esr"))


# Programs other than browsers


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1:8080"),
        ("0.0.0.0", "127.0.0.1:8080"),
        ("", "127.0.0.1:8080"),
        ("::", "[::1]:8080"),
        ("::1", "[::1]:8080"),
        ("proxy.lan", "proxy.lan:8080"),
    ],
)
def test_what_is_typed_into_a_proxy_setting(host, address):
    assert proxy_address(host, 8080) == address


@pytest.mark.parametrize("shell", ["bash", "sh"])
@pytest.mark.parametrize(
    "path", ["/tmp/it's $HOME/`ca`.pem", "/tmp/a b\t!!\\/\u202e\x1b[2J\ndé/~/ca.pem", "=ls/ca.pem"]
)
def test_the_line_for_a_terminal_reaches_the_programs(shell, path):
    import subprocess

    line = terminal_line("::", 8080, path, "linux")
    assert line.isprintable()
    done = subprocess.run(
        [shell, "-c", f"{line}; env -0"], env={"PATH": os.environ["PATH"]}, capture_output=True, check=True
    )
    seen = dict(entry.split("=", 1) for entry in done.stdout.decode().split("\0") if entry)
    assert seen["https_proxy"] == seen["http_proxy"] == "http://[::1]:8080"
    assert seen["no_proxy"] == ""
    for name in ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO"):
        assert seen[name] == path


def test_the_line_for_windows_is_powershells():
    line = terminal_line("127.0.0.1", 8080, r"C:\it's\ca.pem", "win32")
    # PowerShell ends a quoted text with these, too.
    assert r"$env:SSL_CERT_FILE='C:\O’’Brien ‘‘‚‚‛‛\ca.pem'" in terminal_line(
        "::1", 1, r"C:\O’Brien ‘‚‛\ca.pem", "win32"
    )
    assert "$env:https_proxy='http://127.0.0.1:8080'" in line
    assert r"$env:SSL_CERT_FILE='C:\it''s\ca.pem'" in line
