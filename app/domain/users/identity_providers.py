"""OpenID Connect providers of a portal: which ones there are, and how Earshot is known to them.

Whoever runs one may act as any user whose address it vouches for, so only the operator changes them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import bindparam, delete, func, select, update

from app.domain.errors import Conflict, FieldError, NotFound, ValidationFailed
from app.domain.models import Identity, IdentityProvider
from app.domain.permissions import Permission
from app.domain.plain_text import parse_line
from app.domain.sql.statement import (
    NOW,
    PORTAL_ID,
    Statement,
    in_portal_unindexed,
    insert_row,
    parameters,
    row_in_portal,
)
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.unset import UNSET, Unset

MAX_PROVIDERS: Final = 20
MAX_NAME: Final = 100
MAX_TEXT: Final = 255
"""Characters of an issuer, a client id, the scopes, and the name of a group."""
MAX_GROUPS: Final = 100
DEFAULT_SCOPES: Final = "openid email profile"
MAPPED_ROLES: Final = ("user", "moderator", "admin")
"""A group never makes an owner: there is exactly one, and only a transfer changes who it is."""

_COLUMNS: Final = (*("name", "issuer", "client_id", "client_secret", "scopes", "groups_claim", "roles", "is_enabled"),)
_SELECT: Final = select(IdentityProvider.id, *(getattr(IdentityProvider, name) for name in _COLUMNS)).where(
    IdentityProvider.portal_id == PORTAL_ID
)
_LIST: Final = Statement(_SELECT.order_by(IdentityProvider.id))
_GET: Final = Statement(_SELECT.where(IdentityProvider.id == bindparam("id")))
_COUNT: Final = Statement(
    select(func.count()).select_from(IdentityProvider).where(IdentityProvider.portal_id == PORTAL_ID)
)
_INSERT: Final = Statement(insert_row(IdentityProvider, *_COLUMNS).returning(IdentityProvider.id))
_UPDATE: Final = Statement(
    update(IdentityProvider).where(row_in_portal(IdentityProvider)).values(**parameters(*_COLUMNS), updated_at=NOW)
)
_DELETE: Final = Statement(delete(IdentityProvider).where(row_in_portal(IdentityProvider)))
_FORGET_IDENTITIES: Final = Statement(
    delete(Identity).where(in_portal_unindexed(Identity), Identity.provider_id == bindparam("id"))
)


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider as it is stored."""

    id: int
    name: str
    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    """Encrypted; None for a client without a secret."""
    scopes: str
    groups_claim: str | None
    """The claim that has the groups of a user, which decide the role. None: roles are left alone."""
    roles: Mapping[str, str]
    """The role of each group. A user with several has the highest one; a user without any is `user`."""
    is_enabled: bool


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """What can be set of a provider. `client_secret` is encrypted."""

    name: str | Unset = UNSET
    issuer: str | Unset = UNSET
    client_id: str | Unset = UNSET
    client_secret: str | Unset | None = field(default=UNSET, repr=False)
    scopes: str | Unset = UNSET
    groups_claim: str | Unset | None = UNSET
    roles: Mapping[str, str] | Unset = UNSET
    is_enabled: bool | Unset = UNSET


def create(work: UnitOfWork, settings: ProviderSettings) -> int:
    """Add a provider, and return its id. Name, issuer and client id are required.

    Raises Forbidden, ValidationFailed, Conflict: "provider.too_many" beyond MAX_PROVIDERS, "provider.name_taken",
    "provider.client_taken" for another provider with this issuer and client id.
    """
    _begin_change(work)
    missing = [name for name in ("name", "issuer", "client_id") if getattr(settings, name) is UNSET]
    if missing:
        raise ValidationFailed([FieldError(name, "mandatory") for name in missing])
    if int(work.fetch_value(_COUNT)) >= MAX_PROVIDERS:
        raise Conflict("provider.too_many", {"maximum": MAX_PROVIDERS})
    defaults: dict[str, Any] = {
        "client_secret": None,
        "scopes": DEFAULT_SCOPES,
        "groups_claim": None,
        "roles": "{}",
        "is_enabled": True,
    }
    columns = defaults | _check(settings)
    with work.map_unique_violation(**_TAKEN):
        return int(work.fetch_value(_INSERT, **columns))


def edit(work: UnitOfWork, provider_id: int, settings: ProviderSettings) -> None:
    """Change the settings that are given. A new issuer knows other users, so the identities of the former one end.

    Raises as `create`, and NotFound("identity provider").
    """
    _begin_change(work)
    old = _require(work, provider_id)
    columns = {name: old[name] for name in _COLUMNS} | {"is_enabled": bool(old["is_enabled"])} | _check(settings)
    with work.map_unique_violation(**_TAKEN):
        work.execute(_UPDATE, id=provider_id, **columns)
    if columns["issuer"] != old["issuer"]:
        work.execute(_FORGET_IDENTITIES, id=provider_id)


def delete_provider(work: UnitOfWork, provider_id: int) -> None:
    """Delete a provider and the identities of users there. The users stay.

    Raises Forbidden, NotFound("identity provider").
    """
    _begin_change(work)
    if not work.execute(_DELETE, id=provider_id):
        raise NotFound("identity provider", provider_id)


def list_all(work: UnitOfWork) -> Sequence[Provider]:
    """All providers of the portal, oldest first. Raises Forbidden."""
    work.authorize(Permission.OPERATE)
    return [_to_provider(row) for row in work.fetch_all(_LIST)]


def get(work: UnitOfWork, provider_id: int) -> Provider:
    """A provider of the portal. Raises Forbidden, NotFound("identity provider")."""
    work.authorize(Permission.OPERATE)
    return _to_provider(_require(work, provider_id))


def _begin_change(work: UnitOfWork) -> None:
    work.authorize(Permission.OPERATE)
    # Changes wait for each other, so that the count and the old settings stay what they are.
    work.lock_portal()


def _require(work: UnitOfWork, provider_id: int) -> Row:
    return work.require_row(_GET, "identity provider", provider_id, id=provider_id)


def _to_provider(row: Row) -> Provider:
    provider_id, *texts, roles, is_enabled = row
    return Provider(provider_id, *[*texts, json.loads(roles), bool(is_enabled)])


_TAKEN: Final = {
    "uq_identity_providers_portal_id_name": Conflict("provider.name_taken"),
    "uq_identity_providers_portal_id_issuer_client_id": Conflict("provider.client_taken"),
}


def _check(settings: ProviderSettings) -> dict[str, Any]:
    """The columns of the given settings. Raises ValidationFailed with every error."""
    columns: dict[str, Any] = {}
    errors: list[FieldError] = []
    for each in fields(settings):
        value = getattr(settings, each.name)
        if value is UNSET:
            continue
        try:
            columns[each.name] = _CHECKS[each.name](value) if each.name in _CHECKS else value
        except ValidationFailed as failed:
            errors += [FieldError(each.name, error.code, error.limits) for error in failed.errors]
    if errors:
        raise ValidationFailed(errors)
    return columns


def _check_issuer(value: str) -> str:
    issuer = parse_line(value, max_length=MAX_TEXT)
    try:
        parts = urlsplit(issuer)
        host, port_is_valid = parts.hostname, parts.port != 0
    except ValueError:
        host, port_is_valid = None, False
    is_local = host is not None and (host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost"))
    is_secure = parts.scheme == "https" or (parts.scheme == "http" and is_local) if host else False
    is_plain = not any(character in issuer for character in "?#@ \\")
    if not (is_secure and port_is_valid and is_plain):
        raise ValidationFailed([FieldError("issuer", "not_https")])
    return issuer


def _check_scopes(value: str) -> str:
    scopes = parse_line(value, max_length=MAX_TEXT).split()
    if "openid" not in scopes:
        raise ValidationFailed([FieldError("scopes", "without_openid")])
    return " ".join(scopes)


def _check_roles(value: Mapping[str, str]) -> str:
    if len(value) > MAX_GROUPS:
        raise ValidationFailed([FieldError("roles", "too_many", {"maximum": MAX_GROUPS})])
    if not set(value.values()) <= set(MAPPED_ROLES):
        raise ValidationFailed([FieldError("roles", "not_among", {"known": ", ".join(MAPPED_ROLES)})])
    return json.dumps({parse_line(group, max_length=MAX_TEXT): role for group, role in value.items()})


_CHECKS: Final[Mapping[str, Any]] = {
    "name": lambda value: parse_line(value, max_length=MAX_NAME),
    "issuer": _check_issuer,
    "client_id": lambda value: parse_line(value, max_length=MAX_TEXT),
    "scopes": _check_scopes,
    "groups_claim": lambda value: None if value is None else parse_line(value, max_length=MAX_NAME),
    "roles": _check_roles,
}
