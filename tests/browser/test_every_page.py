"""Every page in both themes and three widths: accessible, within its width, at rest, small and without errors."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests.browser.pages import OTHER_PAGES, PAGES, VIEWERS, PortalPage, find_viewer
from tests.browser.portal import ServedPortal
from tests.browser.tab import Tab, open_tab
from tests.support.checkout import ROOT

WIDTHS = (390, 768, 1280)
MAX_SHIFT = 0.01
"""A tenth of what counts as good; a slow machine shows the header in two steps."""
MAX_FIRST_PAGE_BYTES = 60_000
AXE = (ROOT / "tests" / "support" / "axe" / "axe.min.js").read_text(encoding="utf-8")
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "resultTypes": ["violations"],
    # WCAG 2.2 has it at level AA, but axe leaves it out unless it is asked for.
    "rules": {"target-size": {"enabled": True}},
}
FIND_VIOLATIONS = """
async (options) => (await axe.run(options)).violations.flatMap(
  ({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary}`))
"""
LANDMARKS = (
    "[...document.querySelectorAll('body > header, header nav, main, body > footer')].map((each) => each.localName)"
)

TRANSFERS = """
() => ["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type))
  .map(({ name, transferSize }) => [name, transferSize])
"""


@pytest.fixture(scope="module")
def cookies(portal: ServedPortal) -> dict[str, list[dict[str, str]]]:
    """Those of each kind of viewer."""
    return {"visitor": [], **{viewer: [portal.sign_in(find_viewer(portal, viewer))] for viewer in VIEWERS}}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES + OTHER_PAGES, ids=lambda page: page.name)
def test_every_page(
    portal: ServedPortal, browser: Browser, cookies: dict[str, list[dict[str, str]]], page: PortalPage, theme: str
) -> None:
    with open_tab(browser, color_scheme=theme, cookies=cookies[page.viewer]) as tab:
        for width in WIDTHS:
            tab.page.set_viewport_size({"width": width, "height": 900})
            page.open(portal, tab.page)

            tab.page.evaluate(AXE)
            assert tab.page.evaluate(FIND_VIOLATIONS, RULES) == [], width
            assert tab.page.evaluate("document.querySelectorAll('h1').length") == 1
            landmarks = tab.page.evaluate(LANDMARKS)
            assert landmarks == (["main"] if page.is_framed else ["header", "nav", "main", "footer"])
            assert tab.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width
            shifts = tab.page.evaluate("shifts")
            assert sum(value for value, *_ in shifts) < MAX_SHIFT, (width, shifts)
            assert tab.page.evaluate("problems") == []
        assert [text for text in tab.complaints if page.status == 200 or str(page.status) not in text] == []


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("page", [page for page in PAGES + OTHER_PAGES if page.is_first], ids=lambda page: page.name)
def test_the_focus_is_always_visible(
    portal: ServedPortal, browser: Browser, cookies: dict[str, list[dict[str, str]]], page: PortalPage, width: int
) -> None:
    with open_tab(browser, cookies=cookies[page.viewer], viewport={"width": width, "height": 900}) as tab:
        page.open(portal, tab.page)

        if not page.is_framed and tab.read_focus()["isBody"]:
            assert_skip_link_works(tab)
        count = 0
        while count < 150:
            tab.page.keyboard.press("Tab")
            focus = tab.read_focus()
            if focus["isBody"]:
                break
            assert focus["hasOutline"], focus
            assert focus["isInView"], focus
            assert focus["isOnTop"], focus
            count += 1
        assert count >= 3


def assert_skip_link_works(tab: Tab) -> None:
    """The first press of the tab key shows a link to the content."""
    tab.page.keyboard.press("Tab")
    focus = tab.read_focus()
    assert 'class="skip"' in focus["name"]
    assert focus["isInView"]
    tab.page.keyboard.press("Enter")
    assert tab.page.evaluate("document.activeElement.localName") == "main"


@pytest.mark.parametrize("name", ["home", "search", "post", "roadmap", "changelog", "submit", "sign-in"])
def test_a_first_visit_transfers_few_bytes(portal: ServedPortal, browser: Browser, name: str) -> None:
    page = next(page for page in PAGES if page.name == name)
    with open_tab(browser) as tab:
        tab.page.goto(page.find(portal), wait_until="networkidle")

        sizes = {urlsplit(url).path: size for url, size in tab.page.evaluate(TRANSFERS)}
        # The pictures of a post are what somebody wrote, as its text is.
        own = {path: size for path, size in sizes.items() if not path.startswith("/files/")}
        assert {"/static/tokens.css", "/static/portal.css", "/portal.css", "/static/portal.js"} < own.keys()
        assert all(own.values())
        assert sum(own.values()) < MAX_FIRST_PAGE_BYTES
