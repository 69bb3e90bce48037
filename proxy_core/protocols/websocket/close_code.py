"""What a close frame says (RFC 6455 §5.5.1, §7.4)."""

_UNSENDABLE = {
    1004: "is reserved",
    1005: "stands for no code, and is never sent",
    1006: "stands for a lost connection, and is never sent",
    1015: "stands for a failed handshake, and is never sent",
}
_FIRST_REGISTERED, _LAST_REGISTERED = 1000, 1014  # IANA's registry, RFC 6455 §11.7
_FIRST_FREE, _LAST_FREE = 3000, 4999  # of libraries and applications, RFC 6455 §7.4.2


def close_code(payload: bytes) -> int | None:
    """The code of a close frame, None where it has none."""
    return int.from_bytes(payload[:2], "big") if len(payload) >= 2 else None


def close_faults(payload: bytes) -> list[str]:
    """What is wrong about the payload of a close frame."""
    if not payload:
        return []
    code = close_code(payload)
    if code is None:
        return ["A close of one byte has no code (RFC 6455 §5.5.1)."]
    faults = []
    if code in _UNSENDABLE:
        faults.append(f"The close code {code} {_UNSENDABLE[code]} (RFC 6455 §7.4.1).")
    elif not (_FIRST_REGISTERED <= code <= _LAST_REGISTERED or _FIRST_FREE <= code <= _LAST_FREE):
        faults.append(f"Nobody may send the close code {code} (RFC 6455 §7.4.2).")
    try:
        payload[2:].decode("utf-8")
    except UnicodeDecodeError:
        faults.append("The reason of the close is not UTF-8 (RFC 6455 §5.5.1).")
    return faults
