"""Identifiers: random strings, post codes, slugs, and the keys of unique names."""

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Final
from uuid import UUID, uuid4

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

MAX_UNIQUE_NAME: Final = 191
"""Characters of a name that is unique in the portal regardless of case: of a category, tag or group."""


def random_string(length: int, alphabet: str = ALPHABET) -> str:
    """Return `length` random characters of the alphabet."""
    return "".join(secrets.choice(alphabet) for _ in range(length))


RESERVED_CODES: Final = frozenset({"search"})
"""Fixed words in paths that would be taken for the code of a post."""


def post_code(random: Callable[[int], int] = secrets.randbits) -> str:
    """Return six random characters, never all digits, as a post's id, and none of RESERVED_CODES.

    `random` returns a random number of so many bits.
    """
    number = random(64)
    code = ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        code += ALPHABET[digit]
    return post_code(random) if code.isdigit() or code in RESERVED_CODES else code


def name_key(name: str) -> str:
    """Return what is stored of a name to compare names regardless of case: the same text for equal names."""
    folded = name.lower()
    # Some letters become two in lower case, so a key may be too long for the column; then its digest is stored.
    return folded if len(folded) <= MAX_UNIQUE_NAME else hashlib.sha256(folded.encode()).hexdigest()


RESERVED = frozenset(
    {
        "new",
        "edit",
        "index",
        "session",
        "login",
        "logout",
        "users",
        "admin",
        "stylesheets",
        "assets",
        "javascripts",
        "images",
    }
)

# Latin letters that Unicode does not decompose into a plain letter and its marks.
_LETTERS = {
    "×": "x", "ß": "ss", "ẞ": "SS", "Æ": "AE", "æ": "ae", "Œ": "OE", "œ": "oe", "Þ": "Th", "þ": "th",
    "Ð": "D", "ð": "d", "Đ": "D", "đ": "d", "Ɖ": "D", "ɖ": "d", "Ɗ": "D", "ɗ": "d", "Ø": "O", "ø": "o",
    "Ł": "L", "ł": "l", "Ƚ": "L", "ƚ": "l", "Ħ": "H", "ħ": "h", "Ŧ": "T", "ŧ": "t", "Ⱦ": "T", "ⱦ": "t",
    "Ƭ": "T", "ƭ": "t", "Ʈ": "T", "ʈ": "t", "ı": "i", "ȷ": "j", "Ɨ": "I", "ɨ": "i", "Ɉ": "J", "ɉ": "j",
    "ĸ": "k", "Ƙ": "K", "ƙ": "k", "ŉ": "'n", "Ŋ": "NG", "ŋ": "ng", "Ɲ": "N", "ɲ": "n", "Ƞ": "N", "ƞ": "n",
    "Ⱥ": "A", "ⱥ": "a", "Ƀ": "B", "ƀ": "b", "Ɓ": "B", "ɓ": "b", "Ƃ": "B", "ƃ": "b", "Ȼ": "C", "ȼ": "c",
    "Ƈ": "C", "ƈ": "c", "Ɇ": "E", "ɇ": "e", "Ɛ": "E", "ɛ": "e", "Ə": "E", "ə": "e", "Ǝ": "E", "ǝ": "e",
    "Ƒ": "F", "ƒ": "f", "Ǥ": "G", "ǥ": "g", "Ɠ": "G", "ɠ": "g", "Ɔ": "O", "ɔ": "o", "Ɵ": "O", "ɵ": "o",
    "Ƥ": "P", "ƥ": "p", "Ᵽ": "P", "ᵽ": "p", "Ɋ": "Q", "ɋ": "q", "Ɍ": "R", "ɍ": "r", "Ʉ": "U", "ʉ": "u",
    "Ʋ": "V", "ʋ": "v", "Ɏ": "Y", "ɏ": "y", "Ƴ": "Y", "ƴ": "y", "Ƶ": "Z", "ƶ": "z", "Ȥ": "Z", "ȥ": "z",
}  # fmt: skip

_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_SEPARATORS = re.compile(r"[^A-Za-z0-9_-]+")
_DASHES = re.compile(r"-{2,}")


def slugify(text: str) -> str:
    """Make a slug of the text; empty if it has no Latin letters, digits, `-` or `_`.

    Latin letters lose their marks; any other character without an ASCII form separates words. Underscores stay.
    """
    if not text.isascii():
        text = _NOT_ASCII.sub(lambda match: _ascii(match[0]), text)
    return _DASHES.sub("-", _SEPARATORS.sub("-", text)).strip("-").lower()


def unique_slug(slug: str, taken: bool, *, random: Callable[[], UUID] = uuid4) -> str:
    """Return the slug if it is free, the slug with a random UUID if it is taken, or a UUID alone if it is empty.

    A reserved word counts as taken.
    """
    if not slug:
        return str(random())
    if taken or slug in RESERVED:
        return f"{slug}-{random()}"
    return slug


@lru_cache(maxsize=4096)
def _ascii(letter: str) -> str:
    """Convert one character to ASCII; `?`, which separates words, if it has no ASCII form."""
    replacement = _LETTERS.get(letter)
    if replacement is not None:
        return replacement
    if "\u0300" <= letter <= "\u036f":
        # A mark that follows its letter is dropped, as it is when both are one character.
        return ""
    category = unicodedata.category(letter)
    if category[0] != "L" and category != "Nd":
        # Without this, ™ or ² would become part of the word beside it.
        return "?"
    parts = (_LETTERS.get(part, part) for part in unicodedata.normalize("NFKD", letter))
    return "".join(part for part in parts if part.isascii() and part.isalnum()) or "?"
