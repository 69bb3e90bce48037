"""Whose program is asked for: of clients on this computer, by whichever of its addresses they come."""

from types import SimpleNamespace

import pytest

from proxy_core.engine.recording.programs import Programs


@pytest.mark.parametrize(
    ("peer", "local", "is_asked"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("::1", "::1", True),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", True),
        ("192.0.2.2", "192.0.2.2", True),
        ("192.0.2.7", "192.0.2.2", False),
    ],
)
def test_who_is_asked_for(peer, local, is_asked):
    programs = Programs()
    link = SimpleNamespace(peer_host=peer, peer_port=40000, local_host=local, local_port=8080)
    programs.ask(1, link, lambda _: None)
    programs.ask(2, SimpleNamespace(peer_host="::1", peer_port=1, local_host="::1", local_port=2), lambda _: None)
    assert [each.key for each in programs.next_question().connections] == ([1, 2] if is_asked else [2])


def test_a_load_generator_is_asked_for_now_and_then():
    """Thousands of connections a second cost thousands of questions, and are nearly all gone before the answer."""
    programs = Programs()
    link = SimpleNamespace(peer_host="127.0.0.1", peer_port=40000, local_host="127.0.0.1", local_port=8080)
    for key in range(2000):
        programs.ask(key, link, lambda _: None)
    assert 100 < len(programs.next_question().connections) < 1000
