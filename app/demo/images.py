"""Draws the screenshots of the sample portal."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from PIL import Image, ImageDraw, ImageFont

WIDTH: Final = 800
HEIGHT: Final = 450
_SIDEBAR: Final = 160
_HEADER: Final = 56
_MARGIN: Final = 20


@dataclass(frozen=True, slots=True)
class Palette:
    """The colors of the drawn application."""

    background: str
    panel: str
    line: str
    text: str
    accents: tuple[str, ...]


LIGHT: Final = Palette("#ffffff", "#f1f4f8", "#d5dce5", "#2b3440", ("#2f80ed", "#27ae60", "#f2994a", "#9b51e0"))
DARK: Final = Palette("#12171e", "#1c242f", "#33404f", "#e6ebf1", ("#56a3ff", "#4cd08a", "#ffb36b", "#c08bff"))
PALE: Final = Palette("#ffffff", "#fafafa", "#f0f0f0", "#c4c4c4", ("#f0d9d9", "#d9f0dd", "#f0ecd9", "#dcd9f0"))

_Scene: TypeAlias = Callable[[ImageDraw.ImageDraw, Palette], None]


def draw_image(name: str) -> Image.Image:
    """The screenshot with this name, one of SCREENSHOTS."""
    title, palette, scene = SCREENSHOTS[name]
    image = Image.new("RGB", (WIDTH, HEIGHT), palette.background)
    draw = ImageDraw.Draw(image)
    _draw_frame(draw, palette, title)
    scene(draw, palette)
    return image


def _draw_frame(draw: ImageDraw.ImageDraw, palette: Palette, title: str) -> None:
    """The sidebar and the header of the application."""
    draw.rectangle((0, 0, _SIDEBAR, HEIGHT), fill=palette.panel)
    _write(draw, (_MARGIN, 16), "Halyard", palette.accents[0], 20)
    for row, entry in enumerate(("Timer", "Timesheet", "Projects", "Invoices", "Reports", "Settings")):
        _write(draw, (_MARGIN, 70 + 36 * row), entry, palette.text, 15)
    draw.line((_SIDEBAR, _HEADER, WIDTH, _HEADER), fill=palette.line, width=2)
    _write(draw, (_SIDEBAR + _MARGIN, 16), title, palette.text, 20)


def _write(draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, color: str, size: int) -> None:
    draw.text(place, text, fill=color, font=ImageFont.load_default(size))


def _draw_week(draw: ImageDraw.ImageDraw, palette: Palette) -> None:
    width = (WIDTH - _SIDEBAR - 2 * _MARGIN) / 5
    for day, name in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri")):
        left = _SIDEBAR + _MARGIN + day * width
        _write(draw, (left + 8, 68), name, palette.text, 14)
        draw.line((left, 92, left, HEIGHT - _MARGIN), fill=palette.line)
        for block in range(3):
            top = 100 + block * 105 + (day * 37 + block * 23) % 40
            color = palette.accents[(day + 2 * block) % len(palette.accents)]
            draw.rounded_rectangle((left + 6, top, left + width - 6, top + 62), radius=6, fill=color)
            _write(draw, (left + 14, top + 8), f"{1 + (day + block) % 3} h 30", palette.background, 14)


def _draw_bars(draw: ImageDraw.ImageDraw, palette: Palette) -> None:
    bottom = HEIGHT - 50
    for number, value in enumerate((120, 180, 150, 240, 210, 290, 170, 225)):
        left = _SIDEBAR + 40 + number * 72
        color = palette.accents[number % len(palette.accents)]
        draw.rectangle((left, bottom - value, left + 44, bottom), fill=color)
        _write(draw, (left + 4, bottom + 10), f"W{number + 31}", palette.text, 14)
    draw.line((_SIDEBAR + _MARGIN, bottom, WIDTH - _MARGIN, bottom), fill=palette.text, width=2)


def _draw_budget(draw: ImageDraw.ImageDraw, palette: Palette) -> None:
    for row, (project, used) in enumerate(
        (("Website", 0.62), ("Brand book", 0.94), ("App", 0.31), ("Trade fair", 1.0))
    ):
        top = 90 + row * 84
        _write(draw, (_SIDEBAR + _MARGIN, top), f"{project}: {used:.0%} of the budget", palette.text, 16)
        right = WIDTH - _MARGIN
        left = _SIDEBAR + _MARGIN
        draw.rounded_rectangle((left, top + 28, right, top + 48), radius=10, fill=palette.line)
        color = palette.accents[2] if used > 0.9 else palette.accents[1]
        draw.rounded_rectangle((left, top + 28, left + used * (right - left), top + 48), radius=10, fill=color)


def _draw_invoice(draw: ImageDraw.ImageDraw, palette: Palette) -> None:
    draw.rectangle((260, 76, 700, HEIGHT), fill=palette.background, outline=palette.line, width=2)
    _write(draw, (290, 96), "Invoice 2041", palette.text, 24)
    rows = (
        *(("Design, 18 h", "1,620.00"), ("Development, 26 h", "2,470.00")),
        *(("Licenses", "10,184.50"), ("Total", "14,274.50")),
    )
    for row, (item, amount) in enumerate(rows):
        top = 160 + row * 52
        _write(draw, (290, top), item, palette.text, 18)
        _write(draw, (590, top), amount, palette.text, 18)
        draw.line((290, top + 34, 670, top + 34), fill=palette.line)


def _draw_cut_invoice(draw: ImageDraw.ImageDraw, palette: Palette) -> None:
    _draw_invoice(draw, palette)
    # The amounts run over the edge of the page.
    draw.rectangle((640, 150, 760, 380), fill=palette.panel)
    draw.line((640, 150, 640, 380), fill="#eb5757", width=3)


def _draw_columns(draw: ImageDraw.ImageDraw, palette: Palette) -> None:
    for column, (name, cards) in enumerate((("To do", 4), ("Doing", 2), ("Review", 3))):
        left = _SIDEBAR + _MARGIN + column * 205
        draw.rounded_rectangle((left, 72, left + 190, HEIGHT - _MARGIN), radius=8, fill=palette.panel)
        _write(draw, (left + 12, 80), name, palette.text, 16)
        for card in range(cards):
            top = 112 + card * 78
            draw.rounded_rectangle((left + 10, top, left + 180, top + 66), radius=6, fill=palette.background)
            color = palette.accents[(column + card) % len(palette.accents)]
            draw.rectangle((left + 10, top + 8, left + 14, top + 58), fill=color)
            draw.rectangle((left + 26, top + 16, left + 150 - 20 * (card % 2), top + 24), fill=palette.line)
            draw.rectangle((left + 26, top + 38, left + 110, top + 44), fill=palette.line)


def _draw_phone(draw: ImageDraw.ImageDraw, palette: Palette) -> None:
    draw.rounded_rectangle((380, 70, 580, HEIGHT - 10), radius=26, fill=palette.text)
    draw.rounded_rectangle((390, 84, 570, HEIGHT - 24), radius=16, fill=palette.background)
    draw.ellipse((420, 120, 540, 240), outline=palette.accents[0], width=8)
    _write(draw, (444, 168), "01:42", palette.text, 26)
    draw.rounded_rectangle((420, 270, 540, 312), radius=21, fill=palette.accents[2])
    _write(draw, (462, 281), "Stop", palette.background, 16)
    for row in range(2):
        draw.rectangle((410, 336 + row * 34, 540 - row * 30, 348 + row * 34), fill=palette.line)


def _draw_error(draw: ImageDraw.ImageDraw, palette: Palette) -> None:
    _draw_columns(draw, palette)
    draw.rounded_rectangle((270, 150, 690, 310), radius=10, fill=palette.background, outline="#eb5757", width=3)
    _write(draw, (300, 172), "Something went wrong", palette.text, 22)
    _write(draw, (300, 212), "The entry could not be saved (409).", palette.text, 16)
    draw.rounded_rectangle((580, 256, 664, 292), radius=6, fill=palette.accents[0])
    _write(draw, (604, 264), "Close", palette.background, 16)


SCREENSHOTS: Final[dict[str, tuple[str, Palette, _Scene]]] = {
    "dark-timesheet": ("Timesheet", DARK, _draw_week),
    "week-view": ("Timesheet", LIGHT, _draw_week),
    "project-budgets": ("Projects: budgets", LIGHT, _draw_budget),
    "invoice-layout": ("Invoices: preview", LIGHT, _draw_invoice),
    "invoice-cut-off": ("Invoices: PDF", LIGHT, _draw_cut_invoice),
    "project-board": ("Projects: board", LIGHT, _draw_columns),
    "phone-timer": ("Timer on a phone", LIGHT, _draw_phone),
    "pale-chart": ("Reports: hours a week", PALE, _draw_bars),
    "utilization-chart": ("Reports: utilization", LIGHT, _draw_bars),
    "conflict-message": ("Projects: board", LIGHT, _draw_error),
}
"""Title, palette and content, by name."""
