"""Bodies that are small to send and large to read. The bounds are far from what is measured, and far below what hurts.

What is merely broken or strange: tests/api/test_bad_input.py; heads and patience: tests/server/test_http_limits.py;
images: tests/adapters/test_images.py.
"""

import io
import json
import random
import resource
import shutil
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from app.adapters.images import MAX_MEMORY, InvalidImage, sanitize_image
from app.application import Application, create_app
from app.http import multipart, percent_decoding
from app.http.multipart import MAX_PARTS, MultipartReader
from app.settings import Settings
from tests.conftest import SECRET
from tests.support.checkout import ROOT
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.support.routes import DIALECTS

SECONDS = 20
MEGABYTES = 1500

JSON, FORM = 5 << 20, 28 << 20


def repeated(piece: bytes, most: int, *, before: bytes = b"", after: bytes = b"") -> bytes:
    """The piece again and again, as often as a body of this kind may have it."""
    return before + piece * ((most - len(before) - len(after)) // len(piece)) + after


JSONS = {
    "deep lists": repeated(b"[", JSON),
    "deep objects": repeated(b'{"a":', JSON),
    "digits": repeated(b"9", JSON, before=b'{"limit":', after=b"}"),
    "digits of a fraction": repeated(b"9", JSON, before=b'{"limit":0.', after=b"}"),
    "an endless exponent": repeated(b"9", JSON, before=b'{"limit":1e', after=b"}"),
    "many names": b"{" + b",".join(b'"%d":0' % number for number in range(JSON // 11)) + b"}",
    "one name": repeated(b'"a":0,', JSON, before=b"{", after=b'"a":0}'),
    "many items": repeated(b"1,", JSON, before=b'{"status":[', after=b"1]}"),
    "many lists": repeated(b"[],", JSON, before=b'{"status":[', after=b"[]]}"),
    "many objects": repeated(b'{"a":1},', JSON, before=b'{"status":[', after=b"{}]}"),
    "escaped letters": repeated(b"\\u0041", JSON, before=b'{"title":"', after=b'"}'),
    "halves of letters": repeated(b"\\ud800", JSON, before=b'{"title":"', after=b'"}'),
    "NUL": repeated(b"\\u0000", JSON, before=b'{"title":"', after=b'"}'),
    "opened tags": repeated(b"<", JSON, before=b'{"title":"Dark mode","board_id":1,"description":"', after=b'"}'),
    "blanks": repeated(b" ", JSON),
}
FORMS = {
    "names": repeated(b"a=1&", FORM),
    "lists": repeated(b"a[]=1&", FORM),
    "a deep name": b"a" + repeated(b"[a]", FORM - 3) + b"=1",
    "deep names": repeated(b"a" + b"[b]" * 90 + b"=1&", FORM),
    "escapes": repeated(b"%41", FORM, before=b"title="),
    "signs that are no escapes": repeated(b"%", FORM, before=b"title="),
    "nothing": repeated(b"&", FORM),
}
MULTIPARTS = {
    "nameless parts": repeated(b"--x\r\nA: b\r\n\r\n\r\n", FORM),
    "parts of nothing": repeated(b"--x\r\nContent-Disposition: form-data\r\n\r\n\r\n", FORM),
    "empty files": repeated(b'--x\r\nContent-Disposition: form-data; name="a"; filename=""\r\n\r\n\r\n', FORM),
    "headers": repeated(b"A: b\r\n", FORM, before=b"--x\r\n"),
    "a long header": repeated(b"b", FORM, before=b"--x\r\nA: "),
    "parameters": repeated(b"; a=b", FORM, before=b"--x\r\nContent-Disposition: form-data"),
    "no beginning": repeated(b"y", FORM),
    "almost ends": repeated(
        b"\r\n--", FORM, before=b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n'
    ),
}
TYPES = {
    "application/json": JSONS,
    "application/x-www-form-urlencoded": FORMS,
    "multipart/form-data; boundary=x": MULTIPARTS,
}


@pytest_asyncio.fixture
async def alone(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Application]:
    """A server on SQLite: none of this comes as far as a database."""
    shutil.copy(sqlite_template, tmp_path / "earshot.db")
    server = create_app(
        Settings(
            _env_file=None,  # type: ignore[call-arg]
            database_url=f"sqlite:///{tmp_path}/earshot.db",
            data_dir=tmp_path / "data",
            secret_key=SECRET,
            rate_limits=False,
        )
    )
    await server.start()
    yield server
    await server.stop()


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", TYPES)
async def test_a_body_made_to_be_costly_is_answered_soon_and_without_gigabytes(
    alone: Application, dialect: str, kind: str
) -> None:
    make = Factory(alone, SECRET.encode())
    await make.first_portal()
    async with Client(alone, token=await make.key(make.owner, dialect)) as client:
        for name, body in TYPES[kind].items():
            began, grown = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            response = await client.post("/posts", content=body, headers={"content-type": kind})
            took = time.monotonic() - began
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - grown) // 1024

            assert response.status_code < 500, name
            assert len(response.content) < max(100_000, 2 * len(body) if response.status_code == 200 else 0), name
            assert took < SECONDS, (name, took)
            assert grown < MEGABYTES, (name, grown)


async def test_no_more_parts_are_read_than_fields_and_files_may_be_sent() -> None:
    def part(number: int) -> bytes:
        return b"--x\r\nA: b\r\n\r\n\r\n" + (b"--x--\r\n" if number == MAX_PARTS else b"")

    for most, broken in ((MAX_PARTS, False), (MAX_PARTS + 1, True)):
        parts = MultipartReader(b"x", max_text_bytes=JSON)
        await parts.feed(b"".join(part(0) for _ in range(most)) + b"--x--\r\n")
        await parts.finish()

        assert (parts.is_malformed, parts.fields) == (broken, [])
    assert multipart.MAX_PARTS == multipart.MAX_FIELDS + multipart.MAX_FILES


@settings(deadline=None, max_examples=500)
@given(st.text("%%%=4a1gF\r\n _+\t.z\x00\xff3D25", max_size=40).map(lambda text: text.encode("latin-1")))
def test_long_text_is_unescaped_like_short_text(text: bytes) -> None:
    long = text * (2 * percent_decoding.CHUNK // max(len(text), 1) + 1)

    assert percent_decoding.percent_decode(text) == unquote_to_bytes(text)
    assert percent_decoding.percent_decode(long) == unquote_to_bytes(long)


TEXTS = {
    "tables filled with empty cells": ("a|" * 60 + "a\n" + "-|" * 60 + "-\n" + "|\n" * 120 + "\n") * 100,
    "a wide table": "|" + "a|" * 8_000 + "\n|" + "-|" * 8_000 + "\n" + "|\n" * 8_000,
    "tables with attributes": ("a|" * 60 + "a\n" + ":-:|" * 60 + ":-:\n" + "|\n" * 120 + "\n") * 100,
    "a long address, often referred to": f"[a]: <{'x' * 25_000}>\n\n" + "[a]" * 8_000,
    "a long address that grows when encoded": f"[a]: <{'€' * 25_000}>\n\n" + "[a]" * 8_000,
    "a long title, often referred to": "[a]: x '" + '"' * 25_000 + "'\n\n" + "[a]" * 8_000,
    "pictures of a long address": f"[a]: <{'x' * 25_000}>\n\n" + "![a]" * 6_000,
    "nested brackets": "[" * 25_000 + "]" * 25_000,
    "nested pictures": "![" * 8_000 + "](b)" * 8_000,
    "open links": '[a](b "' * 7_000,
    "open emphasis": "*a_ " * 12_000,
    "nested quotes": (">" * 20 + "a\n") * 2_300,
    "a nested quote that goes on": ">" * 20 + "a\n" * 25_000,
    "nested lists": ("- " * 20 + "a\n") * 1_200,
    "entities": "&CounterClockwiseContourIntegral;" * 1_500,
    "open code": "".join("`" * length + "a" for length in range(1, 310)),
    "addresses": "<http://€.€>" * 4_000,
    "deep HTML": "<p>" + "<div>" * 9_900 + ">",
    "formats that are never closed": "<p>"
    + "".join(f"<b x{number}>" for number in range(2_500))
    + "</p>"
    + "<p>x</p>" * 2_800,
    "formats in items that are never closed": "<ul><li>"
    + "".join(f"<b x{number}>" for number in range(2_000))
    + "<li>x" * 5_000
    + "</ul>",
    "open comments": "<p>" + "<!--" * 12_000 + ">",
    "open attributes": "<p>" + "<a x='" * 8_000 + ">",
}


RENDERING = """
import json, resource, sys
from app.web.markdown import render_markdown
render_markdown("*a*")
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name, written in json.load(sys.stdin).items():
    render_markdown(written)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(name, (most - grown) // 1024, sep="\\t", flush=True)
"""


def test_texts_made_to_be_costly_are_shown_soon_and_without_gigabytes() -> None:
    """In a process of its own, whose end is no end of the tests. Measured: each below half a second and 20 MiB."""
    written = {name: text[:49_990] + (">" if text.startswith("<") else "") for name, text in TEXTS.items()}
    limits = {resource.RLIMIT_CPU: (SECONDS, SECONDS), resource.RLIMIT_AS: (MEGABYTES << 20, MEGABYTES << 20)}

    done = subprocess.run(
        [sys.executable, "-c", RENDERING],
        cwd=ROOT,
        input=json.dumps(written),
        capture_output=True,
        text=True,
        preexec_fn=lambda: [resource.setrlimit(name, limit) for name, limit in limits.items()],
        check=False,
    )

    grown = dict(line.split("\t") for line in done.stdout.splitlines())
    assert (done.returncode, list(grown)) == (0, list(written)), done.stderr
    assert {name: growth for name, growth in grown.items() if int(growth) >= 50} == {}


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_png_with_a_part_that_expands_is_rejected(kind: bytes) -> None:
    plain = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(plain, "PNG")
    whole = plain.getvalue()
    compressed = zlib.compress(b"\0" * (512 << 20), 9)
    before = {b"zTXt": b"Comment\0\0", b"iTXt": b"Comment\0\x01\0\0\0", b"iCCP": b"ICC\0\0"}[kind]
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(InvalidImage, match="too large"):
        sanitize_image(io.BytesIO(whole[:33] + chunk(kind, before + compressed) + whole[33:]))

    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - grown) // 1024 < 256


@pytest.mark.parametrize(
    ("kind", "before", "reason"),
    [(b"iCCP", b"ICC\0\0", "too many color profiles"), (b"zTXt", b"Comment\0\0", "Too much memory")],
)
def test_a_png_with_many_parts_that_expand_is_rejected(kind: bytes, before: bytes, reason: str) -> None:
    """Twenty MiB of them took 77 seconds."""
    whole = flat("L", 8, 8, "PNG")
    compressed = chunk(kind, before + zlib.compress(bytes(1 << 20), 9))

    with pytest.raises(InvalidImage, match=reason):
        sanitize_image(io.BytesIO(whole[:33] + compressed * 18_000 + whole[33:]))


DRAW = """
import io, re, sys
from pathlib import Path
from app.adapters.images import InvalidImage, sanitize_image
from PIL import Image

def peak():
    # The value of getrusage begins with the peak of the process that started this one.
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) << 10

Image.init()
content = io.BytesIO(sys.stdin.buffer.read())
before = peak()
try:
    sanitize_image(content)
    outcome = "accepted"
except InvalidImage:
    outcome = "rejected"
print(outcome, peak() - before)
"""


def memory_of_drawing(content: bytes) -> tuple[str, int]:
    """Whether a separate process accepts an image, and by how many bytes that process grows."""
    done = subprocess.run([sys.executable, "-c", DRAW], input=content, capture_output=True, check=True, cwd=ROOT)
    outcome, grown = done.stdout.decode().split()
    return outcome, int(grown)


def flat(mode: str, width: int, height: int, form: str, *, turned: bool = False, **options: object) -> bytes:
    """A picture of one colour, so that it is small however large it is when drawn."""
    exif, written = Image.Exif(), io.BytesIO()
    if turned:
        exif[0x0112] = 6
        options["exif"] = exif
    Image.new(mode, (width, height)).save(written, form, **options)
    return written.getvalue()


def gif_of(frames: int, width: int, height: int, *, dispose: int = 0) -> bytes:
    """Frames of all the canvas, each with a palette of its own and a transparent colour."""
    one = flat("P", width, height, "GIF")
    image = one[one.index(b",\0\0\0\0" + struct.pack("<HH", width, height)) + 10 : -1]
    drawn = b"".join(
        b"!\xf9\x04" + bytes([dispose << 2 | 1, 5, 0, number % 2, 0])
        + b",\0\0\0\0" + struct.pack("<HHB", width, height, 0x87) + bytes([number % 256]) * 768 + image
        for number in range(frames)
    )  # fmt: skip
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + drawn + b";"


def apng_of(frames: int, width: int, height: int) -> bytes:
    """Frames of all the canvas in eight bits of red, green, blue and alpha, each blended over the one before."""
    row, packer = b"\0" + b"\x11" * (4 * width), zlib.compressobj()
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))]
    parts.append(chunk(b"acTL", struct.pack(">II", frames, 0)))
    for number in range(frames):
        control = struct.pack(">IIIIIHHBB", max(2 * number - 1, 0), width, height, 0, 0, 1, 10, 2, 1)
        data = chunk(b"fdAT", struct.pack(">I", 2 * number) + pixels) if number else chunk(b"IDAT", pixels)
        parts += [chunk(b"fcTL", control), data]
    return b"\x89PNG\r\n\x1a\n" + b"".join([*parts, chunk(b"IEND", b"")])


def png_of(width: int, height: int, *, depth: int) -> bytes:
    """A black picture of red, green, blue and alpha, as narrow or low as one likes."""
    packer = zlib.compressobj()
    row = bytes(1 + width * depth // 2)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def noise(mode: str, width: int, height: int, form: str, **options: object) -> bytes:
    """An image that no encoder makes small."""
    written = io.BytesIO()
    Image.frombytes("RGBA", (width, height), random.Random(1).randbytes(4 * width * height)).convert(mode).save(
        written, form, **options
    )
    return written.getvalue()


def webp_of(frames: int, width: int, height: int, *, lossless: bool, turned: bool = False) -> bytes:
    images = [Image.new("RGB", (width, height), (number, 0, 0)) for number in range(frames)]
    exif, written = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6 if turned else 1
    images[0].save(written, "WEBP", save_all=True, append_images=images[1:], lossless=lossless, method=0, exif=exif)
    return written.getvalue()


COSTLY = {
    "a PNG of one row": (lambda: png_of(63_000_000, 1, depth=8), "rejected"),
    "a PNG of one row that no decoder takes": (lambda: png_of(63_000_000, 1, depth=16), "rejected"),
    "a PNG of one column": (lambda: png_of(1, 20_000_000, depth=8), "rejected"),
    "a PNG of few long rows": (lambda: png_of(65_535, 970, depth=16), "accepted"),
    "a PNG of few long columns": (lambda: png_of(970, 65_535, depth=16), "accepted"),
    "the largest PNG": (lambda: flat("RGBA", 7990, 7990, "PNG"), "accepted"),
    "a PNG of sixteen bits": (lambda: flat("I;16", 7990, 7990, "PNG"), "accepted"),
    "the largest turned PNG": (lambda: flat("RGBA", 5760, 5760, "PNG", turned=True), "accepted"),
    "a larger turned PNG": (lambda: flat("RGBA", 5860, 5860, "PNG", turned=True), "rejected"),
    "the largest animated PNG": (lambda: apng_of(3, 2500, 2550), "accepted"),
    "an animated PNG of many frames": (lambda: apng_of(200, 500, 510), "accepted"),
    "a larger animated PNG": (lambda: apng_of(3, 2600, 2600), "rejected"),
    "the largest WebP": (lambda: flat("RGB", 3850, 3850, "WEBP", method=0), "accepted"),
    "a larger WebP": (lambda: flat("RGB", 3900, 3900, "WEBP", method=0), "rejected"),
    "a WebP of noise": (lambda: noise("RGB", 3000, 3000, "WEBP", method=0), "accepted"),
    "a lossless WebP": (lambda: flat("RGBA", 3330, 3330, "WEBP", lossless=True, method=0), "accepted"),
    "a lossless WebP of noise": (
        lambda: noise("RGBA", 2300, 2300, "WEBP", lossless=True, method=0, quality=0),
        "accepted",
    ),
    "a transparent WebP of noise": (lambda: noise("RGBA", 2300, 2300, "WEBP", method=0), "accepted"),
    "a turned WebP": (lambda: flat("RGBA", 3330, 3330, "WEBP", lossless=True, method=0, turned=True), "accepted"),
    "the largest animated WebP": (lambda: webp_of(6, 2450, 2450, lossless=True), "accepted"),
    "a turned animated WebP": (lambda: webp_of(30, 600, 600, lossless=True, turned=True), "accepted"),
    "a larger turned animated WebP": (lambda: webp_of(30, 1300, 1300, lossless=True, turned=True), "rejected"),
    "a GIF of nine frames": (lambda: gif_of(9, 8000, 8000), "rejected"),
    "the largest animated GIF": (lambda: gif_of(4, 3800, 3850, dispose=2), "accepted"),
    "the largest JPEG": (lambda: flat("CMYK", 7980, 7980, "JPEG"), "accepted"),
    "a JPEG too large to be turned": (lambda: flat("RGB", 7980, 7980, "JPEG", turned=True), "accepted"),
    "the largest turned JPEG": (lambda: flat("CMYK", 5720, 5720, "JPEG", turned=True), "accepted"),
    "the largest progressive JPEG": (lambda: flat("CMYK", 4700, 4700, "JPEG", progressive=True), "accepted"),
    "a larger progressive JPEG": (lambda: flat("CMYK", 4750, 4750, "JPEG", progressive=True), "rejected"),
    "a turned progressive JPEG": (
        lambda: flat("RGB", 4350, 4350, "JPEG", progressive=True, subsampling=0, turned=True),
        "accepted",
    ),
    "the largest BMP": (lambda: flat("RGB", 2640, 2640, "BMP"), "accepted"),
}


@pytest.mark.parametrize("costly", COSTLY)
def test_one_image_needs_less_than_256_mebibytes(costly: str) -> None:
    make_content, expected = COSTLY[costly]

    outcome, grown = memory_of_drawing(make_content())

    assert MAX_MEMORY == 256 << 20
    assert (outcome, grown < MAX_MEMORY) == (expected, True), grown >> 20


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_an_image_of_a_million_empty_parts_is_rejected(kind: str) -> None:
    million = 1 << 20
    jpeg, png = flat("L", 8, 8, "JPEG"), flat("L", 8, 8, "PNG")
    webp = b"WEBP" + (b"ANMF" + struct.pack("<I", 16) + bytes(16)) * (million // 2)
    content = {
        "jpeg": jpeg[:2] + b"\xff\xdb\0\2" * million + jpeg[2:],
        "png": png[:33] + chunk(b"IDAT", b"") * million + png[33:],
        "webp": b"RIFF" + struct.pack("<I", len(webp)) + webp,
    }[kind]

    with pytest.raises(InvalidImage, match="too many parts" if kind != "webp" else "cannot be decoded|frames"):
        sanitize_image(io.BytesIO(content))


def test_an_svg_of_a_billion_laughs_is_not_told_a_single_one() -> None:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    laughing = (
        f'<!DOCTYPE svg [<!ENTITY l0 "ha">{entities}]><svg xmlns="http://www.w3.org/2000/svg">&l9;</svg>'.encode()
    )
    try:
        content = sanitize_image(io.BytesIO(laughing)).content
    except InvalidImage:
        return

    assert content == laughing
