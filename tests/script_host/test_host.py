"""The script process, spoken to as the engine does."""

import ast
import sys
from pathlib import Path

import pytest

import proxy_core.script_host
from proxy_core.script_host.host import HUNG_STATUS

from .conftest import GUARD_S

ON = "import harrier\n@harrier.on('request', when='host:shop.*', body=False)\ndef mine(flow):\n"


def test_a_script_says_what_it_wants_and_what_it_has_changed(script):
    host = script(ON + "    flow.request.headers['X-New'] = '1'\n    flow.comment = 'seen'\n")
    state = host.hears("state")
    assert state["scripts"][0]["hooks"] == [{"name": "request", "when": "host:shop.*", "body": False}]
    done, _ = host.call([0])
    assert done["request"]["fields"] == [["Host", "shop.test"], ["X-Odd", "ä\udcff"], ["X-New", "1"]]
    assert done["comment"] == "seen"
    assert "response" not in done


def test_what_is_left_alone_is_not_told(script):
    host = script("def request(flow):\n    flow.request.headers.get('host'), flow.request.query.get('a')\n")
    done, _ = host.call([0])
    assert set(done) == {"do", "id", "blobs"}


def test_a_flow_lives_from_its_first_hook_to_its_end(script):
    host = script(
        "def request(flow):\n    flow.metadata['n'] = 7\n"
        "def response(flow):\n    flow.response.headers['N'] = str(flow.metadata.get('n'))\n"
    )
    response = {"status": 200, "fields": [], "body": None}
    host.call([0])
    done, _ = host.call([1], response=response)
    assert done["response"]["fields"] == [["N", "7"]]
    host.say({"do": "end", "key": "1"})
    done, _ = host.call([1], response=response)
    assert done["response"]["fields"] == [["N", "None"]]


def test_an_addon_of_mitmproxys_answers(script):
    host = script(
        "from mitmproxy import http, ctx\n"
        "class Answers:\n"
        "    def load(self, loader):\n        loader.add_option('word', str, 'hello', 'what to say')\n"
        "    def request(self, flow: http.HTTPFlow):\n"
        "        flow.response = http.Response.make(418, ctx.options.word, {'Content-Type': 'text/plain'})\n"
        "addons = [Answers()]\n"
    )
    hooks = host.hears("state")["scripts"][0]["hooks"]
    assert [hook["name"] for hook in hooks] == ["request", "load"]
    done, bodies = host.call([0])
    assert done["response"]["status"] == 418
    assert bodies[done["response"]["body"]] == b"hello"


def test_a_mistake_is_told_at_its_line_with_its_exchange_and_the_message_stays(script):
    host = script("def request(flow):\n    one = 1\n    flow.request.nothing.more = one\n")
    done, _ = host.call([0], key="31")
    assert done["error"]["place"] == f"{host.path}:3"
    assert "request" not in done
    line = next(each for each in host.told if each["do"] == "log")
    assert line["place"] == f"{host.path}:3"
    assert line["key"] == "31"


def test_one_that_does_not_load_leaves_the_one_before_in_force(script):
    host = script("def request(flow):\n    flow.comment = 'old'\n")
    host.hears("state")
    host.path.write_text("def request(flow)\n")
    problem = host.hears("state")["scripts"][0]
    assert problem["problem"].startswith("SyntaxError")
    assert problem["place"] == f"{host.path}:1"
    assert host.call([0])[0]["comment"] == "old"
    host.path.write_text("def request(flow):\n    flow.comment = 'newer'\n")
    assert host.hears("state")["scripts"][0]["problem"] == ""
    assert host.call([0], key="2")[0]["comment"] == "newer"


def test_a_file_beside_it_is_read_anew_too(script, tmp_path):
    beside = tmp_path / "scripts" / "beside.py"
    beside.parent.mkdir()
    beside.write_text("WORD = 'old'\n")
    host = script("import beside\ndef request(flow):\n    flow.comment = beside.WORD\n")
    assert host.call([0])[0]["comment"] == "old"
    beside.write_text("WORD = 'another'\n")
    said = host.hears("state")
    while said["scripts"][0]["problem"] or host.call([0], key="2")[0]["comment"] == "old":
        said = host.hears("state")
    assert host.call([0], key="3")[0]["comment"] == "another"


def test_many_calls_meet_a_reload_and_each_is_answered_by_one_of_both(script):
    host = script("def request(flow):\n    flow.comment = 'a'\n")
    said = set()
    for number in range(200):
        if number == 50:
            host.path.write_text("def request(flow):\n    flow.comment = 'bb'\n")
        said.add(host.call([0], key=str(number))[0]["comment"])
    assert said <= {"a", "bb"}


def test_async_and_concurrent_hooks_do_not_wait_for_each_other(script):
    host = script(
        "import asyncio, threading\nfrom mitmproxy.script import concurrent\n"
        "opened = threading.Event()\n"
        "@concurrent\ndef request(flow):\n    opened.wait()\n    flow.comment = 'was let in'\n"
        "async def response(flow):\n    await asyncio.sleep(0)\n    opened.set()\n    flow.comment = 'let it in'\n"
    )
    from .conftest import REQUEST

    common = {"do": "call", "script": str(host.path), "request": REQUEST}
    host.say({**common, "id": 1, "key": "1", "hooks": [0], "response": None})
    host.say({**common, "id": 2, "key": "2", "hooks": [1], "response": {"status": 200, "fields": [], "body": None}})
    assert {host.hears("done")["comment"], host.hears("done")["comment"]} == {"was let in", "let it in"}


@pytest.mark.parametrize(
    "body",
    [
        "    while True:\n        pass\n",
        "    import threading\n    one = threading.Lock()\n    one.acquire(); one.acquire()\n",
    ],
    ids=["endless", "lock"],
)
def test_a_hook_that_hangs_ends_the_process_and_its_line_is_told(script, body):
    host = script("def request(flow):\n" + body, limit_s=0.5)
    with pytest.raises(EOFError):
        host.call([0], key="9")
    hung = host.told[-1]
    assert (hung["do"], hung["hook"], hung["key"]) == ("hung", "request", "9")
    assert hung["place"].startswith(f"{host.path}:")
    assert host.process.wait(GUARD_S) == HUNG_STATUS


def test_a_hundred_thousand_lines_are_a_thousand_in_a_second_and_a_number(script):
    host = script("def request(flow):\n    for n in range(100_000):\n        print(n)\n")
    host.call([0])
    assert len([each for each in host.told if each["do"] == "log"]) <= 3_003
    assert "left out" in host.hears("log", level="warn")["text"]


def test_a_child_that_a_hook_forks_serves_nothing(script):
    host = script("import os\ndef request(flow):\n    os.fork()\n    flow.comment = 'parent'\n")
    assert [host.call([0], key=str(n))[0]["comment"] for n in range(3)] == ["parent"] * 3


def test_a_script_that_leaves_ends_the_process(script):
    host = script("import os\ndef request(flow):\n    os._exit(3)\n")
    with pytest.raises(EOFError):
        host.call([0])
    assert host.process.wait(GUARD_S) == 3


def test_what_a_finalizer_raises_ends_nothing(script):
    host = script(
        "class Odd:\n    def __del__(self):\n        raise ValueError('late')\ndef request(flow):\n    Odd()\n"
    )
    host.call([0])
    assert any("late" in each.get("text", "") for each in host.told)
    host.call([0], key="2")


def test_who_has_no_token_is_not_heard(script):
    host = script("")
    stranger = host.connected(bytes(32))
    assert stranger.recv(1) == b""
    stranger.close()


def test_it_ends_with_who_has_started_it(script):
    host = script("")
    host.process.stdin.close()
    assert host.process.wait(GUARD_S) == 0


def test_it_needs_nothing_but_the_standard_library():
    named = set()
    for path in Path(proxy_core.script_host.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                named |= {each.name for each in node.names}
            elif isinstance(node, ast.ImportFrom):
                named.add(node.module)
    foreign = {name for name in named if name.partition(".")[0] not in sys.stdlib_module_names}
    assert all(name.startswith("proxy_core.script_host") for name in foreign), foreign


def test_what_is_logged_comes_as_it_was_written_with_its_level(script):
    host = script(
        "import logging\nfrom mitmproxy import ctx\ndef request(flow):\n    logging.error('odd'); ctx.log.warn('odder')\n"
    )
    host.call([0])
    lines = [(each["level"], each["text"]) for each in host.told if each["do"] == "log"]
    assert lines == [("error", "odd"), ("warn", "odder")]
