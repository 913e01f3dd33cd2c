"""Emails about accounts: invitations, links to sign in, choose a password or confirm an address, notices of changes."""

from collections.abc import Sequence
from typing import Any, Final

import orjson

from app.adapters.encryption import SecretCipher
from app.domain.errors import Conflict
from app.domain.events import StoredEvent
from app.domain.notifications.content import Account, Content
from app.domain.notifications.loading import QueuedEmail, load_account_mail
from app.domain.outbox.deliveries import NewDelivery
from app.domain.portals import portals
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import accounts, one_time_tokens, sign_in_changes, sign_in_requests
from app.domain.users.one_time_tokens import EMAIL_CONFIRMATION, INVITATION, PASSWORD_RESET
from app.outbox.base import Expander
from app.public_url import SIGN_IN_LINK

SIGN_IN: Final = "sign_in"
APPROVAL: Final = "approval"
PATHS: Final = {
    INVITATION: "/invitation",
    PASSWORD_RESET: "/password-reset",
    EMAIL_CONFIRMATION: "/confirm-email",
    SIGN_IN: SIGN_IN_LINK,
}
"""The page that the link of each kind of email opens."""
NEW_ADDRESS_PATH: Final = "/profile/email"
"""The page that confirms an address that its user does not have yet."""
_NOTICES: Final = {
    "user.password_changed": "password_changed",
    "user.passkey_added": "passkey_added",
    "user.key_created": "key_created",
    "user.approved": APPROVAL,
}
"""The kinds of email without a token, by event."""
_NOT_VALID: Final = {
    "token.unknown": "its link is not valid any more",
    "token.used": "its link was used, or replaced by a newer one",
    "token.expired": "its link has expired",
}


def build_expander(cipher: SecretCipher) -> Expander:
    """The expander of the events about accounts. What it queues contains tokens and addresses, so it is encrypted."""

    def expand(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        return [
            NewDelivery(
                channel="email",
                kind=kind,
                event_id=event.id,
                user_id=event.subject_id,
                payload=cipher.encrypt(orjson.dumps({"base_url": event.base_url, **payload}).decode()),
                is_encrypted=True,
            )
            for kind, payload in _find_emails(work, event)
        ]

    return expand


def load_account_content(work: UnitOfWork, delivery: QueuedEmail) -> Content | str:
    """The content of an email about an account, or the reason why it must not be sent any more.

    `delivery` has its payload decrypted.
    """
    if delivery.payload is None:
        return "its content was deleted"
    payload = orjson.loads(delivery.payload)
    base_url, token = payload["base_url"], payload.get("token")
    link = None
    if token is not None:
        try:
            path = _verify(work, delivery, token, is_new_address=payload.get("is_new_address", False))
        except Conflict as error:
            return _NOT_VALID[error.code]
        link = f"{base_url}{path}?token={token}"
    elif delivery.kind == APPROVAL:
        link = f"{base_url}/"
    account = Account(
        link=link, message=payload.get("message"), new_email=payload.get("new_email"), code=payload.get("code")
    )
    return load_account_mail(work, delivery, account, base_url=base_url, to_email=payload.get("email"))


def _verify(work: UnitOfWork, delivery: QueuedEmail, token: str, *, is_new_address: bool) -> str:
    """The path of the page that the link with this token opens. Raises Conflict if it is not valid."""
    if is_new_address:
        one_time_tokens.verify_new_address(work, token, user_id=delivery.user_id or 0)
        return NEW_ADDRESS_PATH
    if delivery.kind == SIGN_IN:
        sign_in_requests.verify_link(work, token)
    else:
        one_time_tokens.verify(work, token, purpose=delivery.kind)
    return PATHS[delivery.kind]


def _find_emails(work: UnitOfWork, event: StoredEvent) -> list[tuple[str, dict[str, Any]]]:
    """The kind and payload of each email."""
    user_id = event.subject_id
    if user_id is None:
        return []
    if event.kind == "user.invited":
        # Meanwhile somebody of the team may have set a password.
        if accounts.has_password(work, user_id):
            return []
        message = event.body.get("message") or portals.get_current(work)["invite_message"]
        return _with_token(work, user_id, INVITATION, message=message)
    if event.kind == "user.password_reset_requested":
        return _with_token(work, user_id, PASSWORD_RESET)
    if event.kind == "user.confirmation_requested" and "new_email" in event.body:
        sign_in_changes.forget_addresses(work, event.id)
        return _with_token_for_new_address(work, user_id, event.body["new_email"])
    if event.kind == "user.confirmation_requested":
        return _with_token(work, user_id, EMAIL_CONFIRMATION)
    if event.kind == "user.sign_in_requested":
        return _with_code(work, event)
    if event.kind == "user.email_changed":
        sign_in_changes.forget_addresses(work, event.id)
        old_email, new_email = event.body["old_email"], event.body["new_email"]
        notice = [] if old_email is None else [("email_changed", {"email": old_email, "new_email": new_email})]
        if accounts.is_confirmed(work, user_id):
            return notice
        return notice + _with_token(work, user_id, EMAIL_CONFIRMATION)
    if event.kind in _NOTICES:
        email = accounts.find_email(work, user_id)
        return [] if email is None else [(_NOTICES[event.kind], {"email": email})]
    return []


def _with_token(
    work: UnitOfWork, user_id: int, purpose: str, *, message: str | None = None
) -> list[tuple[str, dict[str, Any]]]:
    """The email with a new token to the user's address; none for a user without one, or who is blocked or deleted."""
    email = accounts.find_email(work, user_id)
    token = None if email is None else one_time_tokens.create(work, user_id=user_id, purpose=purpose, email=email)
    if token is None:
        return []
    payload = {"token": token, "email": email, "message": message}
    return [(purpose, payload | {"new_email": email} if purpose == EMAIL_CONFIRMATION else payload)]


def _with_token_for_new_address(work: UnitOfWork, user_id: int, email: str) -> list[tuple[str, dict[str, Any]]]:
    """The email that confirms another address; none for a user who is blocked or deleted, and for a taken address."""
    token = one_time_tokens.create_for_new_address(work, user_id=user_id, email=email)
    payload = {"token": token, "email": email, "new_email": email, "is_new_address": True}
    return [] if token is None else [(EMAIL_CONFIRMATION, payload)]


def _with_code(work: UnitOfWork, event: StoredEvent) -> list[tuple[str, dict[str, Any]]]:
    """The email by which the user signs in; none if the request has ended, or as `_with_token`."""
    made = sign_in_requests.create_secrets(work, event.body["request"])
    return [] if made is None else [(SIGN_IN, {"token": made.token, "code": made.code, "email": made.email})]
