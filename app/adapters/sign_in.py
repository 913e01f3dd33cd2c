"""Proving who one is by address and password: the one place where both are held against what is stored."""

from app.adapters.database import Database, PortalContext
from app.adapters.passwords import PasswordHasher
from app.domain.users import emails, users


async def prove(
    database: Database, passwords: PasswordHasher, context: PortalContext, *, email: str, password: str
) -> int | None:
    """The id of the user of the portal whose address and password these are, or None.

    None is everything else alike: an unknown address, a user without a password, a blocked or deleted one, a wrong
    password. An old or imported hash is replaced by today's on the way. Raises Unavailable.
    """
    found = None
    if emails.is_valid_email(emails.normalize_email(email)):
        found = await database.read(lambda work: users.password_hash_of(work, email), context)
    user_id, stored = found or (None, None)
    checked = await passwords.verify_and_rehash(password, stored)
    if user_id is None or stored is None or not checked.is_valid:
        return None
    renewed = checked.new_hash
    if renewed is not None:
        await database.write(
            lambda work: users.rehash_password(work, user_id, old_hash=stored, new_hash=renewed), context
        )
    return user_id
