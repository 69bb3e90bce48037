"""The shop's pictures, drawn by code: PNG landscapes with a bird, SVG drawings of the wares, a two-coloured WebP."""

import functools
import math
import struct
import zlib

Colour = tuple[int, int, int]

# Sky above, sky below, far hills, near hills.
_LIGHTS: tuple[tuple[Colour, Colour, Colour, Colour], ...] = (
    ((246, 211, 172), (252, 236, 214), (126, 148, 139), (52, 84, 77)),
    ((133, 178, 207), (226, 238, 240), (118, 147, 133), (61, 97, 72)),
    ((226, 158, 128), (249, 219, 180), (139, 112, 120), (70, 58, 82)),
    ((72, 96, 132), (186, 196, 207), (72, 92, 112), (34, 48, 66)),
    ((199, 219, 204), (243, 243, 226), (129, 156, 120), (74, 104, 60)),
    ((238, 196, 110), (251, 233, 186), (166, 132, 86), (98, 74, 52)),
)


def png(width: int, height: int, rows: list[bytes]) -> bytes:
    """Pack rows of RGB bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@functools.cache
def landscape(number: int, width: int = 480, height: int = 300) -> bytes:
    """Hills under a sky, with a sun and a harrier over them. Different for each number, always the same for one."""
    above, below, far, near = _LIGHTS[number % len(_LIGHTS)]
    phase = number * 1.7
    far_line = [
        height * (0.62 + 0.07 * math.sin(x / 70 + phase) + 0.03 * math.sin(x / 23 + phase)) for x in range(width)
    ]
    near_line = [height * (0.78 + 0.09 * math.sin(x / 110 + 2 * phase)) for x in range(width)]
    sun_x, sun_y, sun_radius = width * (0.2 + 0.1 * (number % 6)), height * 0.3, height * 0.09
    bird_x, bird_y = width * (0.72 - 0.07 * (number % 5)), height * (0.28 + 0.04 * (number % 3))
    rows = []
    for y in range(height):
        sky = _mixed(above, below, min(1.0, y / (height * 0.65)))
        row = bytearray()
        for x in range(width):
            if y > near_line[x]:
                colour = near
            elif y > far_line[x]:
                colour = far
            else:
                distance = math.hypot(x - sun_x, y - sun_y)
                colour = _mixed((255, 248, 226), sky, min(1.0, max(0.0, distance - sun_radius) / 6))
            if _is_bird((x - bird_x) / height, (y - bird_y) / height):
                colour = (40, 42, 48)
            row += bytes(colour)
        rows.append(bytes(row))
    return png(width, height, rows)


def _mixed(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (int(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _is_bird(x: float, y: float) -> bool:
    """Wings held up in the shallow V of a gliding harrier, thinning towards their tips, and a small body."""
    span = abs(x)
    wing = -0.55 * span + 1.1 * span * span
    return (span < 0.26 and abs(y - wing) < 0.016 * (1 - span / 0.27)) or math.hypot(x * 2.2, y) < 0.024


def drawing(number: int) -> str:
    """An SVG of a ware: a pair of binoculars, seen from above."""
    red, green, blue = _LIGHTS[number % len(_LIGHTS)][3]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 64" role="img" aria-label="Binoculars">'
        f'<g fill="rgb({red},{green},{blue})"><rect x="10" y="10" width="32" height="46" rx="9"/>'
        '<rect x="54" y="10" width="32" height="46" rx="9"/><rect x="40" y="20" width="16" height="12" rx="3"/></g>'
        '<g fill="#fff" opacity=".25"><circle cx="26" cy="42" r="10"/><circle cx="70" cy="42" r="10"/></g></svg>\n'
    )


def badge(size: int = 48) -> bytes:
    """A lossless WebP of two colours: a light disc. VP8L with one bit for each pixel."""
    bits: list[int] = []

    def put(value: int, count: int) -> None:
        bits.extend(value >> position & 1 for position in range(count))

    put(0x2F, 8)
    put(size - 1, 14)
    put(size - 1, 14)
    put(0, 1)  # no alpha
    put(0, 3)  # version
    put(0, 1)  # no transform
    put(0, 1)  # no colour cache
    put(0, 1)  # no meta prefix image
    put(0b111, 3)  # green: a simple code of two symbols, the first of 8 bits
    put(96, 8)
    put(230, 8)
    for symbol in (60, 120, 255, 0):  # red, blue, alpha, distance: one symbol each, which costs no bit
        put(0b101, 3)
        put(symbol, 8)
    middle = (size - 1) / 2
    for y in range(size):
        for x in range(size):
            put(int(math.hypot(x - middle, y - middle) < size * 0.42), 1)
    bits += [0] * (-len(bits) % 8)
    data = bytes(sum(bit << place for place, bit in enumerate(bits[at : at + 8])) for at in range(0, len(bits), 8))
    chunk = b"VP8L" + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk
