"""The style sheet of a portal: its accent and the colours of its statuses. No page may have inline styles."""

import hashlib
from functools import lru_cache
from typing import Final

from app.domain.portals import contrast

MAX_STYLESHEETS: Final = 64
"""Style sheets that are cached, one for each portal: every page needs the version of its own."""
_RULE: Final = ".status-{id}{{--color:{color}}}"


@lru_cache(MAX_STYLESHEETS)
def make_stylesheet(accent_color: str | None, statuses: tuple[tuple[int, str], ...]) -> str:
    """The style sheet, from the accent and the id and colour of each status.

    The accent is corrected for both themes, so that text in it and on it is readable (WCAG 2.2, 1.4.3).
    """
    light, dark = contrast.accent_on_light(accent_color), contrast.accent_on_dark(accent_color)
    on_light, on_dark = contrast.text_on(light), contrast.text_on(dark)
    rules = [f":root{{--accent:light-dark({light},{dark});--on-accent:light-dark({on_light},{on_dark})}}"]
    for status_id, color in statuses:
        rules.append(_RULE.format(id=status_id, color=contrast.clean_color(color, contrast.NEUTRAL)))
    return "\n".join(rules) + "\n"


@lru_cache(MAX_STYLESHEETS)
def version(stylesheet: str) -> str:
    """What its address contains, so that another content has another address."""
    return hashlib.sha256(stylesheet.encode()).hexdigest()[:16]


def find_path(stylesheet: str) -> str:
    """The path of the style sheet on its portal, which may be cached forever."""
    return f"/portal.css?v={version(stylesheet)}"
