"""What is known of an upstream's TLS, in HAR: as Playwright has it, and back without a loss."""

import json
import time
from base64 import b64encode
from contextlib import closing

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from proxy_core.capture.reader import CaptureReader
from proxy_core.formats.har_tls import read_tls, security_details, told_tls
from proxy_core.model.exchange import ExchangeState
from proxy_core.model.tls_facts import Program, TlsFacts, decode_tls_facts, encode_tls_facts
from proxy_core.tasks.convert import convert
from proxy_core.tasks.har_export import export_har
from tests.support.captures import STARTED_AT, LiveCapture, Sample
from tests.support.har_validation import check_har
from tests.support.test_ca import ExampleCa

CA = ExampleCa("Wares CA")
LEAF = CA.leaf("shop.test").certificate
FACTS = TlsFacts(
    version="TLSv1.3",
    cipher="TLS_AES_128_GCM_SHA256",
    alpn="h2",
    sni="shop.test",
    verified=True,
    chain=(LEAF.public_bytes(Encoding.DER), CA.certificate.public_bytes(Encoding.DER)),
    ja4="t13d1516h2",
)


def upstreams(path: str) -> list[TlsFacts | None]:
    """What is known of the connection that each exchange had."""
    with closing(CaptureReader(path)) as reader:
        found = []
        for each in reader.ids():
            detail = reader.detail(each)
            assert detail is not None
            connection = reader.connection(detail.upstream_connection)
            found.append(None if connection is None else decode_tls_facts(connection.tls))
        return found


def test_everybody_is_told_whom_the_certificate_names_and_an_import_has_it_all_again(tmp_path):
    live = LiveCapture(tmp_path / "a.live")
    live.add_connections(encode_tls_facts(FACTS))
    live.add(Sample("/a"), Sample("/b"))
    convert(live.close(), str(tmp_path / "out.har"))
    entries = check_har(tmp_path / "out.har")["entries"]
    told = {
        "protocol": "TLSv1.3",
        "_cipher": "TLS_AES_128_GCM_SHA256",
        "_alpn": "h2",
        "subjectName": "shop.test",
        "issuer": "Wares CA",
        "validFrom": int(LEAF.not_valid_before_utc.timestamp()),
        "validTo": int(LEAF.not_valid_after_utc.timestamp()),
    }
    assert [each["_securityDetails"] for each in entries] == [told, told]
    assert ["upstreamTls" in each["_harrier"] for each in entries] == [True, False]  # it is one connection
    assert convert(str(tmp_path / "out.har"), str(tmp_path / "back.harrier")).repairs == []
    assert upstreams(str(tmp_path / "back.harrier")) == [FACTS, FACTS]


def test_a_chain_that_cannot_be_read_is_not_told_of():
    broken = TlsFacts(version="TLSv1.2", chain=(b"\x30\x03\x02\x01\x00",))
    assert security_details(encode_tls_facts(broken)) == {"protocol": "TLSv1.2"}
    assert security_details(b"\xc1") == {}
    assert security_details(encode_tls_facts(TlsFacts())) == {}


def test_the_program_of_a_client_is_no_fact_of_an_upstream():
    own = told_tls(encode_tls_facts(TlsFacts(version="TLSv1.3", program=Program("curl", 7))))
    assert decode_tls_facts(read_tls(own)) == TlsFacts(version="TLSv1.3")
    assert told_tls(None) == {}


@pytest.mark.parametrize(
    "told", [None, 5, "", "no base64!", "AAAA", b64encode(b"\x90" * 9).decode(), "A" * (1 << 20), ["A"], "\ud800"]
)
def test_whatever_is_told_is_facts_or_nothing(told):
    assert read_tls({"upstreamTls": told}) is None


def test_what_is_under_way_has_the_time_until_now(tmp_path):
    live = LiveCapture(tmp_path / "a.live")
    live.add_connections()
    live.add(Sample("/open", state=ExchangeState.RESPONDING), Sample("/done"))
    before_ms = time.time_ns() / 1e6
    with closing(CaptureReader(str(live.folder))) as reader:  # which is being recorded
        export_har(reader, str(tmp_path / "out.har"))
    live.close()
    open_one, done = json.loads((tmp_path / "out.har").read_bytes())["log"]["entries"]
    assert open_one["time"] >= before_ms - STARTED_AT / 1000 - 1000  # it began a moment behind that instant
    assert open_one["timings"]["receive"] > open_one["timings"]["wait"]
    assert done["time"] == 38
    convert(str(tmp_path / "out.har"), str(tmp_path / "back.harrier"))
    with closing(CaptureReader(str(tmp_path / "back.harrier"))) as reader:
        assert reader.rows([1])[1].duration_us == pytest.approx(open_one["time"] * 1000, abs=2)
