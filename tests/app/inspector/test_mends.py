"""What helps, by cause."""

import pytest

from app.inspector.facts import overview
from app.inspector.mends import mends
from proxy_core.capture.reader import CaptureReader
from proxy_core.model.dark_cause import DarkCause
from proxy_core.model.exchange import ExchangeState
from tests.support.captures import LiveCapture, Sample


@pytest.fixture
def told(tmp_path):
    def tell(sample: Sample, notes: str = "") -> list[str]:
        live = LiveCapture(tmp_path / "live")
        (number,) = live.add(sample)
        reader = CaptureReader(live.close())
        row, detail = reader.rows([number])[number], reader.detail(number)._replace(notes=notes)
        reader.close()
        found = [section for section in overview(row, detail, None) if section.title == "What helps"]
        assert list(mends(row, notes)) == [fact.value for section in found for fact in section.facts]
        return list(mends(row, notes))

    return tell


@pytest.mark.parametrize(
    ("failure", "word"),
    [
        ("client_refused_certificate", "trust Harrier's CA"),
        ("tls_certificate_error", "Accept This Certificate"),
        ("tls_alert_received", "--client-certificate"),
    ],
)
def test_a_failure_has_its_mend_first(told, failure, word):
    assert word in told(Sample(state=ExchangeState.FAILED, failure=failure))[0]


@pytest.mark.parametrize("reason", [DarkCause.LEFT_ALONE, DarkCause.SWITCHED_OFF, DarkCause.REFUSED])
def test_what_the_settings_leave_dark_the_settings_mend(told, reason):
    assert "settings" in told(Sample(), f"A remark\n{reason.told()}")[-1]


@pytest.mark.parametrize("notes", ["", DarkCause.NOT_WEB.told()])
def test_where_nothing_is_to_be_mended_nothing_is_said(told, notes):
    assert told(Sample(), notes) == []
