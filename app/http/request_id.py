"""The id of a request: in the response's `x-request-id`, in the log, in error reports and in spans."""

import os
import re
from typing import Final

_VALID: Final = re.compile(rb"[A-Za-z0-9._:=@/+-]{1,128}")
"""Accepted from a proxy: every form that proxies use, and no character that breaks a log line or a terminal."""


def new_request_id() -> str:
    """A random UUID, the form that Astuto's clients get. Three times as fast as `str(uuid4())`."""
    digits = os.urandom(16).hex()
    return (
        f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{'89ab'[int(digits[16], 16) & 3]}{digits[17:20]}-{digits[20:]}"
    )


def valid_request_id(value: bytes | None) -> str | None:
    """The id that a trusted proxy sent; None for one that is missing, too long or has other characters."""
    return value.decode("ascii") if value is not None and _VALID.fullmatch(value) else None
