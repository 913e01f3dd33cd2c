"""The installation's secret: the database keeps a fingerprint of it, so that a wrong one is noticed at once."""

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
_KEEP: Final = Statement(
    upsert(Installation).values(id=1, secret_fingerprint=bindparam("fingerprint")).on_conflict_do_nothing(),
    across_portals=True,
)
_REPLACE: Final = Statement(
    update(Installation).values(secret_fingerprint=bindparam("fingerprint")), across_portals=True
)


def fingerprint(secret: bytes) -> str:
    """What is kept of the secret: a keyed hash of a label, from which no part of the secret can be told."""
    return hmac.digest(secret, _LABEL, "sha256").hex()


def has_fingerprint(work: UnitOfWork) -> bool:
    """Whether a secret is known here already."""
    return work.fetch_value(_FIND) is not None


def secret_matches(work: UnitOfWork, secret: bytes) -> bool:
    """Whether this is the secret of the database; a database that knows none yet takes any."""
    found = work.fetch_value(_FIND)
    return found is None or hmac.compare_digest(str(found), fingerprint(secret))


def require_secret(work: UnitOfWork, secret: bytes) -> None:
    """Refuse another secret than the database's; the first one becomes that. Raises Conflict("secret.other")."""
    if not has_fingerprint(work):
        work.execute(_KEEP, fingerprint=fingerprint(secret))
    if not secret_matches(work, secret):
        raise Conflict("secret.other")


def accept_secret(work: UnitOfWork, secret: bytes) -> int:
    """Take the secret for the database's from now on; how many keys have ended, for good, as it was another before.

    Of a database without a fingerprint nobody can tell what its keys were made with: they end, too.
    """
    if has_fingerprint(work) and secret_matches(work, secret):
        return 0
    work.execute(_KEEP, fingerprint=fingerprint(secret))
    work.execute(_REPLACE, fingerprint=fingerprint(secret))
    return api_keys.revoke_all(work)
