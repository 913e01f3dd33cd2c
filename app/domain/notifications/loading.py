"""What an email says, loaded when it is sent.

By then the recipient may have been blocked or may have chosen not to be told, and the post may be hidden. So each
function returns the content, or the reason for an operator why the email must not be sent any more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson
from sqlalchemy import select

from app.domain.models import Portal, User
from app.domain.notifications.choices import is_staff
from app.domain.notifications.content import Account, Content, Item, Recap
from app.domain.notifications.items import ItemKey, load_items
from app.domain.notifications.kinds import DIGEST, NOTIFICATION_KINDS, RECAP
from app.domain.sql.statement import PORTAL_ID, Statement, row_in_portal
from app.domain.unit_of_work import UnitOfWork
from app.domain.users.address_confirmation import IS_ADDRESS_TRUSTED

MAX_TEXT: Final = 10_000
MAX_DIGEST_TEXT: Final = 1_000
"""Characters of the text of an item; the rest is cut off."""

_USER: Final = Statement(
    select(
        User.name,
        User.email,
        User.role,
        User.locale,
        User.recap,
        User.notifications_enabled,
        User.blocked_at,
        User.deleted_at,
        IS_ADDRESS_TRUSTED.label("is_address_trusted"),
    ).where(row_in_portal(User))
)
_PORTAL: Final = Statement(select(Portal.title, Portal.locale, Portal.accent_color).where(Portal.id == PORTAL_ID))


_NO_ADDRESS: Final = "the recipient has no address"


class QueuedEmail(Protocol):
    """The members of a delivery that the content depends on."""

    @property
    def kind(self) -> str: ...
    @property
    def user_id(self) -> int | None: ...
    @property
    def post_id(self) -> int | None: ...
    @property
    def payload(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class _Recipient:
    user_id: int
    name: str
    email: str | None
    role: str
    locale: str | None
    recap: str
    is_enabled: bool
    is_address_trusted: bool
    """False for whoever signed up with an address that is not confirmed, which may be that of somebody else."""


def encode_notification(base_url: str, *, subject_id: int | None) -> str:
    """The payload of a notification; `subject_id` is the comment or the status."""
    return _encode({"base_url": base_url, "subject_id": subject_id})


def encode_digest(base_url: str, items: Sequence[tuple[str, int, int | None]]) -> str:
    """The payload of a digest: kind, post id, and id of the comment or status of each item, oldest first."""
    return _encode({"base_url": base_url, "items": items})


def encode_recap(base_url: str, *, frequency: str, published: int, pending: int) -> str:
    """The payload of a staff summary."""
    return _encode({"base_url": base_url, "frequency": frequency, "published": published, "pending": pending})


def load_content(work: UnitOfWork, delivery: QueuedEmail) -> Content | str:
    """The content of a notification, a digest or a staff summary, or the reason why it must not be sent any more."""
    recipient = _load_recipient(work, delivery.user_id)
    if isinstance(recipient, str):
        return recipient
    if recipient.email is None:
        return _NO_ADDRESS
    if not recipient.is_address_trusted:
        return "the recipient has not confirmed the address"
    if not recipient.is_enabled:
        return "the recipient stopped all notifications"
    payload = orjson.loads(delivery.payload or "{}")
    if delivery.kind == RECAP:
        return _load_recap(work, recipient, payload)
    if delivery.kind == DIGEST:
        return _load_digest(work, recipient, payload)
    assert delivery.kind in NOTIFICATION_KINDS
    assert delivery.post_id is not None
    key = ItemKey(delivery.kind, delivery.post_id, payload["subject_id"])
    (item,) = _load_items(work, recipient, payload, [key], max_text=MAX_TEXT)
    return item if isinstance(item, str) else _content(work, delivery.kind, recipient, payload["base_url"], [item])


def load_account_mail(
    work: UnitOfWork, delivery: QueuedEmail, account: Account, *, base_url: str, to_email: str | None = None
) -> Content | str:
    """The content of an email about the recipient's account, or the reason why it must not be sent any more.

    It is sent whatever the recipient chose, to `to_email` if that is given, such as the address until now.
    """
    recipient = _load_recipient(work, delivery.user_id)
    if isinstance(recipient, str):
        return recipient
    if recipient.email is None and to_email is None:
        return _NO_ADDRESS
    return _content(work, delivery.kind, recipient, base_url, account=account, to_email=to_email)


def _load_recipient(work: UnitOfWork, user_id: int | None) -> _Recipient | str:
    row = None if user_id is None else work.fetch_one(_USER, id=user_id)
    if user_id is None or row is None or row["deleted_at"] is not None:
        return "the recipient was deleted"
    if row["blocked_at"] is not None:
        return "the recipient is blocked"
    name, email, role, locale, recap, is_enabled, *_ = row
    is_trusted = bool(row["is_address_trusted"])
    return _Recipient(user_id, name, email, role, locale, recap, bool(is_enabled), is_trusted)


def _load_recap(work: UnitOfWork, recipient: _Recipient, payload: Mapping[str, Any]) -> Content | str:
    if not is_staff(recipient.role):
        return "the recipient is not a moderator, administrator or owner any more"
    if recipient.recap == "never":
        return "the recipient refused the summary"
    base_url = payload["base_url"]
    recap = Recap(payload["frequency"], payload["published"], payload["pending"], f"{base_url}/")
    return _content(work, RECAP, recipient, base_url, recap=recap)


def _load_digest(work: UnitOfWork, recipient: _Recipient, payload: Mapping[str, Any]) -> Content | str:
    keys = [ItemKey(*values) for values in payload["items"]]
    # Of several changes of a post's status only the last one is news.
    last_changes = {key.post_id: key for key in keys if key.kind == "status_change"}
    keys = [key for key in keys if key.kind != "status_change" or last_changes[key.post_id] is key]
    loaded = _load_items(work, recipient, payload, keys, max_text=MAX_DIGEST_TEXT)
    items = [item for item in loaded if isinstance(item, Item)]
    return _content(work, DIGEST, recipient, payload["base_url"], items) if items else str(loaded[0])


def _load_items(
    work: UnitOfWork, recipient: _Recipient, payload: Mapping[str, Any], keys: Sequence[ItemKey], *, max_text: int
) -> list[Item | str]:
    return load_items(
        work, keys, user_id=recipient.user_id, role=recipient.role, base_url=payload["base_url"], max_text=max_text
    )


def _content(
    work: UnitOfWork,
    kind: str,
    recipient: _Recipient,
    base_url: str,
    items: Sequence[Item] = (),
    *,
    recap: Recap | None = None,
    account: Account | None = None,
    to_email: str | None = None,
) -> Content:
    title, portal_locale, accent_color = work.require_row(_PORTAL, "portal", work.portal_id)
    return Content(
        kind=kind,
        user_id=recipient.user_id,
        to_name=recipient.name,
        to_email=to_email or recipient.email or "",
        portal_title=title,
        locale=recipient.locale or portal_locale,
        accent_color=accent_color,
        base_url=base_url,
        items=items,
        recap=recap,
        account=account,
    )


def _encode(payload: Mapping[str, Any]) -> str:
    return orjson.dumps(payload).decode()
