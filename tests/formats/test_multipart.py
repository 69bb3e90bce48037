"""Multipart bodies: as browsers send them, and as nobody should."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.formats import multipart
from proxy_core.formats.multipart import Part, split_multipart

FORM = "multipart/form-data; boundary=X"


def split(data: bytes, content_type: str = FORM) -> list[Part]:
    return list(split_multipart(data, content_type))


def form_part(disposition: bytes, content: bytes = b"v", more: bytes = b"") -> bytes:
    return b"--X\r\nContent-Disposition: form-data; " + disposition + b"\r\n" + more + b"\r\n" + content + b"\r\n"


def test_a_form_as_browsers_send_it():
    body = (
        form_part(b'name="title"', b"Marsh\r\nharrier")
        + form_part(
            'name="bild"; filename="Grüße 日本.png"'.encode(), b"\x89PNG\r\n\r\n\xff", b"Content-Type: image/png\r\n"
        )
        + b"--X--\r\n"
    )
    assert split(body) == [
        Part("title", None, "text/plain", b"Marsh\r\nharrier"),
        Part("bild", "Grüße 日本.png", "image/png", b"\x89PNG\r\n\r\n\xff"),
    ]


@pytest.mark.parametrize(
    ("disposition", "name", "file_name"),
    [
        (b"name=plain", "plain", None),
        (b"name = spaced ", "spaced", None),
        (b'NAME="upper"', "upper", None),
        (b'name=""', "", None),
        (b'name="a;b=c"; filename="d"', "a;b=c", "d"),
        (b'name="a\\"b"', 'a"b', None),
        (b'name="a%22b"', "a%22b", None),
        (b'name="f"; filename="C:\\dir\\x.txt"', "f", "C:\\dir\\x.txt"),
        (b"name*=UTF-8''%e2%82%ac%20x", "€ x", None),
        (b'name="f"; filename="fallback"; filename*=utf-8\'en\'%C3%A9', "f", "é"),
        (b'name="caf\xe9"', "café", None),
        (b'name="not ended', "not ended", None),
        (b'name="a"; name="b"', "a", None),
        (b'filename="x"', None, "x"),
        (b"nothing", None, None),
    ],
)
def test_names(disposition, name, file_name):
    (part,) = split(form_part(disposition) + b"--X--")
    assert (part.name, part.file_name, part.data) == (name, file_name, b"v")


@pytest.mark.parametrize(
    "content_type",
    [
        'multipart/form-data; boundary="X"',
        "multipart/form-data;boundary=X",
        "Multipart/Form-Data; charset=utf-8; Boundary=X; a=b",
    ],
)
def test_where_the_boundary_stands(content_type):
    assert len(split(form_part(b"name=a") + b"--X--", content_type)) == 1


@pytest.mark.parametrize(
    ("data", "contents"),
    [
        (b"", []),
        (b"no boundary at all", []),
        (b"--X--", []),
        (b"--X", []),
        (b"preamble\r\n--X\r\n\r\na\r\n--X--\r\nepilogue\r\n--X\r\n\r\nb", [b"a"]),
        (b"--X\n\na\n--X\n\nb\n--X--\n", [b"a", b"b"]),
        (b"--X\r\n\r\ncut o", [b"cut o"]),
        (b"--X\r\nContent-Type: a/b\r\ncut in the head", [b""]),
        (b"--X\r\n\r\n--X\r\n\r\n\r\n--X--", [b"", b""]),
        (b"--X  \r\n\r\na\r\n--X--", [b"a"]),
        (b"--X\r\n\r\na --X\r\n--Xy\r\nb\r\n--X--", [b"a --X\r\n--Xy\r\nb"]),
    ],
)
def test_what_is_a_part(data, contents):
    assert [part.data for part in split(data)] == contents


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; boundary=", 'multipart/mixed; boundary=""']
)
def test_without_a_boundary_there_are_no_parts(content_type):
    assert split(b"--\r\n\r\na\r\n----", content_type) == []


@given(st.lists(st.binary(max_size=40).filter(lambda data: b"--X" not in data), max_size=5))
def test_contents_come_back_byte_by_byte(contents):
    body = b"".join(b"--X\r\n\r\n" + content + b"\r\n" for content in contents) + b"--X--\r\n"
    assert [part.data for part in split(body)] == contents


@given(
    st.lists(
        st.sampled_from(
            [
                b"--X",
                b"--X--",
                b"\r\n",
                b"\n",
                b"\r",
                b"Content-Disposition: ",
                b'; name="',
                b"*=",
                b"'",
                b"\\",
                b"\xff",
                b"a",
            ]
        )
    )
)
def test_anything_is_some_parts(pieces):
    assert all(isinstance(part.data, bytes) for part in split(b"".join(pieces)))


def test_depth_and_number_cost_no_more_than_their_length():
    deep = b"".join(b"--X%d\r\nContent-Type: multipart/mixed; boundary=X%d\r\n\r\n" % (n, n + 1) for n in range(20_000))
    assert len(split(deep, "multipart/mixed; boundary=X0")) == 1
    assert len(split(b"--X\r\n\r\na\r\n" * 100_000)) == 100_000
    assert len(split(b"--X\r\nContent-Disposition: x" + b'; a="\\"' * 100_000)) == 1
    assert split(b"-- -X\r" * 200_000) == []


def test_of_a_part_with_too_many_fields_the_first_are_looked_at(monkeypatch):
    looked_at = []
    parse = multipart.parse_fields
    monkeypatch.setattr(multipart, "parse_fields", lambda raw: looked_at.append(len(raw)) or parse(raw))
    head = b'Content-Disposition: form-data; name="a"\r\n' + b"A: b\r\n" * 400_000
    (part,) = multipart.split_multipart(b"--b\r\n" + head + b"\r\ndata\r\n--b--", "multipart/form-data; boundary=b")
    assert (part.name, part.data) == ("a", b"data")
    assert looked_at == [64 * 1024]
