"""What a page says once after a form was sent. The redirect has only the name of the text, so no link can write one."""

from typing import Final

from starlette.requests import Request

from app.adapters.translations import N_
from app.web.field_messages import translate

PARAMETER: Final = "notice"

_TEXTS: Final = {
    "posted": N_("Thank you. Your post is published."),
    "pending": N_("Thank you. Your post appears here when the team has approved it."),
    "voted": N_("Your vote counts. What you wrote is kept for an hour, in case you still want to send it."),
    "commented": N_("Your comment is published."),
    "saved": N_("Your changes are saved."),
    "comment-deleted": N_("The comment is deleted."),
    "post-deleted": N_("The post is deleted."),
}


def add_notice(path: str, name: str) -> str:
    """The path of a page, without a query, that says this."""
    if name not in _TEXTS:
        raise ValueError(f"there is no notice {name!r}")
    base, mark, fragment = path.partition("#")
    return f"{base}?{PARAMETER}={name}{mark}{fragment}"


def find_notice(request: Request, locale: str) -> str | None:
    """The text that the request asks for, in this language."""
    text = _TEXTS.get(request.query_params.get(PARAMETER, ""))
    return None if text is None or request.method not in ("GET", "HEAD") else translate(locale, text)
