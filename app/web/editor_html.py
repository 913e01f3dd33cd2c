"""Rewrites HTML from editors with an end tag for each start tag and a bounded depth.

The sanitizer's parser repairs HTML as browsers do, which can take a multiple of its length: an open `<b>` is repeated
in each paragraph that follows. HTML in which all tags match needs no repair.
"""

from html.parser import HTMLParser
from typing import Final

from markupsafe import escape

MAX_DEPTH: Final = 30
"""The depth of nested elements. Deeper tags are removed, their text stays."""

_VOID: Final = {"br", "hr", "img"}
_INLINE: Final = {*("strong", "b", "em", "i", "u", "s", "del", "sub", "sup", "mark", "kbd", "code", "a", "img", "br")}
_LISTS: Final = {"ul", "ol"}
TAGS: Final = {
    *_INLINE,
    *("p", "hr", "div", "blockquote", "pre", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6"),
    *("figure", "figcaption", "table", "thead", "tbody", "tr", "th", "td"),
}
"""The tags that a rendered text may have."""
ATTRIBUTES: Final[dict[str, set[str]]] = {
    # Without this entry the sanitizer allows `title` and `lang` everywhere.
    "*": set(),
    "a": {"href", "title"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start"},
}
_LOWER: Final = 2


def lower_heading(tag: str) -> str:
    """The tag of a heading below the headings of the page; other tags unchanged."""
    return f"h{min(6, int(tag[1]) + _LOWER)}" if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit() else tag


def balance(html: str) -> str:
    """The HTML with matching tags, lowered headings and nothing but TAGS and ATTRIBUTES. It is not sanitized yet.

    Raises ValueError if it can't be parsed.
    """
    balancer = _Balancer()
    try:
        balancer.feed(html)
        balancer.close()
    except AssertionError as error:
        # Python's parser fails at a broken `<![`.
        raise ValueError(str(error)) from None
    return "".join(balancer.parts)


class _Balancer(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            return
        self._close_before(tag)
        if tag not in _VOID and len(self._open) >= MAX_DEPTH:
            return
        allowed = ATTRIBUTES.get(tag, ())
        attributes = "".join(f' {name}="{escape(value or "")}"' for name, value in attrs if name in allowed)
        self.parts.append(f"<{lower_heading(tag)}{attributes}>")
        if tag not in _VOID:
            self._open.append(tag)

    # `<p/>` is `<p>` in HTML.
    handle_startendtag = handle_starttag

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            self.close_elements(len(self._open) - 1 - self._open[::-1].index(tag))

    def handle_data(self, data: str) -> None:
        # It is set inside a script or style.
        if self.cdata_elem is None:
            self.parts.append(str(escape(data)))

    def close(self) -> None:
        super().close()
        self.close_elements(0)

    def close_elements(self, depth: int) -> None:
        """Close all open elements deeper than this."""
        self.parts += [f"</{lower_heading(tag)}>" for tag in reversed(self._open[depth:])]
        del self._open[depth:]

    def _close_before(self, tag: str) -> None:
        """Close what this tag ends implicitly: a paragraph before a block, an item before the next item."""
        if tag not in _INLINE and "p" in self._open:
            self.handle_endtag("p")
        if tag == "li":
            lists = [depth for depth, opened in enumerate(self._open) if opened in _LISTS]
            first = lists[-1] + 1 if lists else 0
            if "li" in self._open[first:]:
                self.close_elements(self._open.index("li", first))
