"""The pictures of docs/screenshots."""

from docs.screenshots.make import MAX_BYTES, SIZES, THEMES
from tests.browser.pages import PAGES
from tests.support.checkout import ROOT


def test_every_page_has_its_pictures_and_they_are_small() -> None:
    pictures = {path.name: path.stat().st_size for path in (ROOT / "docs" / "screenshots").glob("*.webp")}

    expected = {f"{page.name}-{size}-{theme}.webp" for page in PAGES for size in SIZES for theme in THEMES}
    assert expected - pictures.keys() == set(), "run ./manage screenshots"
    assert sum(pictures.values()) <= MAX_BYTES
