"""Segments by number and name."""

import pytest

from proxy_core.capture.segment import (
    COUNT_LIMIT,
    is_journal,
    segment_name,
    segment_number,
    segment_series,
    segments_in,
    series_in,
)


@pytest.mark.parametrize("series", [1, 2, 4095, 4096, 1_000_000])
@pytest.mark.parametrize("count", [1, COUNT_LIMIT - 1])
@pytest.mark.parametrize("is_body", [False, True])
def test_a_number_tells_its_series_and_its_sort(series, count, is_body):
    segment = segment_number(series, count, is_body=is_body)
    assert (segment_series(segment), is_journal(segment)) == (series, not is_body)


def test_the_number_behind_the_last_is_refused():
    """It would be a body's instead of a journal's, or another worker's."""
    for is_body in (False, True):
        with pytest.raises(OSError, match="as many segments as it has numbers"):
            segment_number(1, COUNT_LIMIT, is_body=is_body)


def test_files_of_other_names_are_no_segments(tmp_path):
    numbers = [segment_number(2, 1), segment_number(1, 1, is_body=True), segment_number(1, 1)]
    for number in numbers:
        (tmp_path / segment_name(number)).touch()
    for name in ("index.sqlite", "1.seg", "0x100001.seg", "00100001.SEG", "٠٠100001.seg", "00100001.seg.seg", ".seg"):
        (tmp_path / name).touch()
    assert segments_in(str(tmp_path)) == sorted(numbers)
    assert series_in(str(tmp_path)) == [1, 2]
