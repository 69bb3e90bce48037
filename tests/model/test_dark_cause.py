"""The table of causes: each is found again in what it has told, and in nothing else's words."""

import pytest

from proxy_core.model.dark_cause import DarkCause, Mend, causes_in, causes_told, mends_of, reason_in


def in_a_row(cause: DarkCause, detail: str = "x") -> tuple[str, str]:
    """The text of a failure that tells of it, and the notes."""
    said = cause.told(detail, detail, detail)
    return ("", f"A remark.\n{said}\nAnother.") if said.startswith("Not decrypted: ") else (f"First. {said} Last.", "")


@pytest.mark.parametrize("cause", DarkCause)
def test_a_cause_is_found_in_what_it_tells(cause):
    assert causes_in(*in_a_row(cause)) == [cause]


@pytest.mark.parametrize("cause", DarkCause)
def test_whatever_the_details_are(cause):
    assert cause in causes_in(*in_a_row(cause, "«{}» of {0}: is not for %s. "))


def test_no_two_causes_have_the_same_sentence():
    sentences = [cause.value.sentence for cause in DarkCause]
    assert len(set(sentences)) == len(sentences)


def test_words_cut_short_or_in_another_order_are_no_cause():
    said = DarkCause.WRONG_NAME.told("a.test", "b.test", "")
    first, second = said.split(" is not for ")
    assert causes_in(said[:-12], "") == causes_in(f"{second} is not for {first}", "") == []
    assert causes_in("", f"{first} is\nnot for {second}") == []  # a remark is one line
    assert causes_in("", "") == []


def test_remarks_that_tell_of_causes_are_found_among_others():
    asked = DarkCause.ASKED_IN_VAIN.told("a.test:443")
    assert causes_told(f"Host differed.\n{asked}\n{DarkCause.NOT_WEB.told()}\n") == [asked, DarkCause.NOT_WEB.told()]
    assert causes_told("") == []


def test_a_text_without_end_is_not_read_to_its_end():
    assert causes_in("x" * 10_000_000 + DarkCause.SELF_SIGNED.told("a.test"), "") == []


def test_the_reason_is_found_among_other_remarks():
    told = DarkCause.OTHER_PROTOCOL.told("spdy/3")
    assert reason_in(f"Host differed from the target.\n{told}") == told
    assert told == "Not decrypted: the client offers neither HTTP/1.1 nor HTTP/2 (only spdy/3)."
    assert reason_in("") == reason_in("Host differed from the target.") == ""


def test_a_cause_that_nothing_mends_is_not_helped_by_its_kind():
    text = DarkCause.OF_ANOTHER_HARRIER.told("a.test", "Harrier CA")
    assert mends_of("tls_certificate_error", text, "") == []
    assert mends_of("tls_certificate_error", "Other words.", "")[0] is Mend.ACCEPT_CERTIFICATE
    assert mends_of("dns_error", "Other words.", "") == []
