"""Tells people from simple programs that fill in forms, in place of a puzzle from another company."""

from collections.abc import Mapping
from typing import Final

from app.adapters.database import Clock
from app.adapters.encryption import SecretCipher, UnreadableSecret
from app.adapters.translations import N_

HONEYPOT_FIELD: Final = "website"
"""Nobody sees this field, so only programs fill it in."""
TIME_FIELD: Final = "shown_at"
MIN_FILL_SECONDS: Final = 2
"""People take longer to fill in a form."""
TOO_QUICK: Final = N_("That was quicker than people type. Nothing is lost: send the form again.")
FILLED_FIELD: Final = N_(
    "A field that people don't see was filled in, perhaps by your browser. It is empty now. Nothing is lost: send the "
    "form again."
)


class BotCheck:
    """Checks the field that must stay empty, and the time since the form was shown."""

    def __init__(self, cipher: SecretCipher, clock: Clock) -> None:
        self._cipher = cipher
        self._clock = clock

    def stamp(self) -> str:
        """The value of TIME_FIELD for a form that is shown now. It is encrypted, so programs can't choose it."""
        return self._cipher.encrypt(str(self._clock().timestamp()))

    def find_error(self, form: Mapping[str, str]) -> str | None:
        """Why no person may have filled in the form, or None. Show a rejected form with the same TIME_FIELD again."""
        if form.get(HONEYPOT_FIELD):
            return FILLED_FIELD
        try:
            shown_at = float(self._cipher.decrypt(form.get(TIME_FIELD, "")))
        except (UnreadableSecret, ValueError):
            return TOO_QUICK
        return None if self._clock().timestamp() - shown_at >= MIN_FILL_SECONDS else TOO_QUICK
