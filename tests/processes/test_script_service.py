"""The engine's side of the script process: what it tells, and what it does when the process goes wrong."""

import queue
import time

import pytest

from proxy_core import script_service
from proxy_core.model.script import RunningScripts
from proxy_core.script_service import ScriptService

GUARD_S = 20.0


@pytest.fixture
def service(tmp_path):
    path = tmp_path / "mine.py"
    states: queue.Queue[RunningScripts] = queue.Queue()
    said: queue.Queue[str] = queue.Queue()
    made = ScriptService(states.put, said.put)
    yield made, path, states, said
    made.stop()


def hears(said: queue.Queue, words: str) -> str:
    end = time.monotonic() + GUARD_S
    while words not in (text := said.get(timeout=GUARD_S)):
        assert time.monotonic() < end, text
    return text


def test_what_has_loaded_is_told_with_the_place_to_ask(service):
    made, path, states, _ = service
    path.write_text("def request(flow):\n    pass\n")
    made.use((str(path),))
    made.wait_loaded()
    state = states.get(timeout=GUARD_S)
    assert state.address
    assert len(state.token) == 32
    assert [hook.name for hook in state.scripts[0].hooks] == ["request"]


def test_a_hook_whose_condition_is_none_says_so(service):
    made, path, _, said = service
    path.write_text("import harrier\n@harrier.on('request', when='hots:a.test')\ndef mine(flow):\n    pass\n")
    made.use((str(path),))
    assert hears(said, "hots").startswith("mine.py: the hook request is never called: There is no key «hots»")


def test_a_script_that_ends_the_process_again_and_again_is_switched_off(service):
    made, path, states, said = service
    path.write_text("import os\nos._exit(5)\n")
    made.use((str(path),))
    hears(said, "Scripts are off: their process ended 3 times")
    made.wait_loaded()
    path.write_text("def request(flow):\n    pass\n")
    made.use(())
    made.use((str(path),))
    while not (state := states.get(timeout=GUARD_S)).scripts:
        pass
    assert state.scripts[0].hooks


@pytest.mark.replaces_inside
def test_a_script_that_allocates_without_end_is_ended(service, monkeypatch):
    monkeypatch.setattr(script_service, "MEMORY_LIMIT_BYTES", 100 * 1024 * 1024)
    made, path, _, said = service
    path.write_text(
        "import threading\n"
        "kept = []\n"
        "def grow():\n    while len(kept) < 3000:\n        kept.append(b'x' * 2**17)\n"
        "threading.Thread(target=grow, daemon=True).start()\n"
    )
    made.use((str(path),))
    assert "more than 100 MiB" in hears(said, "was ended")
