"""Copies of GIFs without metadata."""

import struct
from typing import Final

_LOOPS: Final = (b"\x0bNETSCAPE2.0\x03\x01", b"\x0bANIMEXTS1.0\x03\x01")


def copy_gif(data: bytes) -> tuple[bytes, tuple[int, int], int]:
    """Copy the frames, their durations and the loop count; drop comments, captions and application data.

    Returns the copy, the size of an area that contains the canvas and every frame, and the number of frames.
    Raises ValueError or another error of Python for a GIF that cannot be read. The pixels are not decoded.
    """
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + _palette_size(flags)
    content = bytearray(data[:position])
    control = loop = b""
    count = 0
    while (sign := data[position : position + 1]) != b";":
        if sign == b"!":
            end = _end_of_blocks(data, position + 2)
            label, block = data[position + 1], data[position:end]
            if label == 0xF9:
                if block[2:3] != b"\x04":
                    raise ValueError("a gif has an invalid control block")
                # Without further sub-blocks, which could contain anything.
                control = block[:7] + b"\0"
            elif label == 0x01:
                control = b""  # A caption uses up the control block before it; the next frame must not inherit it.
            elif label == 0xFF and not loop and block[2:16] in _LOOPS:
                loop = block[:18] + b"\0"
                content += loop
        elif sign == b",":
            left, top, frame_width, frame_height, flags = struct.unpack_from("<HHHHB", data, position + 1)
            end = _end_of_blocks(data, position + 11 + _palette_size(flags))
            content += control + data[position:end]
            control, count = b"", count + 1
            width, height = max(width, left + frame_width), max(height, top + frame_height)
        else:
            raise ValueError("a gif has an unknown part, or is truncated")
        position = end
    return bytes(content + b";"), (width, height), count


def _palette_size(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _end_of_blocks(data: bytes, position: int) -> int:
    while length := data[position]:
        position += 1 + length
    return position + 1
