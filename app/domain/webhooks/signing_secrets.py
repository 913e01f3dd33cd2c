"""The two forms of a secret that signs calls: Base64 after WHSEC, as Standard Webhooks writes it, or any other text."""

import base64
import binascii
from typing import Final

WHSEC: Final = "whsec_"


class InvalidSecret(ValueError):
    """A secret that begins with WHSEC, but does not continue with Base64."""


def decode_secret(secret: str) -> bytes:
    """The bytes of a secret: those that follow WHSEC in Base64, else those of the text. Raises InvalidSecret."""
    if not secret.startswith(WHSEC):
        return secret.encode()
    encoded = secret.removeprefix(WHSEC)
    try:
        # Libraries differ in whether they want the padding.
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidSecret from None
    if not key:
        raise InvalidSecret
    return key
