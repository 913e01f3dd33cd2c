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
    "stale": N_("This page was open for too long, so nothing was changed. Try once more."),
    "picture-saved": N_("Your picture is saved."),
    "picture-removed": N_("Your picture is removed."),
    "confirmation-sent": N_("An email with a link is on its way to you. Open the link to confirm the address."),
    "new-address-sent": N_(
        "If no other account has the new address, an email with a link is on its way to it. Open the link in this "
        "browser to change the address."
    ),
    "address-changed": N_("Your email address is changed. You are signed out everywhere else."),
    "password-set": N_("Your password is set."),
    "password-changed": N_("Your password is changed. You are signed out everywhere else."),
    "notifications-saved": N_("Your choices are saved."),
    "session-ended": N_("That browser is signed out."),
    "other-sessions-ended": N_("All other browsers are signed out."),
    "key-revoked": N_("The key is revoked."),
    "passkey-deleted": N_("The passkey is deleted."),
    "account-deleted": N_("Your account is deleted."),
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
