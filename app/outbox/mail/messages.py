"""Builds the emails: their headers, and their parts in HTML and in plain text."""

import re
from datetime import datetime
from email.header import Header
from email.headerregistry import Address, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy, Policy
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import idna

from app.adapters.mailbox import Mailbox
from app.adapters.translations import load_translation
from app.domain.notifications.content import Content
from app.domain.notifications.kinds import ACCOUNT_KINDS, DIGEST
from app.outbox.mail.letters import make_context
from app.outbox.mail.templating import render
from app.outbox.mail.texts import clean_line, clean_name, shorten
from app.outbox.mail.words import Words

MAX_SUBJECT: Final = 200
MAX_NAME: Final = 100
NO_SENDER: Final = "EARSHOT_MAIL_FROM is not set"


class _UnfoldedHeader(UnstructuredHeader):
    """A header of identifiers or links, which may not be broken: the library would encode the parts of a long one."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"  # type: ignore[attr-defined]


class _SubjectHeader(UnstructuredHeader):
    """A subject that begins in the line of its name: where the library folds it, some programs show a blank."""

    def fold(self, *, policy: Policy) -> str:
        text = str(self)
        header = Header(text, "us-ascii" if text.isascii() else "utf-8", header_name="Subject")
        return f"Subject: {header.encode(linesep=policy.linesep)}{policy.linesep}"


def _make_policy() -> "EmailPolicy[EmailMessage]":
    headers = HeaderRegistry()
    headers.map_to_type("subject", _SubjectHeader)  # type: ignore[arg-type]
    for name in ("message-id", "in-reply-to", "references", "list-unsubscribe"):
        headers.map_to_type(name, _UnfoldedHeader)  # type: ignore[arg-type]
    return SMTP.clone(header_factory=headers, cte_type="7bit")


_POLICY: Final = _make_policy()


def build_message(
    content: Content, *, uuid: str, mail_from: Mailbox, unsubscribe_url: str | None, now: datetime
) -> EmailMessage:
    """The email of a delivery, whose `uuid` makes its Message-ID, so that a repeated one is recognized.

    `unsubscribe_url` is left out of the emails about the user's own account, which can't be unsubscribed from.
    """
    translation = load_translation(content.locale)
    words = Words(content, translation)
    url = None if content.kind in ACCOUNT_KINDS else unsubscribe_url
    host = _find_host(content.base_url) or mail_from.address.rpartition("@")[2]
    message = EmailMessage(policy=_POLICY)
    message["From"] = _make_address(mail_from.address, mail_from.name or words.portal)
    message["To"] = _make_address(content.to_email, clean_name(content.to_name))
    message["Subject"] = shorten(words.subject, MAX_SUBJECT)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{uuid}@{host}>"
    if content.items and content.kind != DIGEST:
        # No email has this id: the emails about a post are replies to the same one.
        thread = f"<post-{content.items[0].post.id}@{host}>"
        message["In-Reply-To"] = thread
        message["References"] = thread
    if url is not None:
        message["List-Unsubscribe"] = f"<{url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    template, context = make_context(content, words, translation)
    context |= {"unsubscribe_url": url}
    message.set_content(render(f"{template}.txt", translation, **context))
    message.add_alternative(render(f"{template}.html", translation, **context), subtype="html")
    return message


def build_test_message(*, mail_from: Mailbox, recipient: str, now: datetime) -> EmailMessage:
    """The email by which an operator tests the settings."""
    message = EmailMessage(policy=_POLICY)
    message["From"] = _make_address(mail_from.address, mail_from.name)
    message["To"] = _make_address(recipient, "")
    message["Subject"] = "Test of the mail settings of Earshot"
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{uuid4()}@{mail_from.address.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("The command `earshot mail test` has sent this email. The mail settings are right.\n")
    return message


def render_email(
    content: Content, *, uuid: str, mail_from: Mailbox | None, unsubscribe_url: str | None, now: datetime
) -> str:
    """The email for an operator: its headers, and its plain text. Without a sender it says so in the header From."""
    sender = mail_from or Mailbox("nobody@localhost")
    message = build_message(content, uuid=uuid, mail_from=sender, unsubscribe_url=unsubscribe_url, now=now)
    shown: dict[str, Any] = dict(message.items())
    if mail_from is None:
        shown["From"] = NO_SENDER
    headers = [f"{name}: {value}" for name, value in shown.items() if not name.startswith(("Content-", "MIME-"))]
    body = message.get_body(("plain",))
    assert isinstance(body, EmailMessage)
    return "\n".join([*headers, "", body.get_content().replace("\r\n", "\n").rstrip(), ""])


def _make_address(address: str, name: str) -> Address:
    local_part, _, domain = address.rpartition("@")
    return Address(shorten(clean_line(name), MAX_NAME), local_part, domain)


def _find_host(base_url: str) -> str | None:
    host = urlsplit(base_url).hostname or ""
    if ":" in host:
        return f"[{host}]"
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode()
        except idna.IDNAError:
            return None
    return host if re.fullmatch(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*", host) else None
