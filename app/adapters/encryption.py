"""Encrypts secrets that must be read again, under a key that is derived from the server's secret."""

import base64
import hmac
from typing import Final

from cryptography.fernet import Fernet, InvalidToken

_PURPOSE: Final = b"earshot: stored secrets"


class UnreadableSecret(Exception):
    """The stored secret was encrypted with another secret of the server, or changed."""


class SecretCipher:
    """Encrypts and decrypts short texts."""

    def __init__(self, secret: bytes) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(hmac.digest(secret, _PURPOSE, "sha256")))

    def encrypt(self, text: str) -> str:
        """The encrypted text, to be stored. Two calls return different texts."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, encrypted: str) -> str:
        """The text. Raises UnreadableSecret."""
        try:
            return self._fernet.decrypt(encrypted.encode()).decode()
        except InvalidToken as error:
            raise UnreadableSecret from error
