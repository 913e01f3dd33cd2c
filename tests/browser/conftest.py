"""One browser and one served sample portal for each module."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.mailbox import Mailbox
from tests.browser.portal import ServedPortal, fill, serve_copy
from tests.browser.tab import WAYS, Tab, open_tab
from tests.support.browser import find_chromium
from tests.support.requirements import need
from tests.support.smtp_sink import Sink, run_sink


@pytest.fixture(scope="session")
def filled_portal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sample portal, which is copied for each module."""
    return fill(tmp_path_factory.mktemp("portal"))


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    """The mail server of the portal of the module."""
    with run_sink() as running:
        yield running


@pytest.fixture(scope="module")
def mailbox(sink: Sink) -> Mailbox:
    """The emails that the portal of the module sends."""
    return Mailbox(sink)


@pytest.fixture(scope="module")
def portal(filled_portal: Path, tmp_path_factory: pytest.TempPathFactory, sink: Sink) -> Iterator[ServedPortal]:
    """A served sample portal, which the tests of the module change."""
    folder = tmp_path_factory.mktemp("served")
    mail = {"smtp_url": f"smtp://127.0.0.1:{sink.port}", "mail_from": "feedback@example.com"}
    with serve_copy(filled_portal, folder, **mail) as served:
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


@pytest.fixture(params=WAYS)
def tab(request: pytest.FixtureRequest, portal: ServedPortal, browser: Browser) -> Iterator[Tab]:
    """A visitor's tab. A test takes the responses that it expects to be refusals from its complaints."""
    with open_tab(browser, way=request.param, base_url=portal.address) as opened:
        yield opened
        assert opened.complaints == []


@pytest.fixture
def user(portal: ServedPortal) -> int:
    """A new user, who has the password PASSWORD, has not voted and follows nothing."""
    return portal.add_user()


@pytest.fixture
def user_tab(tab: Tab, portal: ServedPortal, user: int) -> Tab:
    """The tab of the new user, signed in."""
    tab.page.context.add_cookies([portal.sign_in(user)])  # type: ignore[list-item]
    return tab
