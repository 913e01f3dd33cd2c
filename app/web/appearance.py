"""The style sheet of a portal: its accent and the colours of its statuses. No page may have inline styles."""

import hashlib
from collections.abc import Iterable
from typing import Final

from app.domain.portals import contrast
from app.domain.unit_of_work import Row

_RULE: Final = ".status-{id}{{--color:{color}}}"


def make_stylesheet(accent_color: str | None, statuses: Iterable[Row]) -> str:
    """The style sheet, from the accent and the rows of the statuses.

    The accent is corrected for both themes, so that text in it and on it is readable (WCAG 2.2, 1.4.3).
    """
    light, dark = contrast.accent_on_light(accent_color), contrast.accent_on_dark(accent_color)
    on_light, on_dark = contrast.text_on(light), contrast.text_on(dark)
    rules = [f":root{{--accent:light-dark({light},{dark});--on-accent:light-dark({on_light},{on_dark})}}"]
    for row in statuses:
        rules.append(_RULE.format(id=row["id"], color=contrast.clean_color(row["color"], contrast.NEUTRAL)))
    return "\n".join(rules) + "\n"


def version(stylesheet: str) -> str:
    """What its address contains, so that another content has another address."""
    return hashlib.sha256(stylesheet.encode()).hexdigest()[:16]


def find_path(stylesheet: str) -> str:
    """The path of the style sheet on its portal, which may be cached forever."""
    return f"/portal.css?v={version(stylesheet)}"
