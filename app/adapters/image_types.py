"""The type of an uploaded file, detected from its content."""

import re
from typing import BinaryIO, Final

SNIFF_BYTES: Final = 65_536
"""The type of an image is detected from this many bytes at its beginning."""

MEDIA_TYPES: Final = {
    "jpeg": ("image/jpeg", "jpg"),
    "png": ("image/png", "png"),
    "gif": ("image/gif", "gif"),
    "bmp": ("image/bmp", "bmp"),
    "webp": ("image/webp", "webp"),
    "svg": ("image/svg+xml", "svg"),
}
"""Media type and file extension of each type."""

_BMP_HEADERS: Final = frozenset({12, 40, 52, 56, 64, 108, 124})


def sniff_image_type(head: bytes) -> str | None:
    """Detect jpeg, png, gif, bmp, webp or svg from the first `SNIFF_BYTES` bytes; None for anything else.

    The file name and the media type of the upload are ignored. docs/contracts/productlift.md, how input is read.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    # The two letters BM are not enough to detect a BMP: many texts begin with them.
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "bmp"
    return "svg" if _SVG.match(_as_text(head[:SNIFF_BYTES])) else None


def sniff_image_file(file: BinaryIO) -> str | None:
    """Detect the type of an uploaded file and rewind the file."""
    file.seek(0)
    head = file.read(SNIFF_BYTES)
    file.seek(0)
    return sniff_image_type(head)


# Within a DOCTYPE, brackets in comments and quotes do not count.
_QUOTED: Final = r"""<!--.*?(?:-->|\Z)|"[^"]*"|'[^']*'"""
_SVG: Final = re.compile(
    rf"""[\ufeff \t\r\n]*+
    (?:
        [ \t\r\n]+
        | <(?=\?).*?\?>
        | <!--.*?-->
        | <!DOCTYPE (?: {_QUOTED} | \[ (?: {_QUOTED} | [^\]] )*+ \] | [^\[>] )*+ >
    )*+
    <(?:[A-Za-z_][\w.-]*:)?svg[\s/>]""",
    re.DOTALL | re.VERBOSE,
)
"""What XML allows before the first element, and the first element, which is named svg."""


def _as_text(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", errors="replace")
    # The markup is ASCII in every other encoding that matters, whatever the characters between are.
    return head.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
