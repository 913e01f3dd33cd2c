"""Compresses responses for clients that accept gzip."""

import gzip
import secrets
from io import BytesIO
from typing import Final

LEVEL: Final = 3
"""Higher levels make a page a twentieth smaller, and take two to four times as long."""
MAX_PADDING_BYTES: Final = 100


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether a client with this header takes gzip."""
    for part in accept_encoding.lower().split(","):
        coding, _, quality = part.partition(";")
        if coding.strip() == "gzip":
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def compress_page(content: bytes) -> bytes:
    """The page, with a random number of bytes in the header of gzip, which clients skip.

    A page may have secrets beside text that another site chose, such as the words of a search. The exact size of the
    compressed page would tell whether both are alike (BREACH); the tokens of its forms are masked besides.
    """
    padding = "x" * secrets.randbelow(MAX_PADDING_BYTES)
    buffer = BytesIO()
    with gzip.GzipFile(filename=padding, mode="wb", compresslevel=LEVEL, fileobj=buffer, mtime=0) as file:
        file.write(content)
    return buffer.getvalue()
