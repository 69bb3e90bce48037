"""HTML and XML laid out: what is right, what browsers forgive, and what was made to break a reader."""

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.formats.markup_text import lay_out_markup

BLANKS = re.compile(r"[ \t\r\n\f]")
PIECES = st.lists(
    st.sampled_from(
        "<a> </a> <b\n> </b\n> <p> </p> <br> <i/> <pre> </pre> <script> </script> <!-- --> <![CDATA[ ]]> <? ?> <!X> < > & "
        "text \xa0 \u2028 \x85 \ud800 </ </> <a<b> <style/> <x:y-z.1> </x:y-z.1>".split(" ")
        + ["\n", "\r", " ", "a\nb"]
    ),
    max_size=25,
)
NAMES = st.sampled_from(["a", "b", "style", "Script", "ns:c", "br", "é", "_d"])


@st.composite
def elements(draw: st.DrawFn, depth: int = 4) -> str:
    name = draw(NAMES)
    attributes = draw(st.sampled_from(["", ' x="1"', "\n  x='a\n b'", ' y="&lt;"']))
    texts = st.sampled_from(["", "t", " one two ", "&amp;", "<!-- c -->", "<![CDATA[<z>]]>"])
    inner = draw(st.lists(texts | elements(depth - 1) if depth else texts, max_size=3))
    content = "".join(inner)
    return f"<{name}{attributes}>{content}</{name}>" if content else f"<{name}{attributes}/>"


def shown(text: str, *, is_html: bool = True) -> list[str]:
    return lay_out_markup(text, is_html=is_html).lines


@given(PIECES, st.booleans())
def test_nothing_is_lost_and_no_line_holds_the_end_of_a_line(pieces, is_html):
    text = "".join(pieces)
    layout = lay_out_markup(text, is_html=is_html)
    assert BLANKS.sub("", "".join(layout.lines)) == BLANKS.sub("", text)
    assert not any("\n" in line or "\r" in line or not line for line in layout.lines)
    for first, last in layout.folds.items():
        assert 0 <= first < last < len(layout.lines)
        opening, closing = layout.lines[first].strip(), layout.lines[last].strip()
        name = re.match(r"<([^\W\d][\w:.-]*)", opening)
        assert name
        assert closing.lower().startswith(f"</{name[1].lower()}")


@given(elements())
def test_xml_stays_the_same_document(document):
    document = document.replace("ns:c", "c")
    assert tree(ET.fromstring("\n".join(shown(document, is_html=False)))) == tree(ET.fromstring(document))


def tree(element: ET.Element) -> object:
    """A document without the blanks that a layout may add."""
    texts = [BLANKS.sub("", element.text or ""), *(BLANKS.sub("", each.tail or "") for each in element)]
    attributes = {name: BLANKS.sub("", value) for name, value in element.items()}
    return element.tag, attributes, texts, [tree(each) for each in element]


def test_a_tag_over_several_lines_opens_as_others_do():
    layout = lay_out_markup('<div><a\n   href="x"\r\n   title="y">one</a><p>two</p></div>', is_html=True)
    assert layout.lines == [
        "<div>",
        "  <a",
        '      href="x"',
        '      title="y">',
        "    one",
        "  </a>",
        "  <p>two</p>",
        "</div>",
    ]
    assert layout.folds == {1: 5, 0: 7}


def test_a_text_over_several_lines_has_as_many():
    assert shown("<p>\n   one\n\n      two\n</p>") == ["<p>", "  one", "  two", "</p>"]


def test_an_element_ends_with_its_own_name_only():
    assert shown("<b>x</body>") == ["<b>", "  x", "  </body>"]
    assert shown("<B>x</b>") == ["<B>x</b>"]


def test_a_long_text_has_a_line_of_its_own():
    assert shown(f"<p>{'x' * 200}</p>") == ["<p>", f"  {'x' * 200}", "</p>"]


def test_what_html_leaves_open_is_closed_by_its_parent():
    layout = lay_out_markup("<ul><li>one<li>two</ul><p>after</p></nothing>", is_html=True)
    assert layout.lines[-3:] == ["</ul>", "<p>after</p>", "</nothing>"]
    assert layout.folds[0] == 5


def test_elements_without_an_end_open_nothing_in_html_alone():
    assert shown("<br><img src=x><p>t</p>") == ["<br>", "<img src=x>", "<p>t</p>"]
    assert shown("<link>http://a</link><meta><b/></meta>", is_html=False) == [
        "<link>http://a</link>",
        "<meta>",
        "  <b/>",
        "</meta>",
    ]


@pytest.mark.parametrize("name", ["script", "STYLE", "pre", "textarea"])
def test_lines_of_verbatim_elements_keep_their_blanks(name):
    text = f"<div><{name} x='1'>\n  if (a < b)\n    '</p>' + x\n</{name} ></div>"
    assert shown(text) == [
        "<div>",
        f"  <{name} x='1'>",
        "    if (a < b)",
        "      '</p>' + x",
        f"  </{name} >",
        "</div>",
    ]


def test_names_that_only_begin_like_verbatim_ones_are_others():
    assert shown("<style-guide><a><b/></a></style-guide>")[:3] == ["<style-guide>", "  <a>", "    <b/>"]


def test_a_script_in_a_comment_is_a_comment():
    assert shown("<!-- <script> --><p>x</p><b>y</b>") == ["<!-- <script> -->", "<p>x</p>", "<b>y</b>"]


def test_styles_and_scripts_are_ordinary_elements_of_xml():
    assert shown('<kml><Style><Icon href="x"/></Style><script src="y"/><a/></kml>', is_html=False) == [
        "<kml>",
        "  <Style>",
        '    <Icon href="x"/>',
        "  </Style>",
        '  <script src="y"/>',
        "  <a/>",
        "</kml>",
    ]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("just text", ["just text"]),
        ("a < b > c", ["a", "< b > c"]),
        ("<", ["<"]),
        ("</", ["<", "/"]),
        ("<a", ["<", "a"]),
        ("<a href='", ["<", "a href='"]),
        ("<!-- never ends <p>", ["<!-- never ends <p>"]),
        ("<![CDATA[ never <b> ends", ["<![CDATA[ never <b> ends"]),
        ("<script>never ends <p>", ["<script>never ends <p>"]),
        ("<script never ends", ["<", "script never ends"]),
        ("<!DOCTYPE html><html></html>", ["<!DOCTYPE html>", "<html>", "</html>"]),
        ('<?xml version="1.0"?><a/>', ['<?xml version="1.0"?>', "<a/>"]),
        ("</a></b>", ["</a>", "</b>"]),
        ("<td>\xa0</td>", ["<td>\xa0</td>"]),
    ],
)
def test_what_is_not_quite_markup_is_laid_out_as_far_as_it_goes(text, lines):
    assert [line.strip(" ").replace("<  ", "<") for line in shown(text)] == [
        each for line in lines for each in line.replace("< b > c", "<\nb > c").split("\n")
    ]


def test_no_entity_is_resolved():
    bomb = '<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d SYSTEM "file:///etc/passwd">]><a>&b;&d;&lt;</a>'
    assert "&b;&d;&lt;" in "".join(shown(bomb, is_html=False))
    assert "file:///etc/passwd" in "".join(shown(bomb, is_html=False))


def test_a_hundred_thousand_levels_have_their_folds():
    depth = 100_000
    layout = lay_out_markup("<a><b>" * depth + "</b></a>" * depth, is_html=False)
    assert len(layout.folds) == 2 * depth - 1  # an empty element has nothing to fold
    assert layout.folds[0] == len(layout.lines) - 1
    assert max(map(len, layout.lines)) < 200


def test_a_single_line_of_megabytes_is_laid_out():
    row = '<tr class="x"><td>cell</td><td>&nbsp;</td></tr>'
    lines = shown(f"<table>{row * 20_000}</table>")
    assert len(lines) == 2 + 4 * 20_000
