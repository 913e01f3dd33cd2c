"""Images: types detected from content, metadata removed, pixels sanitized, invalid files rejected."""

import io
import random
import re
import struct
import zlib

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from app.adapters.image_types import sniff_image_type
from app.adapters.images import InvalidImage, sanitize_image
from tests.support.images import (
    build_png,
    encode,
    encode_animation,
    insert_chunks,
    make_exif,
    make_image,
    max_difference,
    open_image,
    png_chunk,
    png_header,
    read_pixels,
    sanitize,
)

SECRET = b"Hidden-Place-48.8584N"
SECRET_TEXT = SECRET.decode()
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def make_secret_exif(orientation: int = 1) -> Image.Exif:
    exif = make_exif(orientation)
    exif[0x010F] = SECRET_TEXT
    exif[0x8825] = {1: "N", 2: (48.0, 51.0, 30.24), 3: "E", 4: (2.0, 17.0, 40.0), 29: SECRET_TEXT}
    return exif


def reject(content: bytes) -> str:
    """Require that the image is rejected; return the reason."""
    with pytest.raises(InvalidImage) as error:
        sanitize(content)
    return str(error.value)


KINDS = {
    "jpeg": (encode(make_image(), "JPEG"), "image/jpeg", "jpg"),
    "png": (encode(make_image(), "PNG"), "image/png", "png"),
    "gif": (encode(make_image(), "GIF"), "image/gif", "gif"),
    "bmp": (encode(make_image(), "BMP"), "image/bmp", "bmp"),
    "webp": (encode(make_image(), "WEBP"), "image/webp", "webp"),
    "svg": (SVG, "image/svg+xml", "svg"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_type_of_an_image_is_detected_from_its_content(kind: str) -> None:
    content, media_type, extension = KINDS[kind]

    image = sanitize_image(io.BytesIO(content), sniff_image_type(content))

    assert sniff_image_type(content) == kind
    assert (image.media_type, image.extension) == (media_type, extension)
    assert kind == "svg" or open_image(image.content).size == (40, 30)


def test_an_image_is_read_from_the_current_position() -> None:
    source = io.BytesIO(b"before" + KINDS["png"][0])
    source.seek(6)

    assert read_pixels(sanitize_image(source, "png").content) == read_pixels(KINDS["png"][0])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<",
        b"%PDF-1.7",
        b"BMW is a maker of cars, and this is a text about it",
        b"<!DOCTYPE html><html><body><svg></svg></body></html>",
        b"<html><svg/></html>",
        b"<?xml version='1.0'?><rss><svg/></rss>",
        b"<svgfake/>",
        b"<SVG/>",
        b"text before <svg/>",
        b"<!-- <svg> --",
        b"<!DOCTYPE svg [ <!ENTITY a '>'",
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"\0\0\0 ftypavif",
        b"II*\0\x08\0\0\0",
        b"%!PS-Adobe-3.0 EPSF-3.0",
        b"<svg/>".replace(b"s", b"\0s"),
    ],
)
def test_content_of_another_type_is_rejected(content: bytes) -> None:
    assert sniff_image_type(content) is None
    assert reject(content) == "the type of the image is unknown"


@pytest.mark.parametrize("orientation", [1, 6])
def test_the_metadata_of_a_jpeg_is_removed_and_its_tables_are_kept(orientation: int) -> None:
    exif = make_secret_exif(orientation)
    original = encode(make_image(), "JPEG", exif=exif, comment=SECRET, xmp=SECRET, quality=91, progressive=True)

    sanitized = sanitize(original)

    assert SECRET in original and original.count(b"Exif\0\0") == 1
    assert SECRET not in sanitized and b"Exif" not in sanitized
    after = open_image(sanitized)
    assert after.getexif() == {}
    assert "comment" not in after.info
    assert "progressive" in after.info
    assert after.quantization == open_image(original).quantization  # type: ignore[attr-defined]


def test_the_thumbnail_of_a_jpeg_and_a_trailing_image_are_removed() -> None:
    plain = encode(make_image(), "JPEG")
    assert plain[2:6] == b"\xff\xe0\0\x10"
    thumbnail = b"\xff\xe0" + struct.pack(">H", 2 + 14 + 3) + plain[6:18] + b"\1\1" + b"rgb"

    original = plain[:2] + thumbnail + plain[20:] + encode(make_image(seed=2), "JPEG", comment=SECRET)

    assert sanitize(original) == sanitize(plain)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_rotated_by_its_exif_orientation(form: str, orientation: int) -> None:
    transposition = [None, 0, 3, 1, 5, 4, 6, 2][orientation - 1]
    upright = make_image(size=(64, 32))
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}, "PNG": {}}[form]

    sanitized = sanitize(encode(upright, form, exif=make_secret_exif(orientation), **options))

    image = open_image(sanitized)
    expected = upright if transposition is None else upright.transpose(Image.Transpose(transposition))
    assert (image.format, image.size) == (form, expected.size)
    assert image.getexif() == {}
    assert SECRET not in sanitized
    assert max_difference(image.convert("RGB"), expected) <= (8 if form == "JPEG" else 0)


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_jpeg_too_large_to_rotate_keeps_only_its_orientation(orientation: int) -> None:
    exif = make_secret_exif(orientation)
    original = encode(Image.new("RGB", (8160, 6120)), "JPEG", exif=exif, comment=SECRET)

    sanitized = sanitize(original)

    assert SECRET not in sanitized
    image = open_image(sanitized)
    assert dict(image.getexif()) == {0x0112: orientation}
    assert image.size == (8160, 6120)
    assert max_difference(image, open_image(original)) <= 2


def encode_exif(block: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", len(block) + 8) + b"Exif\0\0" + block


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize(
    "addition",
    [
        b"\0\0\xff\xff",
        encode_exif(b""),
        encode_exif(b"II*\0"),
        encode_exif(b"MM\0*\xff\xff\xff\xff"),
        encode_exif(b"II*\0\x08\0\0\0\xff\xff\x12\x01"),
        encode_exif(b"\0" * 99),
    ],
)
def test_padding_and_damaged_exif_blocks_of_a_jpeg_are_ignored(addition: bytes) -> None:
    plain = encode(make_image(), "JPEG")

    assert sanitize(plain[:20] + addition + plain[20:]) == sanitize(plain)


def test_comments_and_application_extensions_of_a_gif_are_removed() -> None:
    original = encode_animation("GIF", comment=SECRET)
    caption = b"!\x01\x0c" + b"\0" * 12 + bytes([len(SECRET)]) + SECRET + b"\0"
    xmp = b"!\xff\x0bXMP DataXMP" + bytes([len(SECRET)]) + SECRET + b"\0"

    sanitized = sanitize(original[:-1] + caption + xmp + b";" + SECRET)

    assert original.count(SECRET) == 1
    assert SECRET not in sanitized and b"XMP" not in sanitized
    assert read_pixels(sanitized) == read_pixels(original)


def test_the_texts_and_times_of_a_png_are_removed() -> None:
    texts = PngInfo()
    texts.add_text("Author", SECRET_TEXT)
    texts.add_text("Comment", SECRET_TEXT, zip=True)
    texts.add_itxt("XML:com.adobe.xmp", SECRET_TEXT)
    texts.add(b"tIME", b"\x07\xea\x0b\x16\x09\x00\x00")
    texts.add(b"prVt", SECRET)
    original = encode(make_image(), "PNG", pnginfo=texts, exif=make_secret_exif(), dpi=(300, 300))

    sanitized = sanitize(original + b"<script>" + SECRET)

    assert original.count(SECRET) >= 4
    assert sanitized == encode(make_image(), "PNG")


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_exif_and_xmp_of_a_webp_are_removed(mode: str, lossless: bool) -> None:
    original = encode(make_image(mode), "WEBP", lossless=lossless, exif=make_secret_exif(), xmp=SECRET)

    sanitized = sanitize(original + SECRET)

    assert SECRET in original and b"EXIF" in original and b"XMP " in original
    assert SECRET not in sanitized and b"EXIF" not in sanitized and b"XMP " not in sanitized
    assert max_difference(open_image(sanitized), open_image(original)) <= (0 if lossless else 12)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("profile", [SECRET * 20, bytes(36) + b"acsp" + SECRET * 20, b"\0" * (1 << 20)])
def test_an_invalid_color_profile_is_removed(form: str, profile: bytes) -> None:
    sanitized = sanitize(encode(make_image(), form, icc_profile=profile))

    assert "icc_profile" not in open_image(sanitized).info
    assert SECRET not in sanitized


WHOLE = {
    **{kind: content for kind, (content, _, _) in KINDS.items() if kind != "svg"},
    "progressive": encode(make_image(), "JPEG", progressive=True),
    "animated gif": encode_animation("GIF"),
    "animated png": encode_animation("PNG"),
    "animated webp": encode_animation("WEBP"),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_an_image_truncated_anywhere_is_rejected(kind: str) -> None:
    whole = WHOLE[kind]
    # A WebP is padded to an even length, a BMP's last row to four bytes; without the padding they are complete.
    # A PNG is complete without the checksum of its last, empty part.
    last = len(whole) - (5 if whole.startswith(b"\x89PNG") else 4)
    cuts = {*range(1, min(len(whole), 200)), *range(200, last, 97), last}

    for cut in sorted(cuts):
        reject(whole[:cut])


@pytest.mark.parametrize("kind", WHOLE)
def test_a_damaged_image_never_causes_a_crash(kind: str) -> None:
    choose = random.Random(7)
    for _ in range(150):
        content = bytearray(WHOLE[kind])
        for _ in range(choose.choice((1, 2, 8))):
            content[choose.randrange(len(content))] = choose.choice((0, 255, choose.randrange(256)))
        try:
            sanitized = sanitize(bytes(content))
        except InvalidImage:
            continue
        assert read_pixels(sanitized)


@pytest.mark.parametrize(
    "content",
    [
        b"GIF89a/*<script>*/=1;alert(1)",
        b"\xff\xd8\xff\xe0<html><script>alert(1)</script></html>",
        b"\xff\xd8\xff\xd9",
        b"\x89PNG\r\n\x1a\n" + KINDS["gif"][0],
        b"RIFF\x04\0\0\0WEBP",
        b"RIFF\xff\xff\xff\xffWEBPVP8 ",
        b"BM" + bytes(12) + struct.pack("<Iii", 40, 4, 4) + b"%PDF",
        KINDS["gif"][0][:13] + b";",
        build_png(png_header(1, 1), (b"IEND", b"")),
        build_png((b"CgBI", b"\0" * 4), png_header(1, 1), (b"IEND", b"")),
    ],
)
def test_a_header_without_an_image_is_rejected(content: bytes) -> None:
    assert sniff_image_type(content) is not None
    reject(content)


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "webp", "bmp"])
def test_an_archive_appended_to_an_image_is_removed(kind: str) -> None:
    sanitized = sanitize(KINDS[kind][0] + b"PK\x03\x04" + SECRET)

    assert SECRET not in sanitized and b"PK\x03\x04" not in sanitized
    assert sanitized == sanitize(KINDS[kind][0])


def replace_at(content: bytes, offset: int, new: bytes) -> bytes:
    return content[:offset] + new + content[offset + len(new) :]


def test_a_png_with_a_wrong_checksum_is_rejected() -> None:
    assert "checksum" in reject(replace_at(KINDS["png"][0], 20, b"\1"))


HUGE = 60_000
JPEG, GIF, ANIMATED_GIF = KINDS["jpeg"][0], KINDS["gif"][0], WHOLE["animated gif"]
VP8X = b"VP8X" + struct.pack("<I", 10) + bytes([2, 0, 0, 0]) + (HUGE - 1).to_bytes(3, "little") * 2
BOMBS = {
    "png": build_png(png_header(HUGE, HUGE), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")),
    "jpeg": replace_at(JPEG, JPEG.index(b"\xff\xc0") + 5, struct.pack(">HH", HUGE, HUGE)),
    "gif": replace_at(GIF, 6, struct.pack("<HH", HUGE, HUGE)),
    "bmp": replace_at(KINDS["bmp"][0], 18, struct.pack("<ii", HUGE, -HUGE)),
    "webp": b"RIFF" + struct.pack("<I", 4 + len(VP8X)) + b"WEBP" + VP8X,
    "gif with a frame outside": replace_at(
        ANIMATED_GIF, ANIMATED_GIF.index(b"!\xf9\x04") + 9, struct.pack("<HH", HUGE, HUGE)
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_an_image_with_huge_dimensions_is_rejected_before_decoding(bomb: str) -> None:
    assert re.search("is too large to decode|could be decompression bomb", reject(BOMBS[bomb]))


def test_an_animation_with_too_many_frames_is_rejected() -> None:
    original = WHOLE["animated gif"]
    last = original.rindex(b"!\xf9")

    assert "of 1003 frames" in reject(original[:-1] + original[last:-1] * 1000 + b";")


def test_an_animation_with_too_large_frames_is_rejected() -> None:
    original = encode(Image.new("P", (8000, 8000)), "GIF")
    frame = original[original.index(b",") : -1]

    assert "of 10 frames, 8000 by 8000, is empty or is too large to decode" in reject(original[:-1] + frame * 9 + b";")


def test_a_png_with_a_wrong_number_of_frames_is_rejected() -> None:
    original = WHOLE["animated png"]
    control = png_chunk(b"acTL", struct.pack(">II", 2, 0))

    assert "frame sequence" in reject(replace_at(original, original.index(b"acTL") - 4, control))


def test_a_jpeg_with_too_many_scans_is_rejected() -> None:
    original = encode(make_image(), "JPEG", progressive=True)
    last = original.rindex(b"\xff\xda")

    assert "scans" in reject(original[:-2] + original[last:-2] * 200 + b"\xff\xd9")


@pytest.mark.parametrize(("bits", "packing"), [(8, 1), (4, 2)])
def test_a_bmp_with_too_many_runs_is_rejected_before_decoding(bits: int, packing: int) -> None:
    def encode_bmp(width: int, height: int, runs: bytes) -> bytes:
        palette, start = bytes(4 << bits), 54 + (4 << bits)
        header = struct.pack("<2sIHHI", b"BM", start + len(runs), 0, 0, start)
        sizes = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, packing, len(runs), 0, 0, 0, 0)
        return header + sizes + palette + runs

    runs = b"\1\0\0\0" * 100 + b"\0\1"
    assert open_image(sanitize(encode_bmp(40_000, 100, runs))).size == (40_000, 100)
    assert "runs" in reject(encode_bmp(40_001, 100, runs))
    assert "too many parts" in reject(encode_bmp(400, 1, b"\0\2\0\0" * 2_000_000))


def test_a_compressed_profile_bomb_is_rejected() -> None:
    bomb = png_chunk(b"iCCP", b"ICC\0\0" + zlib.compress(b"\0" * (64 << 20), 9))

    assert "too large" in reject(insert_chunks(KINDS["png"][0], bomb))


def test_sanitizing_removes_metadata_and_is_idempotent() -> None:
    for content in WHOLE.values():
        once = sanitize(content)

        assert SECRET not in once
        assert max_difference(open_image(sanitize(once)), open_image(once)) <= 20
