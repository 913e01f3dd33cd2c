"""Bodies that are small to send and costly to read. The bounds are far above what was measured, and far below harm.

Malformed input is in tests/api/test_bad_input.py, HTTP limits in tests/server/test_http_limits.py, and other images in
tests/adapters/test_images.py.
"""

import json
import random
import resource
import shutil
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from app.adapters.images import MAX_MEMORY, InvalidImage
from app.http import multipart, percent_decoding
from app.http.multipart import MAX_PARTS, MultipartReader
from tests.support.checkout import ROOT
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.support.images import (
    animated_gif,
    build_png,
    encode,
    insert_chunks,
    make_exif,
    png_chunk,
    png_header,
    sanitize,
)
from tests.support.routes import DIALECTS

SECONDS = 20
MEGABYTES = 1500

JSON, FORM = 5 << 20, 28 << 20


def repeat(piece: bytes, max_bytes: int, *, before: bytes = b"", after: bytes = b"") -> bytes:
    """The piece, repeated up to the size of the largest body."""
    return before + piece * ((max_bytes - len(before) - len(after)) // len(piece)) + after


JSONS = {
    "deep lists": repeat(b"[", JSON),
    "deep objects": repeat(b'{"a":', JSON),
    "digits": repeat(b"9", JSON, before=b'{"limit":', after=b"}"),
    "digits of a fraction": repeat(b"9", JSON, before=b'{"limit":0.', after=b"}"),
    "an endless exponent": repeat(b"9", JSON, before=b'{"limit":1e', after=b"}"),
    "many names": b"{" + b",".join(b'"%d":0' % number for number in range(JSON // 11)) + b"}",
    "one name": repeat(b'"a":0,', JSON, before=b"{", after=b'"a":0}'),
    "many items": repeat(b"1,", JSON, before=b'{"status":[', after=b"1]}"),
    "many lists": repeat(b"[],", JSON, before=b'{"status":[', after=b"[]]}"),
    "many objects": repeat(b'{"a":1},', JSON, before=b'{"status":[', after=b"{}]}"),
    "escaped letters": repeat(b"\\u0041", JSON, before=b'{"title":"', after=b'"}'),
    "halves of letters": repeat(b"\\ud800", JSON, before=b'{"title":"', after=b'"}'),
    "NUL": repeat(b"\\u0000", JSON, before=b'{"title":"', after=b'"}'),
    "opened tags": repeat(b"<", JSON, before=b'{"title":"Dark mode","board_id":1,"description":"', after=b'"}'),
    "blanks": repeat(b" ", JSON),
}
FORMS = {
    "names": repeat(b"a=1&", FORM),
    "lists": repeat(b"a[]=1&", FORM),
    "a deep name": b"a" + repeat(b"[a]", FORM - 3) + b"=1",
    "deep names": repeat(b"a" + b"[b]" * 90 + b"=1&", FORM),
    "escapes": repeat(b"%41", FORM, before=b"title="),
    "signs that are no escapes": repeat(b"%", FORM, before=b"title="),
    "nothing": repeat(b"&", FORM),
}
MULTIPARTS = {
    "nameless parts": repeat(b"--x\r\nA: b\r\n\r\n\r\n", FORM),
    "parts of nothing": repeat(b"--x\r\nContent-Disposition: form-data\r\n\r\n\r\n", FORM),
    "empty files": repeat(b'--x\r\nContent-Disposition: form-data; name="a"; filename=""\r\n\r\n\r\n', FORM),
    "headers": repeat(b"A: b\r\n", FORM, before=b"--x\r\n"),
    "a long header": repeat(b"b", FORM, before=b"--x\r\nA: "),
    "parameters": repeat(b"; a=b", FORM, before=b"--x\r\nContent-Disposition: form-data"),
    "no beginning": repeat(b"y", FORM),
    "almost ends": repeat(
        b"\r\n--", FORM, before=b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n'
    ),
}
TYPES = {
    "application/json": JSONS,
    "application/x-www-form-urlencoded": FORMS,
    "multipart/form-data; boundary=x": MULTIPARTS,
}


@pytest.fixture
def database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """One engine is enough: no request here reaches the database."""
    shutil.copy(sqlite_template, tmp_path / "earshot.db")
    return f"sqlite:///{tmp_path}/earshot.db"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", TYPES)
async def test_a_costly_body_is_answered_in_bounded_time_and_memory(
    make: Factory, anyone: Client, dialect: str, kind: str
) -> None:
    async with anyone.of(await make.key(make.owner, dialect)) as client:
        for name, body in TYPES[kind].items():
            start, memory = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            response = await client.post("/posts", content=body, headers={"content-type": kind})
            duration = time.monotonic() - start
            growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) // 1024

            assert response.status_code < 500, name
            assert len(response.content) < max(100_000, 2 * len(body) if response.status_code == 200 else 0), name
            assert duration < SECONDS, (name, duration)
            assert growth < MEGABYTES, (name, growth)


@pytest.mark.parametrize(("count", "is_malformed"), [(MAX_PARTS, False), (MAX_PARTS + 1, True)])
async def test_multipart_parts_over_the_limit_are_not_read(count: int, is_malformed: bool) -> None:
    async def rest() -> AsyncGenerator[bytes, None]:
        yield b"--x--\r\n"

    reader = MultipartReader(rest(), max_text_bytes=JSON)
    await reader.read(b"x", b"--x\r\nA: b\r\n\r\n\r\n" * count)

    assert (reader.is_malformed, reader.fields) == (is_malformed, [])
    assert multipart.MAX_PARTS == multipart.MAX_FIELDS + multipart.MAX_FILES


@settings(deadline=None, max_examples=500)
@given(st.text("%%%=4a1gF\r\n _+\t.z\x00\xff3D25", max_size=40).map(lambda text: text.encode("latin-1")))
def test_long_text_is_percent_decoded_like_short_text(text: bytes) -> None:
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


RENDER = """
import json, resource, sys
from app.web.markdown import render_markdown

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

render_markdown("*a*")
before = peak()
for name, text in json.load(sys.stdin).items():
    render_markdown(text)
    print(name, (peak() - before) // 1024, sep="\\t", flush=True)
"""


def test_costly_texts_are_rendered_in_bounded_time_and_memory() -> None:
    """In a separate process, which may be killed. Measured: each text takes under half a second and 20 MiB."""
    texts = {name: text[:49_990] + (">" if text.startswith("<") else "") for name, text in TEXTS.items()}
    limits = {resource.RLIMIT_CPU: (SECONDS, SECONDS), resource.RLIMIT_AS: (MEGABYTES << 20, MEGABYTES << 20)}

    done = subprocess.run(
        [sys.executable, "-c", RENDER],
        cwd=ROOT,
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        preexec_fn=lambda: [resource.setrlimit(name, limit) for name, limit in limits.items()],
        check=False,
    )

    growth = dict(line.split("\t") for line in done.stdout.splitlines())
    assert (done.returncode, list(growth)) == (0, list(texts)), done.stderr
    assert {name: megabytes for name, megabytes in growth.items() if int(megabytes) >= 50} == {}


PNG = encode(Image.new("L", (8, 8)), "PNG")
PREFIXES = {b"zTXt": b"Comment\0\0", b"iTXt": b"Comment\0\x01\0\0\0", b"iCCP": b"ICC\0\0"}


def compressed_chunk(kind: bytes, size: int) -> bytes:
    """A chunk of a PNG that expands to this many zeros."""
    return png_chunk(kind, PREFIXES[kind] + zlib.compress(bytes(size), 9))


@pytest.mark.parametrize("kind", PREFIXES)
def test_a_png_with_a_chunk_that_expands_too_much_is_rejected(kind: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(InvalidImage, match="too large"):
        sanitize(insert_chunks(PNG, compressed_chunk(kind, 512 << 20)))

    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024 < 256


@pytest.mark.parametrize(("kind", "reason"), [(b"iCCP", "too many color profiles"), (b"zTXt", "Too much memory")])
def test_a_png_with_many_chunks_that_expand_is_rejected(kind: bytes, reason: str) -> None:
    """Twenty MiB of them took 77 seconds."""
    with pytest.raises(InvalidImage, match=reason):
        sanitize(insert_chunks(PNG, compressed_chunk(kind, 1 << 20) * 18_000))


MEASURE = """
import io, re, sys
from pathlib import Path
from app.adapters.image_types import sniff_image_file
from app.adapters.images import InvalidImage, sanitize_image
from PIL import Image

def peak():
    # The value of getrusage begins with the peak of the process that started this one.
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) << 10

Image.init()
content = io.BytesIO(sys.stdin.buffer.read())
before = peak()
try:
    sanitize_image(content, sniff_image_file(content))
    outcome = "accepted"
except InvalidImage:
    outcome = "rejected"
print(outcome, peak() - before)
"""


def measure_memory(content: bytes) -> tuple[str, int]:
    """Whether a separate process accepts an image, and by how many bytes that process grows."""
    done = subprocess.run([sys.executable, "-c", MEASURE], input=content, capture_output=True, check=True, cwd=ROOT)
    outcome, growth = done.stdout.decode().split()
    return outcome, int(growth)


def flat(mode: str, width: int, height: int, form: str, **options: Any) -> bytes:
    """An image of one color: its file is small whatever its size is."""
    return encode(Image.new(mode, (width, height)), form, **options)


def noise(mode: str, width: int, height: int, form: str, **options: Any) -> bytes:
    """An image that no encoder makes small."""
    image = Image.frombytes("RGBA", (width, height), random.Random(1).randbytes(4 * width * height))
    return encode(image.convert(mode), form, **options)


def compress_rows(row: bytes, height: int) -> bytes:
    compressor = zlib.compressobj()
    return b"".join(compressor.compress(b"\0" + row) for _ in range(height)) + compressor.flush()


def black_png(width: int, height: int, *, depth: int) -> bytes:
    """A PNG, of any width and height, in red, green, blue and alpha."""
    pixels = compress_rows(bytes(width * depth // 2), height)
    return build_png(png_header(width, height, depth=depth), (b"IDAT", pixels), (b"IEND", b""))


def animated_png(frames: int, width: int, height: int) -> bytes:
    """Frames of the size of the canvas in red, green, blue and alpha, each blended over the one before."""
    pixels = compress_rows(b"\x11" * (4 * width), height)
    chunks = [png_header(width, height), (b"acTL", struct.pack(">II", frames, 0))]
    for number in range(frames):
        chunks.append((b"fcTL", struct.pack(">IIIIIHHBB", max(2 * number - 1, 0), width, height, 0, 0, 1, 10, 2, 1)))
        chunks.append((b"fdAT", struct.pack(">I", 2 * number) + pixels) if number else (b"IDAT", pixels))
    return build_png(*chunks, (b"IEND", b""))


def animated_webp(frames: int, width: int, height: int, **options: Any) -> bytes:
    first, *others = (Image.new("RGB", (width, height), (number, 0, 0)) for number in range(frames))
    return encode(first, "WEBP", save_all=True, append_images=others, lossless=True, method=0, **options)


TURNED = make_exif(6)
COSTLY = {
    "a PNG of one row": (lambda: black_png(63_000_000, 1, depth=8), "rejected"),
    "a PNG of one row that no decoder takes": (lambda: black_png(63_000_000, 1, depth=16), "rejected"),
    "a PNG of one column": (lambda: black_png(1, 20_000_000, depth=8), "rejected"),
    "a PNG of few long rows": (lambda: black_png(65_535, 970, depth=16), "accepted"),
    "a PNG of few long columns": (lambda: black_png(970, 65_535, depth=16), "accepted"),
    "the largest PNG": (lambda: flat("RGBA", 7990, 7990, "PNG"), "accepted"),
    "a PNG of sixteen bits": (lambda: flat("I;16", 7990, 7990, "PNG"), "accepted"),
    "the largest turned PNG": (lambda: flat("RGBA", 5760, 5760, "PNG", exif=TURNED), "accepted"),
    "a larger turned PNG": (lambda: flat("RGBA", 5860, 5860, "PNG", exif=TURNED), "rejected"),
    "the largest animated PNG": (lambda: animated_png(3, 2500, 2550), "accepted"),
    "an animated PNG of many frames": (lambda: animated_png(200, 500, 510), "accepted"),
    "a larger animated PNG": (lambda: animated_png(3, 2600, 2600), "rejected"),
    "the largest WebP": (lambda: flat("RGB", 3850, 3850, "WEBP", method=0), "accepted"),
    "a larger WebP": (lambda: flat("RGB", 3900, 3900, "WEBP", method=0), "rejected"),
    "a WebP of noise": (lambda: noise("RGB", 3000, 3000, "WEBP", method=0), "accepted"),
    "a lossless WebP": (lambda: flat("RGBA", 3330, 3330, "WEBP", lossless=True, method=0), "accepted"),
    "a lossless WebP of noise": (
        lambda: noise("RGBA", 2300, 2300, "WEBP", lossless=True, method=0, quality=0),
        "accepted",
    ),
    "a transparent WebP of noise": (lambda: noise("RGBA", 2300, 2300, "WEBP", method=0), "accepted"),
    "a turned WebP": (lambda: flat("RGBA", 3330, 3330, "WEBP", lossless=True, method=0, exif=TURNED), "accepted"),
    "the largest animated WebP": (lambda: animated_webp(6, 2450, 2450), "accepted"),
    "a turned animated WebP": (lambda: animated_webp(30, 600, 600, exif=TURNED), "accepted"),
    "a larger turned animated WebP": (lambda: animated_webp(30, 1300, 1300, exif=TURNED), "rejected"),
    "a GIF of nine frames": (lambda: animated_gif(9, 8000, 8000), "rejected"),
    "the largest animated GIF": (lambda: animated_gif(4, 3800, 3850, dispose=2), "accepted"),
    "the largest JPEG": (lambda: flat("CMYK", 7980, 7980, "JPEG"), "accepted"),
    "a JPEG too large to be turned": (lambda: flat("RGB", 7980, 7980, "JPEG", exif=TURNED), "accepted"),
    "the largest turned JPEG": (lambda: flat("CMYK", 5720, 5720, "JPEG", exif=TURNED), "accepted"),
    "the largest progressive JPEG": (lambda: flat("CMYK", 4700, 4700, "JPEG", progressive=True), "accepted"),
    "a larger progressive JPEG": (lambda: flat("CMYK", 4750, 4750, "JPEG", progressive=True), "rejected"),
    "a turned progressive JPEG": (
        lambda: flat("RGB", 4350, 4350, "JPEG", progressive=True, subsampling=0, exif=TURNED),
        "accepted",
    ),
    "the largest BMP": (lambda: flat("RGB", 2640, 2640, "BMP"), "accepted"),
}


@pytest.mark.parametrize("costly", COSTLY)
def test_one_image_needs_less_than_256_mebibytes(costly: str) -> None:
    make_content, expected = COSTLY[costly]

    outcome, growth = measure_memory(make_content())

    assert MAX_MEMORY == 256 << 20
    assert (outcome, growth < MAX_MEMORY) == (expected, True), growth >> 20


MILLION = 1 << 20
JPEG = flat("L", 8, 8, "JPEG")
WEBP = b"WEBP" + (b"ANMF" + struct.pack("<I", 16) + bytes(16)) * (MILLION // 2)
EMPTY_PARTS = {
    "jpeg": (JPEG[:2] + b"\xff\xdb\0\2" * MILLION + JPEG[2:], "too many parts"),
    "png": (insert_chunks(PNG, png_chunk(b"IDAT", b"") * MILLION), "too many parts"),
    "webp": (b"RIFF" + struct.pack("<I", len(WEBP)) + WEBP, "cannot be decoded|frames"),
}


@pytest.mark.parametrize("kind", EMPTY_PARTS)
def test_an_image_with_a_million_empty_parts_is_rejected(kind: str) -> None:
    content, reason = EMPTY_PARTS[kind]

    with pytest.raises(InvalidImage, match=reason):
        sanitize(content)


def test_entities_of_an_svg_are_not_resolved() -> None:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE svg [<!ENTITY l0 "ha">{entities}]><svg xmlns="http://www.w3.org/2000/svg">&l9;</svg>'.encode()

    assert sanitize(bomb) == bomb
