import pytest

from proxy_core.formats.amount import duration_text, size_text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (4130, "4.1 kB"), (312_000, "312 kB"), (1_200_000_000, "1.2 GB")]
)
def test_sizes(count, text):
    assert size_text(count) == text


@pytest.mark.parametrize(
    ("duration_us", "text"),
    [(0, "0 µs"), (40, "40 µs"), (420, "0.4 ms"), (38_000, "38 ms"), (1_030_000, "1.03 s"), (125_000_000, "2 min 5 s")],
)
def test_durations(duration_us, text):
    assert duration_text(duration_us) == text
