"""What is random: post codes, API keys, file names."""

import secrets
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def text(length: int, alphabet: str = ALPHABET) -> str:
    """`length` random characters of the alphabet."""
    return "".join(secrets.choice(alphabet) for _ in range(length))


def post_code() -> str:
    """Six characters that are not all digits, so that a code is never taken for a post's number."""
    number = secrets.randbits(64)
    code = ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        code += ALPHABET[digit]
    return code if not code.isdigit() else post_code()
