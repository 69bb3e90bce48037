"""Sizes and durations as people read them: three digits at the most."""

MOST_SECONDS = 120  # more are told in minutes


def size_text(count: int) -> str:
    """`512 B`, `4.1 kB`, `312 kB`, `1.2 MB`: three digits at the most, decimal units as in the browsers' panels."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            return f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"
    raise AssertionError


def duration_text(duration_us: int) -> str:
    """`40 µs`, `0.4 ms`, `38 ms`, `1.03 s`, `2 min 5 s`, `3 h 20 min`."""
    ms = duration_us / 1000
    if duration_us < 95:
        return f"{duration_us} µs"
    if ms < 0.95:
        return f"{ms:.1f} ms"
    if ms < 999.5:
        return f"{ms:.0f} ms"
    if ms < 9_995:
        return f"{ms / 1000:.2f} s"
    seconds = round(ms / 1000)
    if seconds < MOST_SECONDS:
        return f"{ms / 1000:.1f} s" if ms < 99_950 else f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 120:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"
