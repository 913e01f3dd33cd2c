"""The present password of a signed-in user, which important changes ask for."""

from typing import Final

from app.adapters.passwords import PasswordHasher
from app.adapters.translations import N_
from app.domain.users import emails
from app.web.account_limit import AccountLimit
from app.web.field_messages import translate, translate_minutes
from app.web.viewer import Viewer

FIELD: Final = "current_password"
_WRONG: Final = N_("That is not your present password.")
_TOO_MANY: Final = N_("Too many wrong passwords. Try again in %(minutes)s.")


class PresentPassword:
    """Verifies it. Whoever has stolen a session can't try more passwords than on the page of sign-in."""

    def __init__(self, passwords: PasswordHasher, account_limit: AccountLimit) -> None:
        self._passwords = passwords
        self._account_limit = account_limit

    async def find_error(self, viewer: Viewer, password: str, stored: str) -> str | None:
        """The message to show beside the field, or None for the right password of this hash."""
        assert viewer.user is not None
        portal_id = viewer.portal["id"]
        account = emails.normalize_email(viewer.user.email or str(viewer.user.user_id))
        # Wrong passwords on the page of sign-in, which anybody can enter, don't count.
        session = f"session {viewer.user.session_id}"
        seconds = await self._account_limit.count(portal_id, account, browser=session)
        if seconds is not None:
            return translate(viewer.locale, _TOO_MANY, minutes=translate_minutes(viewer.locale, seconds))
        if not (await self._passwords.verify(password, stored)).is_valid:
            return translate(viewer.locale, _WRONG)
        await self._account_limit.forget(portal_id, account, browser=session)
        return None
