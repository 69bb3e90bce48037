"""What the inspector is told, without Qt: lines of any text, bodies of every kind, and the facts about an exchange."""

import gzip
import json
import zlib
from functools import partial
from urllib.parse import unquote_plus

import brotli
import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from app.inspector import body_content
from app.inspector.body_content import EMPTY, BodyContent, load_body
from app.inspector.fact import Fact
from app.inspector.facts import (
    SHOWN_HEAD_BYTES,
    connection_sections,
    endpoint_text,
    head_lines,
    instant_text,
    overview,
    phases,
    request_summary,
    response_summary,
    timing_sections,
    timing_title,
)
from app.inspector.lines import LONGEST_LINE, HexLines, LaidOutLines, Lines, TextLines, hex_line
from app.inspector.search import find_in
from app.inspector.viewers.form_body import form_pairs
from app.inspector.viewers.table import VIEWERS
from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.formats.content_coding import zstd
from proxy_core.formats.highlight import Language
from proxy_core.formats.json_text import Layout
from proxy_core.model.elapsed import timings_of, timings_until
from proxy_core.model.exchange import ConnectionRow, ExchangeFlag, ExchangeKind, ExchangeState, Timings
from proxy_core.model.message_head import parse_head
from proxy_core.model.message_record import NO_MESSAGE, MessageRecord
from proxy_core.model.tls_facts import Program, TlsFacts, encode_tls_facts
from tests.support.captures import STARTED_AT, LiveCapture, Sample
from tests.support.test_ca import ExampleCa


def lines_in(content: BodyContent, mode: str) -> Lines | None:
    view = content.view(mode)
    return None if view is None else view.lines


def pretty(content: BodyContent) -> Lines | None:
    return lines_in(content, "Pretty")


def raw(content: BodyContent) -> Lines | None:
    return lines_in(content, "Raw")


FORM_TYPE = "application/x-www-form-urlencoded"
HOSTILE = "a\u202egpj.exe\x1b[31m\u2028b\u200b\x85c"


@pytest.fixture
def live(tmp_path):
    capture = LiveCapture(tmp_path / "a.live")
    yield capture
    capture.close()


@pytest.fixture
def load(live):
    """Records a response and loads its body."""

    def load(body: bytes, content_type: str = "text/plain", coding: str = "") -> BodyContent:
        fields = [("Content-Encoding", coding)] if coding else []
        (each,) = live.add(Sample(response_body=body, content_type=content_type, response_fields=fields))
        reader = CaptureReader(str(live.folder))
        try:
            detail = reader.detail(each)
            assert detail is not None
            return load_body(reader, detail.response.body, parse_head(detail.response.head), VIEWERS)
        finally:
            reader.close()

    return load


@pytest.fixture
def recorded(live):
    """Records an exchange; its row and detail."""

    def record(sample: Sample):
        (each,) = live.add(sample)
        reader = CaptureReader(str(live.folder))
        try:
            detail = reader.detail(each)
            assert detail is not None
            return reader.rows([each])[each], detail
        finally:
            reader.close()

    return record


def texts(lines: Lines | None) -> list[str]:
    assert lines is not None
    return [lines.text(number) for number in range(lines.count)]


def values(facts: list[Fact]) -> dict[str, str]:
    return {fact.name: fact.value for fact in facts}


# Lines


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"one", ["one"]),
        (b"one\n", ["one"]),
        (b"\n\n", ["", ""]),
        (b"one\r\ntwo\n\nthree", ["one", "two", "", "three"]),
        (b"a\tb", ["a    b"]),
        ("é日😀".encode(), ["é日😀"]),
        (b"bad \xff\xfe", ["bad \ufffd\ufffd"]),
        (b"a\rb", ["a\ufffdb"]),
    ],
)
def test_lines_of_a_text(data, lines):
    assert texts(TextLines(data)) == lines


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]), max_size=100), st.integers(1, 80))
def test_a_long_line_is_cut_between_characters(text, times):
    whole = text * times
    lines = texts(TextLines(whole.encode()))
    assert "".join(lines) == whole
    assert all(len(line.encode()) <= LONGEST_LINE for line in lines)


@given(st.binary(max_size=200), st.integers(1, 100))
def test_any_bytes_are_some_lines(piece, times):
    lines = TextLines(piece * times)
    assert bool(lines.count) == bool(piece)
    assert all(lines.text(number) or lines.piece(number).end for number in range(lines.count))
    assert all(len(line) <= 4 * LONGEST_LINE for line in texts(lines))


@pytest.mark.parametrize(
    "character",
    [
        chr(code)
        for code in (0, 7, 27, 127, 0x85, 0x9B, 0x61C, 0x200E, 0x200F, 0x2028, 0x2029, 0x202A, 0x202E, 0x2066, 0x2069)
    ],
)
def test_what_changes_how_a_line_looks_is_replaced(character):
    assert TextLines(f"a{character}b".encode()).text(0) == "a\ufffdb"
    assert LaidOutLines(Layout([f"a{character}b"], {}), Language.PLAIN).text(0) == "a\ufffdb"


def test_joined_emoji_and_other_scripts_stay():
    text = "👩‍💻 עברית العربية 日本語 n\u0303"
    assert TextLines(text.encode()).text(0) == text


@given(st.binary(max_size=100))
def test_bytes_can_be_read_back_from_hexadecimal(data):
    lines = HexLines(lambda offset, length: data[offset : offset + length], len(data))
    found = texts(lines)
    assert b"".join(bytes.fromhex(line[10:58]) for line in found) == data
    assert [int(line[:8], 16) for line in found] == list(range(0, len(data), 16))
    assert "".join(line[60:] for line in found).isprintable()


def test_hexadecimal_reads_a_page_and_no_more():
    asked = []

    def read(offset: int, length: int) -> bytes:
        asked.append((offset, length))
        return bytes(length)

    lines = HexLines(read, 10 << 30)
    assert lines.count == (10 << 30) // 16
    for number in (0, 1, 4095, lines.count - 1, lines.count - 2):
        assert lines.text(number)
    assert len(asked) == 2
    assert all(length <= 65536 for _, length in asked)


def test_a_place_beyond_four_gigabytes_has_a_longer_offset():
    assert hex_line(5 << 32, b"A").startswith("500000000  41")


def test_finding_disregards_case_and_takes_signs_for_themselves():
    lines = TextLines("A.c\nabc a.C\nÄ.c".encode())
    assert find_in(lines, "a.c", 0, 3) == [(0, 0, 3), (1, 4, 7)]
    assert find_in(lines, "ä", 0, 3) == [(2, 0, 1)]
    assert find_in(lines, "(", 0, 3) == []
    assert find_in(lines, "a", 1, 2) == [(1, 0, 1), (1, 4, 5)]


# Bodies


def test_no_body_is_empty(load, recorded, live):
    _, detail = recorded(Sample())
    reader = CaptureReader(str(live.folder))
    assert load_body(reader, detail.response.body, parse_head(detail.response.head), VIEWERS) is EMPTY
    reader.close()


def test_json(load):
    content = load(b'{"a":[1,{"b":null}]}', "application/json; charset=utf-8")
    assert texts(pretty(content)) == ["{", '  "a": [', "    1,", "    {", '      "b": null', "    }", "  ]", "}"]
    assert pretty(content) is not None
    assert pretty(content).folds[0] == 7
    assert pretty(content).language is Language.JSON
    assert texts(raw(content)) == ['{"a":[1,{"b":null}]}']


def test_markup_says_by_its_type_or_itself_whether_it_is_html(load):
    page = b"<!DOCTYPE html><HTML><br><style>a>b{}</style></HTML>"
    html = ["<!DOCTYPE html>", "<HTML>", "  <br>", "  <style>a>b{}</style>", "</HTML>"]
    assert texts(pretty(load(page, "text/html"))) == html
    assert texts(pretty(load(page, ""))) == html
    assert texts(pretty(load(b"<link>a</link><br/>", "application/rss+xml"))) == ["<link>a</link>", "<br/>"]


@pytest.mark.parametrize(
    ("content_type", "language"), [("text/javascript", Language.SCRIPT), ("text/css", Language.STYLE)]
)
def test_scripts_and_styles_are_coloured_as_they_came(load, content_type, language):
    content = load(b"a\nb", content_type)
    assert pretty(content) is None
    assert raw(content) is not None
    assert raw(content).language is language


def test_a_form_is_names_and_values(load):
    body = b"q=caf%C3%A9+au+lait&empty=&flag&two%3D=%26%3d&%ff=%E2%80%AE&%zz=1&lines=a%0D%0Ab%0Ac"
    content = load(body, "application/x-www-form-urlencoded")
    assert texts(pretty(content)) == [
        "q = café au lait",
        "empty = ",
        "flag = ",
        "two= = &=",
        "\ufffd = \ufffd",
        "%zz = 1",
        "lines = a ⏎ b ⏎ c",
    ]
    assert texts(raw(content)) == [body.decode()]


@pytest.mark.parametrize("unit", ["%C3%A9+", "é%20", "%zz", "%ff", "a", "+", "%"])
def test_a_long_value_of_a_form_is_undone_in_steps_as_if_at_once(unit):
    text = unit * 70_000
    for shift in range(4):
        passed = []
        ((name, value),) = form_pairs(f"n={'x' * shift}{text}", lambda: passed.append(1))
        assert (name, value) == ("n", unquote_plus("x" * shift + text))
        assert len(passed) > text.count("%") // 20_000


def test_a_form_without_fields_has_no_view_of_its_own(load):
    assert pretty(load(b"&&&", "application/x-www-form-urlencoded")) is None


def test_multipart_is_names_with_short_values_or_sizes(load):
    body = (
        'Content-Disposition: form-data; name="größe"\r\n\r\nzwei\r\nZeilen'.encode(),
        'Content-Disposition: form-data; name="f"; filename="日本.png"\r\nContent-Type: image/png\r\n\r\n'.encode()
        + b"\x89PNG\0",
        b'Content-Disposition: form-data; name="long"\r\n\r\n' + b"x" * 3000,
        b"\r\nno head",
    )
    data = b"--B\r\n" + b"\r\n--B\r\n".join(body) + b"\r\n--B--\r\n"
    content = load(data, 'multipart/form-data; boundary="B"')
    assert texts(pretty(content))[0:2] == ["größe = zwei ⏎ Zeilen", "f = 日本.png (image/png, 5 bytes)"]
    assert "".join(texts(pretty(content))[2:]) == "long = binary (text/plain, 3,000 bytes)(no name) = no head"
    assert content.data == data


def test_multipart_in_multipart_however_deep_is_shown(load):
    deep = b"".join(b"--%d\r\nContent-Type: multipart/mixed; boundary=%d\r\n\r\n" % (n, n + 1) for n in range(5000))
    head = b"--0\r\nContent-Type: multipart/mixed; boundary=1\r\n\r\n"
    assert texts(pretty(load(deep, "multipart/mixed; boundary=0"))) == [
        f"(no name) = binary (multipart/mixed, {len(deep) - len(head):,} bytes)"
    ]


def test_multipart_that_is_none_is_raw_text(load):
    content = load(b"no boundary", "multipart/form-data")
    assert pretty(content) is None
    assert texts(raw(content)) == ["no boundary"]


def test_images_and_binaries_have_no_text(load):
    for content_type, modes in (("image/png", ["Hex", "Preview"]), ("application/zip", ["Hex"])):
        content = load(b"PK\0\1\2", content_type)
        assert [each.viewer.mode for each in content.views] == modes
        assert content.charset == ""
        assert content.data == b"PK\0\1\2"


TEXT = "Grüße aus Köln. ".encode() * 100


@pytest.mark.parametrize(
    ("coding", "coded"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("x-gzip", gzip.compress(TEXT, mtime=0)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", zlib.compress(TEXT, wbits=-15)),
        ("br", brotli.compress(TEXT)),
        ("zstd", zstd.compress(TEXT)),
        ("gzip, br", brotli.compress(gzip.compress(TEXT, mtime=0))),
    ],
)
def test_content_codings_are_undone(load, coding, coded):
    content = load(coded, "text/plain", coding)
    assert (content.data, content.problem, content.is_truncated) == (TEXT, "", False)
    assert (content.coding, content.wire_length) == (coding, len(coded))
    assert "".join(texts(raw(content))) == TEXT.decode()


CODER = {"gzip": gzip.compress, "br": partial(brotli.compress, quality=4), "zstd": zstd.compress}


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "gzip, gzip"])
def test_a_bomb_ends_at_the_limit_and_says_so(load, coding, monkeypatch):
    bomb = bytes(30 << 20)
    for each in coding.split(", "):
        bomb = CODER[each](bomb)
    monkeypatch.setattr(body_content, "SHOWN_LIMIT_BYTES", 1 << 20)
    content = load(bomb, "application/octet-stream", coding)
    assert (len(content.data), content.is_truncated) == (1 << 20, True)


def test_a_body_as_large_as_is_shown_is_whole(load, monkeypatch):
    monkeypatch.setattr(body_content, "SHOWN_LIMIT_BYTES", 1000)
    assert load(bytes(1000), "application/octet-stream").is_truncated is False
    content = load(bytes(1001), "application/octet-stream")
    assert (len(content.data), content.is_truncated, content.wire_length) == (1000, True, 1001)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"[" + b"1," * 50_000 + b"1]"),
        ("application/json", b"1 " * 50_000),
        ("text/html", b"<a>" * 20_000),
        ("text/html", b"<p>" + b"x\n" * 20_000),
        (FORM_TYPE, b"a&" * 20_000),
        ("multipart/form-data; boundary=b", b"--b\n" * 20_000),
    ],
)
def test_a_body_of_too_many_parts_is_shown_as_it_came_and_says_so(load, content_type, body, monkeypatch):
    monkeypatch.setattr(body_content, "LAYOUT_CHECKPOINTS", 2)
    content = load(body, content_type)
    assert pretty(content) is None
    assert raw(content) is not None
    assert content.remark == (
        "It has too many parts to be laid out: it is shown as it came. «Save body» writes it to a file."
    )


def test_five_megabytes_of_json_are_laid_out(load):
    records = [{"id": number, "name": f"Ware {number}", "tags": ["a", "b"]} for number in range(100_000)]
    content = load(json.dumps(records).encode(), "application/json")
    assert content.wire_length > 5_000_000
    assert pretty(content) is not None
    assert pretty(content).count == 8 * len(records) + 2
    assert content.remark == ""


def test_work_on_a_body_is_given_up_when_its_checkpoint_says_so(live):
    class GivenUpError(Exception):
        pass

    def give_up_at(passing: int):
        passed = 0

        def checkpoint() -> None:
            nonlocal passed
            passed += 1
            if passed == passing:
                raise GivenUpError

        return checkpoint

    body = json.dumps(list(range(50_000))).encode()
    (each,) = live.add(Sample(response_body=body, content_type="application/json"))
    reader = CaptureReader(str(live.folder))
    detail = reader.detail(each)
    assert detail is not None
    for passing in range(1, 12):  # while it is read, split into lines, laid out
        with pytest.raises(GivenUpError):
            load_body(reader, detail.response.body, parse_head(detail.response.head), VIEWERS, give_up_at(passing))
    reader.close()


@pytest.mark.parametrize(
    ("coding", "body", "shown"),
    [
        ("gzip", b"not gzip at all", b"not gzip at all"),
        ("br", b"\xff\xff not brotli", b"\xff\xff not brotli"),
        ("compress", b"\x1f\x9d what Unix had", b"\x1f\x9d what Unix had"),
    ],
)
def test_a_body_that_is_not_what_it_says_is_shown_as_it_came(load, coding, body, shown):
    content = load(body, "text/plain", coding)
    assert content.data == shown
    assert coding in content.problem
    assert "as it came" in content.problem


def test_a_body_that_breaks_off_is_shown_as_far_as_it_goes(load):
    noise = json.dumps([zlib.crc32(b"%d" % number) for number in range(2000)]).encode()
    content = load(gzip.compress(noise)[:-2000], "text/plain", "gzip")
    assert content.data
    assert noise.startswith(content.data)
    assert "ends too early" in content.problem


def test_a_coding_with_a_hostile_name_is_spelled_out(load):
    content = load(b"x", "text/plain", HOSTILE)
    assert content.problem.isprintable()
    assert content.coding.isprintable()


@pytest.mark.parametrize(
    ("body", "content_type", "charset", "line"),
    [
        ("Grüße".encode(), "text/plain", "utf-8", "Grüße"),
        ("Grüße".encode("latin-1"), "text/plain; charset=iso-8859-1", "cp1252", "Grüße"),
        ("日本".encode("euc-jp"), 'text/plain; charset="EUC-JP"', "euc_jp", "日本"),
        ("Grüße".encode("utf-16"), "text/plain", "utf-16", "Grüße"),
        (b"\xff\xfe\x00\xd8x\x00", "text/plain", "utf-16", "\ufffd"),
        (b"caf\xe9", "text/plain; charset=utf-8", "utf-8", "caf\ufffd"),
    ],
)
def test_charsets(load, body, content_type, charset, line):
    content = load(body, content_type)
    assert content.charset == charset
    assert texts(raw(content))[0].startswith(line)


def test_json_in_another_charset_is_laid_out(load):
    assert texts(pretty(load('{"ä":1}'.encode("utf-16"), "application/json"))) == ["{", '  "ä": 1', "}"]


@given(
    st.binary(max_size=60),
    st.sampled_from(
        [
            "application/json",
            "text/html",
            "multipart/x; boundary=a",
            "application/x-www-form-urlencoded",
            "text/plain; charset=utf-16",
            "",
            "image/svg+xml",
        ]
    ),
)
def test_any_body_of_any_type_is_shown(data, content_type):
    class Capture:
        def body_length(self, _extents: bytes | None) -> int:
            return len(data)

        def iterate_body(self, _extents: bytes | None) -> list[bytes]:
            return [data]

    content = load_body(
        Capture(), b"", parse_head(f"HTTP/1.1 200\r\nContent-Type: {content_type}\r\n\r\n".encode()), VIEWERS
    )
    for lines in (pretty(content), raw(content)):
        for line in texts(lines) if lines is not None else []:
            assert "\n" not in line


def test_damaged_extents_are_an_error_with_a_sentence(live):
    reader = CaptureReader(str(live.folder))
    with pytest.raises(CaptureError, match="damaged"):
        load_body(reader, b"\xc1", parse_head(b""), VIEWERS)
    reader.close()


# Facts


def test_the_overview_of_an_exchange(recorded):
    row, detail = recorded(
        Sample(
            path="/a?b=c",
            method="PUT",
            status=201,
            content_type="application/json",
            response_body=b"{}",
            request_body=b"xyz",
        )
    )
    upstream = connection(tls=TlsFacts(version="TLSv1.3", cipher="TLS_AES_128_GCM_SHA256", verified=True))
    (general,) = overview(row, detail, upstream)
    told = values(general.facts)
    assert told["URL"] == "https://shop.test/a?b=c"
    assert told["Method"] == "PUT"
    assert told["Status"] == "201 OK"
    assert told["Type"] == "application/json"
    assert told["Duration"] == "38 ms"
    assert told["Request"].endswith("3 B body")
    assert told["Response"].endswith("2 B body")
    assert told["Remote address"] == "[2001:db8::7]:443"
    assert told["Protection"] == "TLS 1.3 · TLS_AES_128_GCM_SHA256"


def test_an_exchange_under_way(recorded):
    row, detail = recorded(Sample(status=None, state=ExchangeState.WAITING))
    told = values(overview(row, detail, None)[0].facts)
    assert (told["Status"], told["Duration"]) == ("under way", "under way")
    assert "Remote address" not in told


def test_a_failure_is_told_with_its_sentence(recorded):
    row, detail = recorded(
        Sample(
            status=502,
            state=ExchangeState.FAILED,
            failure="dns_error",
            failure_text=f"The name shop.test{HOSTILE} is unknown.",
            flags=ExchangeFlag.OWN_RESPONSE,
        )
    )
    told = values(overview(row, detail, None)[0].facts)
    assert told["Status"] == "DNS"
    assert told["Failure"].startswith("The name shop.testa\\u202egpj.exe")
    assert told["Answered by"].startswith("Harrier")


def test_a_failure_of_a_later_version_is_shown_by_its_name(recorded):
    row, detail = recorded(Sample(status=None, state=ExchangeState.FAILED, failure="eaten_by_owl"))
    told = values(overview(row, detail, None)[0].facts)
    assert (told["Status"], told["Failure"]) == ("eaten_by_owl", "eaten_by_owl")


def test_remarks_have_a_section_of_their_own(recorded):
    flags = ExchangeFlag.REQUEST_INCOMPLETE | ExchangeFlag.RESPONSE_INCOMPLETE | ExchangeFlag.BODY_NOT_RECORDED
    row, detail = recorded(Sample(flags=int(flags)))
    detail = detail._replace(notes="Host differed from the target\n\nA folded line was joined")
    remarks = overview(row, detail, None)[1]
    assert [fact.value for fact in remarks.facts[:2]] == ["Host differed from the target", "A folded line was joined"]
    assert len(remarks.facts) == 5


def connection(side: int = 1, tls: TlsFacts | None = None) -> ConnectionRow:
    return ConnectionRow(
        1, side, STARTED_AT, "2001:db8::7", 443, "10.0.0.2", 51_000, None if tls is None else encode_tls_facts(tls)
    )


def test_connections_of_both_sides(recorded):
    row, _ = recorded(Sample(flags=ExchangeFlag.INTERCEPTED | ExchangeFlag.UPSTREAM_REUSED))
    client = connection(0, TlsFacts(version="TLSv1.2", cipher="ECDHE", alpn="http/1.1", sni="shop.test"))
    chain = tuple(
        each.public_bytes(Encoding.DER) for each in (ExampleCa().leaf("shop.test").certificate, ExampleCa().certificate)
    )
    upstream = connection(1, TlsFacts(version="TLSv1.3", verified=True, chain=chain))
    sections = connection_sections(row, client, upstream)
    assert [section.title for section in sections] == ["Client", "Upstream", "Certificate", "Issuer 1"]
    ours, theirs = values(sections[0].facts), values(sections[1].facts)
    assert (ours["TLS"], ours["ALPN"], ours["Server name"]) == ("TLS 1.2", "http/1.1", "shop.test")
    assert "Verified" not in ours
    assert (theirs["Remote"], theirs["Local"]) == ("[2001:db8::7]:443", "10.0.0.2:51000")
    assert (theirs["Use"], theirs["Verified"]) == ("reused", "yes")


@pytest.mark.parametrize(
    ("tls", "told"),
    [
        (TlsFacts(version="TLSv1.3"), "no: verification is switched off"),
        (TlsFacts(verify_error="The certificate is too old."), "The certificate is too old."),
    ],
)
def test_what_was_not_verified_says_why(recorded, tls, told):
    row, _ = recorded(Sample())
    facts = values(connection_sections(row, None, connection(1, tls))[0].facts)
    assert facts["Verified"] == told
    assert facts["TLS"] == ("TLS 1.3" if tls.version else "the handshake failed")


def test_a_client_is_known_by_its_program_and_its_hello(recorded):
    row, _ = recorded(Sample())
    program = Program("curl", 4711, "/usr/bin/curl")
    plain = connection(0, TlsFacts(program=program, is_plain=True))
    facts = values(connection_sections(row, plain, None)[0].facts)
    assert (facts["App"], facts["Program"], facts["TLS"]) == ("curl (process 4711)", "/usr/bin/curl", "none")
    unread = connection(0, TlsFacts(is_unread=True, sni="shop.test", ja3="3" * 32, ja4="t13d"))
    facts = values(connection_sections(row, unread, connection(1, TlsFacts(version="TLSv1.3", ja4="t13i")))[0].facts)
    assert (facts["TLS"], facts["JA3"], facts["JA4"]) == ("relayed unread", "3" * 32, "t13d")
    ours = connection_sections(row, unread, connection(1, TlsFacts(version="TLSv1.3", ja4="t13i")))[1]
    assert values(ours.facts)["Our JA4"] == "t13i"


def test_where_no_connection_was_made_that_is_said(recorded):
    row, _ = recorded(Sample(status=None, state=ExchangeState.FAILED, failure="dns_error"))
    assert values(connection_sections(row, None, None)[0].facts) == {"Connection": "none was made"}


def test_damaged_tls_facts_are_no_tls_facts(recorded):
    row, detail = recorded(Sample())
    for tls in (b"", b"\xc1", msgspec.msgpack.encode([1, 2]), msgspec.msgpack.encode({"version": 7})):
        upstream = connection()._replace(tls=tls)
        assert values(connection_sections(row, None, upstream)[0].facts)["TLS"] == "none"
        assert overview(row, detail, upstream)
        assert response_summary(row, detail, upstream, None)
        assert timing_sections(row, upstream)


def test_hostile_words_of_a_connection_are_spelled_out(recorded):
    row, detail = recorded(Sample(path=f"/{HOSTILE}", host=HOSTILE, method=HOSTILE, content_type=HOSTILE))
    tls = TlsFacts(version=HOSTILE, cipher=HOSTILE, alpn=HOSTILE, sni=HOSTILE, verify_error=HOSTILE)
    upstream = connection(1, tls)._replace(peer_host=HOSTILE, local_host=HOSTILE)
    detail = detail._replace(notes=HOSTILE)
    sections = [
        *overview(row, detail, upstream),
        *connection_sections(row, upstream, upstream),
        *timing_sections(row, upstream),
    ]
    facts = [fact for section in sections for fact in section.facts]
    facts += [*request_summary(row, detail, None), *response_summary(row, detail, upstream, None)]
    assert [fact for fact in facts if not fact.value.isprintable()] == []


@pytest.mark.parametrize(("host", "text"), [("a.test", "a.test:80"), ("10.0.0.7", "10.0.0.7:80"), ("::1", "[::1]:80")])
def test_endpoints(host, text):
    assert endpoint_text(host, 80) == text


@pytest.mark.parametrize("instant", [2**62, -(2**62), 10**18])
def test_an_instant_out_of_this_world_is_unknown(instant):
    assert instant_text(instant) == "unknown"


def test_odd_rows_are_told_without_complaint(recorded):
    row, detail = recorded(Sample())
    for change in (
        {"state": 99},
        {"kind": 99},
        {"flags": 2**40},
        {"resource_type": 99},
        {"status": -7},
        {"status": 10**15},
        {"duration_us": -1},
        {"duration_us": 2**60},
        {"request_bytes": -1, "response_bytes": 2**60},
        {"started_at": 2**60},
        {"port": -1},
        {"scheme": "", "host": "", "method": "", "path": ""},
    ):
        odd = row._replace(**change)
        assert overview(odd, detail, None)
        assert connection_sections(odd, None, None)
        assert response_summary(odd, detail, None, None)
        assert request_summary(odd, detail, None)
        assert timing_sections(odd, None)


@pytest.mark.parametrize(
    "timings",
    [b"", b"\xc1", msgspec.msgpack.encode([1] * 8), msgspec.msgpack.encode(["a"] * 7)],
)
def test_damaged_timings_are_unknown(recorded, timings):
    _, detail = recorded(Sample())
    damaged = detail._replace(timings=timings)
    assert timings_of(damaged) == Timings()
    assert timing_title(phases(damaged)) == "Timing"


def test_phases_stand_in_their_order(recorded):
    row, detail = recorded(Sample())
    shown = phases(detail)
    assert [phase.name for phase in shown] == ["Blocked", "DNS", "Connect", "TLS", "Send", "Wait", "Receive"]
    assert sum(phase.duration_us for phase in shown) == 38_000
    assert timing_title(shown) == "Timing · 38 ms"
    assert timing_title(shown, is_open=True) == "Timing · under way for 38 ms"
    assert timing_title([], is_open=True) == "Timing · under way"
    assert timing_title(phases(detail._replace(timings=msgspec.msgpack.encode([-1] * 7)))) == "Timing"
    reused = row._replace(flags=ExchangeFlag.UPSTREAM_REUSED)
    assert values(timing_sections(reused, connection())[0].facts)["Reused"] == "yes"


@pytest.mark.parametrize(
    ("state", "known", "last"),
    [
        (ExchangeState.REQUESTING, [-1] * 7, "Blocked"),
        (ExchangeState.REQUESTING, [5, -1, -1, -1, -1, -1, -1], "Send"),
        (ExchangeState.WAITING, [5, 1, 1, 1, 2, -1, -1], "Wait"),
        (ExchangeState.RESPONDING, [5, 1, 1, 1, 2, 3, -1], "Receive"),
        (ExchangeState.COMPLETE, [5, 1, 1, 1, 2, 3, 7], ""),
    ],
)
def test_what_is_under_way_has_spent_its_time_in_the_phase_that_it_is_in(recorded, state, known, last):
    row, detail = recorded(Sample())
    row = row._replace(state=int(state), response_bytes=300_000)
    detail = detail._replace(timings=msgspec.msgpack.encode(known))
    spent = timings_until(timings_of(detail), row, row.started_at + 60_000_000)
    shown = phases(detail, spent)
    assert sum(phase.duration_us for phase in shown if phase.duration_us > 0) == (60_000_000 if last else 20)
    changed = [each.name for each, before in zip(shown, known, strict=True) if each.duration_us != before]
    assert changed == ([last] if last else [])
    told = values(timing_sections(row, None)[0].facts)
    assert told.get("Received so far") == ("300 kB" if last else None)
    assert min(timings_until(timings_of(detail), row, 0)) >= -1  # whatever the clock says


def test_a_message_summed_up(recorded, load):
    row, detail = recorded(Sample(method="POST", request_body=b"abc", status=404, content_type="text/css; charset=x"))
    assert [fact.value for fact in request_summary(row, detail, None)] == ["POST", "3 B", "HTTP/1.1"]
    told = response_summary(row, detail, connection(tls=TlsFacts(version="TLSv1.3")), None)
    assert [fact.value for fact in told] == ["404 OK", "text/css; charset=x", "no body", "HTTP/1.1 · TLS 1.3"]
    assert told[0].role == "s4"
    coded = load(gzip.compress(b"x" * 5000), "text/plain", "gzip")
    size = response_summary(row._replace(response_bytes=coded.wire_length), detail, None, coded)[2]
    assert size.value == f"gzip · {coded.wire_length} B on the wire → 5.0 kB"


def test_what_a_websocket_has_agreed_upon_is_told(recorded):
    agreed = [("Sec-WebSocket-Protocol", "chat.v2"), ("Sec-WebSocket-Extensions", "permessage-deflate")]
    told = values(overview(*recorded(Sample(kind=2, status=101, response_fields=agreed)), None)[0].facts)
    assert (told["Subprotocol"], told["Extensions"]) == ("chat.v2", "permessage-deflate")
    told = values(overview(*recorded(Sample(kind=2, status=101)), None)[0].facts)
    assert (told["Subprotocol"], told["Extensions"]) == ("none", "none")
    assert "Subprotocol" not in values(overview(*recorded(Sample()), None)[0].facts)


def test_how_a_call_of_grpc_ended_is_told(recorded):
    failed = recorded(Sample(content_type="application/grpc", response_trailers=b"grpc-status: 16\r\n"))
    assert values(overview(*failed, None)[0].facts)["gRPC status"] == "UNAUTHENTICATED (16)"
    well = recorded(Sample(content_type="application/grpc", response_trailers=b"grpc-status: 0\r\n"))
    assert values(overview(*well, None)[0].facts)["gRPC status"] == "OK (0)"
    assert "gRPC status" not in values(overview(*recorded(Sample()), None)[0].facts)


def test_what_was_relayed_behind_the_heads_is_of_no_body(recorded):
    for sample in (Sample(status=101, kind=2), Sample(status=101), Sample(method="CONNECT", status=200, kind=2)):
        row, detail = recorded(sample)
        row = row._replace(request_bytes=65, response_bytes=80)
        told = values(overview(row, detail, None)[0].facts)
        assert told["Relayed"] == "65 B sent, 80 B received"
        assert (told["Request"].endswith("B head"), told["Response"].endswith("B head")) == (True, True)
        assert values(request_summary(row, detail, None))["Relayed"] == "65 B relayed"
        assert values(response_summary(row, detail, None, None))["Relayed"] == "80 B relayed"


def test_the_body_of_a_request_that_switched_protocols_is_one(recorded, load):
    row, detail = recorded(Sample(method="POST", status=101, request_body=b"abc"))
    row = row._replace(request_bytes=68)
    assert values(request_summary(row, detail, load(b"abc", "text/plain")))["Size"] == "3 B"


def test_more_than_is_shown_is_told_so(recorded, load, monkeypatch):
    monkeypatch.setattr(body_content, "SHOWN_LIMIT_BYTES", 2000)
    row, detail = recorded(Sample())
    coded = load(gzip.compress(b"x" * 5000), "text/plain", "gzip")
    assert values(response_summary(row, detail, None, coded))["Size"].endswith("→ more than 2.0 kB")


def test_heads_with_interim_heads_and_trailers():
    interim = msgspec.msgpack.encode([(1, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")])
    head = b"HTTP/1.1 200 OK\r\nA: 1\r\nA: 2\r\nFolded: x\r\n  y\r\nNo colon\r\nGr\xc3\xbc\xc3\x9fe: caf\xe9\r\n\r\n"
    assert head_lines(MessageRecord(head, trailers=b"Digest: z\r\n"), interim) == [
        "↳ HTTP/1.1 103 Early Hints",
        "Link: </a>",
        "HTTP/1.1 200 OK",
        "A: 1",
        "A: 2",
        "Folded: x y",
        "No colon: ",
        "Grüße: café",
        "↳ Trailers",
        "Digest: z",
    ]
    assert head_lines(NO_MESSAGE, None) == []
    assert head_lines(NO_MESSAGE, b"\xc1") == []


def test_a_head_of_http2_shows_its_pseudo_fields_before_the_fields():
    head = b"GET /x HTTP/2\r\n:method: GET\r\n:authority: shop.test\r\n:scheme: https\r\n:path: /x\r\na: 1\r\n\r\n"
    assert head_lines(MessageRecord(head), None) == [
        "GET /x HTTP/2",
        ":method: GET",
        ":authority: shop.test",
        ":scheme: https",
        ":path: /x",
        "a: 1",
    ]


def test_a_tunnel_has_facts_too(recorded):
    row, detail = recorded(
        Sample(method="CONNECT", kind=ExchangeKind.TUNNEL, status=None, scheme="", path="", content_type="")
    )
    assert values(overview(row, detail, None)[0].facts)["URL"] == "shop.test:443"
    assert connection_sections(row, None, None) == []


def test_a_head_of_megabytes_is_shown_as_far_as_the_wire_would_have_let_it_come():
    head = b"HTTP/1.1 200 OK\r\n" + b"A: 1\r\n" * 100_000
    message = MessageRecord(head, trailers=b"B: 2\r\n" * 100_000)
    lines = head_lines(message, msgspec.msgpack.encode([(0, b"")] * 100_000))
    assert len(lines) < 2 * SHOWN_HEAD_BYTES // 6 + 5000
    assert lines[-1] == f"↳ {len(head) + 600_000 - 2 * SHOWN_HEAD_BYTES:,} bytes more are not shown"


def test_a_thousand_remarks_and_certificates_are_not_all_shown(recorded):
    row, detail = recorded(Sample())
    remarks = overview(row, detail._replace(notes="note\n" * 1000), None)[1]
    assert len(remarks.facts) == 50
    upstream = connection(tls=TlsFacts(version="TLSv1.3", chain=(b"none",) * 1000))
    assert len(connection_sections(row, None, upstream)) == 13
