"""Images for tests, and their encoded files."""

import io
import random
import struct
import zlib
from typing import Any

from PIL import Image, ImageSequence

from app.adapters.image_types import sniff_image_type
from app.adapters.images import sanitize_image


def make_image(mode: str = "RGB", size: tuple[int, int] = (40, 30), seed: int = 1) -> Image.Image:
    """An image of soft colors whose corners all differ."""
    noise = Image.frombytes("RGB", (4, 4), random.Random(seed).randbytes(48))
    return noise.resize(size, Image.Resampling.BICUBIC).convert(mode)


def encode(image: Image.Image, form: str, **options: Any) -> bytes:
    output = io.BytesIO()
    image.save(output, form, **options)
    return output.getvalue()


def encode_animation(form: str, **options: Any) -> bytes:
    """Three frames of different durations, shown twice."""
    first, *others = (make_image(seed=seed) for seed in (1, 2, 3))
    return encode(first, form, save_all=True, append_images=others, duration=[100, 200, 300], loop=2, **options)


def make_exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_header(width: int, height: int, *, depth: int = 8, color_type: int = 6) -> tuple[bytes, bytes]:
    """The first chunk of a PNG; the color type 0 is gray, 2 RGB, 6 RGBA."""
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)


def build_png(*chunks: tuple[bytes, bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, content) for kind, content in chunks)


def insert_chunks(png: bytes, chunks: bytes) -> bytes:
    """Insert encoded chunks behind the header of a PNG."""
    return png[:33] + chunks + png[33:]


def animated_gif(frames: int, width: int, height: int, *, dispose: int = 0) -> bytes:
    """Frames of the size of the canvas, each with its own palette and a transparent color."""
    still = encode(Image.new("P", (width, height)), "GIF")
    size = struct.pack("<HH", width, height)
    pixels = still[still.index(b",\0\0\0\0" + size) + 10 : -1]
    content = b"GIF89a" + size + bytes(3)
    for number in range(frames):
        content += b"!\xf9\x04" + bytes([dispose << 2 | 1, 5, 0, number % 2, 0])
        content += b",\0\0\0\0" + size + b"\x87" + bytes([number % 256]) * 768 + pixels
    return content + b";"


def open_image(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def read_frames(content: bytes) -> list[Image.Image]:
    return [frame.convert("RGBA") for frame in ImageSequence.Iterator(open_image(content))]


def read_pixels(content: bytes) -> list[bytes]:
    return [frame.tobytes() for frame in read_frames(content)]


def read_durations(image: Image.Image) -> list[float]:
    durations = []
    for frame in ImageSequence.Iterator(image):
        frame.load()
        durations.append(frame.info["duration"])
    return durations


def sanitize(content: bytes) -> bytes:
    return sanitize_image(io.BytesIO(content), sniff_image_type(content)).content


def max_difference(one: Image.Image, other: Image.Image) -> int:
    return max(abs(a - b) for a, b in zip(one.tobytes(), other.tobytes(), strict=True))
