"""What may go into the package: libraries with a licence that is known and lets a program under MIT be shipped."""

import sys
import sysconfig
from importlib import metadata
from pathlib import Path

import pytest

from build_scripts.environment import ROOT, SetupError
from build_scripts.inventory import is_library, is_shippable, library_licence, take_inventory
from build_scripts.licensing import bill_of_materials

PURE = (f"{ROOT}/app/actions.py", f"{ROOT}/proxy_core/version.py")


def installed(distribution: str, name: str) -> str:
    return str(next(file.locate() for file in metadata.files(distribution) or [] if str(file).endswith(name)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("libz.so.1", True), ("a.cpython-311-x86_64-linux-gnu.so", True), ("b.abi3.so", True), ("python311.dll", True),
     ("_ssl.pyd", True), ("libQt6Core.dylib", True), ("libpyside6.abi3.so.6.11", True), ("socket.py", False), ("so", False),
     ("a.so.txt", False)],
)  # fmt: skip
def test_a_library_is_known_by_its_name(name, expected):
    assert is_library(name) is expected


@pytest.mark.parametrize(
    "path",
    ["python3.11/lib-dynload/readline.cpython-311-x86_64-linux-gnu.so", "libreadline.so.8", "libgdbm.so.6",
     "python3.13/lib-dynload/_gdbm.cpython-313-x86_64-linux-gnu.so", "PySide6/Qt/lib/libQt6VirtualKeyboard.so.6",
     "PySide6/Qt/plugins/platforminputcontexts/libqtvirtualkeyboardplugin.so"],
)  # fmt: skip
def test_what_is_under_the_gpl_is_known_and_refused(path):
    licence = library_licence(path)
    assert licence is not None
    assert licence.startswith("GPL-3.0")
    assert not is_shippable(licence)


@pytest.mark.parametrize(
    "path", ["libmystery.so.1", "PySide6/Qt/lib/libQt6Charts.so.6", "PySide6/Qt/lib/libQt6Quick3D.so.6"]
)
def test_what_is_not_on_the_list_has_no_licence(path):
    assert library_licence(path) is None


@pytest.mark.parametrize(
    ("licence", "expected"),
    [("MIT", True), ("MIT OR GPL-2.0-only", True), ("GPL-2.0-only OR Apache-2.0", True), ("MIT AND GPL-3.0-only", False),
     ("(MIT OR Apache-2.0) AND Unicode-3.0", True), ("MIT AND (GPL-2.0-only OR BSD-3-Clause)", True), ("", False),
     ("GPL-3.0-or-later WITH GCC-exception-3.1", True), ("AGPL-3.0-only", False), ("unknown", False)],
)  # fmt: skip
def test_all_of_an_and_and_one_of_an_or(licence, expected):
    assert is_shippable(licence) is expected


def test_each_collected_file_has_an_owner():
    origins = [
        *((path, path, False) for path in PURE),
        ("json", f"{sysconfig.get_path('stdlib')}/json/__init__.py", False),
        ("msgspec/_core.so", installed("msgspec", "msgspec/__init__.py"), True),
        ("cryptography/x.so", installed("cryptography", "cryptography/__init__.py"), True),
        ("PySide6/QtCore.abi3.so", installed("PySide6-Essentials", "PySide6/__init__.py"), True),
    ]
    found = {component.name: component for component in take_inventory(origins)}
    assert list(found) == ["CPython", "cryptography", "msgspec", "pyside6-essentials"]
    assert found["CPython"].version == ".".join(map(str, sys.version_info[:3]))
    assert found["msgspec"].libraries == ["msgspec/_core.so"]
    assert found["pyside6-essentials"].licence == "LGPL-3.0-only"
    assert {"LGPL-3.0.txt", "GPL-3.0.txt"} <= set(found["pyside6-essentials"].texts)
    # It brings a bill of materials of its own.
    assert "openssl" in {part.name for part in found["cryptography"].parts}
    for component in found.values():
        assert component.texts
        assert all(Path(text).is_file() for text in component.texts.values())


def test_what_nobody_can_be_named_for_ends_the_build(tmp_path):
    stranger = tmp_path / "libz.so.1"
    stranger.write_bytes(b"\x7fELF")
    with pytest.raises(SetupError, match="Nobody can be named"):
        take_inventory([("libz.so.1", str(stranger), True)])


@pytest.mark.parametrize(
    ("library", "said"),
    [("libmystery.so.1", "has no licence"), ("python3/lib-dynload/readline.so", "can't be shipped")],
)
def test_a_library_without_a_good_licence_ends_the_build(library, said):
    with pytest.raises(SetupError, match=said):
        take_inventory([(library, f"{sysconfig.get_path('stdlib')}/json/__init__.py", True)])


def test_the_bill_of_materials_tells_each_part_once(tmp_path):
    (tmp_path / "_internal" / "gevent").mkdir(parents=True)
    (tmp_path / "_internal" / "gevent" / "x.so").write_bytes(b"abc")
    components = take_inventory(
        [
            ("gevent/x.so", installed("gevent", "gevent/__init__.py"), True),
            ("c", installed("cryptography", "__about__.py"), False),
        ]
    )
    told = bill_of_materials(components, tmp_path)
    cryptography, gevent = told["components"]
    assert (gevent["name"], gevent["licenses"]) == ("gevent", [{"license": {"id": "MIT"}}])
    assert gevent["purl"] == f"pkg:pypi/gevent@{metadata.version('gevent')}"
    assert [part["name"] for part in gevent["components"]] == ["libev", "_internal/gevent/x.so"]
    assert gevent["components"][1]["hashes"] == [
        {"alg": "SHA-256", "content": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
    ]
    references = [part["bom-ref"] for part in cryptography["components"]]
    assert len(references) == len(set(references))
