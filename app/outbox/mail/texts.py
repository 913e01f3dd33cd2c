"""Texts of users in emails: safe HTML as on the pages, without images that load by themselves, and plain text."""

import re
from contextlib import suppress
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urljoin

import nh3
from markupsafe import Markup

from app.web.editor_html import ATTRIBUTES, TAGS
from app.web.markdown import is_html, render_markdown
from app.web.rendered_texts import MarkupCache

MAX_QUOTED: Final = 5000
"""Characters of a text that an email about it quotes."""
MAX_EXCERPT: Final = 500
"""Characters of each text of a digest."""
ELLIPSIS: Final = "…"
_LINK: Final = re.compile(r"(?i)://|\bwww\.|\w\.\w+/")
_TAG: Final = re.compile(r'<(/?)(a|img)((?:\s+[\w-]+="[^"]*")*)\s*/?>')
"""The tags of sanitized HTML, whose attributes are all in double quotation marks."""
_ATTRIBUTE: Final = re.compile(r'([\w-]+)="([^"]*)"')
_NOT_PRINTABLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and halves of characters."""
_DIRECTIONS: Final = re.compile(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Characters that change the order of what follows them in a line."""
_BLOCKS: Final = frozenset({*("p", "div", "blockquote", "pre", "ul", "ol", "figure", "table", "tr", "hr", "br")})

_rendered = MarkupCache()
"""The followers of a post get the same text."""


def to_html(text: str, *, base_url: str, max_length: int) -> Markup:
    """The text as HTML, at most `max_length` characters of it. Images become links, and links get their full URL."""
    shown = clean_text(text)
    if len(shown) > max_length:
        # A part of an editor's HTML is no HTML.
        shown = shorten(to_plain(shown) if is_html(shown) else shown, max_length)
    cached = _rendered.get(f"{base_url} {shown}")
    if cached is None:
        cached = _complete_links(_replace_images(str(render_markdown(shown))), base_url)
        _rendered.put(f"{base_url} {shown}", cached)
    return cached


def to_plain(text: str, *, max_length: int | None = None) -> str:
    """The text as plain text: Markdown as it is, HTML without its tags, with the addresses of its links."""
    shown = clean_text(text).strip()
    if is_html(shown):
        reader = _PlainText()
        # Python's parser fails at a broken `<![`; the text before it is kept.
        with suppress(AssertionError):
            reader.feed(shown)
            reader.close()
        lines = "".join(reader.parts).split("\n")
        shown = re.sub(r"\n{3,}", "\n\n", "\n".join(line.strip() for line in lines)).strip()
    return shown if max_length is None else shorten(shown, max_length)


def clean_text(text: str) -> str:
    """The text without characters that a mail program can't show, or that change the text around it."""
    return _NOT_PRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def clean_line(text: str) -> str:
    """The text as one line for a header or a heading: blanks for line breaks, and no form that headers decode."""
    line = " ".join(_DIRECTIONS.sub("", clean_text(text)).split())
    return line.replace("=?", "= ?")


def clean_name(text: str) -> str:
    """The name as one line; empty if it contains a link, because anybody can enter a name for another's address."""
    line = clean_line(text)
    return "" if _LINK.search(line) else line


def shorten(text: str, max_length: int) -> str:
    """The text, cut at the end of a word, with an ellipsis, if it is longer than `max_length`."""
    if len(text) <= max_length:
        return text
    start = text[:max_length]
    at = max(start.rfind(" "), start.rfind("\n"))
    return start[: at if at > max_length // 2 else max_length].rstrip() + ELLIPSIS


def _replace_images(html: str) -> str:
    """Each image as a link to it with its description, or inside a link as the description alone."""
    in_link = False

    def replace(match: re.Match[str]) -> str:
        nonlocal in_link
        closing, tag, attributes = match.groups()
        if tag == "a":
            in_link = not closing
            return match[0]
        values = dict(_ATTRIBUTE.findall(attributes))
        label = f"[{values.get('alt') or values.get('src', '')}]"
        if in_link or not values.get("src"):
            return label
        return f'<a href="{values["src"]}">{label}</a>'

    return _TAG.sub(replace, html)


def _complete_links(html: str, base_url: str) -> Markup:
    def complete(tag: str, name: str, value: str) -> str | None:
        if (tag, name) != ("a", "href"):
            return value
        try:
            return urljoin(f"{base_url}/", value)
        except ValueError:
            return None

    clean = nh3.clean(
        html,
        tags=TAGS - {"img"},
        # `class` of a text that is shown as it was written.
        attributes={**ATTRIBUTES, "p": {"class"}},
        attribute_filter=complete,
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow ugc noopener noreferrer",
    )
    return Markup(clean)  # noqa: S704  cleaned above


class _PlainText(HTMLParser):
    """Collects the text of HTML in `parts`, with a line for each block."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._href: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "li":
            self.parts.append("\n- ")
        elif tag == "a":
            self._href = attributes.get("href")
        elif tag == "img" and attributes.get("alt"):
            self.parts.append(f"[{attributes['alt']}]")
        elif tag in _BLOCKS or re.fullmatch("h[1-6]", tag):
            self.parts.append("\n" if tag in ("br", "tr") else "\n\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._href:
            if "".join(self.parts[-1:]).strip() != self._href:
                self.parts.append(f" ({self._href})")
            self._href = None
        elif tag in ("td", "th"):
            self.parts.append("  ")
        elif tag in _BLOCKS or re.fullmatch("h[1-6]", tag):
            self.parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:
            self.parts.append(re.sub(r"\s+", " ", data))


def quote_lines(text: str) -> str:
    """The text as a quotation of plain text."""
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))
