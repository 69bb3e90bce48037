"""What a picture is and how large, read from its first bytes by ourselves.

Only the formats that are known here are decoded at all, each by the reader of that name: a picture's media type, or a
reader's own look at the bytes, decides nothing. Text formats are not among them. SVG above all: its readers open files
and addresses that it names, and a few kilobytes of it keep them busy for ever.
"""

from typing import NamedTuple

LARGEST_SIDE = 20_000  # pixels
LARGEST_AREA = 64_000_000  # pixels: 256 MB in memory
KNOWN_FORMATS = "PNG, JPEG, GIF, WebP, BMP, ICO and TIFF"
_PNG = b"\x89PNG\r\n"
_MOST_SEGMENTS = 10_000  # of a JPEG, before the one that tells its size; a 64 KB profile takes one
_MOST_ICONS = 64
_MOST_TAGS = 512  # of a TIFF
# ITU-T T.81 table B.1: start of frame; C4, C8 and CC among them are something else.
_JPEG_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length


class PictureHead(NamedTuple):
    """The name that Qt's reader has, and the size in pixels; 0 where it can't be read."""

    format: str
    width: int
    height: int


def picture_head(data: bytes) -> PictureHead | None:
    """What the first bytes say; None for whatever is no picture of a known format."""
    if data.startswith(_PNG):
        return _head("png", _png_size(data, 0))
    if data.startswith(b"\xff\xd8\xff"):
        return _head("jpeg", _jpeg_size(data))
    if data.startswith((b"GIF87a", b"GIF89a")):
        return _head("gif", (_little(data, 6, 2), _little(data, 8, 2)))
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _head("webp", _webp_size(data))
    if data.startswith(b"BM") and data[6:10] == bytes(4):
        return _head("bmp", _dib_size(data, 14))
    if data.startswith(b"\x00\x00\x01\x00"):
        return _head("ico", _ico_size(data))
    if data.startswith((b"II*\x00", b"MM\x00*")):
        return _head("tiff", _tiff_size(data))
    return None


def refusal(head: PictureHead | None) -> str:
    """Why a picture is not decoded, "" when it is."""
    if head is None:
        return f"This picture can't be shown: it is none of {KNOWN_FORMATS}."
    if head.width <= 0 or head.height <= 0:
        return f"This picture can't be shown: its size can't be read ({head.format.upper()})."
    if head.width > LARGEST_SIDE or head.height > LARGEST_SIDE or head.width * head.height > LARGEST_AREA:
        return f"Too large to be shown: {head.width:,} × {head.height:,} pixels."
    return ""


def _head(name: str, size: tuple[int, int]) -> PictureHead:
    return PictureHead(name, *size)


def _little(data: bytes, offset: int, length: int) -> int:
    return int.from_bytes(data[offset : offset + length], "little")


def _big(data: bytes, offset: int, length: int) -> int:
    return int.from_bytes(data[offset : offset + length], "big")


def _png_size(data: bytes, start: int) -> tuple[int, int]:
    return _big(data, start + 16, 4), _big(data, start + 20, 4)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    place = 2
    for _ in range(_MOST_SEGMENTS):
        place = data.find(b"\xff", place)
        if place < 0 or place + 9 > len(data):
            break
        marker = data[place + 1]
        if marker == 0xFF:  # a filling byte
            place += 1
        elif marker in _JPEG_FRAMES:
            return _big(data, place + 7, 2), _big(data, place + 5, 2)
        elif marker == 0xDA:  # the picture begins, and nobody has said how large it is
            break
        else:
            place += 2 if marker in _JPEG_BARE else 2 + _big(data, place + 2, 2)
    return 0, 0


def _webp_size(data: bytes) -> tuple[int, int]:
    match data[12:16]:
        case b"VP8X":
            return _little(data, 24, 3) + 1, _little(data, 27, 3) + 1
        case b"VP8L":
            bits = _little(data, 21, 4)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            return _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF
        case _:
            return 0, 0


def _dib_size(data: bytes, start: int) -> tuple[int, int]:
    """Of a bitmap's header, in either of its two shapes. A negative height means rows from above."""
    if _little(data, start, 4) == 12:
        return _little(data, start + 4, 2), _little(data, start + 6, 2)
    width, height = (
        int.from_bytes(data[start + offset : start + offset + 4], "little", signed=True) for offset in (4, 8)
    )
    return width, abs(height)


def _ico_size(data: bytes) -> tuple[int, int]:
    """The largest width and height of all its pictures, by their own headers: what the list says binds nobody."""
    width = height = 0
    for number in range(min(_little(data, 4, 2), _MOST_ICONS)):
        entry = 6 + 16 * number
        start = _little(data, entry + 12, 4)
        if data.startswith(_PNG, start):
            size = _png_size(data, start)
        else:
            across, down = _dib_size(data, start)
            size = across, down // 2  # the picture, and its mask above
        width, height = max(width, size[0]), max(height, size[1])
    return width, height


def _tiff_size(data: bytes) -> tuple[int, int]:
    """Of the first picture in it."""
    read = _little if data.startswith(b"II") else _big
    first = read(data, 4, 4)
    width = height = 0
    for number in range(min(read(data, first, 2), _MOST_TAGS)):
        entry = first + 2 + 12 * number
        value = read(data, entry + 8, 2 if read(data, entry + 2, 2) == 3 else 4)
        match read(data, entry, 2):
            case 256:  # ImageWidth
                width = value
            case 257:  # ImageLength
                height = value
            case _:
                pass
    return width, height
