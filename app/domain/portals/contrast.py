"""Colours of pages and emails that everybody can read: a text and its ground differ by at least 4.5:1 (WCAG 1.4.3)."""

import re
from typing import Final

MIN_CONTRAST: Final = 4.5
DEFAULT_ACCENT: Final = "#0b57c2"
NEUTRAL: Final = "#8b95a1"
LIGHT_GROUND: Final = "#e6e8ec"
"""No ground of the light scheme is darker."""
DARK_GROUND: Final = "#2a303a"
"""No ground of the dark scheme is lighter."""
DARK_SHEET: Final = "#1d222c"
"""The sheet of an email in the dark scheme."""
_STEPS: Final = 100
_HEX: Final = re.compile(r"#(?:[0-9A-Fa-f]{3}){1,2}")

Rgb = tuple[int, int, int]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, from 1 to 21."""
    lower, higher = sorted((_luminance(_parse(one)), _luminance(_parse(other))))
    return (higher + 0.05) / (lower + 0.05)


def text_on(ground: str) -> str:
    """Black or white, whichever is easier to read on the ground."""
    return max("#000000", "#ffffff", key=lambda each: contrast(each, ground))


def accent_on_light(accent: str | None) -> str:
    """The accent, darkened until it is readable on each light ground, and white text on it."""
    return _correct(accent, LIGHT_GROUND, (0, 0, 0))


def accent_on_dark(accent: str | None) -> str:
    """The accent, lightened until it is readable on each dark ground, and dark text on it."""
    return _correct(accent, DARK_GROUND, (255, 255, 255))


def clean_color(color: str | None, default: str) -> str:
    """The colour as `#rrggbb`, or the default if it is none."""
    if color is None or not _HEX.fullmatch(color):
        return default
    return _format(_parse(color))


def _correct(accent: str | None, ground: str, toward: Rgb) -> str:
    color = _parse(clean_color(accent, DEFAULT_ACCENT))
    for step in range(_STEPS + 1):
        mixed = _format(_mix(color, toward, step / _STEPS))
        if contrast(mixed, ground) >= MIN_CONTRAST:
            return mixed
    raise AssertionError("black and white are readable on every ground of this module")


def _mix(color: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(color, other, strict=True))
    return red, green, blue


def _parse(color: str) -> Rgb:
    digits = color[1:] if len(color) == 7 else "".join(digit * 2 for digit in color[1:])
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def _format(color: Rgb) -> str:
    return "#" + "".join(f"{channel:02x}" for channel in color)


def _luminance(color: Rgb) -> float:
    red, green, blue = (
        channel / 255 / 12.92 if channel / 255 <= 0.04045 else ((channel / 255 + 0.055) / 1.055) ** 2.4
        for channel in color
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
