"""What helps, by cause: what the overview says and which buttons it has."""

import os
from dataclasses import replace
from typing import NamedTuple

import pytest

from app.inspector.fact import Fact
from app.inspector.facts import overview
from app.inspector.mends import MENDS
from proxy_core.capture.reader import CaptureReader
from proxy_core.model.dark_cause import DarkCause, Mend
from proxy_core.model.exchange import ExchangeKind, ExchangeState
from tests.support.captures import LiveCapture, Sample

TUNNEL = Sample(kind=ExchangeKind.TUNNEL, method="CONNECT", path="", scheme="")
DARK = (
    DarkCause.SWITCHED_OFF,
    DarkCause.LEFT_ALONE,
    DarkCause.REFUSED,
    DarkCause.OTHER_PROTOCOL,
    DarkCause.NOT_WEB,
    DarkCause.SERVER_FIRST,
    DarkCause.SILENCE,
    DarkCause.INNER_PROXY,
)


class Told(NamedTuple):
    first: str  # the title of the first section
    why: str
    buttons: list[str]
    advice: list[str]
    remarks: list[str]
    failures: list[Fact]


@pytest.fixture
def told(tmp_path):
    def tell(sample: Sample) -> Told:
        live = LiveCapture(tmp_path / f"live{len(os.listdir(tmp_path))}")
        (number,) = live.add(sample)
        reader = CaptureReader(live.close())
        row, detail = reader.rows([number])[number], reader.detail(number)
        reader.close()
        sections = overview(row, detail, None)
        facts = {section.title: section.facts for section in sections}
        help_facts = facts.get("Why, and what helps", [])
        for fact in help_facts:
            if fact.press:
                assert MENDS[Mend(fact.press)] == (fact.name, fact.value)
        return Told(
            sections[0].title,
            next((fact.value for fact in help_facts if fact.name == "Why"), ""),
            [fact.name for fact in help_facts if fact.press],
            [fact.value for fact in help_facts if fact.name == "Advice"],
            [fact.value for fact in facts.get("Remarks", [])],
            [fact for fact in facts["General"] if fact.name == "Failure"],
        )

    return tell


def failed(text: str, failure: str = "tls_certificate_error", **others: object) -> Sample:
    return replace(Sample(state=ExchangeState.FAILED, failure=failure, failure_text=text), **others)


def test_every_mend_has_its_words():
    assert set(MENDS) == set(Mend)
    assert all(text.sentence.endswith((".", ")")) for text in MENDS.values())
    assert [mend for mend, text in MENDS.items() if not text.button] == [Mend.NAME_THE_HOST]


@pytest.mark.parametrize(
    ("cause", "buttons"),
    [
        (DarkCause.CLIENT_REFUSES, ["Trust Harrier's CA…", "Leave Undecrypted", "Open in a Browser", "Copy as cURL"]),
        (DarkCause.CLIENT_LEFT, ["Trust Harrier's CA…", "Leave Undecrypted", "Open in a Browser", "Copy as cURL"]),
        (DarkCause.PINNED, ["Leave Undecrypted", "Pass On What Is Refused", "Trust Harrier's CA…"]),
        (
            DarkCause.WANTS_CERTIFICATE,
            ["Add a Client Certificate…", "Leave Undecrypted", "Open in a Browser", "Copy as cURL"],
        ),
        (DarkCause.WANTS_IT_LATE, ["Leave Undecrypted"]),
        (DarkCause.OLD_TLS, ["Allow Older TLS…", "Leave Undecrypted", "Open in a Browser", "Copy as cURL"]),
        (DarkCause.EXPIRED, ["Accept This Certificate", "Leave Undecrypted", "Open in a Browser", "Copy as cURL"]),
        (
            DarkCause.UNKNOWN_CA,
            [
                "Trust Another CA…",
                "Accept This Certificate",
                "Leave Undecrypted",
                "Open in a Browser",
                "Copy as cURL",
            ],
        ),
    ],
)
def test_a_failure_begins_with_why_and_what_helps(told, cause, buttons):
    text = f"Before it. {cause.told('a.test', 'b', 'c')} And more."
    seen = told(failed(text))
    assert (seen.first, seen.why, seen.buttons) == ("Why, and what helps", text, buttons)
    assert seen.failures == []  # has been said


def test_of_several_causes_the_gravest_helps_first_and_nothing_twice(told):
    text = f"{DarkCause.CLIENT_REFUSES.told('a.test', 'bad_certificate', 'why')} {DarkCause.PINNED.told('a.test', 3)}"
    assert told(failed(text)).buttons == [
        "Leave Undecrypted",
        "Pass On What Is Refused",
        "Trust Harrier's CA…",
        "Open in a Browser",
        "Copy as cURL",
    ]


def test_who_names_no_host_is_advised(told):
    seen = told(failed(f"Refused. {DarkCause.NO_NAME.told('10.0.0.7')}"))
    assert seen.buttons == ["Leave Undecrypted"]
    assert "--socks5-hostname" in seen.advice[0]


def test_what_no_browser_and_no_curl_can_ask_again_is_not_offered(told):
    text = DarkCause.EXPIRED.told("a.test", "then", "now")
    here = ["Accept This Certificate", "Leave Undecrypted"]
    assert told(failed(text, method="POST")).buttons == [*here, "Copy as cURL"]
    tunnel = failed(text, kind=ExchangeKind.TUNNEL, method="CONNECT", path="", scheme="")
    assert told(tunnel).buttons == [*here, "Open in a Browser", "Copy as cURL"]


@pytest.mark.parametrize(
    ("cause", "buttons"),
    [
        (DarkCause.LEFT_ALONE, ["Decrypt This Host"]),
        (DarkCause.SWITCHED_OFF, ["Decrypt HTTPS"]),
        (DarkCause.REFUSED, ["Trust Harrier's CA…", "Decrypt All the Same"]),
    ],
)
def test_what_the_settings_leave_dark_the_settings_mend(told, cause, buttons):
    seen = told(replace(TUNNEL, notes=f"A remark\n{cause.told()}"))
    assert (seen.first, seen.why, seen.buttons) == ("Why, and what helps", cause.told(), buttons)
    assert seen.remarks == ["A remark"]


@pytest.mark.parametrize("notes", ["", *(cause.told("h2") for cause in DARK[3:])])
def test_where_nothing_is_to_be_mended_nothing_is_offered(told, notes):
    seen = told(replace(TUNNEL, notes=notes))
    assert (seen.first, seen.buttons) == ("General", [])
    assert seen.remarks == ([notes] if notes else [])


@pytest.mark.parametrize(
    ("failure", "button"),
    [
        ("client_refused_certificate", "Trust Harrier's CA…"),
        ("client_tls_error", "Leave Undecrypted"),
        ("tls_certificate_error", "Accept This Certificate"),
        ("tls_alert_received", "Add a Client Certificate…"),
    ],
)
def test_what_says_no_cause_of_the_table_is_helped_by_its_kind(told, failure, button):
    assert told(failed("Something of a later version.", failure)).buttons[0] == button


@pytest.mark.parametrize(("status", "is_content"), [(200, True), (304, True), (400, False), (403, False), (500, False)])
def test_an_origin_that_has_asked_for_a_certificate_is_helped_when_it_is_not_content(told, status, is_content):
    asked = DarkCause.ASKED_IN_VAIN.told("shop.test:443")
    seen = told(Sample(status=status, notes=f"A remark\n{asked}"))
    if is_content:
        assert (seen.first, seen.buttons, seen.remarks) == ("General", [], ["A remark", asked])
    else:
        assert (seen.why, seen.remarks) == (asked, ["A remark"])
        assert seen.buttons[0] == "Add a Client Certificate…"


def test_a_failure_that_nothing_here_mends_stays_among_the_facts(told):
    seen = told(failed("The name does not exist.", "dns_error"))
    assert seen.first == "General"
    assert [fact.value for fact in seen.failures] == ["The name does not exist."]
