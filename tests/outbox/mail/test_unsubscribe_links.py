"""The link to unsubscribe, which an email of each kind has, except those about the account."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.adapters.unsubscribe_tokens import NotificationLink, UnsubscribeTokens
from app.domain.notifications.content import Content, Item, Post
from app.domain.notifications.kinds import ACCOUNT_KINDS, DIGEST, NOTIFICATION_KINDS, RECAP
from app.outbox.mail.unsubscribe_links import build_unsubscribe_url

TOKENS = UnsubscribeTokens(b"secret")


def content(kind: str, items: Any = ()) -> Content:
    return Content(
        kind=kind,
        user_id=7,
        to_name="Jane",
        to_email="jane@example.com",
        portal_title="Feedback",
        locale="en",
        accent_color=None,
        base_url="https://example.com/feedback",
        items=items,
    )


@pytest.mark.parametrize(
    ("kind", "post_id"), [*((kind, 8) for kind in NOTIFICATION_KINDS), (DIGEST, None), (RECAP, None)]
)
def test_the_link_ends_the_kind_of_the_email(kind: str, post_id: int | None) -> None:
    items = () if kind == RECAP else [Item(kind, Post(8, "Dark mode", "https://example.com/p/x"), None)]

    url = build_unsubscribe_url(TOKENS)(content(kind, items))

    assert url is not None
    assert url.startswith("https://example.com/feedback/unsubscribe?token=")
    (token,) = parse_qs(urlsplit(url).query)["token"]
    assert TOKENS.read(token) == NotificationLink(7, kind, post_id)


@pytest.mark.parametrize("kind", ACCOUNT_KINDS)
def test_mail_about_the_account_has_no_link(kind: str) -> None:
    assert build_unsubscribe_url(TOKENS)(content(kind)) is None
