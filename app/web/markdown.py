"""Renders texts of users as safe HTML. No other module marks such text as safe.

Rendering is bounded: a text that would take too much time, memory or output is shown as plain text. The bounds count
the text, never time, so that a text looks the same on every machine.
"""

import re
from functools import cache
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

import nh3
from markupsafe import Markup, escape

from app.web.editor_html import ATTRIBUTES, TAGS, balance, lower_heading

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

MAX_LENGTH: Final = 50_000
MAX_MARKUP: Final = 15_000
"""As `count_markup` counts, in one text."""
MAX_REFERENCED: Final = (2_000, 4)
"""The characters that reference links may add, in all and for each character: a short one may stand for a long URL."""
MAX_HTML: Final = 500_000

# Editors of ProductLift's clients send HTML. It begins and ends with a tag and is no Markdown.
_HTML: Final = re.compile(
    r"\s*<(?:p|div|h[1-6]|ul|ol|blockquote|pre|table|figure)\b[^>]*>.*>\s*", re.DOTALL | re.IGNORECASE
)
_CELLS_PER_LINE: Final = 2
_CELLS_PER_PIPE: Final = 4
"""The table cells that a text may produce: a short row is filled with empty ones, so few characters can make many."""
_MARKUP: Final = "\n" * _CELLS_PER_LINE + "|" * _CELLS_PER_PIPE + "!#$%&*+-:<=>@[\\]^_`{}~"
"""Characters at which the Markdown parser tries its rules; those that cost more count more than once."""


def render_markdown(text: str) -> Markup:
    """Render Markdown, or the HTML of an editor, as HTML with a few safe tags; headings below those of the page.

    A text that exceeds a bound or can't be parsed is rendered by `markdown_to_text`.
    """
    if len(text) > MAX_LENGTH or count_markup(text) > MAX_MARKUP:
        return markdown_to_text(text)
    try:
        html = balance(text) if is_html(text) else str(_markdown().render(text))
    except ValueError:
        return markdown_to_text(text)
    if len(html) > MAX_HTML:
        return markdown_to_text(text)
    clean = nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow ugc noopener noreferrer",
    )
    return markdown_to_text(text) if len(clean) > MAX_HTML else Markup(clean)  # noqa: S704  cleaned above


def markdown_to_text(text: str) -> Markup:
    """The source text, line by line, for a text that is too long or too costly to format."""
    return Markup('<p class="plain">{}</p>').format(escape(text))


def is_html(text: str) -> bool:
    """Whether the text is the HTML of an editor, and no Markdown."""
    return _HTML.fullmatch(text) is not None


def count_markup(text: str) -> int:
    """The number of characters that may be Markdown. Each takes some twenty microseconds, others almost no time.

    The HTML of an editor has none: its parser is fast enough for any text within MAX_LENGTH.
    """
    return 0 if is_html(text) else sum(map(text.count, _MARKUP))


@cache
def _markdown() -> "MarkdownIt":
    # Sixty modules, which a server loads only once a page is requested.
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock, table

    def bounded_table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        if not table(state, start, end, True):
            return False
        if not silent:
            _count_cells(state, start, end)
            table(state, start, end, False)
        return True

    markdown = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    markdown.block.ruler.at("table", bounded_table, {"alt": ["paragraph", "reference"]})
    markdown.core.ruler.after("block", "bound_references", _bound_references)
    markdown.core.ruler.after("block", "lower_headings", _lower_headings)
    return markdown


def _count_cells(state: Any, start: int, end: int) -> None:
    """Raise ValueError for a table that would be too large, before any cell is made."""
    columns = state.src.count("|", state.bMarks[start], state.eMarks[start]) + 1
    rows = 1 + sum(1 for _ in takewhile(lambda line: not state.isEmpty(line), range(start + 2, end)))
    state.env["cells"] = state.env.get("cells", 0) + columns * rows
    if state.env["cells"] > _CELLS_PER_LINE * state.src.count("\n") + _CELLS_PER_PIPE * state.src.count("|"):
        raise ValueError("too many table cells")


def _bound_references(state: Any) -> None:
    references = state.env.get("references", {}).values()
    longest = max((len(link["href"]) + len(link["title"]) for link in references), default=0)
    max_total, max_per_character = MAX_REFERENCED
    if longest * state.src.count("]") > max_total + max_per_character * len(state.src):
        raise ValueError("too long references")


def _lower_headings(state: Any) -> None:
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = lower_heading(token.tag)
