"""Uploaded images: the type detected from the content, the pixels decoded and encoded again without metadata.

The work blocks and needs CPU for seconds; run it in a bounded thread pool.
"""

import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from PIL import ExifTags, Image, JpegImagePlugin, PngImagePlugin
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from app.adapters.gif import copy_gif
from app.adapters.image_types import MEDIA_TYPES
from app.domain.errors import ServiceUnavailable

MAX_PIXELS: Final = 64_000_000
"""Pixels of one frame. Photos of phones have up to 50 million. Above its own, higher limit Pillow would only warn."""

MAX_SIDE: Final = 65_535
"""The limit of JPEG and GIF, and of browsers. A decoder holds rows and a list of all rows beside the pixels."""

MAX_FRAMES: Final = 1_000
MAX_TOTAL_PIXELS: Final = 600_000_000
"""Pixels of all frames of a GIF: half a minute of screen recording, some ten seconds of decoding."""

MAX_ENCODED_PIXELS: Final = 150_000_000
"""Pixels of all frames of an animation that is encoded again, which takes some ten seconds."""

MAX_MEMORY: Final = 256 << 20
"""Bytes that one image may need while it is read, decoded and encoded, calculated from its header."""

MAX_OUTPUT_BYTES: Final = 32 << 20
"""Size of an encoded image. A BMP, for example, may be sent compressed and is written uncompressed."""

MAX_READS: Final = 300_000
"""A decoder reads each part of a file separately, in Python. Encoders write some thousand parts at most."""

MAX_SCANS: Final = 100
"""Scans of a JPEG. Encoders write some ten scans; thousands of them make a small file slow to decode."""

MAX_PROFILE_BYTES: Final = 1 << 20
"""Color profiles of print shops take half a mebibyte; none takes more than this."""

MAX_PNG_PROFILES: Final = 8
"""A PNG has one at most, but Pillow decompresses all. More than one, because pixels may contain these letters."""

MAX_RLE_PIXELS: Final = 4_000_000
"""Pixels of a BMP with run-length encoding, which Pillow decodes in Python."""

PngImagePlugin.MAX_TEXT_MEMORY = 4 << 20  # Decompressed texts of a PNG; 64 MiB by default.


class InvalidImage(Exception):
    """The content is not an image that can be stored; the message gives the reason."""


@dataclass(frozen=True)
class SanitizedImage:
    """An image that is safe to store and serve."""

    content: bytes
    media_type: str
    extension: str


def sanitize_image(
    source: BinaryIO, kind: str | None, should_continue: Callable[[], bool] = lambda: True
) -> SanitizedImage:
    """Read an image of this type from the current position of the source and encode it again without metadata.

    Pillow decodes every frame, turns the image upright and encodes it in its own format: JPEG with its own
    quantization tables, PNG, BMP and lossless WebP without loss, animations with frames, durations and loop count. A
    JPEG that is too large to be turned keeps its orientation tag. The frames of a GIF are decoded as a check and then
    copied, because Pillow cannot write every GIF without loss. An SVG is returned unchanged; serve it in a sandbox.
    Raises InvalidImage for other types, damaged or truncated images, and images that need more than `MAX_MEMORY`.
    `should_continue` is called before each frame; ServiceUnavailable is raised when it returns False.
    """
    data = source.read()
    if kind is None:
        raise InvalidImage("the type of the image is unknown")
    if kind == "svg":
        return SanitizedImage(data, *MEDIA_TYPES[kind])
    try:
        content = _sanitize_gif(data, should_continue) if kind == "gif" else _encode(kind, data, should_continue)
    except (InvalidImage, ServiceUnavailable):
        raise
    except Exception as error:
        # For invalid data, Pillow's decoders raise a dozen classes that have no narrower ancestor.
        raise InvalidImage(f"a {kind} cannot be decoded: {error}") from None
    return SanitizedImage(content, *MEDIA_TYPES[kind])


class _Source(io.BytesIO):
    """The content for a decoder; bounds the number of reads and so the number of parts."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > MAX_READS:
            raise InvalidImage("an image of too many parts")
        return super().read(size)


class _Output(io.BytesIO):
    """The encoded image; bounds its size."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self._max_bytes = max_bytes

    def write(self, data: Any, /) -> int:
        if self.tell() + len(data) > self._max_bytes:
            raise InvalidImage("an image that is too large when encoded")
        return super().write(data)


class _Decoder(ImageFile):
    """Checks before each frame that the server is not shutting down, also while Pillow encodes an animation."""

    should_continue: Callable[[], bool]

    def seek(self, frame: int) -> None:
        if not self.should_continue():
            raise ServiceUnavailable("the server is shutting down")
        super().seek(frame)

    def load_frames(self, count: int) -> list[float]:
        """Decode every frame to see that it can be decoded; return the durations."""
        durations = []
        for number in range(count):
            self.seek(number)
            self.load()
            durations.append(self.info.get("duration", 0))
        return durations


# Used instead of `Image.open`, which opens a JPEG with further images behind it as another format.
_DECODERS: Final[dict[str, Any]] = {
    plugin.format.lower(): type(plugin.__name__, (_Decoder, plugin), {})
    for plugin in (JpegImageFile, PngImageFile, GifImageFile, BmpImageFile, WebPImageFile)
}


def _open(kind: str, data: bytes, should_continue: Callable[[], bool]) -> _Decoder:
    image: _Decoder = _DECODERS[kind](_Source(data))
    image.should_continue = should_continue
    return image


def _sanitize_gif(data: bytes, should_continue: Callable[[], bool]) -> bytes:
    content, size, count = copy_gif(data)
    memory = size[0] * size[1] * (18 if count > 1 else 1) + 3 * len(data)
    _check_limits("gif", size, count, memory)
    _open("gif", content, should_continue).load_frames(count)
    return content


def _encode(kind: str, data: bytes, should_continue: Callable[[], bool]) -> bytes:
    _check_parts(kind, data)
    image, options = _decode(kind, data, should_continue)
    # While these are encoded, all pixels are held; twice the size is part of what `_memory` counts.
    is_still = kind in ("jpeg", "png") and "save_all" not in options
    output = _Output(2 * len(data) + (1 << 20) if is_still else MAX_OUTPUT_BYTES)
    image.save(output, kind.upper(), **options)
    return output.getvalue()


def _check_parts(kind: str, data: bytes) -> None:
    """Reject an image whose defect or cost would only be noticed while all its parts are read."""
    if kind == "png":
        if data.count(b"iCCP") > MAX_PNG_PROFILES:
            raise InvalidImage("a png of too many color profiles")
        PngImageFile(_Source(data)).verify()  # The checksum of each part, up to the end.
    if kind == "jpeg" and data.count(b"\xff\xda") > MAX_SCANS:
        raise InvalidImage("a jpeg of too many scans")
    if kind == "webp" and 8 + int.from_bytes(data[4:8], "little") > len(data):
        raise InvalidImage("a webp is truncated")


def _decode(kind: str, data: bytes, should_continue: Callable[[], bool]) -> tuple[Image.Image, dict[str, Any]]:
    """The upright image and the options for its encoder.

    The encoder decodes the frames of the returned image one by one, unless they have to be turned.
    """
    image = _open(kind, data, should_continue)
    count: int = getattr(image, "n_frames", 1)
    memory = _memory(kind, image, count, data)
    _check_limits(kind, image.size, count, memory)
    if image.tile and image.tile[0].codec_name == "bmp_rle" and image.width * image.height > MAX_RLE_PIXELS:
        raise InvalidImage("a bmp of too many runs")
    durations = image.load_frames(count)
    options = {"icc_profile": _valid_profile(image), **_encoder_options(image, data)}
    if count > 1:
        options |= {"save_all": True, "loop": image.info.get("loop", 0)}
        # A PNG takes the duration from each frame.
        options |= {"duration": durations} if kind == "webp" else {"disposal": 0, "blend": 0}
    orientation = _orientation(image)
    # Pillow writes a default image, which programs without animation show, only as the first of several images.
    is_apart = bool(getattr(image, "default_image", False))
    # The decoder of a still WebP needs more memory than a copy.
    is_still_webp = kind == "webp" and count == 1
    if orientation == 1 and not is_apart and not is_still_webp:
        return image, options
    if is_still_webp or memory + 4 * count * image.width * image.height <= MAX_MEMORY:
        first, *others = _copy_frames(image, count, orientation)
        return first, options | {"append_images": others} if others else options
    if kind != "jpeg":
        raise InvalidImage(f"a {kind} of {count} frames is too large to be turned")
    exif = options["exif"] = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return image, options


def _check_limits(kind: str, size: tuple[int, int], count: int, memory: int) -> None:
    pixels = size[0] * size[1]
    max_total = MAX_ENCODED_PIXELS if count > 1 and kind != "gif" else MAX_TOTAL_PIXELS
    is_allowed = 0 < pixels <= MAX_PIXELS and 0 < count <= MAX_FRAMES and max(size) <= MAX_SIDE
    if not is_allowed or pixels * count > max_total or memory > MAX_MEMORY:
        raise InvalidImage(f"a {kind} of {count} frames, {size[0]} by {size[1]}, is empty or is too large to decode")


def _memory(kind: str, image: ImageFile, count: int, data: bytes) -> int:
    """The maximum memory, in bytes, to decode and encode the image, without copies of frames that are turned.

    The bytes for each pixel were measured; tests/security/test_bombs.py verifies them.
    """
    fixed = 3 * len(data)
    if kind == "png":
        pixel = 24 + 4 * count if count > 1 else 4
        fixed += MAX_OUTPUT_BYTES if count > 1 else 0
    elif kind == "webp":
        # Libwebp copies what was sent and what it has encoded. It encodes transparency separately.
        still = 24 if b"VP8L" in data else 40 if image.mode == "RGBA" else 18
        pixel = max(still, 44 if count > 1 else 0)
        fixed *= 2
    else:
        pixel = 4 + _buffered_coefficients(image, data) if isinstance(image, JpegImageFile) else 8
    return image.width * image.height * pixel + fixed


def _buffered_coefficients(image: JpegImageFile, data: bytes) -> int:
    """Bytes for each pixel that libjpeg holds until it has read all scans of a JPEG, if there are several.

    There are several in a progressive JPEG, and in one whose first scan lacks components. The decoder must be at the
    end of the header of the first scan.
    """
    assert image.fp is not None
    header = b"\xff\xda" + struct.pack(">HB", 6 + 2 * image.layers, image.layers)
    is_single = data.startswith(header, image.fp.tell() - 8 - 2 * image.layers) and "progressive" not in image.info
    return 0 if is_single else 2 * image.layers


def _orientation(image: Image.Image) -> int:
    """The orientation in the EXIF block, 1 to 8; 1 if the block is damaged. XMP is ignored, as by browsers."""
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif", b""))
        orientation = exif.get(ExifTags.Base.Orientation)
    except Exception:
        return 1
    return orientation if orientation in _TRANSPOSITIONS else 1


_TRANSPOSITIONS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _copy_frames(image: Image.Image, count: int, orientation: int) -> Iterator[Image.Image]:
    transposition = _TRANSPOSITIONS.get(orientation)
    for number in range(count):
        image.seek(number)
        yield image.copy() if transposition is None else image.transpose(transposition)


def _encoder_options(image: Image.Image, data: bytes) -> dict[str, Any]:
    """The options with the least loss: a JPEG keeps its quantization tables, a lossless WebP stays lossless."""
    if isinstance(image, JpegImageFile):
        sampling = JpegImagePlugin.get_sampling(image)
        return {
            "qtables": image.quantization,
            # Turning 4:2:2 on its side makes a sampling that Pillow cannot write; 4:4:4 loses nothing.
            "subsampling": sampling if sampling in (0, 2) else 0,
            "progressive": "progressive" in image.info,
            "comment": b"",
        }
    if isinstance(image, WebPImageFile):
        # For a lossless image, quality is effort. Greater effort takes a minute for the largest images.
        lossless = b"VP8L" in data
        return {"lossless": lossless, "quality": 20 if lossless else 85, "method": 0 if lossless else 2, "exact": True}
    transparency, depth = image.info.get("transparency"), data[24]
    # Pillow reads every PNG color as eight bits, but leaves the transparent color as it is.
    if image.mode == "L" and isinstance(transparency, int) and depth < 8:
        return {"transparency": transparency * 255 // ((1 << depth) - 1)}
    if image.mode == "RGB" and transparency and depth == 16:
        return {"transparency": tuple(value >> 8 for value in transparency)}
    return {}


def _valid_profile(image: Image.Image) -> bytes | None:
    """The color profile, if it is one of a device or color space that images have, of the length in its header."""
    profile: bytes = image.info.get("icc_profile") or b""
    is_valid = (
        132 <= len(profile) <= MAX_PROFILE_BYTES
        and int.from_bytes(profile[:4]) == len(profile)
        and profile[36:40] == b"acsp"
        and profile[12:16] in (b"mntr", b"scnr", b"prtr", b"spac")
        and profile[16:20] in (b"RGB ", b"GRAY", b"CMYK")
    )
    return profile if is_valid else None
