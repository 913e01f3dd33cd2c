"""Names that senders gave to their files, made fit to be kept, shown and put into a header."""

import re
import unicodedata
from typing import Final

MAX_FILE_NAME: Final = 150

# Letters that turn the direction of writing make `exe.png` of what ends in `.exe`.
_TURNING: Final = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNSEEN: Final = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})


def tidied(name: str) -> str:
    """The last part of a path, on one line, in the direction in which it is read, not too long; it may be empty."""
    name = re.split(r"[/\\]", name)[-1]
    name = "".join(letter for letter in name if unicodedata.category(letter) not in _UNSEEN and letter not in _TURNING)
    name = " ".join(name.split()).lstrip(".")
    if len(name) <= MAX_FILE_NAME:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 16:
        return name[:MAX_FILE_NAME]
    return f"{stem[: MAX_FILE_NAME - 1 - len(extension)]}.{extension}"
