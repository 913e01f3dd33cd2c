"""The containers of raster pictures: what is needed to draw is copied, all else is left behind.

Nothing is decoded here; the pixels stay as they were sent, byte for byte. Only parts known by name pass,
so cameras' notes, places, comments, thumbnails, second pictures and whatever follows the end do not.
"""

import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

MAX_PROFILE = 1 << 20
"""Colour profiles of print shops take half a mebibyte; none takes more than this."""

MAX_SCANS = 100
"""Encoders write some ten scans; thousands of them make a small file slow to draw."""


MAX_PARTS = 50_000
"""Encoders write some thousand at most; millions of empty ones make a file slow to read and to draw."""


MAX_RUNS = 4_000_000
"""Pixels of a BMP packed in runs, and bytes of its file. Pillow unpacks runs in Python, which holds up all others."""


class InvalidImage(Exception):
    """These bytes are no picture that can be kept; the message says why, in words for a log."""


@dataclass(frozen=True)
class Container:
    """A container written anew. `exif` is what was left behind; `drawn` is the number of pixels of all frames.

    `buffered` is how many bytes a decoder must hold before it gives the first pixel.
    """

    content: bytes
    exif: bytes
    width: int
    height: int
    frames: int
    drawn: int
    buffered: int = 0


def _counted(parts: Iterable[T]) -> Iterator[T]:
    for number, part in enumerate(parts):
        if number == MAX_PARTS:
            raise InvalidImage("a picture of too many parts")
        yield part


def jpeg(data: bytes) -> Container:
    """Keep tables, frame and scans, and of the applications' segments JFIF, Adobe and a sound profile."""
    kept = bytearray()
    jfif, exif = b"", b""
    profile: dict[int, bytes] = {}
    size: tuple[int, int] | None = None
    scans = coefficients = 0
    progressive = False
    for marker, payload, entropy in _counted(_jpeg_segments(data)):
        if marker == 0xE0 and payload.startswith(b"JFIF\0") and len(payload) >= 14 and not jfif:
            jfif = _segment(marker, payload[:12] + b"\0\0")
        elif marker == 0xE1 and payload.startswith(b"Exif\0") and not exif:
            exif = payload[6:]
        elif marker == 0xE2 and payload.startswith(b"ICC_PROFILE\0") and len(payload) > 14:
            profile[payload[12]] = payload[14:]
        elif marker == 0xEE and payload.startswith(b"Adobe"):
            kept += _segment(marker, payload[:12])
        elif marker in _JPEG_FRAMES:
            if size or len(payload) < 6:
                raise InvalidImage("a JPEG has one frame")
            size = struct.unpack_from(">xHH", payload)[::-1]
            coefficients = size[0] * size[1] * _jpeg_coefficients(payload)
            progressive = marker == _JPEG_PROGRESSIVE
            kept += _segment(marker, payload)
        elif marker == 0xDA:
            scans += 1
            kept += _segment(marker, payload) + entropy
        elif marker in _JPEG_TABLES:
            kept += _segment(marker, payload)
    if size is None:
        raise InvalidImage("a JPEG without a frame")
    if not 1 <= scans <= MAX_SCANS:
        raise InvalidImage(f"a JPEG of {scans} scans")
    colours = b"".join(profile[number] for number in sorted(profile))
    head = [b"\xff\xd8", jfif, *(_jpeg_profile(colours) if _sound(colours) else [])]
    content = b"".join([*head, kept, b"\xff\xd9"])
    # What comes in several scans is known only after the last one, so all coefficients are held until then.
    buffered = coefficients if progressive or scans > 1 else 0
    return Container(content, exif, *size, frames=1, drawn=size[0] * size[1], buffered=buffered)


def oriented(content: bytes, orientation: int) -> bytes:
    """A JPEG without EXIF, given one that holds the orientation and nothing else."""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    exif = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)
    return content[:2] + _segment(0xE1, exif) + content[2:]


def _jpeg_coefficients(frame: bytes) -> int:
    """Bytes of coefficients for each pixel: two for each component, fewer where a component is sampled coarsely."""
    samplings = [(byte >> 4, byte & 15) for byte in frame[7::3]]
    wide, high = (max(sizes) for sizes in zip(*samplings, strict=True)) if samplings else (0, 0)
    if not all(across and down for across, down in samplings) or not wide * high:
        raise InvalidImage("a JPEG of components without a size")
    return -(-2 * sum(across * down for across, down in samplings) // (wide * high))


_JPEG_PROGRESSIVE = 0xC2
# Lossless, hierarchical and arithmetic-coded ones are shown by no browser.
_JPEG_FRAMES = frozenset({0xC0, 0xC1, _JPEG_PROGRESSIVE})
_JPEG_TABLES = frozenset({0xC4, 0xCC, 0xDB, 0xDC, 0xDD})
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Marker, payload and, after the start of a scan, its entropy-coded bytes, up to the end of the first picture."""
    at = 2
    while True:
        # Searched for, not expected at once: some cameras pad between segments, and browsers show their pictures.
        sign = _JPEG_MARKER.search(data, at)
        if sign is None:
            raise InvalidImage("a JPEG ends without its end")
        marker, at = data[sign.end() - 1], sign.end()
        if marker == 0xD9:
            return
        if marker < 0xC0 or marker == 0xD8:
            raise InvalidImage("a JPEG has a marker where none may be")
        length = int.from_bytes(data[at : at + 2])
        begin, at = at + 2, at + length
        if length < 2 or at > len(data):
            raise InvalidImage("a JPEG segment is cut short")
        scan = at
        if marker == 0xDA and (following := _JPEG_MARKER.search(data, at)):
            at = following.start()
        yield marker, data[begin:scan], data[scan:at]


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def _jpeg_profile(profile: bytes) -> list[bytes]:
    pieces = [profile[at : at + 65_000] for at in range(0, len(profile), 65_000)]
    return [
        _segment(0xE2, b"ICC_PROFILE\0" + bytes([number, len(pieces)]) + piece)
        for number, piece in enumerate(pieces, start=1)
    ]


_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_PNG_NEEDED = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_PNG_KEPT = _PNG_NEEDED | frozenset(
    {b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"pHYs", b"cICP", b"mDCV", b"cLLI", b"acTL", b"fcTL", b"fdAT"}
)


def png(data: bytes) -> Container:
    """Keep pixels, palette, transparency, colour space and animation; texts, times and EXIF go."""
    kept = bytearray(_PNG_HEAD)
    exif = b""
    profile: bytes | None = None
    width = height = frames = announced = drawn = apart = 0
    for kind, body in _counted(_png_chunks(data)):
        if kind == b"IHDR":
            if width or len(body) != 13:
                raise InvalidImage("a PNG has one header")
            width, height = struct.unpack_from(">II", body)
        elif not width:
            raise InvalidImage("a PNG begins with its header")
        if kind == b"acTL":
            announced += int.from_bytes(body[:4])
        elif kind == b"fcTL" and len(body) == 26:
            wide, high = struct.unpack_from(">4xII", body)
            frames, drawn = frames + 1, drawn + wide * high
        elif kind == b"IDAT" and announced and not frames:
            apart = 1  # A first picture for programs that know no animation.
        elif kind == b"eXIf":
            exif = body
        elif kind == b"iCCP" and profile is None:
            # A PNG has one at most. Each one more would be unpacked and packed again.
            profile = _png_profile(body)
            if profile:
                kept += _chunk(b"iCCP", b"ICC\0\0" + zlib.compress(profile))
        elif not kind[0] & 0x20 and kind not in _PNG_NEEDED:
            raise InvalidImage("a PNG demands a part that nobody knows")
        if kind in _PNG_KEPT:
            kept += _chunk(kind, body)
    if announced != frames:
        raise InvalidImage("a PNG announces another number of frames than it has")
    # Showing a frame means drawing the whole canvas, however small the part that changes.
    frames = max(frames + apart, 1)
    return Container(bytes(kept), exif, width, height, frames, max(drawn, width * height * frames))


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at, kind = len(_PNG_HEAD), b""
    while kind != b"IEND":
        if at + 12 > len(data):
            raise InvalidImage("a PNG ends without its end")
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            raise InvalidImage("a PNG is cut short")
        if zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4]):
            raise InvalidImage("a PNG part is damaged")
        yield kind, data[at + 8 : end]
        at = end + 4


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png_profile(body: bytes) -> bytes:
    """The colour profile, unpacked; empty for one that is not sound."""
    _, _, packed = body.partition(b"\0")
    try:
        colours = zlib.decompressobj().decompress(packed[1:], MAX_PROFILE + 1)
    except zlib.error:
        return b""
    return colours if _sound(colours) else b""


def gif(data: bytes) -> Container:
    """Keep the frames, how long and how often they are shown; comments, captions and the rest go."""
    width, height, flags = struct.unpack_from("<HHB", data, 6) if len(data) > 13 else (0, 0, 0)
    at = 13 + _gif_palette(flags)
    kept = bytearray(data[:at])
    control = loop = b""
    frames = 0
    while True:
        sign = data[at : at + 1]
        if sign == b";":
            break
        if sign == b"!":
            end = _gif_blocks(data, at + 2)
            label, block = data[at + 1], data[at:end]
            if label == 0xF9:
                control = block
            elif label == 0x01:
                control = b""  # A caption uses up the control before it; the next frame must not inherit it.
            elif label == 0xFF and not loop:
                loop = _gif_loop(block)
                kept += loop
        elif sign == b"," and at + 11 <= len(data):
            left, top, wide, high, local = struct.unpack_from("<HHHHB", data, at + 1)
            end = _gif_blocks(data, at + 11 + _gif_palette(local))
            kept += control + data[at:end]
            control, frames = b"", frames + 1
            width, height = max(width, left + wide), max(height, top + high)
        else:
            raise InvalidImage("a GIF has something unknown in it, or ends without its end")
        at = end
    return Container(bytes(kept + b";"), b"", width, height, frames, width * height * frames)


def _gif_palette(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _gif_blocks(data: bytes, at: int) -> int:
    """Where the blocks end that begin at `at`."""
    while at < len(data):
        length = data[at]
        at += 1 + length
        if not length:
            return at
    raise InvalidImage("a GIF is cut short")


def _gif_loop(block: bytes) -> bytes:
    if block[2:14] in (b"\x0bNETSCAPE2.0", b"\x0bANIMEXTS1.0") and block[14:16] == b"\x03\x01" and len(block) >= 19:
        return block[:18] + b"\0"
    return b""


_WEBP_KEPT = frozenset({b"VP8 ", b"VP8L", b"ALPH", b"ANIM"})
_WEBP_DRAWN, _WEBP_PROFILE = 0x12, 0x20


def webp(data: bytes) -> Container:
    """Keep frames, transparency, loop and a sound profile; EXIF, XMP and unknown chunks go."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise InvalidImage("a WebP is cut short")
    kept = bytearray()
    exif, extended = b"", b""
    canvas: tuple[int, int] | None = None
    flags = frames = 0
    for kind, body in _counted(_webp_chunks(data, 12, end)):
        if kind == b"VP8X" and len(body) >= 10 and not canvas:
            flags, extended = body[0] & _WEBP_DRAWN, body[4:10]
            canvas = _three(body, 4) + 1, _three(body, 7) + 1
        elif kind == b"ICCP" and extended and not flags & _WEBP_PROFILE and _sound(body):
            flags |= _WEBP_PROFILE
            kept += _webp_chunk(kind, body)
        elif kind == b"ANMF":
            inner = [
                _webp_chunk(*part) for part in _counted(_webp_chunks(body, 16, len(body))) if part[0] in _WEBP_KEPT
            ]
            kept += _webp_chunk(kind, body[:16] + b"".join(inner))
            frames += 1
        elif kind == b"EXIF":
            exif = body.removeprefix(b"Exif\0\0")
        elif kind in _WEBP_KEPT:
            canvas = canvas or _webp_size(kind, body)
            kept += _webp_chunk(kind, body)
    if canvas is None:
        raise InvalidImage("a WebP without a picture")
    head = _webp_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + extended) if extended else b""
    content = _webp_chunk(b"RIFF", b"".join([b"WEBP", head, kept]))
    frames = max(frames, 1)
    return Container(content, exif, *canvas, frames, canvas[0] * canvas[1] * frames)


def _webp_chunks(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    while at + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, at)
        begin, at = at + 8, at + 8 + length
        if at > end:
            raise InvalidImage("a WebP is cut short")
        yield kind, data[begin:at]
        at += length & 1


def _webp_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)


def _webp_size(kind: bytes, body: bytes) -> tuple[int, int] | None:
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a" and len(body) >= 10:
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and body[:1] == b"\x2f" and len(body) >= 5:
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None


def _three(body: bytes, at: int) -> int:
    return int.from_bytes(body[at : at + 3], "little")


def bmp(data: bytes) -> Container:
    """Measure only: a BMP has gaps anywhere, so it is drawn and written anew rather than copied."""
    if len(data) < 26:
        raise InvalidImage("a BMP is cut short")
    short = int.from_bytes(data[14:18], "little") == 12
    width, height = struct.unpack_from("<HH" if short else "<ii", data, 18)
    in_runs = not short and int.from_bytes(data[30:34], "little") in (1, 2)
    if in_runs and max(abs(width * height), len(data)) > MAX_RUNS:
        raise InvalidImage("a BMP of too many runs")
    return _still(data, b"", abs(width), abs(height))


def _still(content: bytes, exif: bytes, width: int, height: int) -> Container:
    return Container(content, exif, width, height, frames=1, drawn=width * height)


def _sound(profile: bytes) -> bool:
    """Is this a colour profile of a device or space that pictures have, of the length that it says?"""
    return (
        132 <= len(profile) <= MAX_PROFILE
        and int.from_bytes(profile[:4]) == len(profile)
        and profile[36:40] == b"acsp"
        and profile[12:16] in (b"mntr", b"scnr", b"prtr", b"spac")
        and profile[16:20] in (b"RGB ", b"GRAY", b"CMYK")
    )


CONTAINERS: dict[str, Callable[[bytes], Container]] = {"jpeg": jpeg, "png": png, "gif": gif, "webp": webp, "bmp": bmp}


def orientation(exif: bytes) -> int:
    """How the picture is to be turned, 1 to 8; 1, not at all, also when the EXIF block makes no sense.

    Read here rather than by Pillow, which warns about broken blocks through the process's global state.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(order + "I", exif, 4)
        (entries,) = struct.unpack_from(order + "H", exif, at)
        for entry in range(at + 2, at + 2 + 12 * entries, 12):
            tag, form, count, value = struct.unpack_from(order + "HHIH", exif, entry)
            if (tag, form, count) == (0x0112, 3, 1):
                return value if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1
