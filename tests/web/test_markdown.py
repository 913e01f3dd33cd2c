"""Texts of users as safe HTML."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.web.markdown import MAX_HTML, MAX_MARKUP, count_markup, markdown_to_text, render_markdown

PIECES = (
    *("<p>", "</p>", "<div>", "</div>", "<h1>", "<h2 title=x>", "<h3 lang=en>", "</h1>", "</h2>", "</h3>", "<H1 id=a>"),
    *("<b>", "</b>", "<i x=1>", "</i>", "<a href=x title='<h1>'>", "</a>", "<ul>", "</ul>", "<li>", "</li>", "<pre>"),
    *(
        "<table>",
        "<tr>",
        "<td>",
        "</td>",
        "</table>",
        "<br>",
        "<br/>",
        "<img src=x alt='</h2>'>",
        "<span>",
        "<blockquote>",
    ),
    *(
        "<script>",
        "</script>",
        "<svg>",
        "<style>",
        "<!--",
        "-->",
        "<![",
        "</",
        "<",
        ">",
        "&lt;h1&gt;",
        "&",
        '"',
        "'",
        "x ",
    ),
    *("# ", "## x\n", "\n", "> ", "- ", "**", "`", "[x](y)", "|", "|-|-|\n"),
)
TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)(?:\s[^<>]*)?>")
WITHOUT_END = {"br", "hr", "img"}


def open_tags(html: str) -> list[str]:
    """The tags that are open at the end; fails if an end tag is not that of the last one opened."""
    opened: list[str] = []
    for end, name in TAG.findall(html):
        if not end and name not in WITHOUT_END:
            opened.append(name)
        elif end:
            assert opened, html
            assert opened.pop() == name, html
    return opened


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("It **hurts**", "<p>It <strong>hurts</strong></p>\n"),
        ("one\ntwo", "<p>one<br>\ntwo</p>\n"),
        ("~~no~~", "<p><s>no</s></p>\n"),
        ("# Title", "<h3>Title</h3>\n"),
        ("###### Title", "<h6>Title</h6>\n"),
        ("a <b>c</b> & d", "<p>a &lt;b&gt;c&lt;/b&gt; &amp; d</p>\n"),
        (
            "[x](https://example.com)",
            '<p><a href="https://example.com" rel="nofollow ugc noopener noreferrer">x</a></p>\n',
        ),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>\n"),
        ("<https://example.com/?a=1&b=2>", None),
        ("![x](https://example.com/a.png)", '<p><img src="https://example.com/a.png" alt="x"></p>\n'),
        ("![x](data:image/svg+xml;base64,AAAA)", "<p>![x](data:image/svg+xml;base64,AAAA)</p>\n"),
        ("", ""),
    ],
)
def test_markdown_is_formatted_and_its_html_is_escaped(written: str, expected: str | None) -> None:
    html = str(render_markdown(written))

    if expected is not None:
        assert html == expected
    assert "<script" not in html


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("<p>It <strong>hurts</strong></p>", "<p>It <strong>hurts</strong></p>"),
        ("<p onclick='x()'>a</p><script>alert(1)</script><p>b</p>", "<p>a</p><p>b</p>"),
        ("<h1>One</h1>\n<ul><li>a</li></ul>\n", "<h3>One</h3>\n<ul><li>a</li></ul>\n"),
        ("<p><a href='javascript:alert(1)'>x</a></p>", '<p><a rel="nofollow ugc noopener noreferrer">x</a></p>'),
        ("<p style='position:fixed'><iframe src=//x></iframe></p>", "<p></p>"),
        ("<p><img src=x onerror=alert(1)></p>", '<p><img src="x"></p>'),
        ("<p><svg><style><img title='</style><img src=x onerror=alert(1)>'></svg></p>", None),
        ("<p><math><mi><mglyph><style><!--</style><img title='--><img src=1 onerror=alert(1)>'></p>", None),
        ("<div><form action=x><button>go</button></form></div>", "<div>go</div>"),
    ],
)
def test_html_of_an_editor_is_sanitized(written: str, expected: str | None) -> None:
    html = str(render_markdown(written))

    if expected is not None:
        assert html == expected
    assert "onerror=alert(1)>" not in html.replace("onerror=alert(1)&gt;", "")
    assert "<script" not in html


@settings(deadline=None, max_examples=400)
@given(st.booleans(), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_every_tag_is_closed_and_headings_are_below_those_of_the_page(editor: bool, written: str) -> None:
    html = str(render_markdown(f"<h1>{written}</h1>" if editor else written))

    assert open_tags(html) == []
    assert len(TAG.findall(html)) == html.count("<")
    assert not re.search(r"</?h[12]", html)


@pytest.mark.parametrize("attribute", ["title=x", "lang=en", "id=a", "class='b c'", "title='<h1>'"])
def test_the_level_of_a_heading_with_attributes_is_lowered(attribute: str) -> None:
    assert str(render_markdown(f"<h2 {attribute}>a</h2>")) == "<h4>a</h4>"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("<p>one</p><p>two<p>three</p>", "<p>one</p><p>two</p><p>three</p>"),
        ("<ul><li>a<li>b<ul><li>c</ul></ul>", "<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>"),
        ("<table><tr><td>a<td>b</table>", "<table><tbody><tr><td>a</td><td>b</td></tr></tbody></table>"),
        ("<p>a<br/>b <b>c</p><p>d</b></p>", "<p>a<br>b <b>c</b></p><p>d</p>"),
        ("<p>&lt;b&gt; &amp;amp; &nbsp;</p>", "<p>&lt;b&gt; &amp;amp; &nbsp;</p>"),
        ("<p>a<![b</p>", '<p class="plain">&lt;p&gt;a&lt;![b&lt;/p&gt;</p>'),
        ("<div>" * 100 + "a" + "</div>", "<div>" * 30 + "a" + "</div>" * 30),
    ],
)
def test_missing_tags_are_added_to_html(written: str, expected: str) -> None:
    assert str(render_markdown(written)) == expected


def table(columns: int, rows: int, row: str = "b|") -> str:
    return "a|" * columns + "\n" + "-|" * columns + "\n" + (row + "\n") * (rows - 1)


def test_a_table_with_too_many_empty_cells_becomes_plain_text() -> None:
    full, allowed, rejected = table(9, 300, "b|" * 9), table(9, 17), table(9, 18)

    assert render_markdown(full).count("<td>") == 9 * 299
    assert render_markdown(allowed).count("<td>") == 9 * 16
    assert render_markdown(rejected) == markdown_to_text(rejected)


def test_the_limit_of_table_cells_applies_to_all_tables_of_a_text() -> None:
    full, empty = table(9, 4, "b|" * 9) + "\n", table(9, 40) + "\n"

    assert render_markdown(full * 30).count("<table>") == 30
    # The cells of one table count for the others.
    assert render_markdown(full * 6 + empty).count("<table>") == 7
    assert render_markdown(full + empty * 6) == markdown_to_text(full + empty * 6)


def test_text_with_too_much_markup_becomes_plain_text() -> None:
    allowed = "*a* " * (MAX_MARKUP // 2)
    rejected = allowed + "*"

    assert count_markup(allowed) == MAX_MARKUP
    assert render_markdown(allowed).count("<em>") == MAX_MARKUP // 2
    assert render_markdown(rejected) == markdown_to_text(rejected)


def test_reference_links_to_a_long_url_are_limited() -> None:
    address = "https://example.com/" + "x" * 80

    assert render_markdown(f"[a]: {address}\n\n" + "[a] " * 20).count("<a href") == 20
    many = f"[a]: {address}{'x' * 900}\n\n" + "[a] " * 20
    assert render_markdown(many) == markdown_to_text(many)


@pytest.mark.parametrize("linked", ["<ftp:x>" * 7000, "<p>" + "<a href=x>a</a>" * 3000 + "</p>"])
def test_the_length_of_the_rendered_html_is_limited(linked: str) -> None:
    assert len(render_markdown(linked)) <= MAX_HTML


def test_plain_text_keeps_its_lines_and_escapes_its_tags() -> None:
    assert str(markdown_to_text("<b>a</b>\n b")) == '<p class="plain">&lt;b&gt;a&lt;/b&gt;\n b</p>'


@pytest.mark.parametrize("bomb", ["[" * 20_000, "*a_ " * 5_000, "> " * 10_000, "<p>" + "<div>" * 5_000 + ">"])
def test_text_crafted_to_be_slow_is_rendered_in_bounded_time(bomb: str) -> None:
    assert isinstance(str(render_markdown(bomb)), str)
