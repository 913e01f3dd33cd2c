"""One browser and one served sample portal for each module."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.portal import ServedPortal, fill, serve_copy
from tests.support.browser import find_chromium
from tests.support.requirements import need


@pytest.fixture(scope="session")
def filled_portal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sample portal, which is copied for each module."""
    return fill(tmp_path_factory.mktemp("portal"))


@pytest.fixture(scope="module")
def portal(filled_portal: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPortal]:
    """A served sample portal, which the tests of the module change."""
    with serve_copy(filled_portal, tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. It ends with the module: until then no other test of this process can run an event loop."""
    binary = find_chromium()
    need("Chromium", binary, "the pages are used in it: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary)
        yield browser
        browser.close()
