"""Texts of users in emails: nothing loads by itself, nothing is executed, and plain text stays readable."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.outbox.mail.templating import wrap
from app.outbox.mail.texts import clean_line, quote_lines, shorten, to_html, to_plain

BASE_URL = "https://feedback.example.com/ideas"


def html_of(text: str, max_length: int = 5000) -> str:
    return str(to_html(text, base_url=BASE_URL, max_length=max_length)).strip()


REL = 'rel="nofollow ugc noopener noreferrer"'


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**bold** & <b>", "<p><strong>bold</strong> &amp; &lt;b&gt;</p>"),
        ("![A > B](https://x.example/a.png)", f'<p><a href="https://x.example/a.png" {REL}>[A &gt; B]</a></p>'),
        (
            "![](https://x.example/a.png)",
            f'<p><a href="https://x.example/a.png" {REL}>[https://x.example/a.png]</a></p>',
        ),
        (
            "[![Logo](https://x.example/a.png)](https://y.example)",
            f'<p><a href="https://y.example" {REL}>[Logo]</a></p>',
        ),
        ("[post](/p/a-b1b2b3)", f'<p><a href="https://feedback.example.com/p/a-b1b2b3" {REL}>post</a></p>'),
        ("[here](#top)", f'<p><a href="{BASE_URL}/#top" {REL}>here</a></p>'),
        ("[bad](javascript:alert(1))", "<p>[bad](javascript:alert(1))</p>"),
        (
            '<p onclick="x()">Hi <img src="https://x.example/a.png" alt=\'"q"\' onerror="x()"><script>x()</script></p>',
            f'<p>Hi <a href="https://x.example/a.png" {REL}>["q"]</a></p>',
        ),
        ("<p><a href='http://['>x</a></p>", f"<p><a {REL}>x</a></p>"),
        ("a\x00b\x1bc", "<p>abc</p>"),
    ],
)
def test_html_has_no_images_and_complete_links(text: str, html: str) -> None:
    assert html_of(text) == html


@given(st.text("<>!()[]\"'=/ \nimgsrcaltp:.", max_size=60))
def test_no_text_makes_an_image(text: str) -> None:
    for source in (text, f"![{text}](https://x.example/a.png)", f'<p><img src="{text}" alt="{text}"></p>'):
        assert re.search(r"<(?:img|script|style|svg|iframe)\b", html_of(source), re.IGNORECASE) is None


def test_a_long_text_is_cut_at_a_word() -> None:
    assert shorten("one two three", 13) == "one two three"
    assert shorten("one two three", 12) == "one two…"
    assert shorten("onetwothree", 5) == "onetw…"
    assert html_of("one two three", 8) == "<p>one two…</p>"
    assert html_of("<p>one <b>two</b> three</p>", 8) == "<p>one two…</p>"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("**bold**\r\n\r\ntext  ", "**bold**\n\ntext"),
        ("<p>One</p><p>Two &amp; <b>three</b></p>", "One\n\nTwo & three"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ('<p>See <a href="https://x.example">this</a></p>', "See this (https://x.example)"),
        ('<p>See <a href="https://x.example">https://x.example</a></p>', "See https://x.example"),
        ('<p><img src="https://x.example/a.png" alt="Chart"></p>', "[Chart]"),
        ("<p>a<br>b</p>", "a\nb"),
        ("<p>a<script>x()</script></p>", "a"),
        ("<p>a</p><p><![broken</p>", "a"),
    ],
)
def test_plain_text_has_no_tags(text: str, plain: str) -> None:
    assert to_plain(text) == plain


def test_plain_text_is_wrapped_and_quoted_without_breaking_links() -> None:
    link = "https://example.com/" + "x" * 100

    wrapped = wrap(f"word {'more ' * 20}{link}\n\n    code")

    assert max(len(line) for line in wrapped.split("\n") if link not in line) <= 72
    assert link in wrapped.split("\n")
    assert wrapped.endswith("\n\n    code")
    assert quote_lines("a\n\nb") == "> a\n>\n> b"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (" Two\r\n lines\u2028three\x0bfour ", "Two lines threefour"),
        ("=?utf-8?q?Bcc=3A_a?=", "= ?utf-8?q?Bcc=3A_a?="),
        ("\u202egnp.exe\u2069", "gnp.exe"),
        ("a\x00b\ud800c", "abc"),
    ],
)
def test_what_a_header_would_change_is_removed(text: str, line: str) -> None:
    assert clean_line(text) == line


@given(st.text())
def test_a_line_is_one_line_that_no_header_decodes(text: str) -> None:
    line = clean_line(text)

    assert len(line.splitlines()) <= 1
    assert "=?" not in line
    assert not set(line) & set("\x00\x1b\u202e\u2066\u200f")
