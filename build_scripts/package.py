"""Build the program that needs no Python: python3 build_scripts/package.py

PyInstaller makes `dist/Harrier/`; the licences of what is inside and a bill of materials are put beside the program, on
Linux a menu entry, too, and all of it into a `.tar.gz`. Each system builds its own; only Linux has been tried. What is
built on the way lies in `build/pyinstaller/`.
"""

from __future__ import annotations  # an older Python shall get as far as being told what is needed

import os
import platform
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from build_scripts.environment import QT_PACKAGES, ROOT, SetupError, install_system_packages, prepare
from proxy_core.version import VERSION

FOLDER = ROOT / "dist" / "Harrier"
WORK = ROOT / "build" / "pyinstaller"

_DESKTOP_ENTRY = """\
[Desktop Entry]
Type=Application
Name=Harrier
GenericName=HTTP debugging proxy
Comment=See what your programs say over HTTP and HTTPS
Exec=Harrier %F
Icon=harrier
Terminal=false
Categories=Development;Network;Debugger;
MimeType=application/x-harrier;
Keywords=HTTP;HTTPS;proxy;HAR;capture;
StartupWMClass=Harrier
X-Harrier-Version={version}
"""
_ADD_TO_MENU = """\
#!/bin/sh
# Puts Harrier into this user's menu, as it lies in this folder.
set -eu
folder=$(cd "$(dirname "$0")" && pwd)
data=${XDG_DATA_HOME:-$HOME/.local/share}
mkdir -p "$data/applications"
sed -e "s|^Exec=Harrier|Exec=\\"$folder/Harrier\\"|" -e "s|^Icon=.*|Icon=$folder/harrier.png|" \\
    "$folder/harrier.desktop" > "$data/applications/harrier.desktop"
echo "Harrier is in the menu: $data/applications/harrier.desktop"
"""


def main(arguments: list[str]) -> int:
    """Returns 0 when the package is built."""
    if arguments:
        print(__doc__)
        return 0 if arguments[0] in ("-h", "--help") else 2
    begin = time.monotonic()
    try:
        python = prepare("requirements-dev.txt")
        # PyInstaller asks Qt's libraries what they need, so those have to be there.
        install_system_packages([*QT_PACKAGES, "binutils", *_shared_python(python)])
        _build(python)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 2
    if sys.platform.startswith("linux"):
        _add_menu_entry()
        print(f"{_archive().relative_to(ROOT)}")
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file() and not path.is_symlink())
    print(f"{FOLDER.relative_to(ROOT)}: {size / 1e6:.0f} MB, in {time.monotonic() - begin:.0f} s")
    return 0


def _shared_python(python: Path) -> list[str]:
    """The package goes with a Python that is a library; Debian's own Python has it in a package of its own."""
    interpreter = Path(os.path.realpath(python))
    return [f"lib{interpreter.name}"] if interpreter.parent == Path("/usr/bin") else []


def _build(python: Path) -> None:
    if subprocess.run([str(python), str(ROOT / "build_scripts" / "compile.py")], cwd=ROOT, check=False).returncode:
        raise SetupError("The package holds compiled modules, and they could not be made.")
    command = [str(python), "-m", "PyInstaller", "--noconfirm", "--log-level=ERROR"]
    command += ["--distpath", str(ROOT / "dist"), "--workpath", str(WORK), str(ROOT / "build_scripts" / "harrier.spec")]
    quiet = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    if subprocess.run(command, cwd=ROOT, check=False, stdin=subprocess.DEVNULL, env=quiet).returncode:
        raise SetupError("PyInstaller could not build the package; its words above say why.")
    command = [str(python), "-m", "build_scripts.licensing", str(WORK / "harrier" / "origins.json"), str(FOLDER)]
    if subprocess.run(command, cwd=ROOT, check=False, stdin=subprocess.DEVNULL).returncode:
        raise SetupError("The package is not complete: the words above say what stands against shipping it.")


def _add_menu_entry() -> None:
    (FOLDER / "harrier.desktop").write_text(_DESKTOP_ENTRY.format(version=VERSION))
    script = FOLDER / "add-to-menu.sh"
    script.write_text(_ADD_TO_MENU)
    script.chmod(0o755)
    icon = ROOT / "resources" / "icons" / "harrier.png"
    if icon.exists():
        shutil.copy(icon, FOLDER / "harrier.png")


def _archive() -> Path:
    path = ROOT / "dist" / f"harrier-{VERSION}-{sys.platform}-{platform.machine()}.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=6) as archive:
        archive.add(FOLDER, "Harrier")
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
