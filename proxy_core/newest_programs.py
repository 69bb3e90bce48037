"""A glance at the youngest processes (Linux): whose are these connections?

A program that asks once and ends, as curl does, lives for less than a look at all processes takes, and is nearly always
among the last that were started. What the system tells of a connection is its socket's number; that is looked for among
the open files of the youngest processes, until it is found or some dozens were looked at. psutil has no such question.
"""

import os
from collections.abc import Iterable

from proxy_core.model.worker_command import LocalConnection
from proxy_core.socket_numbers import can_be_asked, socket_numbers

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_TABLE_LIMIT_BYTES = 4 * 1024 * 1024  # some 27,000 connections
_YOUNGEST = 48
_MOST_FILES = 256  # of one process

GONE = 0  # in the place of a process's number

Ports = tuple[int, int]  # of a client: its own, and ours


def glance(asked: list[LocalConnection], known: Iterable[int] = ()) -> dict[Ports, int]:
    """Looks at the processes that are known, then at the youngest.

    Process numbers of those connections that were found, GONE for those that there are no more: nobody has to look
    for them. Raises OSError where the system hasn't these files.
    """
    every = {(each.client_port, each.our_port) for each in asked}
    found: dict[Ports, int] = {}
    if can_be_asked():
        numbers = socket_numbers(asked)
        wanted = {f"socket:[{number}]": (each.client_port, each.our_port) for number, each in numbers.items()}
        found = dict.fromkeys(every - set(wanted.values()), GONE)
    else:
        wanted = _sockets(every)
    for pid in (*known, *_youngest()) if wanted else ():
        if not wanted:
            break
        for link in _open_files(pid):
            ports = wanted.pop(link, None)
            if ports is not None:
                found[ports] = pid
    if wanted and can_be_asked():  # nobody need look for those that have gone meanwhile
        still = {(each.client_port, each.our_port) for each in socket_numbers(asked).values()}
        found.update(dict.fromkeys(set(wanted.values()) - still, GONE))
    return found


def _youngest() -> list[int]:
    """Numbers are given in a circle."""
    with open("/proc/loadavg", encoding="ascii") as file:
        last = int(file.read().split()[-1])
    with open("/proc/sys/kernel/pid_max", encoding="ascii") as file:
        most = int(file.read())
    pids = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    return sorted(pids, key=lambda pid: (last - pid) % most)[:_YOUNGEST]


def _sockets(asked: set[Ports]) -> dict[str, Ports]:
    """What the files of these connections are called."""
    found: dict[str, Ports] = {}
    for table in _TABLES:
        with open(table, "rb") as file:
            lines = file.read(_TABLE_LIMIT_BYTES).splitlines()[1:]
        for line in lines:
            words = line.split(maxsplit=10)  # number, own address, other address, state, …, the socket's number
            if len(words) < 10:
                continue
            ports = int(words[1].rpartition(b":")[2], 16), int(words[2].rpartition(b":")[2], 16)
            if ports in asked:
                found[f"socket:[{words[9].decode('ascii')}]"] = ports
    return found


def _open_files(pid: int) -> list[str]:
    """What a process has open; nothing where it has gone, or is another's."""
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)[:_MOST_FILES]
    except OSError:
        return []
    links = []
    for name in names:
        try:
            links.append(os.readlink(f"{folder}/{name}"))
        except OSError:
            continue  # closed meanwhile
    return links
