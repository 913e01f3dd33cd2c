"""Pictures of users become a small square."""

import io

import pytest
from PIL import Image

from app.adapters.avatars import AVATAR_SIDE, MAX_CONVERTED_PIXELS, make_avatar
from app.adapters.images import InvalidImage
from tests.support.images import encode, make_exif


def open_avatar(content: bytes, kind: str) -> Image.Image:
    avatar = make_avatar(io.BytesIO(content), kind)
    assert (avatar.media_type, avatar.extension) == ("image/webp", "webp")
    image = Image.open(io.BytesIO(avatar.content))
    assert image.size == (AVATAR_SIDE, AVATAR_SIDE)
    return image.convert("RGBA")


def striped(mode: str, size: tuple[int, int] = (300, 100)) -> Image.Image:
    """Red, blue and red third, from left to right."""
    image = Image.new("RGB", size, "red")
    image.paste("blue", (size[0] // 3, 0, size[0] * 2 // 3, size[1]))
    return image.convert(mode)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("png", "RGB"), ("png", "RGBA"), ("png", "P"), ("jpeg", "RGB"), ("jpeg", "CMYK"), ("gif", "P"), ("webp", "RGB")],
)
def test_the_middle_is_kept(kind: str, mode: str) -> None:
    image = open_avatar(encode(striped(mode), kind.upper()), kind)

    red, _, blue, alpha = image.getpixel((AVATAR_SIDE // 2, AVATAR_SIDE // 2))
    assert (red < 80, blue > 150, alpha) == (True, True, 255)
    red, _, blue, _ = image.getpixel((3, AVATAR_SIDE // 2))
    assert blue > 100


def test_transparency_is_kept_and_small_pictures_grow() -> None:
    image = open_avatar(encode(Image.new("RGBA", (2, 1), (0, 0, 0, 0)), "PNG"), "png")

    assert image.getpixel((90, 90))[3] == 0


def test_a_large_picture_is_made_smaller_first() -> None:
    side = int(MAX_CONVERTED_PIXELS**0.5) + 500
    image = open_avatar(encode(Image.new("P", (side, side), 0), "PNG"), "png")

    assert image.getpixel((90, 90))[3] == 255


def test_a_turned_photo_is_upright_and_has_no_metadata() -> None:
    # Orientation 6: the camera was turned, so the columns of the file are the rows of the picture.
    content = encode(striped("RGB", (300, 300)), "JPEG", exif=make_exif(6))

    image = open_avatar(content, "jpeg")

    middle = [image.getpixel(place)[2] > 150 for place in ((5, AVATAR_SIDE // 2), (AVATAR_SIDE // 2, 5))]
    assert middle == [True, False]
    assert b"Exif" not in make_avatar(io.BytesIO(content), "jpeg").content


def test_what_is_no_image_is_rejected() -> None:
    with pytest.raises(InvalidImage):
        make_avatar(io.BytesIO(b"no image"), "png")
