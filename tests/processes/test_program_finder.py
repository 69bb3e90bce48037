"""Which program is behind a connection: asked of this system, and told to the worker that asked."""

import os
import queue
import socket
import subprocess
import sys

import psutil
import pytest

from proxy_core import newest_programs
from proxy_core.model.worker_command import LocalConnection, ProgramsFound
from proxy_core.newest_programs import GONE, glance
from proxy_core.program_finder import ProgramFinder
from proxy_core.socket_numbers import can_be_asked, socket_numbers

TOLD_WITHIN_S = 60.0


@pytest.fixture
def start():
    finders = []

    def start(look=None, glance_at=None):
        told = queue.Queue()
        finder = ProgramFinder(lambda series, command: told.put((series, command)), look, glance_at)
        finders.append(finder)
        finder.start()
        return finder, told

    yield start
    for finder in finders:
        finder.stop()


def test_a_process_of_ours_is_found(start):
    finder, told = start()
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        finder.ask(3, [LocalConnection(5, client.getsockname()[1], server.getsockname()[1]), LocalConnection(6, 1, 1)])
        found = {}
        while len(found) < 2:  # who is found at once is told at once
            series, command = told.get(timeout=TOLD_WITHIN_S)
            assert series == 3
            found |= dict(command.found)
    program = found[5]
    assert program.pid == os.getpid()
    assert program.name == psutil.Process().name()
    assert program.path == psutil.Process().exe()
    assert found[6] is None


def test_a_system_that_does_not_tell_is_told(start):
    def refuse():
        raise psutil.AccessDenied

    finder, told = start(refuse)
    for key in (1, 2):  # and it goes on
        finder.ask(1, [LocalConnection(key, 2, 3)])
        assert told.get(timeout=TOLD_WITHIN_S) == (1, ProgramsFound([(key, None)]))


def test_a_process_that_has_gone_is_nobody(start):
    finder, told = start(lambda: {(2, 3): 2**22 + 1})
    finder.ask(1, [LocalConnection(1, 2, 3)])
    assert told.get(timeout=TOLD_WITHIN_S) == (1, ProgramsFound([(1, None)]))


def living(found):
    return {ports: pid for ports, pid in found.items() if pid != GONE}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the system's files are Linux's")
class TestAGlance:
    def test_finds_what_was_just_started(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            code = f"import socket; s = socket.create_connection(('127.0.0.1', {port})); s.recv(1)"
            with subprocess.Popen([sys.executable, "-c", code]) as program:
                accepted, (_, client_port) = server.accept()
                with accepted:
                    asked = [LocalConnection(1, client_port, port), LocalConnection(2, 1, 1)]
                    assert living(glance(asked)) == {(client_port, port): program.pid}

    @pytest.mark.parametrize("asks_the_kernel", [True, False])
    @pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.7", "::1"])
    def test_finds_it_whichever_way_it_came(self, monkeypatch, asks_the_kernel, host):
        monkeypatch.setattr(newest_programs, "can_be_asked", lambda: asks_the_kernel)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, 0), family=family) as server:
            port = server.getsockname()[1]
            with socket.create_connection((host, port)) as client:
                source, client_port = client.getsockname()[:2]
                ports = client_port, port
                asked = [LocalConnection(1, *ports, source, host), LocalConnection(2, 1, 1, host, host)]
                monkeypatch.setattr(newest_programs, "_youngest", lambda: [os.getpid()])
                # The tables change while they are read, and a line may be missed.
                assert any(living(glance(asked)) == {ports: os.getpid()} for _ in range(1 if asks_the_kernel else 100))
                server.accept()[0].close()
            # Of what is no more the kernel says so, and nobody has to look on.
            assert glance(asked) == ({ports: GONE, (1, 1): GONE} if asks_the_kernel else {})

    def test_of_a_client_that_is_none_of_the_youngest_finds_nobody(self, monkeypatch):
        monkeypatch.setattr(newest_programs, "_youngest", list)
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
            ports = client.getsockname()[1], server.getsockname()[1]
            assert glance([LocalConnection(1, *ports)]) == {}

    def test_asks_for_a_socket_by_its_ends(self):
        assert can_be_asked()
        with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
            port = server.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port)) as client:
                accepted, peer = server.accept()
                ours = accepted.getsockname()[0]
                accepted.close()
                assert peer[0] == ours == "::ffff:127.0.0.1"
                asked = [LocalConnection(7, peer[1], port, peer[0], ours), LocalConnection(8, 1, port)]
                assert socket_numbers(asked) == {os.fstat(client.fileno()).st_ino: asked[0]}

    def test_answers_while_a_look_at_all_would_have_to_wait(self, start):
        """The rest after a look is long; who is glanced at doesn't wait for it."""
        finder, told = start(glance_at=lambda asked, _: {(7, 8): os.getpid()} if asked[0].key == 2 else {})
        finder.ask(1, [LocalConnection(1, 1, 1)])
        assert told.get(timeout=TOLD_WITHIN_S) == (1, ProgramsFound([(1, None)]))
        finder.ask(1, [LocalConnection(2, 7, 8)])
        _, command = told.get(timeout=TOLD_WITHIN_S)
        ((key, program),) = command.found
        assert (key, program.pid) == (2, os.getpid())

    def test_that_fails_is_not_tried_again(self, start, tmp_path, monkeypatch):
        glances = []

        def fail(asked, _known):
            glances.append(asked)
            raise OSError("there are no such files")

        finder, told = start(look=lambda: {(2, 3): os.getpid()}, glance_at=fail)
        for key in (1, 2):
            finder.ask(1, [LocalConnection(key, 2, 3)])
            _, command = told.get(timeout=TOLD_WITHIN_S)
            assert command.found[0][1].pid == os.getpid()
        assert len(glances) == 1

    def test_whoever_has_gone_is_not_looked_for_any_more(self, start):
        looks = []
        finder, told = start(look=lambda: looks.append(1) or {}, glance_at=lambda _, __: {(2, 3): GONE})
        finder.ask(1, [LocalConnection(1, 2, 3)])
        assert told.get(timeout=TOLD_WITHIN_S) == (1, ProgramsFound([(1, None)]))
        assert looks == []

    def test_who_was_found_before_is_looked_at_first(self, start):
        glances = []

        def look_at(_asked, known):
            glances.append(known)
            return {}

        finder, told = start(look=lambda: {(2, 3): os.getpid()}, glance_at=look_at)
        for _ in range(2):
            finder.ask(1, [LocalConnection(1, 2, 3)])
            told.get(timeout=TOLD_WITHIN_S)
        assert glances == [[], [os.getpid()]]
