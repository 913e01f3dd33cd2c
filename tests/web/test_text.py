"""People's text as harmless HTML."""

import pytest

from app.web.text import plain, shown


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
def test_markdown_is_formatted_and_html_in_it_is_text(written: str, expected: str | None) -> None:
    html = str(shown(written))

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
def test_what_an_editor_sent_as_html_is_cleaned(written: str, expected: str | None) -> None:
    html = str(shown(written))

    if expected is not None:
        assert html == expected
    assert "onerror=alert(1)>" not in html.replace("onerror=alert(1)&gt;", "")
    assert "<script" not in html


def test_plain_text_keeps_its_lines_and_loses_its_tags() -> None:
    assert str(plain("<b>a</b>\n b")) == '<p class="plain">&lt;b&gt;a&lt;/b&gt;\n b</p>'


@pytest.mark.parametrize("bomb", ["[" * 20_000, "*a_ " * 5_000, "> " * 10_000, "<p>" + "<div>" * 5_000 + ">"])
def test_text_made_to_be_slow_comes_to_an_end(bomb: str) -> None:
    assert isinstance(str(shown(bomb)), str)
