"""Pictures that people send: their kind told by content, proved by drawing them, freed of all that is not picture.

The work is heavy for the processor and blocks; run it in a bounded pool of threads. Nothing global is touched.
"""

import io
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

from PIL import Image, JpegImagePlugin

from app.adapters.image_containers import CONTAINERS, Container, InvalidImage, orientation, oriented
from app.domain.errors import ServiceUnavailable

__all__ = [
    "MAX_FRAMES",
    "MAX_MEMORY",
    "MAX_PIXELS",
    "MAX_SIDE",
    "MAX_TOTAL_PIXELS",
    "SNIFF_BYTES",
    "InvalidImage",
    "SanitizedImage",
    "sanitize_image",
    "sniff_image_type",
]

SNIFF_BYTES = 65_536
"""So many bytes from the beginning are enough for `body_kind`."""

MAX_PIXELS = 64_000_000
"""Of one frame. Telephones make up to 50 million by default."""

MAX_SIDE = 65_535
"""What JPEG and GIF allow and browsers show. A decoder holds rows and a list of all rows beside the pixels."""

MAX_FRAMES = 1_000
MAX_TOTAL_PIXELS = 600_000_000
"""Pixels of all frames together: half a minute of screen recording, some ten seconds of drawing."""

MAX_MEMORY = 256 << 20
"""Bytes that one picture may take while it is read, drawn and written, by what its header says."""

MAX_WRITTEN = 32 << 20
"""Bytes of a picture that had to be encoded once more; a BMP, for one, may come packed and is written unpacked."""


@dataclass(frozen=True)
class SanitizedImage:
    """A picture fit to be kept and served. Of a raster picture the size is known, of an SVG it is None."""

    content: bytes
    media_type: str
    extension: str
    size: tuple[int, int] | None


_KINDS = {
    "jpeg": ("image/jpeg", "jpg"),
    "png": ("image/png", "png"),
    "gif": ("image/gif", "gif"),
    "bmp": ("image/bmp", "bmp"),
    "webp": ("image/webp", "webp"),
    "svg": ("image/svg+xml", "svg"),
}
_BMP_HEADERS = frozenset({12, 40, 52, 56, 64, 108, 124})


def sniff_image_type(head: bytes) -> str | None:
    """Tell jpeg, png, gif, bmp, webp or svg by the first `HEAD` bytes; None for anything else.

    Neither the name nor the media type that came along counts. docs/contracts/productlift.md, how input is read.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    # Two letters are too little: many a text begins with BM.
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "bmp"
    return "svg" if _begins_as_svg(head[:SNIFF_BYTES]) else None


def sanitize_image(source: BinaryIO, go_on: Callable[[], bool] = lambda: True) -> SanitizedImage:
    """Read a picture from where the source stands and give it back fit to be served.

    Of JPEG, PNG, GIF and WebP the pixels are kept as sent, byte for byte, in a container written anew, without EXIF,
    places, comments, thumbnails and what follows the end; animations keep frames, times and loop. A picture that its
    EXIF block wants turned is turned, which encodes it once more; a JPEG too large for that keeps its orientation, and
    nothing else of its EXIF block. BMP is drawn and written anew. What is given back has been drawn whole. SVG passes
    as sent and must be served in a sandbox. No more than `MAX_MEMORY` is taken meanwhile.
    Raises InvalidImage for everything else: other kinds, damaged or cut pictures, and such as grow too large.
    `go_on` is
    asked before each frame; Unavailable is raised when it says no.
    """
    data = source.read()
    kind = sniff_image_type(data[:SNIFF_BYTES])
    if kind is None:
        raise InvalidImage("no kind of picture that is known")
    if kind == "svg":
        return SanitizedImage(data, *_KINDS[kind], size=None)
    parts = _parts(kind, data)
    del data
    turn = orientation(parts.exif)
    if turn > 1 and _memory(kind, parts, turned=True) > MAX_MEMORY:
        if kind != "jpeg":
            raise InvalidImage(f"a {kind} of {parts.frames} frames is too large to be turned")
        _draw(kind, parts, None, go_on)
        size = (parts.height, parts.width) if turn > 4 else (parts.width, parts.height)
        return SanitizedImage(oriented(parts.content, turn), *_KINDS[kind], size=size)
    written = _draw(kind, parts, _TRANSPOSITIONS.get(turn), go_on)
    if written is not None:
        # Pillow copies comments of its own accord, so its work goes the way of all pictures.
        parts = _parts(kind, written)
    return SanitizedImage(parts.content, *_KINDS[kind], size=(parts.width, parts.height))


def _parts(kind: str, data: bytes) -> Container:
    try:
        parts = CONTAINERS[kind](data)
    except struct.error:
        raise InvalidImage(f"a {kind} is cut short") from None
    if not (parts.width and parts.height and parts.frames):
        raise InvalidImage(f"a {kind} of {parts.frames} frames, {parts.width} by {parts.height}")
    too_long = parts.frames > MAX_FRAMES or parts.drawn > MAX_TOTAL_PIXELS or max(parts.width, parts.height) > MAX_SIDE
    if parts.width * parts.height > MAX_PIXELS or too_long or _memory(kind, parts, turned=False) > MAX_MEMORY:
        raise InvalidImage(f"a {kind} of {parts.frames} frames, {parts.width} by {parts.height}, is too large to draw")
    return parts


# Bytes that Pillow and its libraries take for each pixel at most, measured; tests/security/test_bombs.py holds them.
_STILL = {"jpeg": 0, "png": 4, "gif": 1, "webp": 18, "bmp": 8}
_ANIMATED = 18
_TURNED = {"jpeg": 8, "png": 8, "webp": 40}
_TURNED_ANIMATION = 40
"""For each pixel of all frames, because all are held at once."""


def _memory(kind: str, parts: Container, *, turned: bool) -> int:
    """Bytes that it takes at most to draw the picture, and to turn it, with the copies of what was sent."""
    animated = parts.frames > 1
    if not turned:
        pixels = parts.width * parts.height * (_ANIMATED if animated else _STILL[kind])
        return pixels + parts.buffered + 3 * len(parts.content)
    # A progressive JPEG is buffered once more when it is written, then perhaps with finer sampling.
    buffered = max(parts.buffered, 6 * parts.drawn) if parts.buffered else 0
    return parts.drawn * (_TURNED_ANIMATION if animated else _TURNED[kind]) + buffered + 3 * len(parts.content)


# What Pillow's decoders raise at bytes that lie; they have no common ancestor narrower than Exception.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    RuntimeError,
    EOFError,
    LookupError,
    TypeError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def _draw(kind: str, parts: Container, turn: Image.Transpose | None, go_on: Callable[[], bool]) -> bytes | None:
    """Draw each frame to see that it can be drawn. The picture turned or rewritten where that is called for."""
    try:
        with Image.open(io.BytesIO(parts.content), formats=[kind.upper()]) as picture:
            if kind == "jpeg" and turn is None:
                # Every coefficient is read, yet an eighth of the width and height takes a sixty-fourth of the memory.
                picture.draft(None, (max(picture.width // 8, 1), max(picture.height // 8, 1)))
            frames = getattr(picture, "n_frames", 1)
            if frames > parts.frames:
                raise InvalidImage(f"a {kind} of {frames} frames announces {parts.frames}")
            if turn is not None:
                return _turned(kind, picture, turn, parts.content, go_on)
            for frame in range(frames):
                _load(picture, frame, go_on)
            return _rewritten(picture) if kind == "bmp" else None
    except _DECODER_ERRORS as lie:
        raise InvalidImage(f"a {kind} cannot be drawn: {lie}") from None


def _load(picture: Image.Image, frame: int, go_on: Callable[[], bool]) -> None:
    if not go_on():
        raise ServiceUnavailable("the server is ending")
    picture.seek(frame)
    picture.load()


def _rewritten(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    if picture.width * picture.height * len(picture.getbands()) > MAX_WRITTEN:
        raise InvalidImage("a bmp is too large when unpacked")
    picture.save(written, "BMP")
    return written.getvalue()


_TRANSPOSITIONS: dict[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _turned(kind: str, picture: Image.Image, turn: Image.Transpose, sent: bytes, go_on: Callable[[], bool]) -> bytes:
    frames: list[Image.Image] = []
    times: list[float] = []
    for number in range(getattr(picture, "n_frames", 1)):
        _load(picture, number, go_on)
        times.append(picture.info.get("duration", 0))
        frames.append(picture.transpose(turn))
    first, *others = frames
    options = {"icc_profile": picture.info.get("icc_profile"), **_encoding(picture, sent)}
    if others:
        loop = picture.info.get("loop", 0)
        options |= {"save_all": True, "append_images": others, "duration": times, "loop": loop}
    written = io.BytesIO()
    first.save(written, kind.upper(), **options)
    if written.tell() > MAX_WRITTEN:
        raise InvalidImage(f"a {kind} is too large when turned")
    return written.getvalue()


def _encoding(picture: Image.Image, sent: bytes) -> dict[str, Any]:
    """Encode as the picture came: a JPEG with its own tables, so that nothing becomes coarser than it was."""
    if isinstance(picture, JpegImagePlugin.JpegImageFile):
        sampling = JpegImagePlugin.get_sampling(picture)
        return {
            "qtables": picture.quantization,
            # Turning a picture on its side turns 4:2:2 into something that Pillow cannot write; 4:4:4 loses nothing.
            "subsampling": sampling if sampling in (0, 2) else 0,
            "progressive": "progressive" in picture.info,
        }
    # Quality means effort where nothing is lost. Greater effort takes a minute for the largest pictures.
    lossless = b"VP8L" in sent
    return {"lossless": lossless, "quality": 20 if lossless else 85, "method": 0 if lossless else 2, "exact": True}


_SVG_ROOT = re.compile(r"<(?:[A-Za-z_][\w.-]*:)?svg[\s/>]")
_DOCTYPE_STEP = re.compile(r"""<!--(?:.*?-->|.*)|"[^"]*"|'[^']*'|[\[\]>]""", re.DOTALL)


def _begins_as_svg(head: bytes) -> bool:
    """Does the first element, after what XML allows before it, bear the name svg?"""
    text = _as_text(head).lstrip("\ufeff \t\r\n")
    while text.startswith("<"):
        if _SVG_ROOT.match(text):
            return True
        if text.startswith("<?"):
            _, closed, text = text.partition("?>")
        elif text.startswith("<!--"):
            _, closed, text = text[4:].partition("-->")
        elif text.startswith("<!DOCTYPE"):
            closed, text = _after_doctype(text)
        else:
            return False
        if not closed:
            return False
        text = text.lstrip(" \t\r\n")
    return False


def _as_text(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", errors="replace")
    # The markup is ASCII in every other encoding that matters, whatever the letters between are.
    return head.removeprefix(b"\xef\xbb\xbf").decode("latin-1")


def _after_doctype(text: str) -> tuple[str, str]:
    """What closes the declaration that the text begins with, empty if nothing does, and what follows it."""
    at, inner = 0, False
    while step := _DOCTYPE_STEP.search(text, at):
        at = step.end()
        if step[0] in "[]":
            inner = step[0] == "["
        elif step[0] == ">" and not inner:
            return step[0], text[at:]
    return "", ""
