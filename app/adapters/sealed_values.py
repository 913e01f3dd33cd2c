"""Values that a browser keeps for the server, and that only the server can make and read."""

import base64
import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import orjson
from cryptography.fernet import Fernet, InvalidToken

from app.adapters.database import Clock

_PURPOSE: Final = b"earshot: values in forms and cookies"


@dataclass(frozen=True, slots=True)
class OpenedValue:
    """The content of a sealed value, and the time since it was sealed."""

    content: Any
    age: timedelta


class SealedValues:
    """Encrypts JSON for one purpose and one portal. The key is derived from the server's secret."""

    def __init__(self, secret: bytes, *, clock: Clock) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(hmac.digest(secret, _PURPOSE, "sha256")))
        self._clock = clock

    def seal(self, purpose: str, portal_id: int, content: Any) -> str:
        """The value; only characters that a form, a cookie and a URL may have."""
        return self._fernet.encrypt(orjson.dumps([purpose, portal_id, self._clock().timestamp(), content])).decode()

    def open(self, purpose: str, portal_id: int, sealed: str, *, max_age: timedelta) -> OpenedValue | None:
        """The value; None if this server did not seal it for this purpose and portal, or longer than `max_age` ago."""
        try:
            opened = orjson.loads(self._fernet.decrypt(sealed.encode()))
        except (InvalidToken, UnicodeEncodeError):
            return None
        if opened[:2] != [purpose, portal_id]:
            return None
        age = timedelta(seconds=self._clock().timestamp() - opened[2])
        return OpenedValue(opened[3], age) if age <= max_age else None
