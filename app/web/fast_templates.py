"""Functions of templates that a page calls a hundred times. Their results are cached, for each language."""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from gettext import NullTranslations
from typing import Any, Final, NamedTuple

from jinja2.runtime import Macro
from markupsafe import Markup, escape

MAX_ROWS: Final = 1000
"""Posts of lists whose HTML is cached, in some 2 MB."""
MAX_TEXTS: Final = 4096
"""Texts that are cached, such as "12 votes"."""
_ICON: Final = Markup('<svg class="icon" aria-hidden="true" width="20" height="20"><use href="{}#{}"/></svg>')
_LABELLED_ICON: Final = Markup(
    '<svg class="icon" role="img" aria-label="{}" width="20" height="20"><use href="{}#{}"/></svg>'
)


def cached_gettext(catalogue: NullTranslations) -> dict[str, Callable[..., str]]:
    """`_`, `gettext` and `ngettext` as Jinja's extension for translations has them.

    The messages become HTML as they are, so they must be constants of templates, or marked by `N_`.
    """

    @lru_cache(MAX_TEXTS)
    def translate(message: str) -> Markup:
        return _trust(catalogue.gettext(message)) % {}

    @lru_cache(MAX_TEXTS)
    def count(singular: str, plural: str, number: int) -> Markup:
        return _trust(catalogue.ngettext(singular, plural, number)) % {"num": number}

    def gettext(message: str, /, **variables: Any) -> Markup:
        return _trust(catalogue.gettext(message)) % variables if variables else translate(message)

    def ngettext(singular: str, plural: str, number: int, /, **variables: Any) -> Markup:
        if not variables:
            return count(singular, plural, number)
        return _trust(catalogue.ngettext(singular, plural, number)) % {"num": number, **variables}

    return {"_": gettext, "gettext": gettext, "ngettext": ngettext}


def icon_maker(sprite: str) -> Callable[..., Markup]:
    """The function that draws an icon of the file at this address. Without a label, screen readers skip it."""

    @lru_cache(MAX_TEXTS)
    def icon(name: str, label: str | None = None) -> Markup:
        return _LABELLED_ICON.format(label, sprite, name) if label else _ICON.format(sprite, name)

    return icon


def row_cache() -> Callable[..., Markup]:
    """The function that draws the posts of a list by a macro, or takes them from the cache.

    The key is the post with all that is shown of it, and the values that differ between pages are filled in later.
    """
    # No text of a user can contain them.
    csrf_mark, next_mark = secrets.token_hex(), secrets.token_hex()

    rows: OrderedDict[tuple[str, NamedTuple], str] = OrderedDict()

    def draw(macro: Macro, post: NamedTuple) -> str:
        key = macro.name, post
        html = rows.get(key)
        if html is None:
            html = rows[key] = str(macro(post, csrf_mark, next_mark))
            if len(rows) > MAX_ROWS:
                rows.popitem(last=False)
        else:
            rows.move_to_end(key)
        return html

    def draw_rows(macro: Macro, posts: Sequence[NamedTuple], csrf: str, here: str) -> Markup:
        html = "\n".join([draw(macro, post) for post in posts])
        return _trust(html.replace(csrf_mark, csrf).replace(next_mark, escape(here)))

    return draw_rows


def _trust(html: str) -> Markup:
    """A text of the catalogue, or what a template has made."""
    return Markup(html)  # noqa: S704
