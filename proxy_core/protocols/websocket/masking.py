"""Taking the mask off what a client sent (RFC 6455 §5.3)."""


def unmasked(data: bytes, mask: bytes, begun: int) -> bytes:
    """The bytes without the mask; `begun` bytes of the payload have gone before them."""
    # As two large numbers: byte by byte would take thirty times as long.
    length = len(data)
    phase = begun & 3
    key = (mask[phase:] + mask[:phase]) * ((length + 3) // 4)
    number = int.from_bytes(data, "little") ^ int.from_bytes(key[:length], "little")
    return number.to_bytes(length, "little")
