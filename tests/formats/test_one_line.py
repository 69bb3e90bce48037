from proxy_core.formats.one_line import one_line

HOSTILE = "a\u202egpj.exe\x00\x1b[31m\u2028b\u200b\r\nc"


def test_nothing_from_outside_changes_how_a_line_looks():
    shown = one_line(HOSTILE)
    assert "\\u202e" in shown
    assert all(character.isprintable() for character in shown)
