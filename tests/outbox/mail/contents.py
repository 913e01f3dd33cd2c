"""The content of one email of each kind, with texts that need care: Markdown, HTML, images, long words."""

from dataclasses import replace
from email.message import EmailMessage
from typing import Final

from app.adapters.database import utc_now
from app.adapters.mailbox import Mailbox
from app.domain.notifications.content import Account, Content, Item, Post, Recap
from app.domain.notifications.kinds import ACCOUNT_KINDS, DIGEST, EMAIL_KINDS, RECAP
from app.outbox.mail.messages import build_message

UUID: Final = "5f0c1e9a-3b0e-4d53-9a3c-0d1f6c1f2a11"
SENDER: Final = Mailbox("feedback@example.com", "Feedback")
BASE_URL: Final = "https://feedback.example.com"
UNSUBSCRIBE: Final = "https://feedback.example.com/unsubscribe/" + "a1B2c3D4" * 20
POST: Final = Post(17, "Dark mode for the whole interface", f"{BASE_URL}/p/dark-mode-a1b2c3")
OTHER_POST: Final = Post(18, "Import from spreadsheets", f"{BASE_URL}/p/import-d4e5f6")
MARKDOWN: Final = """\
I would **love** this, see [the issue](https://example.com/issues/7) and [ours](/p/other-a1b2c3).

- tables and charts
- the `settings` page

> It hurts my eyes at night.

```
theme = "dark"
```

![A screenshot](https://tracker.example.net/pixel.png)

| Page | Dark |
|---|---|
| Posts | yes |
| Roadmap | not yet |
"""
EDITOR_HTML: Final = (
    "<p>Dark mode is <strong>here</strong>! Thanks for all the votes.</p>"
    '<ul><li>Follows your system</li><li>Or choose it in <a href="https://example.com/settings">the settings</a></li>'
    '</ul><p><img src="https://tracker.example.net/dark.png" alt="The new look"></p>'
)
ITEMS: Final = {
    "post_update": Item("post_update", POST, "Max Team", EDITOR_HTML, comment_id=5),
    "status_change": Item("status_change", POST, "Max Team", status=("In Progress", "#9437ff")),
    "comment": Item("comment", POST, "Maya Lopez", MARKDOWN, comment_id=6),
    "reply": Item("reply", POST, "Maya Lopez", "Yes, me too. " * 30, comment_id=7),
    "mention": Item("mention", POST, "Maya Lopez", "What do you think, Jane?", comment_id=8),
    "new_post": Item("new_post", POST, None, MARKDOWN),
    "pending_post": Item("pending_post", POST, "Maya Lopez", "x" * 300),
}
ACCOUNTS: Final = {
    "invitation": Account(f"{BASE_URL}/invitations/{'k3Y' * 14}"),
    "password_reset": Account(f"{BASE_URL}/passwords/{'k3Y' * 14}"),
    "email_confirmation": Account(f"{BASE_URL}/confirmations/{'k3Y' * 14}", new_email="jane.new@example.com"),
    "email_changed": Account(new_email="jane.new@example.com"),
    "password_changed": Account(),
    "passkey_added": Account(),
    "key_created": Account(),
    "sign_in": Account(f"{BASE_URL}/sign-in/link?token={'k3Y' * 14}", code="042917"),
    "approval": Account(f"{BASE_URL}/"),
}


def make_content(kind: str, *, locale: str = "en", accent: str | None = None) -> Content:
    """The content of one email of this kind."""
    content = Content(kind, 3, "Jane Doe", "jane@example.com", "Acme Feedback", locale, accent, BASE_URL)
    if kind == RECAP:
        return replace(content, recap=Recap("weekly", 12, 1, f"{BASE_URL}/"))
    if kind == DIGEST:
        other = replace(ITEMS["status_change"], post=OTHER_POST, status=("Planned", "#ffffb5"))
        items = (ITEMS["post_update"], ITEMS["comment"], other, replace(ITEMS["reply"], post=OTHER_POST))
        return replace(content, items=(*items, ITEMS["status_change"]))
    if kind in ACCOUNT_KINDS:
        return replace(content, account=ACCOUNTS[kind])
    return replace(content, items=(ITEMS[kind],))


def make_message(content: Content, *, unsubscribe_url: str | None = UNSUBSCRIBE) -> EmailMessage:
    """The email with this content."""
    return build_message(content, uuid=UUID, mail_from=SENDER, unsubscribe_url=unsubscribe_url, now=utc_now())


def part_of(message: EmailMessage, kind: str) -> str:
    """The part of this type, `plain` or `html`."""
    part = message.get_body((kind,))
    assert isinstance(part, EmailMessage)
    return str(part.get_content()).replace("\r\n", "\n")


assert set(EMAIL_KINDS) == {*ITEMS, *ACCOUNTS, RECAP, DIGEST}
