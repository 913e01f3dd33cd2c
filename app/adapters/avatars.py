"""Pictures of users: a small square, because a page shows many of them."""

import io
import math
from typing import BinaryIO, Final

from PIL import Image, ImageOps

from app.adapters.image_types import MEDIA_TYPES
from app.adapters.images import SanitizedImage, sanitize_image

AVATAR_SIDE: Final = 192
"""Pixels of the square: those of the largest one on a page, on a screen with two pixels for each."""
MAX_CONVERTED_PIXELS: Final = 16_000_000
"""A larger image is made smaller first, because each pixel needs four bytes with its transparency."""
QUALITY: Final = 82


def make_avatar(source: BinaryIO, kind: str | None) -> SanitizedImage:
    """The middle of the image, of an animation the first frame, as a small WebP. Raises as `sanitize_image`."""
    sanitized = sanitize_image(source, kind)
    with Image.open(io.BytesIO(sanitized.content)) as image:
        # A JPEG can be decoded at a part of its size; for other formats this does nothing.
        image.draft("RGB", (2 * AVATAR_SIDE, 2 * AVATAR_SIDE))
        divisor = math.ceil(math.sqrt(image.width * image.height / MAX_CONVERTED_PIXELS))
        if divisor > 1:
            smaller = (max(1, image.width // divisor), max(1, image.height // divisor))
            picture = image.resize(smaller, Image.Resampling.NEAREST)
        else:
            picture = image.copy()
        upright = ImageOps.exif_transpose(picture)
    square = ImageOps.fit(upright.convert("RGBA"), (AVATAR_SIDE, AVATAR_SIDE), Image.Resampling.LANCZOS)
    output = io.BytesIO()
    square.save(output, "WEBP", quality=QUALITY)
    return SanitizedImage(output.getvalue(), *MEDIA_TYPES["webp"])
