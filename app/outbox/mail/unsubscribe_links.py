"""The links in emails that end notifications."""

from collections.abc import Callable
from typing import Final

from app.adapters.unsubscribe_tokens import NotificationLink, UnsubscribeTokens
from app.domain.notifications.content import Content
from app.domain.notifications.kinds import ACCOUNT_KINDS, DIGEST

PATH: Final = "/unsubscribe"
"""The page confirms with a button; a POST to the same address, as mail programs send it, ends the notifications."""


def build_unsubscribe_url(tokens: UnsubscribeTokens) -> Callable[[Content], str | None]:
    """A function that returns the link of an email; None for mail about the account, which can't be ended."""

    def unsubscribe_url(content: Content) -> str | None:
        if content.kind in ACCOUNT_KINDS:
            return None
        post_id = content.items[0].post.id if content.items and content.kind != DIGEST else None
        token = tokens.make(NotificationLink(content.user_id, content.kind, post_id))
        return f"{content.base_url}{PATH}?token={token}"

    return unsubscribe_url
