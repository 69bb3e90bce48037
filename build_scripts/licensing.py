"""Puts beside the packaged program what shipping it asks for: the licences of all that is inside, a bill of materials.

The bill is CycloneDX 1.6 in JSON, made from what PyInstaller collected and from the files as they lie in the package.
It runs in the environment that was packed: `python -m build_scripts.licensing ORIGINS FOLDER`, called by `package.py`.
"""

import hashlib
import json
import shutil
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

from build_scripts.environment import ROOT, SetupError
from build_scripts.inventory import Component, take_inventory
from proxy_core.version import VERSION

BILL_NAME = "harrier.cdx.json"
LICENCES_NAME = "licenses"
_INSIDE = "_internal"  # PyInstaller's folder for what it collects
_REFERENCE = "harrier"
_README = """\
Harrier {version} is under the MIT License (Harrier/LICENSE). This folder holds the licences of
what comes with it, a folder for each; ../{bill} is the list of it all for machines
(CycloneDX).

Qt and PySide6 are used under the GNU Lesser General Public License, version 3
(pyside6-essentials/LGPL-3.0.txt, with the GNU General Public License that it is based on beside
it). They are the libraries of Qt for Python {qt}, unchanged but for symbols that were stripped.
They lie as files of their own in ../{inside}/PySide6 and ../{inside}/shiboken6 and may be
replaced there by modified versions with the same interface; to modify them, and to look into
Harrier for debugging such modifications, is allowed. Their source is to be had from
https://download.qt.io/official_releases/QtForPython/ and https://download.qt.io/official_releases/qt/.

The other libraries under the LGPL are replaceable in the same way; their source is that of the
system's packages with the names and versions below.

{table}
"""


def main(arguments: list[str]) -> int:
    """Returns 0 when everything is there."""
    origins, folder = Path(arguments[0]), Path(arguments[1])
    try:
        components = take_inventory(tuple(pair) for pair in json.loads(origins.read_text(encoding="utf-8")))
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    _write_texts(components, folder / LICENCES_NAME)
    bill = bill_of_materials(components, folder)
    (folder / BILL_NAME).write_text(json.dumps(bill, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def _write_texts(components: list[Component], folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "Harrier").mkdir(parents=True)
    shutil.copy(ROOT / "LICENSE", folder / "Harrier" / "LICENSE")
    lines = []
    for component in components:
        own = folder / component.name
        own.mkdir()
        parts = {name: text for part in component.parts for name, text in part.texts.items()}
        for name, text in (component.texts | parts).items():
            shutil.copyfile(text, own / name)
        lines.append(f"{component.name} {component.version}: {component.licence}")
        lines += [f"    with {part.name} {part.version}".rstrip() + f": {part.licence}" for part in component.parts]
    qt = next((component.version for component in components if component.name == "pyside6-essentials"), "")
    readme = _README.format(version=VERSION, bill=BILL_NAME, inside=_INSIDE, qt=qt, table="\n".join(lines))
    (folder / "README.txt").write_text(readme, encoding="utf-8")


def bill_of_materials(components: list[Component], folder: Path) -> dict[str, object]:
    """The CycloneDX document; the libraries' hashes are those of the files in the package."""
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lifecycles": [{"phase": "build"}],
            "component": {
                "type": "application",
                "bom-ref": _REFERENCE,
                "name": "Harrier",
                "version": VERSION,
                "licenses": _licences("MIT"),
            },
        },
        "components": [_component(component, component.name.lower(), folder) for component in components],
        "dependencies": [{"ref": _REFERENCE, "dependsOn": [component.name.lower() for component in components]}],
    }


def _component(component: Component, reference: str, folder: Path) -> dict[str, object]:
    told: dict[str, object] = {"type": "library", "bom-ref": reference, "name": component.name}
    if component.version:
        told["version"] = component.version
    if component.purl:
        told["purl"] = component.purl
    told["licenses"] = _licences(component.licence)
    inside = [_component(part, f"{reference}/{part.name}@{part.version}", folder) for part in component.parts]
    inside += [_file(f"{_INSIDE}/{path}", folder) for path in sorted(component.libraries)]
    if inside:
        told["components"] = inside
    return told


def _file(path: str, folder: Path) -> dict[str, object]:
    digest = hashlib.sha256((folder / path).read_bytes()).hexdigest()
    return {"type": "file", "bom-ref": path, "name": path, "hashes": [{"alg": "SHA-256", "content": digest}]}


def _licences(licence: str) -> list[dict[str, object]]:
    return [{"expression": licence}] if " " in licence else [{"license": {"id": licence}}]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
