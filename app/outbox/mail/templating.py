"""Renders the templates of emails in the language of the recipient."""

from functools import lru_cache
from pathlib import Path
from textwrap import TextWrapper
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from app.adapters.translations import Translation
from app.outbox.mail.texts import quote_lines

TEMPLATES: Final = Path(__file__).parent / "templates"
WIDTH: Final = 72
"""Characters of a line of plain text."""
QUOTED_WIDTH: Final = WIDTH - 2


@lru_cache(maxsize=64)
def _environment(translation: Translation) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        extensions=["jinja2.ext.i18n"],
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.install_gettext_translations(translation.catalogue, newstyle=True)  # type: ignore[attr-defined]
    environment.filters |= {"wrap": wrap, "quote": lambda text: quote_lines(wrap(text, QUOTED_WIDTH))}
    return environment


def render(template: str, translation: Translation, **context: Any) -> str:
    """Render a template, whose texts are in this language."""
    return _environment(translation).get_template(template).render(context)


def wrap(text: str, width: int = WIDTH) -> str:
    """The text with lines of at most `width` characters, except for longer words, such as links."""
    wrapper = TextWrapper(width, break_long_words=False, break_on_hyphens=False, replace_whitespace=False)
    return "\n".join("\n".join(wrapper.wrap(line)) for line in text.split("\n"))
