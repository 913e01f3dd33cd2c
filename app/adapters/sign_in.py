"""Proving who one is by address and password: the one place where both are held against what is stored."""

from app.adapters.database import Database, Standing
from app.adapters.passwords import PasswordHasher
from app.domain.users import emails, users


async def prove(
    database: Database, passwords: PasswordHasher, standing: Standing, *, email: str, password: str
) -> int | None:
    """The id of the user of the portal whose address and password these are, or None.

    None is everything else alike: an unknown address, a user without a password, a blocked or deleted one, a wrong
    password. An old or imported hash is replaced by today's on the way. Raises Unavailable.
    """
    found = None
    if emails.well_formed(emails.fold(email)):
        found = await database.reading(lambda work: users.secret_of(work, email), standing)
    user_id, stored = found or (None, None)
    checked = await passwords.checked(password, stored)
    if user_id is None or stored is None or not checked.good:
        return None
    renewed = checked.renewed
    if renewed is not None:
        await database.writing(lambda work: users.renew_secret(work, user_id, former=stored, renewed=renewed), standing)
    return user_id
