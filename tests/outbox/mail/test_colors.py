"""Colours of emails: whatever the accent or the status, its text can be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.outbox.mail import colors

COLORS = st.from_regex(r"\A#(?:[0-9a-fA-F]{3}){1,2}\Z")


@given(COLORS)
def test_every_accent_is_readable_in_both_schemes(accent: str) -> None:
    light, dark = colors.accent_on_light(accent), colors.accent_on_dark(accent)

    for ground in ("#ffffff", colors.LIGHT_GROUND):
        assert colors.contrast(light, ground) >= colors.MIN_CONTRAST
    for ground in ("#14171e", colors.DARK_SHEET):
        assert colors.contrast(dark, ground) >= colors.MIN_CONTRAST


@given(COLORS)
def test_the_name_of_every_status_is_readable(color: str) -> None:
    assert colors.contrast(colors.text_on(color), colors.clean_color(color, "")) >= colors.MIN_CONTRAST


def test_a_readable_accent_is_unchanged() -> None:
    assert colors.accent_on_light("#0b57c2") == "#0b57c2"
    assert colors.accent_on_dark("#8ab8ff") == "#8ab8ff"
    assert colors.accent_on_light(None) == colors.DEFAULT_ACCENT


@pytest.mark.parametrize("color", [None, "", "red", "#12", "#ff00000", "#00;}x", "#fff;}", "#\u0661\u0662\u0663"])
def test_what_is_no_colour_never_reaches_a_style(color: str | None) -> None:
    assert colors.clean_color(color, colors.NEUTRAL) == colors.NEUTRAL
    assert colors.accent_on_light(color) == colors.DEFAULT_ACCENT
