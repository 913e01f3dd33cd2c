"""HTML as editors send it, rewritten with an end tag for each start tag and bounded depth.

A browser's parser, which the sanitiser has, mends HTML in ways that take a multiple of its length: an open `<b>` is
repeated in each paragraph that follows. HTML in which all tags match needs no mending.
"""

from html.parser import HTMLParser
from typing import Final

from markupsafe import escape

MAX_DEPTH: Final = 30
"""Elements inside each other. Tags further inside are left out, their text stays."""

_VOID: Final = {"br", "hr", "img"}
_INLINE: Final = {
    *("strong", "b", "em", "i", "u", "s", "del", "sub", "sup", "mark", "kbd", "code", "a", "img", "br"),
}
_LISTS: Final = {"ul", "ol"}
TAGS: Final = {
    *_INLINE,
    *("p", "hr", "div", "blockquote", "pre", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6"),
    *("figure", "figcaption", "table", "thead", "tbody", "tr", "th", "td"),
}
"""What may stand in a text that is shown."""
ATTRIBUTES: Final[dict[str, set[str]]] = {
    # Without this entry the sanitiser lets `title` and `lang` pass everywhere.
    "*": set(),
    "a": {"href", "title"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start"},
}
_LOWER: Final = 2


def lower_heading(tag: str) -> str:
    """The heading to be shown for this one, below the headings of the page; other tags as they are."""
    return f"h{min(6, int(tag[1]) + _LOWER)}" if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit() else tag


def balance(html: str) -> str:
    """The HTML with matching tags, lowered headings and nothing but TAGS and ATTRIBUTES. It is yet to be sanitised.

    Raises ValueError where it can't be read.
    """
    balancer = _Balancer()
    try:
        balancer.feed(html)
        balancer.close()
    except AssertionError as error:
        # Python's parser gives up at a broken `<![`.
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
        kept = "".join(f' {name}="{escape(value or "")}"' for name, value in attrs if name in allowed)
        self.parts.append(f"<{lower_heading(tag)}{kept}>")
        if tag not in _VOID:
            self._open.append(tag)

    # `<p/>` is `<p>` in HTML.
    handle_startendtag = handle_starttag

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            self.close_elements(len(self._open) - 1 - self._open[::-1].index(tag))

    def handle_data(self, data: str) -> None:
        # Otherwise inside a script or style.
        if self.cdata_elem is None:
            self.parts.append(str(escape(data)))

    def close(self) -> None:
        super().close()
        self.close_elements(0)

    def close_elements(self, depth: int) -> None:
        """Close all open elements further inside than this."""
        self.parts += [f"</{lower_heading(tag)}>" for tag in reversed(self._open[depth:])]
        del self._open[depth:]

    def _close_before(self, tag: str) -> None:
        """Close what this tag ends without saying so: a paragraph before a block, an item before the next."""
        if tag not in _INLINE and "p" in self._open:
            self.handle_endtag("p")
        if tag == "li":
            lists = [depth for depth, opened in enumerate(self._open) if opened in _LISTS]
            first = lists[-1] + 1 if lists else 0
            if "li" in self._open[first:]:
                self.close_elements(self._open.index("li", first))
