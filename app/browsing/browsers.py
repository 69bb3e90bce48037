"""Which browsers there are, and how each is started so that it trusts Harrier without touching the system. No Qt.

A browser gets a profile of its own under the home folder, so nothing that a person has in theirs is seen or changed.
The Chromium family is told the CA's key on the command line; Firefox has a certificate store in its profile
(`nss_store`).
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Family(StrEnum):
    """How a browser takes its settings."""

    CHROMIUM = "chromium"
    FIREFOX = "firefox"


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser that was found."""

    key: str
    name: str
    family: Family
    path: str


@dataclass(frozen=True, slots=True)
class _Known:
    key: str
    name: str
    family: Family
    commands: tuple[str, ...]  # on the PATH of Linux
    bundle: str  # below /Applications
    folder: str  # below Program Files


_KNOWN = (
    _Known(
        "chromium", "Chromium", Family.CHROMIUM, ("chromium", "chromium-browser"),
        "Chromium.app/Contents/MacOS/Chromium", r"Chromium\Application\chrome.exe",
    ),
    _Known(
        "chrome", "Google Chrome", Family.CHROMIUM, ("google-chrome", "google-chrome-stable", "chrome"),
        "Google Chrome.app/Contents/MacOS/Google Chrome", r"Google\Chrome\Application\chrome.exe",
    ),
    _Known(
        "edge", "Microsoft Edge", Family.CHROMIUM, ("microsoft-edge", "microsoft-edge-stable"),
        "Microsoft Edge.app/Contents/MacOS/Microsoft Edge", r"Microsoft\Edge\Application\msedge.exe",
    ),
    _Known(
        "brave", "Brave", Family.CHROMIUM, ("brave-browser", "brave", "brave-browser-stable"),
        "Brave Browser.app/Contents/MacOS/Brave Browser", r"BraveSoftware\Brave-Browser\Application\brave.exe",
    ),
    _Known(
        "firefox", "Firefox", Family.FIREFOX, ("firefox", "firefox-esr"),
        "Firefox.app/Contents/MacOS/firefox", r"Mozilla Firefox\firefox.exe",
    ),
)  # fmt: skip
_LINUX_FOLDERS = ("/usr/bin", "/usr/local/bin", "/snap/bin", "/var/lib/flatpak/exports/bin", "/opt/google/chrome")
_WINDOWS_ROOTS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")


def find_browsers(
    system: str = sys.platform,
    environment: Mapping[str, str] = os.environ,
    is_file: Callable[[str], bool] = os.path.isfile,
) -> list[Browser]:
    """The browsers on this computer, in the order in which they are offered."""
    found = []
    for known in _KNOWN:
        for path in _candidates(known, system, environment):
            if is_file(path):
                found.append(Browser(known.key, known.name, known.family, path))
                break
    return found


def _candidates(known: _Known, system: str, environment: Mapping[str, str]) -> list[str]:
    if system == "win32":
        roots = [environment[name] for name in _WINDOWS_ROOTS if environment.get(name)]
        return [root + "\\" + known.folder for root in roots]
    if system == "darwin":
        roots = ["/Applications", environment.get("HOME", "") + "/Applications"]
        return [f"{root}/{known.bundle}" for root in roots]
    folders = [folder for folder in environment.get("PATH", "").split(":") if folder]
    folders += [folder for folder in _LINUX_FOLDERS if folder not in folders]
    return [f"{folder}/{command}" for command in known.commands for folder in folders]


def profile_folder(browser: Browser, browsers_home: str, port: int) -> str:
    """Where the browser's profile lies. One for each port: a running browser can't be told another proxy."""
    name = f"{browser.key}-{port}"
    snap = _snap_name(browser.path)
    if snap:  # it may not look into hidden folders of the home
        return os.path.expanduser(f"~/snap/{snap}/common/harrier/{name}")
    return os.path.join(browsers_home, name)


def _snap_name(path: str) -> str:
    """The snap that a browser runs in, "" for none. /usr/bin/firefox of Ubuntu is a script that starts one."""
    if not sys.platform.startswith("linux"):
        return ""
    if path.startswith("/snap/bin/") or os.path.realpath(path) == "/usr/bin/snap":
        return os.path.basename(path)
    try:
        with open(path, "rb") as file:
            start = file.read(2048)
    except OSError:
        return ""
    if start.startswith(b"#!") and b"/snap/bin/" in start:
        return start.split(b"/snap/bin/", 1)[1].split()[0].strip(b"\"'").decode("ascii", "replace")
    return ""


BLANK = "about:blank"  # the page that a browser starts with when no other is wanted
_QUIET_FEATURES = (
    "OptimizationHints", "MediaRouter", "Translate", "InterestFeedContentSuggestions",
    "NetworkTimeServiceQuerying", "AutofillServerCommunication",
)  # fmt: skip


def chromium_preferences() -> str:
    """The content of a new profile's `Default/Preferences`: what is typed is not sent to a search engine key by key."""
    return json.dumps({"search": {"suggest_enabled": False}})


def chromium_arguments(
    proxy: str, profile: str, spki: str, *, without_sandbox: bool = False, page: str = BLANK
) -> list[str]:
    """The arguments for the Chromium family; `proxy` is HOST:PORT, `spki` the CA's.

    The key's exception works only together with a profile folder, and holds for every chain that the CA is in.
    """
    arguments = [
        f"--user-data-dir={profile}",
        f"--proxy-server=http://{proxy}",
        "--proxy-bypass-list=<-loopback>",
        f"--ignore-certificate-errors-spki-list={spki}",
        "--disable-quic",
        "--no-first-run",
        "--no-default-browser-check",
        # Quiet: what the browser does on its own account is not what a person wants to see.
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-domain-reliability",
        "--disable-sync",
        "--disable-client-side-phishing-detection",
        f"--disable-features={','.join(_QUIET_FEATURES)}",
        "--metrics-recording-only",
        "--no-pings",
        "--password-store=basic",
        "--test-type",  # no warning bar about the exception above
    ]
    if without_sandbox:
        arguments.append("--no-sandbox")
    return [*arguments, page]


def needs_no_sandbox() -> bool:
    """Chromium refuses to start as root on Linux with its sandbox."""
    return sys.platform.startswith("linux") and os.geteuid() == 0


_FIREFOX_PREFERENCES: dict[str, bool | int | str] = {
    "network.proxy.type": 1,
    "network.proxy.share_proxy_settings": True,
    "network.proxy.no_proxies_on": "",
    "network.proxy.allow_hijacking_localhost": True,
    "network.http.http3.enable": False,
    "network.trr.mode": 5,
    "security.enterprise_roots.enabled": True,
    "browser.shell.checkDefaultBrowser": False,
    "browser.aboutwelcome.enabled": False,
    "browser.startup.page": 0,
    "browser.startup.homepage": "about:blank",
    "browser.startup.homepage_override.mstone": "ignore",
    "browser.newtabpage.enabled": False,
    "browser.sessionstore.resume_from_crash": False,
    "browser.tabs.warnOnClose": False,
    "termsofuse.bypassNotification": True,
    "datareporting.policy.dataSubmissionEnabled": False,
    "datareporting.healthreport.uploadEnabled": False,
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "app.normandy.enabled": False,
    "app.shield.optoutstudies.enabled": False,
    "app.update.auto": False,
    "app.update.enabled": False,
    "extensions.update.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.region.network.url": "",
    "browser.search.update": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,#no-remote-settings/v1",
    "dom.push.connection.enabled": False,
}


def firefox_user_js(host: str, port: int) -> str:
    """The profile's `user.js`: the proxy for everything, and quiet."""
    preferences = dict(_FIREFOX_PREFERENCES)
    for kind in ("http", "ssl"):
        preferences[f"network.proxy.{kind}"] = host
        preferences[f"network.proxy.{kind}_port"] = port
    return "".join(f"user_pref({_js(name)}, {_js(value)});\n" for name, value in preferences.items())


def _js(value: bool | int | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def firefox_arguments(profile: str, page: str = BLANK) -> list[str]:
    """A Firefox of its own beside the person's."""
    return ["--no-remote", "--new-instance", "--profile", profile, page]


def clean_environment(environment: Mapping[str, str] = os.environ, *, is_frozen: bool | None = None) -> dict[str, str]:
    """The environment for a foreign program: without what the packaged program put in for its own libraries."""
    cleaned = dict(environment)
    if getattr(sys, "frozen", False) if is_frozen is None else is_frozen:
        for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"):
            original = cleaned.pop(f"{name}_ORIG", None)
            if original:
                cleaned[name] = original
            else:
                cleaned.pop(name, None)
        for name in [name for name in cleaned if name.startswith(("QT_PLUGIN_PATH", "QML", "_MEIPASS", "_PYI"))]:
            del cleaned[name]
    return cleaned


def certutil_path(which: Callable[[str], str | None] = shutil.which) -> str | None:
    """NSS's `certutil`; Windows has another program of that name."""
    return None if sys.platform == "win32" else which("certutil")


def nss_folders(browser: Browser) -> Sequence[str]:
    """Where the NSS library that Firefox brings along may lie."""
    real = os.path.dirname(os.path.realpath(browser.path))
    name = os.path.basename(browser.path)
    return (real, f"/usr/lib/{name}", f"/usr/lib64/{name}", "/usr/lib/firefox", "/usr/lib64/firefox", "")
