"""Which program is behind a connection: asked of this system, and told to the worker that asked."""

import os
import queue
import socket

import psutil
import pytest

from proxy_core.model.worker_command import LocalConnection, ProgramsFound
from proxy_core.program_finder import ProgramFinder

TOLD_WITHIN_S = 20.0


@pytest.fixture
def start():
    finders = []

    def start(look=None):
        told = queue.Queue()
        finder = ProgramFinder(lambda series, command: told.put((series, command)), look)
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
        series, command = told.get(timeout=TOLD_WITHIN_S)
    assert series == 3
    (key, program), nobody = command.found
    assert key == 5
    assert program.pid == os.getpid()
    assert program.name == psutil.Process().name()
    assert program.path == psutil.Process().exe()
    assert nobody == (6, None)


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
