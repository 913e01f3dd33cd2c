"""The pages of errors in both themes: accessible, in the portal's look, and with a way on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.portal import ServedPortal, serve_copy
from tests.browser.tab import Tab, open_tab
from tests.browser.test_every_page import AXE, FIND_VIOLATIONS, RULES, WIDTHS

MAX_FORMS = 50


@pytest.fixture(scope="module")
def portal(filled_portal: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPortal]:
    """A served sample portal with its limits."""
    with serve_copy(filled_portal, tmp_path_factory.mktemp("served"), rate_limits=True) as served:
        yield served


def open_missing(tab: Tab, portal: ServedPortal) -> None:
    tab.page.goto(f"{portal.address}/p/nothing-AAAAAA")


def send_from_another_site(tab: Tab, portal: ServedPortal) -> None:
    """Send a form as a page of another site does."""
    form = f'<form method="post" action="{portal.address}/logout"><button>Send</button></form>'
    tab.page.route("**/elsewhere", lambda route: route.fulfill(content_type="text/html", body=form))
    tab.page.goto("http://localhost/elsewhere")
    tab.page.get_by_role("button", name="Send").click()


def send_too_often(tab: Tab, portal: ServedPortal) -> None:
    """Send more forms than one address may."""
    tab.page.goto(f"{portal.address}/login")
    for _ in range(MAX_FORMS):
        if tab.page.request.post(f"{portal.address}/login", form={"email": "nobody@example.com"}).status == 429:
            break
    tab.page.get_by_label("Email address").fill("nobody@example.com")
    tab.page.get_by_label("Password").fill("a wrong password")
    tab.page.locator("main form.form button").click()


ERRORS: dict[str, tuple[int, Callable[[Tab, ServedPortal], None]]] = {
    "missing": (404, open_missing),
    "other-site": (403, send_from_another_site),
    "too-often": (429, send_too_often),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("error", ERRORS)
def test_an_error_page_is_accessible_and_leads_on(
    portal: ServedPortal, browser: Browser, error: str, theme: str
) -> None:
    status, cause = ERRORS[error]
    with open_tab(browser, color_scheme=theme) as tab:
        with tab.page.expect_response(lambda response: response.status == status):
            cause(tab, portal)
        tab.page.wait_for_load_state()

        for width in WIDTHS:
            tab.page.set_viewport_size({"width": width, "height": 900})
            tab.page.evaluate(AXE)
            assert tab.page.evaluate(FIND_VIOLATIONS, RULES) == [], width
            assert tab.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width
        expect(tab.page.locator("h1")).to_have_count(1)
        expect(tab.page.locator(".brand")).to_contain_text("Halyard")
        tab.take_status(status)
        assert tab.complaints == []
        tab.press_link("To the posts")
        expect(tab.page.locator(".post-row")).to_have_count(20)
