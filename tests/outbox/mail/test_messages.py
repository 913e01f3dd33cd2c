"""Emails of each kind: their headers, which no text of a user can change, and their parts."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.adapters.mailbox import Mailbox
from app.domain.notifications.content import Account, Post, Recap
from app.domain.notifications.kinds import ACCOUNT_KINDS, EMAIL_KINDS, NOTIFICATION_KINDS
from app.domain.users.one_time_tokens import LIFETIMES
from app.outbox.mail.messages import NO_SENDER, build_message, render_email
from tests.outbox.mail.contents import (
    ACCOUNTS,
    ITEMS,
    POST,
    SENDER,
    UNSUBSCRIBE,
    UUID,
    make_content,
    make_message,
    part_of,
)
from tests.support.checkout import ROOT

NOW = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)
SUBJECTS = {
    "post_update": '[Acme Feedback] New update for post "Dark mode for the whole interface"',
    "status_change": '[Acme Feedback] Status change on post "Dark mode for the whole interface"',
    "comment": '[Acme Feedback] New comment on "Dark mode for the whole interface"',
    "reply": '[Acme Feedback] New reply on your comment on post "Dark mode for the whole interface"',
    "mention": '[Acme Feedback] You were mentioned on post "Dark mode for the whole interface"',
    "new_post": '[Acme Feedback] New post "Dark mode for the whole interface"',
    "pending_post": '[Acme Feedback] Post "Dark mode for the whole interface" waits for approval',
    "recap": "[Acme Feedback] Weekly recap of feedback space activity",
    "digest": "[Acme Feedback] 5 new notifications",
    "invitation": "You are invited to Acme Feedback",
    "password_reset": "[Acme Feedback] Reset your password",
    "email_confirmation": "[Acme Feedback] Confirm your email address",
    "email_changed": "[Acme Feedback] Your email address was changed",
    "password_changed": "[Acme Feedback] Your password was changed",
    "passkey_added": "[Acme Feedback] A passkey was added to your account",
    "key_created": "[Acme Feedback] An API key was created for your account",
    "sign_in": "[Acme Feedback] Sign in",
    "approval": "[Acme Feedback] Your account is ready",
}
WITHOUT_LINK = ("email_changed", "password_changed", "passkey_added", "key_created")
REASONS = {
    "post_update": "you follow the post",
    "status_change": "you follow the post",
    "comment": "you wrote the post",
    "reply": "you wrote the comment that was answered",
    "mention": "you were mentioned",
    "new_post": "you want to be told of new posts",
    "pending_post": "you want to be told of posts that wait for approval",
    "recap": "you want a recap",
    "digest": "you want your notifications together",
    "invitation": "somebody at Acme Feedback has invited jane@example.com",
    "password_reset": "somebody entered jane@example.com at Acme Feedback",
    "email_confirmation": "somebody entered jane@example.com at Acme Feedback",
    "email_changed": "it is about the security of your account at Acme Feedback",
    "password_changed": "it is about the security of your account at Acme Feedback",
    "passkey_added": "it is about the security of your account at Acme Feedback",
    "key_created": "it is about the security of your account at Acme Feedback",
    "sign_in": "somebody entered jane@example.com at Acme Feedback",
    "approval": "somebody signed up with jane@example.com at Acme Feedback",
}


def receive(message: EmailMessage) -> EmailMessage:
    """The email as its reader's program parses it."""
    wire = message.as_bytes()
    assert wire.isascii()
    assert max(map(len, wire.split(b"\r\n"))) <= 998
    received = message_from_bytes(wire, policy=policy.default)
    assert isinstance(received, EmailMessage)
    return received


def headers_of(message: EmailMessage) -> dict[str, str]:
    return {name: str(value) for name, value in receive(message).items()}


@pytest.mark.parametrize("kind", EMAIL_KINDS)
def test_each_kind_has_its_headers(kind: str) -> None:
    content = make_content(kind)
    message = build_message(content, uuid=UUID, mail_from=SENDER, unsubscribe_url=UNSUBSCRIBE, now=NOW)
    thread = {"In-Reply-To": "<post-17@feedback.example.com>", "References": "<post-17@feedback.example.com>"}
    unsubscribe = {
        "List-Unsubscribe": f"<{UNSUBSCRIBE}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }

    headers = headers_of(message)

    assert headers.pop("Content-Type").startswith("multipart/alternative;")
    assert headers == {
        "From": "Feedback <feedback@example.com>",
        "To": "Jane Doe <jane@example.com>",
        "Subject": SUBJECTS[kind],
        "Date": "Sat, 28 Nov 2026 09:30:00 +0000",
        "Message-ID": f"<{UUID}@feedback.example.com>",
        **(thread if kind in NOTIFICATION_KINDS else {}),
        **({} if kind in ACCOUNT_KINDS else unsubscribe),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "MIME-Version": "1.0",
    }
    assert f"List-Unsubscribe: <{UNSUBSCRIBE}>\r\n".encode() in message.as_bytes() or kind in ACCOUNT_KINDS


@pytest.mark.parametrize("kind", EMAIL_KINDS)
def test_both_parts_say_why_the_reader_gets_it_and_how_to_end_it(kind: str) -> None:
    message = receive(make_message(make_content(kind)))
    plain, html = part_of(message, "plain"), part_of(message, "html")

    assert f"You get this email because {REASONS[kind]}." in " ".join(plain.split())
    assert f"You get this email because {REASONS[kind]}." in html
    for part in (plain, html):
        assert (UNSUBSCRIBE in part) is (kind not in ACCOUNT_KINDS)
        assert "Hello Jane Doe," in part
        assert "Acme Feedback" in part


@pytest.mark.parametrize("kind", EMAIL_KINDS)
def test_html_loads_nothing_and_has_at_most_one_button(kind: str) -> None:
    html = part_of(make_message(make_content(kind)), "html")

    assert re.search(r"<(?:img|script|iframe|form|link|svg)\b|url\(|@import|background=", html) is None
    assert html.count('<table class="button"') == (0 if kind in WITHOUT_LINK else 1)


@pytest.mark.parametrize("kind", NOTIFICATION_KINDS)
def test_a_notification_shows_the_text_and_leads_to_it(kind: str) -> None:
    item = ITEMS[kind]
    message = make_message(make_content(kind))
    plain, html = part_of(message, "plain"), part_of(message, "html")
    url = POST.url if item.comment_id is None else f"{POST.url}#comment-{item.comment_id}"

    assert f"\n{url}\n" in plain
    assert f'<a href="{url}"' in html
    for part in (plain, html):
        assert POST.title in part
        assert (item.author or "Somebody") in part or kind == "status_change"
    if item.text is not None:
        assert "\n> " in plain
        assert "<p>" in html


def test_a_status_is_a_coloured_label_and_a_line_of_text() -> None:
    message = make_message(make_content("status_change"))

    assert "New status: In Progress\n" in part_of(message, "plain")
    label = re.search(r"<span[^>]*>In Progress</span>", part_of(message, "html"))
    assert label is not None
    assert "background-color:#9437ff;color:#ffffff;" in label[0]


def test_a_digest_is_grouped_by_post() -> None:
    plain = part_of(make_message(make_content("digest")), "plain")

    order = [
        "Dark mode for the whole interface",
        "Max Team wrote an update",
        "Maya Lopez commented on your post:",
        "New status: In Progress",
        "Import from spreadsheets",
        "New status: Planned",
        "Maya Lopez replied",
    ]
    assert [plain.count(each) for each in order] == [1] * 7
    assert sorted(order, key=plain.index) == order


@pytest.mark.parametrize(
    ("published", "pending", "first", "second"),
    [
        (1, 2, "1 new post was published.", "2 posts wait for approval."),
        (0, 1, "0 new posts were published.", "1 post waits for approval."),
    ],
)
def test_a_recap_has_both_counts(published: int, pending: int, first: str, second: str) -> None:
    content = replace(make_content("recap"), recap=Recap("daily", published, pending, "https://f.example/"))
    message = make_message(content)

    for part in (part_of(message, "plain"), part_of(message, "html")):
        assert first in part
        assert second in part
        assert "https://f.example/" in part
    assert str(message["Subject"]) == "[Acme Feedback] Daily recap of feedback space activity"


DURATIONS = {timedelta(days=90): "90 days", timedelta(hours=1): "one hour", timedelta(days=3): "three days"}


@pytest.mark.parametrize("kind", LIFETIMES)
@pytest.mark.parametrize("own_text", [None, "Come in."])
def test_an_email_says_how_long_its_link_is_valid(kind: str, own_text: str | None) -> None:
    content = make_content(kind)
    assert content.account is not None
    message = make_message(replace(content, account=replace(content.account, message=own_text)))

    for part in ("plain", "html"):
        assert f"The link is valid for {DURATIONS[LIFETIMES[kind]]}." in part_of(message, part)


def test_the_message_of_an_invitation_gets_the_link() -> None:
    link = "https://feedback.example.com/invitations/k3Y?a=1&b=2"
    account = Account(link, message="Hi <b>Jane</b>,\nplease join: %link%\n\nYour team")
    message = make_message(replace(make_content("invitation"), account=account))
    plain, html = part_of(message, "plain"), part_of(message, "html")

    assert f"Hi <b>Jane</b>,\nplease join: {link}\n\nYour team\n" in plain
    escaped = link.replace("&", "&amp;")
    assert f'Hi &lt;b&gt;Jane&lt;/b&gt;,<br>\nplease join: <a class="accent" href="{escaped}"' in html
    assert "You are invited to Acme Feedback, where" not in plain


def test_an_email_to_sign_in_has_the_code_and_the_link() -> None:
    message = make_message(make_content("sign_in"))
    plain, html = part_of(message, "plain"), part_of(message, "html")
    account = ACCOUNTS["sign_in"]

    assert plain.count("\n    042917\n") == 1
    assert f"Sign in:\n{account.link}\n" in plain
    assert len(re.findall(r"<p[^>]*>042917</p>", html)) == 1
    assert f'<a href="{account.link}"' in html
    # Neither appears where a phone shows it without being unlocked.
    assert "042917" not in str(message["Subject"])
    assert "042917" not in html.partition("<header")[0]


def test_a_portal_in_german_writes_german() -> None:
    content = replace(make_content("comment", locale="de-AT"), to_name="Jürgen Müller", portal_title="Ideen & Wünsche")
    message = receive(make_message(content))
    html = part_of(message, "html")

    assert str(message["Subject"]) == "[Ideen & Wünsche] Neuer Kommentar zu „Dark mode for the whole interface“"
    assert str(message["To"]) == "Jürgen Müller <jane@example.com>"
    assert "Hallo Jürgen Müller," in part_of(message, "plain")
    assert '<html lang="de" dir="ltr">' in html
    assert "Maya Lopez hat Ihren Beitrag kommentiert:" in html
    assert "You get this email" not in html


def test_a_sender_without_a_name_shows_the_portal() -> None:
    content = replace(make_content("comment"), portal_title='Acme, "the" portal')
    message = build_message(
        content, uuid=UUID, mail_from=Mailbox("feedback@example.com"), unsubscribe_url=None, now=NOW
    )

    (sender,) = receive(message)["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ('Acme, "the" portal', "feedback@example.com")


@pytest.mark.parametrize("name", ["Win money: https://spam.example", "WWW.spam.example", "Visit spam.example/now", " "])
@pytest.mark.parametrize("kind", ["email_confirmation", "comment"])
def test_a_name_with_a_link_is_left_out(kind: str, name: str) -> None:
    message = receive(make_message(replace(make_content(kind), to_name=name)))

    assert str(message["To"]) == "jane@example.com"
    assert "Hello,\n" in part_of(message, "plain")
    assert "spam" not in part_of(message, "html") + part_of(message, "plain")


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        ("https://feedback.example.com/ideas", "feedback.example.com"),
        ("https://FEEDBACK.example.com:8443", "feedback.example.com"),
        ("http://[::1]:8000", "[::1]"),
        ("https://straße.example", "xn--strae-oqa.example"),
        ("", "example.com"),
    ],
)
def test_a_message_id_has_the_host_of_the_portal(base_url: str, host: str) -> None:
    message = make_message(replace(make_content("comment"), base_url=base_url))

    assert headers_of(message)["Message-ID"] == f"<{UUID}@{host}>"


HOSTILE = (
    "Ideas\r\nBcc: victim@example.com",
    "Ideas\n\n<script>alert(1)</script>",
    "=?utf-8?q?Ideas=0D=0ABcc:_victim=40example.com?=",
    "=?utf-8?b?SWRlYXMNCkJjYzogdmljdGltQGV4YW1wbGUuY29t?=",
    "Ideas\u2028Bcc: victim@example.com",
    "Ideas\x0bBcc: victim@example.com",
    "Ideas\x85Bcc: victim@example.com",
    '"><b>Ideas',
    "victim@example.com",
    "<victim@example.com>",
    "a, victim@example.com, <victim@example.com>",
    '"a" <victim@example.com>, "' + "b" * 80,
    "Übermäßig, " * 30,
    "\u202egnp.exe",
    "%(portal)s %s {{ 7 * 7 }} {% raw %}",
    "W" * 300,
    "\U0001f600" * 90,
    "\\",
    "(comment)",
    "",
)


def examples(function: Any) -> Any:
    for text in HOSTILE:
        function = example(text=text)(function)
    return function


@examples
@settings(deadline=None, max_examples=50)
@given(text=st.text(max_size=300))
def test_no_text_changes_the_headers_of_an_email(text: str) -> None:
    content = make_content("comment")
    item = replace(content.items[0], post=Post(17, text, POST.url), author=text, text=text or None)
    hostile = replace(content, to_name=text, portal_title=text, items=(item,))
    message = receive(
        build_message(
            hostile, uuid=UUID, mail_from=Mailbox("feedback@example.com"), unsubscribe_url=UNSUBSCRIBE, now=NOW
        )
    )

    assert [name for name, _ in message.items()] == [
        "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "List-Unsubscribe",
        "List-Unsubscribe-Post", "Auto-Submitted", "X-Auto-Response-Suppress", "MIME-Version", "Content-Type",
    ]  # fmt: skip
    assert [each.addr_spec for each in message["From"].addresses] == ["feedback@example.com"]
    assert [each.addr_spec for each in message["To"].addresses] == ["jane@example.com"]
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert "\n" not in str(message["Subject"])
    html = part_of(message, "html")
    assert re.search(r"<(?:script|img|b)\b", html) is None
    assert "49" not in html or "49" in text


def test_the_guide_lists_every_kind_with_its_subject() -> None:
    page = (ROOT / "docs" / "operating" / "mail.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]

    for kind in EMAIL_KINDS:
        (row,) = (row for row in rows if f"`{kind}`" in row)
        subject = SUBJECTS[kind].replace("Acme Feedback", "Portal").replace(POST.title, "Title")
        assert subject.replace("Weekly", "Daily").replace("5 new", "3 new") in row


def test_the_operator_sees_an_email_as_text() -> None:
    content = make_content("comment")

    shown = render_email(content, uuid=UUID, mail_from=SENDER, unsubscribe_url=UNSUBSCRIBE, now=NOW)
    without_sender = render_email(content, uuid=UUID, mail_from=None, unsubscribe_url=UNSUBSCRIBE, now=NOW)

    assert shown.startswith(
        "From: Feedback <feedback@example.com>\nTo: Jane Doe <jane@example.com>\n"
        f"Subject: {SUBJECTS['comment']}\nDate: Sat, 28 Nov 2026 09:30:00 +0000\n"
    )
    assert "\n\nAcme Feedback\n\nHello Jane Doe,\n" in shown
    assert "Content-" not in shown
    assert without_sender.startswith(f"From: {NO_SENDER}\n")
