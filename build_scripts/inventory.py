"""What is inside the package, whose it is, and under which licence: a component for each thing that came from outside.

Runs in the environment that PyInstaller ran in, which alone knows what has been installed. PyInstaller's recipe has
written where each collected file came from; a file that nobody can be named for, or a library without a licence in
`licences/libraries.toml`, ends the build: what isn't known isn't shipped.
"""

import json
import os
import platform
import re
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cache
from importlib import metadata
from pathlib import Path

from build_scripts.environment import ENVIRONMENT, ROOT, SetupError
from proxy_core.compiled import FOLDER as COMPILED

LICENCES = ROOT / "build_scripts" / "licences"
# SPDX; whatever else the list knows is there to be refused.
SHIPPABLE = frozenset(
    "0BSD AFL-2.1 Apache-2.0 BSD-2-Clause BSD-3-Clause CNRI-Python FTL HPND-sell-variant IJG ISC LGPL-2.1-or-later"
    " LGPL-3.0-only MIT MIT-0 MIT-Modern-Variant MPL-2.0 PSF-2.0 Unicode-3.0 X11 ZPL-2.1 Zlib blessing bzip2-1.0.6"
    " libpng-2.0 libtiff".split()
) | {
    "GPL-3.0-or-later WITH GCC-exception-3.1",
    "GPL-2.0-or-later WITH Bootloader-exception",
    "Apache-2.0 WITH LLVM-exception",
}
# What metadata says in words of its own, or leaves to be chosen.
_CHOSEN = {
    "mypy": "MIT AND PSF-2.0",  # of mypyc's run-time code, which is built into what it compiles
    "pyside6-essentials": "LGPL-3.0-only",
    "shiboken6": "LGPL-3.0-only",
    "pyinstaller": "GPL-2.0-or-later WITH Bootloader-exception",
    "pyinstaller-hooks-contrib": "Apache-2.0",  # of its run-time hooks, which alone are packed
}
_UNSAID = {"openssl": "Apache-2.0"}  # by a distribution's own bill of materials
_OWN_TEXTS = {"pyside6-essentials": ("LGPL-3.0.txt", "GPL-3.0.txt"), "shiboken6": ("LGPL-3.0.txt", "GPL-3.0.txt")}
_TEXT_NAME = re.compile(r"(?:.*/)?(?:LICEN[CS]E|COPYING|NOTICE|COPYRIGHT)[^/]*$", re.IGNORECASE)
_COMMON_TEXT = re.compile(r"/usr/share/common-licenses/([A-Za-z0-9.+-]*[A-Za-z0-9])")
_LIBRARY = re.compile(r".*(?:\.so(?:\.[0-9.]+)?|\.pyd|\.dll|\.dylib)$", re.IGNORECASE)


@dataclass
class Component:
    """One thing from elsewhere."""

    name: str
    version: str
    licence: str  # SPDX
    purl: str = ""
    texts: dict[str, Path] = field(default_factory=dict)  # name in the component's folder of licences
    libraries: list[str] = field(default_factory=list)  # paths in the package
    parts: list["Component"] = field(default_factory=list)  # built into its files


def is_library(path: str) -> bool:
    """Whether a file's name is that of a shared library."""
    return _LIBRARY.fullmatch(path) is not None


def library_licence(path: str) -> str | None:
    """The licence of a library by its path in the package; None for one that is not on the list."""
    spelled = path.replace(os.sep, "/")
    return next((licence for pattern, licence in _patterns().items() if fnmatchcase(spelled, pattern)), None)


def is_shippable(licence: str) -> bool:
    """Whether a program under MIT can be shipped with it: all of an AND, one of an OR."""
    spelled = licence.replace("(", "").replace(")", "")
    return all(any(option in SHIPPABLE for option in part.split(" OR ")) for part in spelled.split(" AND "))


def take_inventory(origins: Iterable[tuple[str, str, bool]]) -> list[Component]:
    """The components, by name, of what was collected: path (or module), where it came from, whether it is a library.

    Raises SetupError for what is of unknown origin or licence, or can't be shipped.
    """
    found: dict[str, Component] = {}
    for destination, source, is_binary in origins:
        component = _owner(source)
        if component is None:
            continue
        component = found.setdefault(component.name.lower(), replace(component, libraries=[]))
        if is_binary and destination not in component.libraries:
            licence = library_licence(destination)
            if licence is None:
                raise SetupError(f"{destination} (from {source}) has no licence in {LICENCES / 'libraries.toml'}.")
            if not is_shippable(licence):
                raise SetupError(f"{destination} can't be shipped: its licence is {licence}.")
            if not component.licence:  # a system's package
                component.licence = licence
            component.libraries.append(destination)
    components = [found[name] for name in sorted(found)]
    for each in [*components, *(part for component in components for part in component.parts)]:
        if not is_shippable(each.licence):
            raise SetupError(f"{each.name} can't be shipped: its licence is «{each.licence}».")
    return components


def _owner(source: str) -> Component | None:
    """Whom a file came from; None for our own."""
    path = os.path.realpath(source)
    distribution = _distributions().get(path) or _distributions().get(os.path.abspath(source))
    if distribution is not None:
        return _of_distribution(distribution)
    if Path(path).is_relative_to(COMPILED):
        return _component_of("mypy")  # the rest of these files is our own
    if Path(path).is_relative_to(ROOT) and not Path(path).is_relative_to(ENVIRONMENT):
        return None
    if _is_pythons(Path(path)):
        return _python()
    package = _system_package(path)
    if package is None:
        raise SetupError(f"Nobody can be named for {source}, so it can't go into the package.")
    return package


# Python's packages


@cache
def _distributions() -> dict[str, metadata.Distribution]:
    """Whose each installed file is."""
    owners: dict[str, metadata.Distribution] = {}
    for distribution in metadata.distributions():
        for file in distribution.files or []:
            owners[os.path.abspath(str(file.locate()))] = distribution
    return owners | {os.path.realpath(path): owner for path, owner in owners.items()}


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def _component_of(name: str) -> Component:
    distribution = metadata.distribution(name)
    about = distribution.metadata
    said = [str(value) for each in ("License-Expression", "License") for value in about.get_all(each, [])]
    licence = _CHOSEN.get(name) or (_spdx(said[0]) if said else "")
    texts = {
        Path(str(file)).name: Path(str(file.locate()))
        for file in sorted(distribution.files or [], key=lambda file: -len(file.parts))  # the outermost of a name
        if ".dist-info/" in str(file) and _TEXT_NAME.fullmatch(str(file))
    }
    texts |= {text: LICENCES / text for text in _OWN_TEXTS.get(name, ())}
    parts = [
        Component(part, told.get("version", ""), told["licence"], texts=_own_text(told))
        for part, told in _built_in().get(name, {}).items()
    ]
    for file in distribution.files or []:
        if ".dist-info/sboms/" in str(file) and str(file).endswith(".json"):
            parts += _told_parts(Path(str(file.locate())), name)
    purl = f"pkg:pypi/{name}@{distribution.version}"
    return Component(name, distribution.version, licence, purl, texts, parts=parts)


def _of_distribution(distribution: metadata.Distribution) -> Component:
    return _component_of(_normalised(distribution.metadata["Name"]))


def _spdx(words: str) -> str:
    return {"BSD": "BSD-3-Clause", "Apache 2.0": "Apache-2.0", "MPL 2.0": "MPL-2.0"}.get(words.strip(), words.strip())


def _own_text(told: dict[str, str]) -> dict[str, Path]:
    return {told["text"]: LICENCES / told["text"]} if "text" in told else {}


def _told_parts(path: Path, holder: str) -> list[Component]:
    """What a distribution's own bill of materials (PEP 770) tells of what is built into it."""
    parts = []
    for told in json.loads(path.read_text(encoding="utf-8")).get("components", []):
        name, version = str(told["name"]), str(told.get("version", ""))
        said = [each.get("expression") or each.get("license", {}).get("id") for each in told.get("licenses", [])]
        options = [f"({each})" if " OR " in each and len(said) > 1 else each for each in said if each]
        if _normalised(name) != holder:
            purl = str(told.get("purl", "")).partition("?")[0]
            parts.append(Component(name, version, " AND ".join(options) or _UNSAID.get(name, ""), purl))
    return parts


# Python and the system


def _is_pythons(path: Path) -> bool:
    places = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
    if sys.base_prefix != "/usr":  # where a system's own Python shares its folders with everything
        places.append(sys.base_prefix)
    return path.name.startswith("libpython") or any(path.is_relative_to(os.path.realpath(each)) for each in places)


@cache
def _python() -> Component:
    version = platform.python_version()
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    places = [
        Path(os.path.realpath(sysconfig.get_path("stdlib"))) / "LICENSE.txt",
        Path(sys.base_prefix) / "LICENSE.txt",
        Path(f"/usr/share/doc/lib{name}-stdlib/copyright"),
    ]
    text = next((place for place in places if place.is_file()), None)
    if text is None:
        raise SetupError("This Python has no text of its licence, which has to go with the package.")
    return Component("CPython", version, "PSF-2.0", f"pkg:generic/python@{version}", {"LICENSE.txt": text})


def _system_package(path: str) -> Component | None:
    if not os.path.exists("/usr/bin/dpkg-query"):
        return None
    for spelled in (path, path.removeprefix("/usr")):  # the database knows files by where they once lay
        done = subprocess.run(["dpkg-query", "-S", spelled], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return _debian_package(done.stdout.partition(": ")[0].partition(",")[0])
    return None


@cache
def _debian_package(qualified: str) -> Component:
    """`libz1:amd64` as a component; its libraries tell its licence."""
    command = ["dpkg-query", "-W", "-f", "${Package}\t${Version}\t${Architecture}", qualified]
    name, version, architecture = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\t")
    text = Path(f"/usr/share/doc/{name}/copyright")
    if not text.is_file():
        raise SetupError(f"{text} is missing: the licence of {name} has to go with the package.")
    texts = {"copyright": text}
    for common in _COMMON_TEXT.findall(text.read_text(encoding="utf-8", errors="replace")):
        if Path(f"/usr/share/common-licenses/{common}").is_file():
            texts[f"{common}.txt"] = Path(f"/usr/share/common-licenses/{common}")
    vendor = platform.freedesktop_os_release().get("ID", "debian")
    purl = f"pkg:deb/{vendor}/{name}@{version.replace(':', '%3A').replace('+', '%2B')}?arch={architecture}"
    return Component(name, version, "", purl, texts)


@cache
def _patterns() -> dict[str, str]:
    with open(LICENCES / "libraries.toml", "rb") as file:
        return dict(tomllib.load(file)["patterns"])


@cache
def _built_in() -> dict[str, dict[str, dict[str, str]]]:
    with open(LICENCES / "libraries.toml", "rb") as file:
        return dict(tomllib.load(file)["built_in"])
