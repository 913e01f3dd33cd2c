"""The installation's secret: the database stores a fingerprint of it, so that another secret is detected at start."""

import hmac
from typing import Final

from sqlalchemy import bindparam, select, update

from app.domain.errors import Conflict
from app.domain.models import Installation
from app.domain.sql.statement import Statement, upsert
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import api_keys

_LABEL: Final = b"earshot: fingerprint of the server's secret, version 1"

_FIND: Final = Statement(select(Installation.secret_fingerprint), across_portals=True)
_INSERT: Final = Statement(
    upsert(Installation).values(id=1, secret_fingerprint=bindparam("fingerprint")).on_conflict_do_nothing(),
    across_portals=True,
)
_REPLACE: Final = Statement(
    update(Installation).values(secret_fingerprint=bindparam("fingerprint")), across_portals=True
)


def fingerprint(secret: bytes) -> str:
    """What is stored of the secret: a keyed hash of a label, which reveals no part of the secret."""
    return hmac.digest(secret, _LABEL, "sha256").hex()


def has_fingerprint(work: UnitOfWork) -> bool:
    """Whether the database has a fingerprint already."""
    return work.fetch_value(_FIND) is not None


def secret_matches(work: UnitOfWork, secret: bytes) -> bool:
    """Whether this is the secret of the database; without a fingerprint, any secret matches."""
    stored = work.fetch_value(_FIND)
    return stored is None or hmac.compare_digest(str(stored), fingerprint(secret))


def require_secret(work: UnitOfWork, secret: bytes) -> None:
    """Store the fingerprint of the first secret, and reject any other. Raises Conflict("secret.other")."""
    if not has_fingerprint(work):
        work.execute(_INSERT, fingerprint=fingerprint(secret))
    if not secret_matches(work, secret):
        raise Conflict("secret.other")


def accept_secret(work: UnitOfWork, secret: bytes) -> int:
    """Make this the secret of the database. Returns how many keys were revoked because the secret was another one.

    Without a fingerprint it is unknown which secret the keys were made with, so they are revoked as well.
    """
    if has_fingerprint(work) and secret_matches(work, secret):
        return 0
    work.execute(_INSERT, fingerprint=fingerprint(secret))
    work.execute(_REPLACE, fingerprint=fingerprint(secret))
    return api_keys.revoke_all(work)
