"""The certificate that an origin was refused for, as the settings accept it."""

from hashlib import sha256

import pytest

from app.shell.refused_certificate import refused_certificate
from proxy_core.capture.reader import CaptureReader
from proxy_core.model.exchange import ExchangeState
from proxy_core.model.tls_facts import TlsFacts, encode_tls_facts
from tests.support.captures import LiveCapture, Sample

REFUSED = Sample(state=ExchangeState.FAILED, failure="tls_certificate_error")


@pytest.fixture
def look(tmp_path):
    def look(sample: Sample, facts: TlsFacts | None):
        live = LiveCapture(tmp_path / "live")
        live.add_connections(None if facts is None else encode_tls_facts(facts))
        (number,) = live.add(sample)
        reader = CaptureReader(live.close())
        found = refused_certificate(reader, reader.rows([number])[number])
        reader.close()
        return found

    return look


def test_it_is_found_with_the_name_that_it_was_to_vouch_for(look):
    found = look(REFUSED, TlsFacts(sni="shop.test", verify_error="It is too old.", chain=(b"first", b"issuer")))
    assert found == ("shop.test", sha256(b"first").hexdigest())


@pytest.mark.parametrize("facts", [None, TlsFacts(), TlsFacts(chain=(b"first",), verified=True)])
def test_where_none_was_refused_there_is_none(look, facts):
    assert look(REFUSED, facts) is None


def test_another_failure_is_no_certificates(look):
    assert look(Sample(state=ExchangeState.FAILED, failure="dns_error"), TlsFacts(chain=(b"first",))) is None
