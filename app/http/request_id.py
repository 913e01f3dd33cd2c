"""The name that one request goes by: in the answer's `x-request-id`, in the log, in error reports and in spans."""

import os
import re
from typing import Final

BATCH: Final = 256

_SANE: Final = re.compile(rb"[A-Za-z0-9._:=@/+-]{1,128}")
"""What is taken over from a proxy: every form that proxies make, and nothing that could break a line or a terminal."""


class RequestIds:
    """Makes names in the form of a random UUID, as Astuto's clients see them.

    Randomness is drawn for many at once, since a draw for each costs more than the rest of the naming. So each
    process makes its own: two that share one after a fork would give the same names.
    """

    def __init__(self) -> None:
        self._ready: list[str] = []

    def new(self) -> str:
        """A name that no other request has."""
        if not self._ready:
            self._ready = _draw(BATCH)
        return self._ready.pop()


def valid_request_id(name: bytes | None) -> str | None:
    """The name that a trusted proxy gave, or None for one that is missing, too long or of other letters."""
    return name.decode("ascii") if name is not None and _SANE.fullmatch(name) else None


def _draw(count: int) -> list[str]:
    digits = os.urandom(16 * count).hex()
    names = []
    for at in range(0, 32 * count, 32):
        # Version 4, and the variant that RFC 9562 describes.
        variant = "89ab"[int(digits[at + 16], 16) & 3]
        names.append(
            f"{digits[at : at + 8]}-{digits[at + 8 : at + 12]}-4{digits[at + 13 : at + 16]}"
            f"-{variant}{digits[at + 17 : at + 20]}-{digits[at + 20 : at + 32]}"
        )
    return names
