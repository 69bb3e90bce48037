"""Compiled modules are loaded where a build fits to the byte, by workers alone; everywhere else the sources are read."""

import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from proxy_core.compiled import FOLDER, GROUP, PLAIN_VARIABLE, fingerprint
from tests.support.program import ROOT, Program

LIBRARY = f"{GROUP}__mypyc{EXTENSION_SUFFIXES[0]}"
LOADED = (
    "import proxy_core.compiled as c; print(c.use_compiled()); import proxy_core.engine.worker as w; print(w.__file__)"
)


@pytest.fixture
def sources(tmp_path) -> Path:
    """A copy of what the fingerprint is of."""
    shutil.copytree(ROOT / "proxy_core", tmp_path / "proxy_core", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "build_scripts").mkdir()
    for name in (
        "build_scripts/compile.py",
        "build_scripts/mypyc_build.py",
        "pyproject.toml",
        "requirements-compile.lock",
    ):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def python(folder: Path, code: str, **variables: str) -> list[str]:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=True)
    return done.stdout.split()


def name_of_build(folder: Path) -> str:
    [name] = python(folder, "import proxy_core.compiled as c; print(c.fingerprint())")
    return name


def put_build(folder: Path) -> Path:
    """The real build, where the copy looks for its own."""
    place = folder / "build" / "compiled" / name_of_build(folder)
    shutil.copytree(Path(FOLDER, fingerprint()), place)
    return place


def test_without_a_build_the_sources_are_read(sources):
    assert python(sources, LOADED) == ["False", str(sources / "proxy_core/engine/worker.py")]


@pytest.mark.parametrize(
    "name",
    ["proxy_core/protocols/part.py", "proxy_core/model/failure.py", "build_scripts/compile.py", "pyproject.toml"],
)
def test_another_byte_makes_it_another_build(sources, name):
    before = name_of_build(sources)
    assert before == name_of_build(sources)
    with open(sources / name, "a", encoding="utf-8") as file:
        file.write("\n")
    assert name_of_build(sources) != before


def test_a_source_more_or_less_makes_it_another_build(sources):
    before = name_of_build(sources)
    (sources / "proxy_core/protocols/more.py").touch()
    with_one_more = name_of_build(sources)
    (sources / "proxy_core/protocols/more.py").rename(sources / "proxy_core/engine/more.py")
    assert len({before, with_one_more, name_of_build(sources)}) == 3


def test_a_build_that_can_not_be_loaded_costs_nothing(sources):
    place = sources / "build" / "compiled" / name_of_build(sources)
    place.mkdir(parents=True)
    (place / LIBRARY).write_bytes(b"made on another machine")
    (place / f"proxy_core.engine.worker{EXTENSION_SUFFIXES[0]}").write_bytes(b"as well")
    assert python(sources, LOADED) == ["False", str(sources / "proxy_core/engine/worker.py")]


def test_it_is_asked_for_before_anything_compiled_is_imported(sources):
    place = sources / "build" / "compiled" / name_of_build(sources)
    place.mkdir(parents=True)
    (place / f"proxy_core.protocols.part{EXTENSION_SUFFIXES[0]}").touch()
    with pytest.raises(subprocess.CalledProcessError) as caught:
        python(sources, "import proxy_core.protocols.part, proxy_core.compiled as c; c.use_compiled()")
    assert "RuntimeError: imported before" in caught.value.stderr


@pytest.mark.needs_compiled
class TestABuild:
    def test_that_fits_is_loaded(self, sources):
        place = put_build(sources)
        assert python(sources, LOADED) == ["True", str(place / f"proxy_core.engine.worker{EXTENSION_SUFFIXES[0]}")]

    def test_that_is_stale_is_not(self, sources):
        put_build(sources)
        with open(sources / "proxy_core/engine/limits.py", "a", encoding="utf-8") as file:
            file.write("\n")
        assert python(sources, LOADED) == ["False", str(sources / "proxy_core/engine/worker.py")]

    def test_is_not_loaded_where_the_sources_are_wanted(self, sources):
        put_build(sources)
        assert python(sources, LOADED, **{PLAIN_VARIABLE: "1"})[0] == "False"

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what a process has loaded is read from /proc")
    def test_is_what_workers_run(self, tmp_path):
        arguments = ["record", "--home", str(tmp_path / "home"), "--listen", "127.0.0.1:0", "--workers", "2"]
        with Program([*arguments, "--capture", str(tmp_path / "a.harrier")]) as program:
            program.listening_port()
            loaded = [LIBRARY in Path(f"/proc/{pid}/maps").read_text() for pid in [program.pid, *program.descendants()]]
            assert program.stop() == 0, program.errors
        assert loaded.count(True) == 2
        assert not loaded[0]
