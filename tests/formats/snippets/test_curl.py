"""A request copied for curl: in real shells its arguments are what was meant, and a real curl sends the same bytes."""

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy_core.formats.shell_word import LONGEST_WORD
from proxy_core.formats.snippets.curl import BODY_FILE, CURL_BODY_LIMIT, can_be_sent, curl_command
from proxy_core.model.exchange import ExchangeDetail, ExchangeFlag, ExchangeKind, ExchangeRow
from proxy_core.model.message_record import NO_MESSAGE, MessageRecord
from tests.formats.test_shell_word import HOSTILE, WORDS, assert_no_quotes_over_a_line_end
from tests.support.request_catcher import Caught, RequestCatcher
from tests.support.shells import SHELLS, ShellTrap

CURLS_OWN = [b"Accept: */*", b"User-Agent: x"]


@pytest.fixture(scope="module")
def trap(tmp_path_factory):
    return ShellTrap(tmp_path_factory.mktemp("trap"))


@pytest.fixture(scope="module")
def catcher():
    with RequestCatcher() as running:
        yield running


def exchange(
    fields: list[bytes] = CURLS_OWN,
    body: bytes = b"",
    *,
    method: str = "GET",
    target: bytes = b"/",
    version: str = "HTTP/1.1",
    scheme: str = "http",
    host: str = "shop.test",
    port: int = 80,
    **others: object,
) -> tuple[ExchangeRow, ExchangeDetail, bytes]:
    """What `curl_command` takes, of a request as a client sent it."""
    start_line = b" ".join([method.encode(), target, version.encode()])
    head = b"\r\n".join([start_line, *fields, b"", b""])
    path = (b"/" + target.partition(b"://")[2].partition(b"/")[2] if b"://" in target else target).decode(
        "utf-8", "replace"
    )
    row = ExchangeRow(
        1, 0, 0, 3, ExchangeKind.HTTP, method, scheme, host, port, path, 200, "", 0, len(body), 0, "", 0
    )._replace(**others)  # fmt: skip
    detail = ExchangeDetail(1, MessageRecord(head, version), NO_MESSAGE, None, b"", "", "", 0, 0)
    return row, detail, body


def sent(catcher: RequestCatcher, shell: str, taken: tuple[ExchangeRow, ExchangeDetail, bytes]) -> Caught:
    """What arrives when the command is pasted into a shell."""
    row, detail, body = taken
    command = curl_command(row._replace(host="127.0.0.1", port=catcher.port), detail, body)
    assert_no_quotes_over_a_line_end(command)
    done = subprocess.run(
        [str(shutil.which(shell))],
        input=command.encode(),  # line by line, as a terminal gives it
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, (command, done.stderr)
    [caught] = catcher.take()
    return caught


def words_of(trap: ShellTrap, taken: tuple[ExchangeRow, ExchangeDetail, bytes], shell: str = "sh") -> list[bytes]:
    command = curl_command(*taken)
    assert_no_quotes_over_a_line_end(command)
    [words], _ = trap.run(shell, command)
    return words


def fields_of(words: list[bytes]) -> list[bytes]:
    return [words[index + 1] for index, word in enumerate(words) if word == b"-H"]


# What a shell makes of it

FIELD_VALUES = WORDS.map(lambda data: data.translate(None, b"\0\r\n").strip(b" \t\v\f"))
TARGETS = st.one_of(
    st.just(b"/it's?a=$b&c=`d`"), st.binary(max_size=30).map(lambda data: b"/" + data.translate(None, b"\0\r\n "))
)
METHODS = st.one_of(
    st.sampled_from(["GET", "POST", "PUT", "-X", "a'$`b", "!!", "~", "#"]), st.text("!#$%&'*+-.^_`|~aZ9", min_size=1)
)


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=300, deadline=None)
@given(
    method=METHODS,
    target=TARGETS,
    values=st.lists(FIELD_VALUES, max_size=4),
    body=st.one_of(WORDS, st.binary(max_size=400)),
)
def test_nothing_in_a_request_is_more_than_data_to_a_shell(trap, shell, method, target, values, body):
    fields = [*CURLS_OWN, *(b"X-Hostile: " + value for value in values)]
    command = curl_command(*exchange(fields, body, method=method, target=target))
    assert_no_quotes_over_a_line_end(command)
    [words], stdin = trap.run(shell, command)
    assert words[0].startswith(b"http://shop.test/")
    told = [b"X-Hostile: " + value if value else b"X-Hostile;" for value in values]
    assert [each for each in fields_of(words) if each.startswith(b"X-H")] == told
    if method not in ("GET", "POST", "HEAD"):
        assert words[words.index(b"-X") + 1] == method.encode()
    if b"--data-raw" in words:
        assert (words[words.index(b"--data-raw") + 1], stdin) == (body, b"")
    else:
        assert stdin == body
        assert (b"@-" in words) is (body != b"")


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=200, deadline=None)
@given(
    head=st.one_of(st.binary(max_size=300), st.sampled_from(HOSTILE)),
    host=st.text(min_size=1, max_size=20),
    path=st.text(min_size=1, max_size=30),
)
def test_what_a_file_may_hold_in_place_of_a_request_does_nothing(trap, shell, head, host, path):
    row, detail, _ = exchange()
    command = curl_command(
        row._replace(host=host, path=path), detail._replace(request=MessageRecord(head)), b"\0\r\n'$(touch x)"
    )
    assert_no_quotes_over_a_line_end(command)
    [words], stdin = trap.run(shell, command)
    assert words[0].startswith(b"http://")
    assert stdin == b"\0\r\n'$(touch x)"
    # `-H @NAME` sends a file's lines.
    assert not any(each.startswith(b"@") for each in fields_of(words))


def test_only_what_is_needed_is_said(trap):
    assert words_of(trap, exchange()) == [b"http://shop.test/", b"-H", CURLS_OWN[0], b"-H", CURLS_OWN[1]]
    form = [*CURLS_OWN, b"Content-Type: a/b", b"Content-Length: 1"]
    words = words_of(trap, exchange(form, b"x", method="POST"))
    assert b"-X" not in words
    assert words[-2:] == [b"--data-raw", b"x"]
    assert words_of(trap, exchange(method="HEAD"))[1] == b"--head"
    assert b"--http1.1" in words_of(trap, exchange(scheme="https", port=443))
    assert b"--http1.1" not in words_of(trap, exchange(scheme="https", port=443, version="HTTP/2.0"))
    assert b"--http1.0" in words_of(trap, exchange(version="HTTP/1.0"))


@pytest.mark.parametrize(
    ("coding", "asked"), [(b"gzip, br", True), (b"*", True), (b"identity", False), (b"", False), (b"GZIP;q=1", True)]
)
def test_a_compressed_answer_is_asked_for_only_where_it_was(trap, coding, asked):
    assert (b"--compressed" in words_of(trap, exchange([*CURLS_OWN, b"Accept-Encoding: " + coding]))) is asked


def test_fields_of_one_connection_stay_behind(trap):
    fields = [
        *CURLS_OWN,
        b"Host: shop.test",
        b"Connection: keep-alive, X-Named, Host",
        b"X-Named: 1",
        b"Keep-Alive: timeout=5",
        b"Proxy-Connection: close",
        b"Proxy-Authorization: Basic eA==",
        b"TE: trailers",
        b"Upgrade: h2c",
        b"Content-Length: 0",
        b"Proxy-Status: stays",
    ]
    assert fields_of(words_of(trap, exchange(fields, method="DELETE"))) == [
        *CURLS_OWN, b"Proxy-Status: stays", b"Content-Type:"
    ]  # fmt: skip


def test_a_host_of_its_own_is_said(trap):
    assert b"Host: other.test" in fields_of(words_of(trap, exchange([*CURLS_OWN, b"Host: other.test"])))
    assert b"Host: shop.test" not in fields_of(words_of(trap, exchange([*CURLS_OWN, b"Host: SHOP.test"])))


def test_the_handshake_of_a_web_socket_is_whole(trap):
    fields = [*CURLS_OWN, b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: eA=="]
    assert fields_of(words_of(trap, exchange(fields, kind=ExchangeKind.WEBSOCKET))) == [
        *CURLS_OWN, *fields[2:]
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [ExchangeKind.WEBSOCKET, ExchangeKind.HTTP])
def test_what_was_relayed_behind_the_heads_is_of_no_body_that_could_be_missing(kind):
    row, detail, body = exchange([*CURLS_OWN, b"Connection: Upgrade", b"Upgrade: x"], status=101, request_bytes=65)
    assert curl_command(row._replace(kind=kind), detail, body).startswith("curl ")


def test_a_connect_is_nothing_for_curl():
    row, _, _ = exchange(method="CONNECT", kind=ExchangeKind.WEBSOCKET)
    assert not can_be_sent(row)


@pytest.mark.parametrize(
    "field",
    [
        b"@/etc/passwd: x",
        b"@secrets:",
        b"a b: c",
        b"X-\xc3\xa4: 1",
        b"X: a\0b",
        b"X: a\rb",
        b"X: \x0b",
        b"L: " + b"x" * 200_000,
    ],
    ids=lambda field: repr(field[:12]),
)
def test_a_field_that_curl_cannot_send_is_left_out_and_told(trap, field):
    command = curl_command(*exchange([*CURLS_OWN, field]))
    assert command.startswith(": 'A field is left out, which curl can'\\''t send: ")
    [words], _ = trap.run("sh", command)
    assert fields_of(words) == CURLS_OWN


def test_a_body_that_was_not_recorded_is_told():
    row, detail, _ = exchange(method="POST", request_bytes=9)
    assert "The body was not recorded whole: 0 B of 9 B." in curl_command(row, detail, b"")
    row = row._replace(flags=ExchangeFlag.REQUEST_INCOMPLETE)
    assert "not recorded whole: 3 B of 9 B" in curl_command(row, detail, b"abc")
    assert not curl_command(row, detail, b"123456789").startswith(":")


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": ExchangeKind.TUNNEL},
        {"scheme": "file"},
        {"scheme": ""},
        {"host": ""},
        {"path": ""},
        {"method": "?"},
        {"method": "GET /x"},
        {"method": "G\nET"},
        {"method": ""},
    ],
)
def test_what_is_no_request_for_curl(changes):
    row = exchange()[0]
    assert can_be_sent(row)
    assert not can_be_sent(row._replace(**changes))


# What arrives


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "body",
    [b"\0", b"a\0b\0", bytes(range(256)) * 20, b"@/etc/passwd", b"@-", b"one\ntwo\r\n", b"\n", b"%00%s\\0", b"'", b" ", b"--", b"\x1b[A",
     "ä\u202e".encode(), b"\xff\xfe", b"x" * (LONGEST_WORD + 1), b"\0" * 200_000, b"x" * LONGEST_WORD],
    ids=lambda body: f"{body[:8]!r} {len(body)}",
)  # fmt: skip
def test_a_body_arrives_as_it_was(catcher, shell, body):
    caught = sent(catcher, shell, exchange(body=body, method="POST"))
    assert caught.head.start_line == b"POST / HTTP/1.1"
    assert caught.body == body


@pytest.mark.parametrize(
    "target",
    [b"/[1-3]", b"/{a,b}", b"/a/../b/./c", b"/..", b"/.?x=/../y", b"/%2e%2E/a", b"//double//", b"/a#b?c", b"*", b"/?",
     b"/?a?b=[]&c={}", b"/a\\b", b"/\"<>^`|'", b"/\xff\xc3\xa4", b"/%", b"/-d@x", b"/;$(x)&!", b"/x?q=%00", b"/@host:80/"],
)  # fmt: skip
def test_a_target_arrives_as_it_was(catcher, target):
    method = "OPTIONS" if target == b"*" else "GET"
    caught = sent(catcher, "sh", exchange(method=method, target=target))
    assert caught.head.start_line == b" ".join([method.encode(), target, b"HTTP/1.1"])
    if target.startswith(b"/"):
        asked_of_a_proxy = exchange(target=b"http://shop.test" + target)
        assert sent(catcher, "sh", asked_of_a_proxy).head.start_line == b"GET " + target + b" HTTP/1.1"


def test_what_no_target_can_hold_is_encoded(catcher):
    caught = sent(catcher, "sh", exchange(target=b"/a b\tc\x01"))
    assert caught.head.start_line == b"GET /a%20b%09c%01 HTTP/1.1"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD", "get", "-x", "A'$`!"])
@pytest.mark.parametrize("framing", ["", "Content-Length: 0", "Content-Length: 3", "Transfer-Encoding: chunked"])
def test_the_same_request_arrives(catcher, method, framing):
    fields = [b"X-Empty:", b"X-Twice: 1", b"x-twice: 2", b"Cookie: a=1; b=\xe9", b'X-Odd: it\'s "$HOME" `id` \\ !x\t;']
    body = b"abc" if framing.endswith(("3", "chunked")) else b""
    caught = sent(catcher, "sh", exchange([*fields, framing.encode()] if framing else fields, body, method=method))
    assert caught.head.start_line.startswith(method.encode() + b" / ")
    assert caught.body == body
    expected = [*fields, b"Host: 127.0.0.1:%d" % catcher.port]
    # A HEAD's answer has no body, so for one with a body the connection's end is the answer's.
    if method == "HEAD":
        expected += [b"Connection: close"] if body else []
    if framing and (method != "HEAD" or body):
        expected.append(framing.encode())
    told = [name + b":" + (b" " + value if value else b"") for name, value in caught.head.fields]
    assert sorted(told) == sorted(expected)


def test_what_curl_adds_by_itself_is_kept_when_it_was_there(catcher):
    fields = [b"Accept: text/html", b"User-Agent: me", b"Content-Type: application/json"]
    caught = sent(catcher, "sh", exchange(fields, b"{}", method="POST"))
    for name, value in ((b"accept", b"text/html"), (b"user-agent", b"me"), (b"content-type", b"application/json")):
        assert caught.head.values(name) == [value]


@settings(max_examples=120, deadline=None)
@given(
    target=st.text([chr(code) for code in range(0x21, 0x7F)] + ["ä", "\u202e"], max_size=30),
    body=st.binary(max_size=300),
    value=FIELD_VALUES,
)
def test_whatever_was_sent_arrives(catcher, target, body, value):
    spelled = b"/" + target.encode()
    caught = sent(catcher, "bash", exchange([b"X-Value: " + value], body, method="PUT", target=spelled))
    assert caught.head.start_line == b"PUT " + spelled + b" HTTP/1.1"
    assert caught.head.value(b"x-value") == value
    assert caught.body == body


def test_a_body_too_long_for_a_command_is_read_from_a_file(catcher, tmp_path):
    body = bytes(range(256)) * (CURL_BODY_LIMIT // 256) + b"!"
    row, detail, _ = exchange(method="PUT", host="127.0.0.1", port=catcher.port, request_bytes=len(body))
    command = curl_command(row, detail, body)
    assert len(command) < 1000
    assert command.startswith(
        f": 'The body (1.0 MB) is too long for a command: save it from the inspector as {BODY_FILE}.'\n"
    )
    assert subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, check=False).returncode != 0
    assert catcher.take() == []
    (tmp_path / BODY_FILE).write_bytes(body)
    assert subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, check=False).returncode == 0
    [caught] = catcher.take()
    assert caught.body == body
