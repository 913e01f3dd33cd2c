"""The secret of the server, for commands that create keys or encrypt with it."""

from app.domain import installation
from app.domain.errors import Conflict
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import api_keys
from app.settings import Settings


def require_secret(work: UnitOfWork, settings: Settings) -> bytes:
    """The secret, if it is the one that the keys in the database were created with. Raises Conflict("secret.other")."""
    has_fingerprint = installation.has_fingerprint(work)
    is_used = has_fingerprint or api_keys.count(work) > 0
    if is_used and not settings.has_secret:
        # A secret created here would not be the one that the keys were made with.
        raise Conflict("secret.other")
    if has_fingerprint or not is_used:
        installation.require_secret(work, settings.secret)
    # Else the keys are older than the fingerprint. A command may run beside another data directory than the server, so
    # the server's next start, not this command, decides which secret is the right one.
    return settings.secret
