"""The pictures of the interactive pages, and the program that makes them."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.support.browser import find_chromium
from tests.support.checkout import ROOT
from tests.support.requirements import need

FOLDER = ROOT / "docs" / "images"
NAMES = {"interactive-api.png": "light", "interactive-api-dark.png": "dark"}
MAX_BYTES = 250_000


def assert_picture(path: Path, scheme: str) -> None:
    with Image.open(path) as picture:
        assert (picture.format, picture.width, 600 < picture.height <= 1300) == ("PNG", 1280, True), path
        red, green, blue = picture.convert("RGB").getpixel((640, 10))
        assert (min(red, green, blue) > 200) == (scheme == "light"), path
    assert path.stat().st_size < MAX_BYTES, path


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_has_its_color_scheme_and_a_small_size(name: str) -> None:
    assert_picture(FOLDER / name, NAMES[name])


def test_the_pictures_can_be_made_again(tmp_path: Path) -> None:
    need("Chromium", find_chromium(), "the pictures are made with it: apt-get install chromium")

    done = subprocess.run(
        [sys.executable, "-m", "docs.images.make", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    for name, scheme in NAMES.items():
        assert_picture(tmp_path / name, scheme)
