"""Pictures: what they are and how large is read by ourselves; decoding happens elsewhere and can hurt nobody."""

import multiprocessing
import os
import signal
import struct
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QImage, QImageReader

from app.inspector import picture_decoder
from app.inspector.picture_decoder import PictureDecoder
from app.inspector.picture_process import SHOWN_SIDE, decode, decode_picture, encode_picture
from app.inspector.picture_view import PictureView
from proxy_core.formats.picture import PictureHead, picture_head, refusal

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9">'
XBM = b"#define a_width 8\n#define a_height 8\nstatic char a_bits[] = {0,0,0,0,0,0,0,0};\n"
XPM = b'/* XPM */\nstatic char *a[] = {"1 1 1 1", "a c #ff0000", "a"};\n'


def written(name: str, width: int = 7, height: int = 5) -> bytes:
    """A picture as Qt writes it."""
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(0xFF2060A0)
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    assert image.save(buffer, name)
    return bytes(buffer.data().data())


def png_of(width: int, height: int) -> bytes:
    """The head of a PNG of any size, with next to no data."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


GIF = b"GIF89a\x07\0\x05\0\x80\0\0\x20\x60\xa0\0\0\0,\0\0\0\0\x07\0\x05\0\0\x02\x05\x84\x8f\xa9\xcb]\0;"


@pytest.mark.parametrize("name", ["png", "jpeg", "webp", "bmp", "ico", "tiff"])
def test_what_a_picture_is_and_how_large(name):
    assert picture_head(written(name)) == PictureHead(name, 7, 5)
    decoded = decode(written(name))
    assert (decoded.problem, decoded.format, decoded.width, decoded.height) == ("", name.upper(), 7, 5)
    assert len(decoded.pixels) == 4 * 7 * 5


def test_of_an_animation_the_first_frame_is_decoded():
    assert picture_head(GIF) == PictureHead("gif", 7, 5)
    assert (decode(GIF).width, decode(GIF).height) == (7, 5)


@pytest.mark.parametrize(
    ("data", "width", "height"),
    [
        (b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x0f\0\xfe\x07\0", 4096, 2047),
        (b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\xff\xc3\x7f\0", 1024, 512),
        (b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x00\x04\x00\x02", 1024, 512),
        (b"RIFF\0\0\0\0WEBPANIM", 0, 0),
    ],
)
def test_the_three_heads_of_webp(data, width, height):
    assert picture_head(data) == PictureHead("webp", width, height)


def test_a_jpeg_tells_its_size_behind_any_number_of_segments_and_fillings():
    start = b"\xff\xd8" + (b"\xff\xe1\xff\xff" + bytes(0xFFFD)) * 5 + b"\xff\xff\xff"
    assert picture_head(start + b"\xc2\0\x11\x08\x02\x00\x04\x00" + b"\x03") == PictureHead("jpeg", 1024, 512)
    assert picture_head(start + b"\xda\0\x11\x08\x02\x00\x04\x00\x03") == PictureHead("jpeg", 0, 0)
    assert picture_head(b"\xff\xd8" + b"\xff\xe1\0\x02" * 20_000) == PictureHead("jpeg", 0, 0)


def test_the_size_of_icons_is_that_of_the_largest_by_its_own_head():
    inner = png_of(30_000, 4)
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(inner), 22)
    data = b"\0\0\1\0\1\0" + entry + inner
    assert picture_head(data) == PictureHead("ico", 30_000, 4)
    assert decode(data).problem.startswith("Too large")


@given(
    st.sampled_from([written("png"), GIF, b"II*\0", b"MM\0*", b"\0\0\1\0", b"\xff\xd8\xff", b"BM\0\0\0\0\0\0\0\0"]),
    st.binary(),
)
def test_any_bytes_have_some_head(start, tail):
    for data in (start + tail, start[:20] + tail, tail):
        assert refusal(picture_head(data)).isprintable()


@pytest.mark.parametrize(
    "data",
    [
        SVG,
        b"\xef\xbb\xbf" + SVG,
        zlib.compress(SVG, wbits=31),
        b"<?xml version='1.0'?>" + SVG,
        XBM,
        XPM,
        b"%PDF-1.7",
        b"P3 1 1 1 0 0 0",
        b"",
    ],
)
def test_what_is_no_picture_of_a_known_format_reaches_no_reader(data, monkeypatch):
    monkeypatch.setattr(QImageReader, "__init__", None)
    assert "none of PNG" in decode(data).problem


@pytest.mark.parametrize("text", [SVG, XBM, XPM])
def test_no_other_reader_looks_at_bytes_that_begin_as_a_picture(text, tmp_path):
    target = tmp_path / "secret"
    target.write_text("x")
    for start in (
        b"\x89PNG\r\n\x1a\n" + bytes(8) + struct.pack(">II", 9, 9),
        b"GIF89a\x09\0\x09\0",
        b"BM" + bytes(16) + b"\x09\0\0\0\x09\0\0\0",
    ):
        assert decode(start + text).problem.startswith("This picture can't be shown")


@pytest.mark.parametrize(("width", "height"), [(100_000, 1), (1, 20_001), (10_000, 10_000), (2**31 - 1, 2**31 - 1)])
def test_a_picture_too_large_is_refused_before_anything_is_decoded(width, height, monkeypatch):
    monkeypatch.setattr(QImageReader, "__init__", None)
    assert decode(png_of(width, height)).problem.startswith("Too large to be shown")


def test_a_large_picture_comes_smaller_and_tells_its_size():
    decoded = decode(written("jpeg", 5000, 2500))
    assert (decoded.full_width, decoded.full_height) == (5000, 2500)
    assert (decoded.width, decoded.height) == (SHOWN_SIDE, SHOWN_SIDE // 2)
    assert decode_picture(encode_picture(decoded)) == decoded


def test_a_damaged_picture_says_so():
    assert decode(written("png")[:40]).problem.startswith("This picture can't be shown")


# In a process of its own


@pytest.fixture
def decoder(qapp):
    made = PictureDecoder()
    yield made
    made.close()


def helpers() -> list[int | None]:
    """The processes that decode pictures."""
    return [each.pid for each in multiprocessing.active_children() if each.name == "harrier-pictures"]


def test_a_picture_is_decoded_by_a_helper_that_stays(decoder, qtbot):
    found = []
    for _ in range(2):
        with qtbot.waitSignal(decoder.decoded, timeout=20_000) as decoded:
            ticket = decoder.decode(written("png"))
        assert decoded.args[0] == ticket
        assert decoded.args[1].width == 7
        found.append(helpers())
    assert len(found[0]) == 1
    assert found[0] == found[1]


def break_down_over_the_second(pipe) -> None:
    """A helper whose decoder takes the process along."""
    pipe.send_bytes(encode_picture(decode(pipe.recv_bytes())))
    pipe.recv_bytes()
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_helper_that_breaks_down_costs_one_picture(decoder, qtbot, monkeypatch):
    problems = []
    with monkeypatch.context() as patch:
        patch.setattr(picture_decoder, "picture_process_main", break_down_over_the_second)
        for _ in range(2):
            with qtbot.waitSignal(decoder.decoded, timeout=20_000) as decoded:
                decoder.decode(written("png"))
            problems.append(decoded.args[1].problem)
    assert problems == ["", "This picture can't be shown: its decoder broke down over it."]
    with qtbot.waitSignal(decoder.decoded, timeout=20_000) as decoded:
        decoder.decode(written("png"))
    assert decoded.args[1].problem == ""


def test_a_helper_that_ended_while_nothing_was_asked_of_it_costs_none(decoder, qtbot):
    """As where the system is short of memory."""
    with qtbot.waitSignal(decoder.decoded, timeout=20_000):
        decoder.decode(written("png"))
    (helper,) = multiprocessing.active_children()
    helper.kill()
    helper.join()
    with qtbot.waitSignal(decoder.decoded, timeout=20_000) as decoded:
        decoder.decode(written("png"))
    assert decoded.args[1].problem == ""


def sleep_for_ever(pipe) -> None:
    """A helper that never answers, nor even reads."""
    del pipe
    while True:
        time.sleep(60)


def test_a_decoder_that_hangs_holds_nothing_up_and_is_ended(decoder, qtbot, monkeypatch):
    monkeypatch.setattr(picture_decoder, "PATIENCE_S", 1.5)
    monkeypatch.setattr(picture_decoder, "picture_process_main", sleep_for_ever)
    large = written("bmp", 2000, 2000)  # more than a pipe takes
    with qtbot.waitSignal(decoder.decoded, timeout=20_000) as decoded:
        decoder.decode(large)
    assert decoded.args[1].problem == "This picture can't be shown: it takes more than 2 seconds."
    monkeypatch.undo()
    with qtbot.waitSignal(decoder.decoded, timeout=20_000) as decoded:
        decoder.decode(large)
    assert decoded.args[1].width == 2000


def take_and_sleep_for_ever(pipe) -> None:
    """A helper that makes the file that it is told to, instead of decoding, and never answers."""
    with open(pipe.recv_bytes(), "xb"):
        pass
    sleep_for_ever(pipe)


def test_a_picture_that_is_no_longer_wanted_makes_room_for_the_next(decoder, qtbot, monkeypatch, tmp_path):
    monkeypatch.setattr(picture_decoder, "PATIENCE_S", 100.0)
    monkeypatch.setattr(picture_decoder, "picture_process_main", take_and_sleep_for_ever)
    has_begun = tmp_path / "begun"
    decoder.decode(bytes(has_begun))
    qtbot.waitUntil(has_begun.exists, timeout=20_000)
    monkeypatch.undo()
    with qtbot.waitSignal(decoder.decoded, timeout=20_000) as decoded:
        ticket = decoder.decode(written("png"))
    assert decoded.args[0] == ticket
    assert decoded.args[1].width == 7


def test_the_view_tells_what_it_shows_and_what_it_can_not(qtbot):
    view = PictureView()
    qtbot.addWidget(view)
    view.resize(300, 200)
    view.show_bytes(written("png"))
    assert view.is_empty
    qtbot.waitUntil(lambda: view.caption.startswith("PNG · 7 × 5 pixels · "), timeout=20_000)
    assert not view.is_empty
    view.show_bytes(SVG)
    assert view.is_empty
    assert "none of PNG" in view.caption
    view.end()
