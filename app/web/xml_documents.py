"""Atom feeds (RFC 4287) and sitemaps as XML. Every text is escaped by ElementTree."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from app.domain.sql.timestamps import Timestamp, format_seconds

ATOM: Final = "http://www.w3.org/2005/Atom"
SITEMAP: Final = "http://www.sitemaps.org/schemas/sitemap/0.9"
MEDIA_TYPE: Final = "application/atom+xml"
NEVER: Final = "1970-01-01T00:00:00Z"
"""When a feed without entries was updated. It must not change with each request."""
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no way to write."""


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """An entry. `summary` is plain text; `html` goes before it."""

    id: str
    title: str
    url: str
    updated: Timestamp
    published: Timestamp
    author: str | None
    categories: Sequence[str]
    summary: str
    html: str | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed. `url` is its own address, and `page_url` that of the page with the same content."""

    id: str
    title: str
    url: str
    page_url: str
    language: str
    author: str
    entries: Sequence[FeedEntry]

    @property
    def updated(self) -> str:
        """When the newest entry was updated."""
        return max((format_seconds(entry.updated) for entry in self.entries), default=NEVER)


def write_feed(feed: Feed) -> bytes:
    """The feed as an XML document."""
    root = Element("feed", {"xmlns": ATOM, "xml:lang": feed.language})
    _add(root, "id", feed.id)
    _add(root, "title", feed.title)
    _add(root, "updated", feed.updated)
    _add(root, "link", rel="self", type=MEDIA_TYPE, href=feed.url)
    _add(root, "link", rel="alternate", type="text/html", href=feed.page_url)
    _add(_add(root, "author"), "name", feed.author)
    _add(root, "generator", "Earshot")
    for entry in feed.entries:
        _add_entry(root, entry)
    return _write(root)


def write_sitemap(pages: Iterable[tuple[str, Timestamp | None]]) -> bytes:
    """A sitemap of pages: the URL of each, and when it changed, if that is known."""
    root = Element("urlset", {"xmlns": SITEMAP})
    for url, changed_at in pages:
        page = _add(root, "url")
        _add(page, "loc", url)
        if changed_at is not None:
            _add(page, "lastmod", format_seconds(changed_at))
    return _write(root)


def write_sitemap_index(urls: Iterable[str]) -> bytes:
    """An index of the sitemaps with these URLs."""
    root = Element("sitemapindex", {"xmlns": SITEMAP})
    for url in urls:
        _add(_add(root, "sitemap"), "loc", url)
    return _write(root)


def _add_entry(root: Element, entry: FeedEntry) -> None:
    element = _add(root, "entry")
    _add(element, "id", entry.id)
    _add(element, "title", entry.title)
    _add(element, "updated", format_seconds(entry.updated))
    _add(element, "published", format_seconds(entry.published))
    _add(element, "link", rel="alternate", type="text/html", href=entry.url)
    if entry.author:
        _add(_add(element, "author"), "name", entry.author)
    for category in entry.categories:
        _add(element, "category", term=category)
    if entry.html is not None:
        _add(element, "content", entry.html, type="html")
    elif entry.summary:
        _add(element, "summary", entry.summary)


def _add(parent: Element, tag: str, text: str | None = None, **attributes: str) -> Element:
    element = SubElement(parent, tag, {name: _NO_XML.sub("", value) for name, value in attributes.items()})
    if text is not None:
        element.text = _NO_XML.sub("", text)
    return element


def _write(root: Element) -> bytes:
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))
