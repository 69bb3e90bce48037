"""The packaged program does its work: recorded, saved, without Qt where none belongs.

`build_scripts/package.py` makes the package; `build_scripts/test.py` does that first, so nothing is skipped there.
"""

import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import tarfile
import time
from datetime import datetime
from pathlib import Path

import pytest

from build_scripts.inventory import is_library, is_shippable, library_licence
from build_scripts.licensing import BILL_NAME, LICENCES_NAME
from proxy_core.capture.reader import CaptureReader
from proxy_core.compiled import FOLDER_NAME, GROUP, PLAIN_VARIABLE
from proxy_core.version import VERSION
from tests.support.demonstration_site import DemonstrationSite
from tests.support.display import Display
from tests.support.program import ROOT, Program, are_gone

PACKAGE = ROOT / "dist" / "Harrier"
HARRIER = (str(PACKAGE / "Harrier"),)
# A Python or a library that lies around on the developer's machine must not help the package.
# No Python's and no test's settings.
BARE = {"PYTHONPATH": "", "PYTHONHOME": "", "LD_LIBRARY_PATH": "", "PATH": "/usr/bin:/bin", PLAIN_VARIABLE: ""}

pytestmark = pytest.mark.skipif(not PACKAGE.exists(), reason="no package here: build_scripts/package.py makes one")


@pytest.fixture(scope="module")
def site():
    with DemonstrationSite() as running:
        yield running


def get(port: int, url: str, trusting: str | None = None) -> bytes:
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    if scheme == "https":
        link = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=30, context=ssl.create_default_context(cafile=trusting)
        )
        hostname, _, origin_port = authority.partition(":")
        link.set_tunnel(hostname, int(origin_port))
    with contextlib.closing(link):
        link.request("GET", f"/{path}" if scheme == "https" else url)
        response = link.getresponse()
        body = response.read()
    assert response.status == 200
    return body


def maps_qt(pid: int) -> bool:
    text = Path(f"/proc/{pid}/maps").read_text()
    return "libQt6" in text or "PySide6" in text or "shiboken" in text


def is_compiled(pid: int) -> bool:
    return f"{FOLDER_NAME}/{GROUP}__mypyc" in Path(f"/proc/{pid}/maps").read_text()


def outside_libraries(pid: int, folder: Path) -> set[str]:
    """The libraries that a process took from the system although the package brings them along."""
    mapped = {line.split(maxsplit=5)[5] for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if ".so" in line}
    brought = {path.name for path in folder.rglob("*.so*")}
    return {path for path in mapped if Path(path).name in brought and not path.startswith(f"{folder}/")}


def test_it_records_and_writes_har_and_capture(site, tmp_path):
    arguments = ["record", "--home", str(tmp_path / "home"), "--listen", "127.0.0.1:0", "--workers", "2"]
    arguments += ["--upstream-ca", site.write_ca(tmp_path)]
    arguments += ["--har", str(tmp_path / "out.har"), "--capture", str(tmp_path / "out.harrier")]
    with Program(arguments, command=HARRIER, environment=BARE) as program:
        port = program.listening_port()
        exported = [*HARRIER, "ca", "--home", str(tmp_path / "home"), "--export", str(tmp_path / "ca.pem")]
        subprocess.run(exported, check=True, capture_output=True, env={**os.environ, **BARE})
        assert b"Marsh" in get(port, f"{site.http_url}/api/wares")
        assert get(port, f"{site.https_url}/picture/1.png", str(tmp_path / "ca.pem")).startswith(b"\x89PNG")
        processes = program.descendants()
        assert len(processes) >= 2
        assert [is_compiled(pid) for pid in [program.pid, *processes]].count(True) == 2  # the workers
        assert not [pid for pid in [program.pid, *processes] if maps_qt(pid)]
        assert program.stop() == 0, program.errors
        assert are_gone(processes)
    entries = json.loads((tmp_path / "out.har").read_bytes())["log"]["entries"]
    found = {entry["request"]["url"]: entry["response"] for entry in entries if entry["request"]["method"] == "GET"}
    assert set(found) == {f"{site.http_url}/api/wares", f"{site.https_url}/picture/1.png"}
    assert "Marsh" in found[f"{site.http_url}/api/wares"]["content"]["text"]
    assert found[f"{site.https_url}/picture/1.png"]["content"]["encoding"] == "base64"
    reader = CaptureReader(str(tmp_path / "out.harrier"))
    assert reader.total() == len(entries)
    reader.close()


def test_it_converts(site, tmp_path):
    arguments = ["record", "--home", str(tmp_path / "home"), "--listen", "127.0.0.1:0", "--workers", "1"]
    with Program([*arguments, "--capture", str(tmp_path / "a.harrier")], command=HARRIER, environment=BARE) as program:
        get(program.listening_port(), f"{site.http_url}/coded/zstd")
        assert program.stop() == 0, program.errors
    convert = [*HARRIER, "convert", str(tmp_path / "a.harrier"), str(tmp_path / "a.har")]
    subprocess.run(convert, check=True, capture_output=True, env={**os.environ, **BARE})
    entry = json.loads((tmp_path / "a.har").read_bytes())["log"]["entries"][0]
    assert len(json.loads(entry["response"]["content"]["text"])["wares"]) == 120


def test_it_says_its_version_and_what_is_wrong(tmp_path):
    result = subprocess.run([*HARRIER, "--version"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, f"Harrier {VERSION}\n")
    command = [*HARRIER, "record", "--home", str(tmp_path), "--listen", "nonsense"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("started", ["Harrier", "harrier-engine"])
def test_the_window_opens_with_an_engine_that_has_no_qt(started, tmp_path):
    arguments = ["--home", str(tmp_path / "home"), "--listen", "127.0.0.1:0", "--workers", "1"]
    command = (str(PACKAGE / started),)
    with (
        Display() as display,
        Program(arguments, command=command, environment={**BARE, **display.environment}) as program,
    ):
        assert wait_until(lambda: any("Harrier" in name for name in display.window_names())), program.errors
        assert wait_until(lambda: len(program.descendants()) >= 3), program.errors
        processes = program.descendants()
        assert maps_qt(program.pid)
        assert not [pid for pid in processes if maps_qt(pid)]
        assert not [name for pid in [program.pid, *processes] for name in outside_libraries(pid, PACKAGE)]
        program.signal(15)
        assert program.wait() == 0, program.errors
        assert are_gone(processes)


def test_what_it_starts_finds_its_own_libraries(tmp_path):
    browser, told = tmp_path / "bin" / "chromium", tmp_path / "environment"
    browser.parent.mkdir()
    browser.write_text(f"#!/bin/sh\nenv > '{told}.part'\nmv '{told}.part' '{told}'\nexec sleep 60\n")
    browser.chmod(0o755)
    environment = {**BARE, "PATH": f"{browser.parent}:/usr/bin:/bin"}
    arguments = ["--home", str(tmp_path / "home"), "--listen", "127.0.0.1:0", "--workers", "1"]
    with (
        Display() as display,
        Program(arguments, command=HARRIER, environment={**environment, **display.environment}) as program,
    ):
        assert wait_until(lambda: len(program.descendants()) >= 3), program.errors
        assert wait_until(lambda: display.press("Harrier", "ctrl+b") and told.exists()), program.errors
        assert str(PACKAGE) not in told.read_text()
        display.close("Harrier")
        assert program.wait() == 0, program.errors
        assert not [name for name in display.window_names() if "Harrier" in name]


def test_it_works_from_wherever_the_archive_is_unpacked(site, tmp_path):
    [archive] = (ROOT / "dist").glob(f"harrier-{VERSION}-linux-*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path / "some place")
    folder = tmp_path / "some place" / "Harrier"
    arguments = ["record", "--home", str(tmp_path / "home"), "--listen", "127.0.0.1:0", "--workers", "1"]
    arguments += ["--capture", str(tmp_path / "a.harrier")]
    with Program(arguments, command=(str(folder / "Harrier"),), environment=BARE) as program:
        assert b"Marsh" in get(program.listening_port(), f"{site.http_url}/api/wares")
        processes = [program.pid, *program.descendants()]
        assert not [name for pid in processes for name in outside_libraries(pid, folder)]
        assert program.stop() == 0, program.errors
    # The window converts a HAR file in a process of its own, and shows it.
    subprocess.run(
        [str(folder / "Harrier"), "convert", str(tmp_path / "a.harrier"), str(tmp_path / "marsh.har")],
        check=True,
        capture_output=True,
        env={**os.environ, **BARE},
    )
    arguments = ["--home", str(tmp_path / "home"), "--listen", "127.0.0.1:0", str(tmp_path / "marsh.har")]
    with (
        Display() as display,
        Program(arguments, command=(str(folder / "Harrier"),), environment={**BARE, **display.environment}) as program,
    ):
        assert wait_until(lambda: any("marsh.har" in name for name in display.window_names())), program.errors
        program.signal(15)
        assert program.wait() == 0, program.errors


def test_a_file_named_like_a_command_is_not_mistaken(tmp_path):
    (tmp_path / "ca").mkdir()
    command = [*HARRIER, "--home", str(tmp_path), "ca"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert "SHA-256" in result.stdout


def test_it_can_be_put_into_the_menu(tmp_path):
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
    subprocess.run([str(PACKAGE / "add-to-menu.sh")], check=True, capture_output=True, env=environment)
    text = (tmp_path / "applications" / "harrier.desktop").read_text()
    assert f'Exec="{PACKAGE}/Harrier" %F' in text
    assert (PACKAGE / "harrier.png").is_file()
    if shutil.which("desktop-file-validate"):
        subprocess.run(["desktop-file-validate", str(tmp_path / "applications" / "harrier.desktop")], check=True)


# What is inside, and may be


def libraries() -> list[str]:
    inside = PACKAGE / "_internal"
    return sorted(str(path.relative_to(inside)) for path in inside.rglob("*") if is_library(path.name))


def bill() -> dict:
    return json.loads((PACKAGE / BILL_NAME).read_bytes())


def components_of(told: dict) -> list[dict]:
    below = told.get("components", [])
    return below + [each for component in below for each in components_of(component)]


def test_each_library_has_a_licence_that_lets_us_ship_it():
    found = libraries()
    assert len(found) > 100
    unknown = [path for path in found if library_licence(path) is None]
    assert unknown == []
    assert [path for path in found if not is_shippable(library_licence(path) or "")] == []
    assert [path for path in PACKAGE.rglob("*") if path.is_symlink() and not path.exists()] == []


def test_nothing_under_the_gpl_is_inside():
    texts = {path.name for path in PACKAGE.rglob("*")}
    assert not [name for name in texts if "readline" in name or "gdbm" in name]
    program = subprocess.run([str(PACKAGE / "harrier-engine"), "--version"], capture_output=True, check=True)
    assert program.returncode == 0
    for archive in (PACKAGE / "Harrier", PACKAGE / "harrier-engine"):
        assert b"readline.cpython" not in archive.read_bytes()


def test_qt_reads_no_more_kinds_of_pictures_than_are_shown():
    plugins = {path.name for path in (PACKAGE / "_internal/PySide6/Qt/plugins/imageformats").iterdir()}
    assert plugins == {f"libq{kind}.so" for kind in ("gif", "ico", "jpeg", "tiff", "webp")}
    # The window's own icon is one.
    assert (PACKAGE / "_internal/PySide6/Qt/plugins/iconengines/libqsvgicon.so").is_file()


def test_the_bill_of_materials_is_a_cyclonedx_document():
    told = bill()
    assert (told["bomFormat"], told["specVersion"], told["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", told["serialNumber"])
    datetime.fromisoformat(told["metadata"]["timestamp"])
    own = told["metadata"]["component"]
    assert (own["type"], own["name"], own["version"]) == ("application", "Harrier", VERSION)
    listed = components_of(told)
    references = [own["bom-ref"], *(each["bom-ref"] for each in listed)]
    assert len(references) == len(set(references))
    for each in listed:
        assert each["type"] in ("library", "file")
        assert each["name"]
        for value in each.get("hashes", []):
            assert value["alg"] == "SHA-256"
            assert re.fullmatch(r"[0-9a-f]{64}", value["content"])
        if each["type"] == "library":
            [licence] = each["licenses"]
            assert is_shippable(licence.get("expression") or licence["license"]["id"]), each
            assert each.get("purl", "pkg:").startswith("pkg:")
    [graph] = told["dependencies"]
    assert graph["ref"] == own["bom-ref"]
    assert graph["dependsOn"] == [each["bom-ref"] for each in told["components"]]


def test_the_bill_of_materials_names_what_is_really_inside():
    told = bill()
    files = {each["name"]: each["hashes"][0]["content"] for each in components_of(told) if each["type"] == "file"}
    real = {f"_internal/{path}" for path in libraries() if not (PACKAGE / "_internal" / path).is_symlink()}
    assert set(files) == real
    for name, digest in files.items():
        assert hashlib.sha256((PACKAGE / name).read_bytes()).hexdigest() == digest
    versions = {each["name"]: each["version"] for each in told["components"]}
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        name, mark, version = line.partition(";")[0].strip().partition("==")
        if mark:
            assert versions.get(re.sub(r"[-_.]+", "-", name).lower(), version) == version
    assert {"CPython", "gevent", "mypy", "cryptography", "pyside6-essentials", "msgspec"} <= set(versions)
    built_in = {each["name"] for each in components_of(told)}
    assert {"Qt", "libev", "openssl", "zstd"} <= built_in


def test_each_component_has_the_text_of_its_licence():
    for component in bill()["components"]:
        texts = [path for path in (PACKAGE / LICENCES_NAME / component["name"]).iterdir() if path.stat().st_size > 200]
        assert texts, component["name"]
        for part in component.get("components", []):
            assert part["type"] == "file" or part["licenses"]
    folder = PACKAGE / LICENCES_NAME
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in (folder / "pyside6-essentials" / "LGPL-3.0.txt").read_text()
    assert "GNU GENERAL PUBLIC LICENSE" in (folder / "pyside6-essentials" / "GPL-3.0.txt").read_text()
    assert "MIT License" in (folder / "Harrier" / "LICENSE").read_text()
    assert "may be" in (folder / "README.txt").read_text()
    [archive] = (ROOT / "dist").glob(f"harrier-{VERSION}-linux-*.tar.gz")
    with tarfile.open(archive) as packed:
        names = set(packed.getnames())
    assert {f"Harrier/{BILL_NAME}", f"Harrier/{LICENCES_NAME}/README.txt"} <= names


def wait_until(condition, within_s: float = 30.0) -> bool:
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True
