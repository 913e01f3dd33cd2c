"""Text that people wrote, as HTML that can do no harm. The one place that calls such text safe."""

import re
from functools import cache
from typing import TYPE_CHECKING, Final

import nh3
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

# Editors of ProductLift's clients send HTML. It begins and ends with a tag and is no Markdown.
_HTML: Final = re.compile(
    r"\s*<(?:p|div|h[1-6]|ul|ol|blockquote|pre|table|figure)\b[^>]*>.*>\s*", re.DOTALL | re.IGNORECASE
)
_TAGS: Final = {
    *("p", "br", "hr", "div", "blockquote", "pre", "code", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6"),
    *("strong", "b", "em", "i", "u", "s", "del", "sub", "sup", "mark", "kbd", "a", "img", "figure", "figcaption"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES: Final = {"a": {"href", "title"}, "img": {"src", "alt", "width", "height"}, "ol": {"start"}}
_HEADING: Final = re.compile(r"(</?h)([1-6])(?=>)")
_LOWER: Final = 2


@cache
def _markdown() -> "MarkdownIt":
    # Sixty modules that a server whose pages nobody opens need not load.
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])


def shown(text: str) -> Markup:
    """Markdown, or the HTML of an editor, as HTML with a few harmless tags; headings below those of the page."""
    html = text if _HTML.fullmatch(text) else str(_markdown().render(text))
    clean = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow ugc noopener noreferrer",
    )
    # What was cleaned has no other `<` than those of its tags, and headings have no attributes.
    lowered = _HEADING.sub(lambda found: f"{found[1]}{min(6, int(found[2]) + _LOWER)}", clean)
    return Markup(lowered)  # noqa: S704  cleaned above


def plain(text: str) -> Markup:
    """The text as it was written, line by line, for what is too long to be formatted."""
    return Markup('<p class="plain">{}</p>').format(escape(text))
