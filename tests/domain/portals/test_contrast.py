"""Colours of emails: whatever the accent or the status, its text can be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.portals import contrast

COLORS = st.from_regex(r"\A#(?:[0-9a-fA-F]{3}){1,2}\Z")


@given(COLORS)
def test_every_accent_is_readable_in_both_schemes(accent: str) -> None:
    light, dark = contrast.accent_on_light(accent), contrast.accent_on_dark(accent)

    for ground in ("#ffffff", contrast.LIGHT_GROUND):
        assert contrast.contrast(light, ground) >= contrast.MIN_CONTRAST
    for ground in ("#14171e", contrast.DARK_GROUND):
        assert contrast.contrast(dark, ground) >= contrast.MIN_CONTRAST


@given(COLORS)
def test_the_name_of_every_status_is_readable(color: str) -> None:
    assert contrast.contrast(contrast.text_on(color), contrast.clean_color(color, "")) >= contrast.MIN_CONTRAST


def test_a_readable_accent_is_unchanged() -> None:
    assert contrast.accent_on_light("#0b57c2") == "#0b57c2"
    assert contrast.accent_on_dark("#8ab8ff") == "#8ab8ff"
    assert contrast.accent_on_light(None) == contrast.DEFAULT_ACCENT


@pytest.mark.parametrize("color", [None, "", "red", "#12", "#ff00000", "#00;}x", "#fff;}", "#\u0661\u0662\u0663"])
def test_what_is_no_colour_never_reaches_a_style(color: str | None) -> None:
    assert contrast.clean_color(color, contrast.NEUTRAL) == contrast.NEUTRAL
    assert contrast.accent_on_light(color) == contrast.DEFAULT_ACCENT
