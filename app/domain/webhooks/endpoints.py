"""Rules of webhook endpoints: add, edit, delete, enable, disable, list. docs/contracts/productlift.md, section 10.1.

Whoever calls a rule that stores a secret passes `encrypt`, which turns a text into the one that is stored; the rules
return URLs, headers, bodies and secrets as they are stored.
"""

import base64
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import bindparam, func, select, update

from app.domain.errors import Conflict, FieldError, ValidationFailed
from app.domain.models import Portal, Webhook
from app.domain.permissions import Permission
from app.domain.portals.catalogue import CatalogueTable
from app.domain.sql.statement import NOW, PORTAL_ID, Statement
from app.domain.sql.timestamps import to_datetime
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.unset import UNSET, Unset
from app.domain.webhooks import calls, validation
from app.domain.webhooks.signing_secrets import WHSEC

MAX_ENDPOINTS: Final = 10
"""Of a portal. Section 10.1."""
SECRET_BYTES: Final = 32

Encrypt: TypeAlias = Callable[[str], str]

TABLE: Final = CatalogueTable(
    Webhook,
    select(
        *(Webhook.id, Webhook.dialect, Webhook.description, Webhook.url, Webhook.events, Webhook.method),
        *(Webhook.headers, Webhook.body, Webhook.secret, Webhook.signature_header, Webhook.signature_encoding),
        *(Webhook.is_enabled, Webhook.failures_in_row, Webhook.disabled_at, Webhook.created_at, Webhook.updated_at),
    ),
    order=(Webhook.id,),
)
_COUNT: Final = Statement(select(func.count()).select_from(Webhook).where(Webhook.portal_id == PORTAL_ID))
_ENABLED: Final = Statement(
    select(Webhook.id, Webhook.events, Webhook.created_at)
    .where(Webhook.portal_id == PORTAL_ID, Webhook.dialect == bindparam("dialect"), Webhook.is_enabled)
    .order_by(Webhook.id)
)
_ENABLED_IDS: Final = Statement(select(Webhook.id).where(Webhook.portal_id == PORTAL_ID, Webhook.is_enabled))
_SECRET: Final = Statement(select(Portal.webhook_secret).where(Portal.id == PORTAL_ID))
_SET_SECRET: Final = Statement(
    update(Portal).where(Portal.id == PORTAL_ID).values(webhook_secret=bindparam("secret"), updated_at=NOW)
)


@dataclass(frozen=True, slots=True, repr=False)
class EndpointSettings:
    """The settings to give to an endpoint. UNSET is the default of a new one, and leaves that of another unchanged.

    `method`, `headers` and `body` are for Astuto's format, `signature_header` and `signature_encoding` for
    ProductLift's. `url` and `body` are Liquid templates in Astuto's format.
    """

    url: str | Unset = UNSET
    description: str | Unset | None = UNSET
    events: Sequence[str] | Unset = UNSET
    """None are all."""
    method: str | Unset = UNSET
    headers: Mapping[str, str] | Unset | None = UNSET
    body: str | Unset | None = UNSET
    secret: str | Unset | None = UNSET
    """None is the secret of the portal."""
    signature_header: str | Unset = UNSET
    signature_encoding: str | Unset = UNSET


_OF_ASTUTO: Final = ("method", "headers", "body")
_OF_PRODUCTLIFT: Final = ("signature_header", "signature_encoding")
_FOREIGN: Final = {"productlift": _OF_ASTUTO, "astuto": _OF_PRODUCTLIFT}
_ENCRYPTED: Final = ("url", "headers", "body", "secret")


@dataclass(frozen=True, slots=True)
class Subscription:
    """An enabled endpoint, when calls are made for events."""

    webhook_id: int
    events: frozenset[str]
    created_at: datetime

    def wants(self, event: str, *, occurred_at: datetime) -> bool:
        """Whether it is called for this event of its dialect. What happened before it was added is not sent to it."""
        return occurred_at >= self.created_at and (not self.events or event in self.events)


def add(work: UnitOfWork, *, dialect: str, settings: EndpointSettings, encrypt: Encrypt) -> int:
    """Add an enabled endpoint of a dialect, and return its id.

    Raises Forbidden, ValidationFailed, Conflict("webhook.too_many") beyond MAX_ENDPOINTS,
    Conflict("webhook.description_taken").
    """
    _begin_change(work)
    if settings.url is UNSET:
        raise ValidationFailed([FieldError("url", "mandatory")])
    columns = _columns(settings, dialect=dialect, encrypt=encrypt)
    if int(work.fetch_value(_COUNT)) >= MAX_ENDPOINTS:
        raise Conflict("webhook.too_many", {"maximum": MAX_ENDPOINTS})
    with _taken_description(work):
        return TABLE.insert(work, **{"events": "[]", **columns}, dialect=dialect)


def edit(work: UnitOfWork, webhook_id: int, settings: EndpointSettings, *, encrypt: Encrypt) -> None:
    """Change the settings that are given. The dialect of an endpoint never changes.

    Raises as `add`, and NotFound("webhook").
    """
    _begin_change(work)
    columns = _columns(settings, dialect=TABLE.get(work, webhook_id)["dialect"], encrypt=encrypt)
    if columns:
        with _taken_description(work):
            TABLE.update(work, webhook_id, **columns)


def delete(work: UnitOfWork, webhook_id: int) -> None:
    """Delete an endpoint, and cancel the calls that wait. All calls stay in the log, without its id.

    Raises Forbidden, NotFound.
    """
    _begin_change(work)
    # First, because the deletion removes the endpoint from its calls.
    calls.cancel_waiting(work, webhook_id, reason=calls.DELETED)
    TABLE.delete(work, webhook_id)


def enable(work: UnitOfWork, webhook_id: int) -> None:
    """Enable an endpoint, and forget its failures. Raises Forbidden, NotFound("webhook")."""
    _begin_change(work)
    TABLE.get(work, webhook_id)
    TABLE.update(work, webhook_id, is_enabled=True, failures_in_row=0, disabled_at=None)


def disable(work: UnitOfWork, webhook_id: int) -> None:
    """Disable an endpoint, and cancel the calls that wait. Raises Forbidden, NotFound("webhook")."""
    _begin_change(work)
    TABLE.get(work, webhook_id)
    TABLE.update(work, webhook_id, is_enabled=False)
    calls.cancel_waiting(work, webhook_id, reason=calls.DISABLED)


def list_all(work: UnitOfWork) -> Sequence[Row]:
    """The endpoints of the portal, the oldest first. Raises Forbidden."""
    work.authorize(Permission.OPERATE)
    return TABLE.list_all(work)


def get(work: UnitOfWork, webhook_id: int) -> Row:
    """One endpoint. Raises Forbidden, NotFound("webhook")."""
    work.authorize(Permission.OPERATE)
    return TABLE.get(work, webhook_id)


def list_subscriptions(work: UnitOfWork, dialect: str) -> list[Subscription]:
    """The enabled endpoints of the dialect, the oldest first."""
    return [
        Subscription(webhook_id, frozenset(json.loads(events)), to_datetime(created_at))
        for webhook_id, events, created_at in work.fetch_all(_ENABLED, dialect=dialect)
    ]


def list_enabled_ids(work: UnitOfWork) -> frozenset[int]:
    """The enabled endpoints of both dialects."""
    return frozenset(webhook_id for (webhook_id,) in work.fetch_all(_ENABLED_IDS))


def get_secret(work: UnitOfWork) -> str | None:
    """The portal's secret as it is stored, encrypted; None before the first endpoint needs it. Raises Forbidden."""
    work.authorize(Permission.OPERATE)
    secret: str | None = work.fetch_value(_SECRET)
    return secret


def make_secret() -> str:
    """A new random secret, in the form of Standard Webhooks."""
    return WHSEC + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def ensure_secret(work: UnitOfWork, *, encrypt: Encrypt) -> str | None:
    """Give the portal a new secret if it has none, and return it; None if it has one. Raises Forbidden.

    Of several concurrent calls, one makes the secret.
    """
    _begin_change(work)
    if work.fetch_value(_SECRET) is not None:
        return None
    secret = make_secret()
    work.execute(_SET_SECRET, secret=encrypt(secret))
    return secret


def set_secret(work: UnitOfWork, secret: str, *, encrypt: Encrypt) -> None:
    """Replace the portal's secret, which signs calls to the endpoints without their own.

    Raises Forbidden, ValidationFailed.
    """
    _begin_change(work)
    errors = validation.check_secret(secret)
    if errors:
        raise ValidationFailed(errors)
    work.execute(_SET_SECRET, secret=encrypt(secret))


def _begin_change(work: UnitOfWork) -> None:
    work.authorize(Permission.OPERATE)
    # Two concurrent calls of `add` can't both find room for one more.
    work.lock_portal()


def _taken_description(work: UnitOfWork) -> AbstractContextManager[None]:
    return work.map_unique_violation(uq_webhooks_portal_id_description=Conflict("webhook.description_taken"))


def _columns(settings: EndpointSettings, *, dialect: str, encrypt: Encrypt) -> dict[str, Any]:
    """The columns of the settings that are given. Raises ValidationFailed."""
    given = {
        field.name: getattr(settings, field.name)
        for field in fields(settings)
        if getattr(settings, field.name) is not UNSET
    }
    errors = [FieldError(name, "other_dialect", {"dialect": dialect}) for name in _FOREIGN[dialect] if name in given]
    for name, value in given.items():
        if value is not None:
            errors += _check(name, value, dialect=dialect)
    if errors:
        raise ValidationFailed(errors)
    if "events" in given:
        given["events"] = json.dumps([event for event in validation.EVENTS[dialect] if event in given["events"]])
    if given.get("headers") is not None:
        given["headers"] = json.dumps(dict(given["headers"]))
    return {
        name: encrypt(value) if name in _ENCRYPTED and value is not None else value for name, value in given.items()
    }


def _check(name: str, value: Any, *, dialect: str) -> list[FieldError]:
    if name == "url":
        return validation.check_url(value, dialect=dialect)
    if name == "events":
        return validation.check_events(value, dialect=dialect)
    return _CHECKS[name](value)


_CHECKS: Final[Mapping[str, Callable[[Any], list[FieldError]]]] = {
    "description": validation.check_description,
    "method": validation.check_method,
    "headers": validation.check_headers,
    "body": validation.check_body,
    "secret": validation.check_secret,
    "signature_header": validation.check_signature_header,
    "signature_encoding": validation.check_signature_encoding,
}
