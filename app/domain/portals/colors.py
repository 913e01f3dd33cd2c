"""Colors of categories and statuses: the next default color, and the text color on a background."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

PASTELS: Final = (
    "#ABDEE6",
    "#FFAEA5",
    "#FFCCB6",
    "#CBAACB",
    "#FFFFB5",
    "#B6CFB6",
    "#F3B0C3",
    "#97C1A9",
    "#FED7C3",
    "#ECD5E3",
    "#D4F0F0",
    "#C6DBDA",
    "#FCB9AA",
    "#A2E1DB",
    "#FDD7C2",
    "#CCE2CB",
)
SHIFT: Final = 150
DARK: Final = 128


def next_pastel(used: Iterable[str]) -> str:
    """Return the first unused pastel; when all are in use, the first of the least used."""
    counts = Counter(color.upper() for color in used)
    return min(PASTELS, key=lambda pastel: counts[pastel])


def text_color_on(color: str) -> str:
    """Return the text color on this background: each channel shifted by 150, up on dark colors, down on light ones.

    docs/contracts/productlift.md, section 8.6.
    """
    digits = color.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue = (int(digits[at : at + 2], 16) for at in (0, 2, 4))
    shift = SHIFT if 299 * red + 587 * green + 114 * blue < 1000 * DARK else -SHIFT
    return "#" + "".join(f"{min(255, max(0, channel + shift)):02x}" for channel in (red, green, blue))
