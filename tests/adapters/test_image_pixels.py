"""What an image keeps: pixels, transparency, frames, durations and the color profile."""

import random
import struct
import zlib

import pytest
from PIL import Image, ImageCms

from tests.support.images import (
    build_png,
    encode,
    encode_animation,
    make_exif,
    make_image,
    max_difference,
    open_image,
    png_header,
    read_durations,
    read_frames,
    read_pixels,
    sanitize,
)

SECRET = b"Hidden-Place-48.8584N"


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_a_jpeg_of_any_color_mode_looks_the_same(mode: str, progressive: bool, subsampling: int) -> None:
    original = encode(make_image(mode), "JPEG", progressive=progressive, subsampling=subsampling, exif=make_exif(1))

    sanitized = open_image(sanitize(original))

    assert (sanitized.mode, "progressive" in sanitized.info) == (mode, progressive)
    assert max_difference(sanitized, open_image(original)) <= 12


def test_an_animated_png_may_have_a_separate_default_image() -> None:
    original = encode_animation("PNG", default_image=True)

    assert open_image(original).n_frames == 3  # type: ignore[attr-defined]
    assert read_pixels(sanitize(original)) == read_pixels(original)


@pytest.mark.parametrize(("form", "orientation"), [("GIF", 1), ("WEBP", 1), ("PNG", 1), ("WEBP", 6), ("PNG", 6)])
def test_an_animation_keeps_frames_durations_and_loop(form: str, orientation: int) -> None:
    options = {"lossless": True} if form == "WEBP" else {}
    original = encode_animation(form, exif=make_exif(orientation), **options)

    sanitized = sanitize(original)

    frames = read_frames(original)
    upright = [frame.transpose(Image.Transpose.ROTATE_270) for frame in frames] if orientation == 6 else frames
    assert read_pixels(sanitized) == [frame.tobytes() for frame in upright]
    assert read_durations(open_image(sanitized)) == [100, 200, 300]
    assert open_image(sanitized).info["loop"] == 2


MODES = {"PNG": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"], "BMP": ["1", "L", "P", "RGB", "RGBA"]}


@pytest.mark.parametrize(("form", "mode"), [(form, mode) for form, modes in MODES.items() for mode in modes])
def test_a_png_or_bmp_of_any_color_mode_keeps_each_pixel(form: str, mode: str) -> None:
    image = make_image("I").point(lambda value: value * 256) if mode == "I;16" else make_image()
    original = encode(image.convert(mode), form)

    sanitized = sanitize(original + SECRET)

    assert SECRET not in sanitized
    assert open_image(sanitized).mode == open_image(original).mode
    assert read_pixels(sanitized) == read_pixels(original)
    assert open_image(sanitized).tobytes() == open_image(original).tobytes()


def test_a_transparent_color_stays_transparent() -> None:
    original = encode(make_image("P"), "PNG", transparency=0)

    assert open_image(sanitize(original)).info["transparency"] == open_image(original).info["transparency"]
    assert read_pixels(sanitize(original)) == read_pixels(original)


@pytest.mark.parametrize(
    ("depth", "color_type", "color", "expected"),
    [(2, 0, b"\0\3", 255), (4, 0, b"\0\1", 17), (16, 2, b"\x12\x34" * 3, (18,) * 3)],
)
def test_a_transparent_color_of_any_depth_stays_transparent(
    depth: int, color_type: int, color: bytes, expected: object
) -> None:
    row = b"\0" + (color if depth == 16 else bytes([color[1] << (8 - depth)]))
    header = png_header(1, 1, depth=depth, color_type=color_type)
    original = build_png(header, (b"tRNS", color), (b"IDAT", zlib.compress(row)), (b"IEND", b""))

    image = open_image(sanitize(original))

    assert image.info["transparency"] == expected == image.getpixel((0, 0))


def test_a_lossy_animation_looks_the_same() -> None:
    original = encode_animation("WEBP")

    sanitized = sanitize(original)

    assert read_durations(open_image(sanitized)) == [100, 200, 300]
    for after, before in zip(read_frames(sanitized), read_frames(original), strict=True):
        assert max_difference(after, before) <= 20


def test_a_gif_with_a_palette_for_each_frame_loses_no_color() -> None:
    """A frame over others has more colors than a palette can hold, so that it cannot be encoded again."""
    frames = [make_image(size=(40, 30 - 10 * number), seed=number).quantize() for number in range(3)]
    original = encode(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)

    assert read_pixels(sanitize(original)) == read_pixels(original)


# More than 64 KiB make several segments of a JPEG.
@pytest.mark.parametrize(("form", "padding"), [("JPEG", 0), ("PNG", 0), ("WEBP", 0), ("JPEG", 200_000)])
def test_a_valid_color_profile_is_kept(form: str, padding: int) -> None:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile += random.Random(1).randbytes(padding)
    profile[:4] = struct.pack(">I", len(profile))

    sanitized = sanitize(encode(make_image(), form, icc_profile=bytes(profile)))

    assert open_image(sanitized).info["icc_profile"] == bytes(profile)
