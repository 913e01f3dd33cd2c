"""The pages in a real Chromium: with scripts and without, on a phone, and with nothing from any other server."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.settings import Settings
from tests.support import interactive_page
from tests.support.browser import Browser, find_chromium, run_browser
from tests.support.factory import Factory
from tests.support.live_server import serve_in_thread
from tests.support.requirements import need

HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"


@pytest.fixture
def database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """One engine will do: what differs between them is no affair of a browser."""
    path = tmp_path / "earshot.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    found = find_chromium()
    need("Chromium", found, "the pages are looked at in it: apt-get install chromium")
    assert found
    async with run_browser(found) as running:
        yield running


@pytest.fixture
def address(settings: Settings, make: Factory) -> Iterator[str]:
    with serve_in_thread(settings) as url:
        yield url


async def test_a_page_with_malicious_text_is_shown_and_runs_no_script(
    browser: Browser, address: str, make: Factory
) -> None:
    post = await make.post(title=f"Dark mode {HOSTILE}", description=f"{HOSTILE}\n\n" + "W" * 400, status="Planned")
    comment = await make.comment(post, body="**Yes**\n\n" + "| a | b |\n|---|---|\n" + "| word | " * 60 + "|")
    for _ in range(6):
        comment = await make.comment(post, body=HOSTILE, parent=comment)
    page = await browser.page(phone=True)

    await page.open(f"{address}/p/x-{await make.code(post)}")

    assert await page.value("document.title") == f"Dark mode {HOSTILE} · Feedback"
    assert await page.value("[...document.querySelectorAll('h1')].map(each => each.innerText)") == [
        f"Dark mode {HOSTILE}"
    ]
    assert await page.value("document.querySelectorAll('article.comment').length") == 7
    # Nothing is wider than the screen.
    assert await page.value("document.documentElement.scrollWidth <= innerWidth")
    assert await page.value("getComputedStyle(document.querySelector('.post-head')).display") == "grid"
    assert page.complaints == []
    assert {url.split("?")[0].removeprefix(address).split("/")[1] for url in page.requested_urls} == {
        *("p", "static", "portal.css")
    }


@pytest.mark.parametrize(
    ("dialect", "title", "route"),
    [
        ("productlift", "Earshot: ProductLift's API", "/posts/search_duplicates"),
        ("astuto", "Earshot: Astuto's API", "/boards"),
    ],
)
async def test_the_interactive_docs_load_from_this_server_only(
    browser: Browser, address: str, dialect: str, title: str, route: str
) -> None:
    page = await browser.page()

    await page.open(f"{address}/{dialect}/api/v1/docs")
    await page.until("document.querySelector('.opblock-summary-path')")

    assert (await page.value("document.querySelector('.info .title').innerText")).startswith(title)
    paths = await page.value("[...document.querySelectorAll('.opblock-summary-path')].map(each => each.dataset.path)")
    assert route in paths
    assert page.complaints == []
    assert [url for url in page.requested_urls if not url.startswith((address, "data:"))] == []


async def test_a_request_can_be_sent_from_the_interactive_docs(browser: Browser, address: str, make: Factory) -> None:
    token = await make.key(make.owner, "productlift")
    page = await browser.page()
    await interactive_page.open_page(page, f"{address}/productlift/api/v1/docs")

    await interactive_page.authorize(page, token)
    await interactive_page.open_operation(page, "get", "/users")
    status, text = await interactive_page.execute(page)

    assert status == "200"
    assert "owner@example.com" in text
    assert page.complaints == []


async def test_requests_go_to_the_origin_of_the_page_if_the_public_url_is_another(
    browser: Browser, settings: Settings, make: Factory
) -> None:
    token = await make.key(make.owner, "astuto")
    values = settings.model_dump(exclude_unset=True) | {"base_url": "https://public.example.com/feedback"}
    page = await browser.page()
    with serve_in_thread(Settings(_env_file=None, **values)) as url:  # type: ignore[call-arg]
        await interactive_page.open_page(page, f"{url}/astuto/api/v1/docs")
        await interactive_page.authorize(page, token)
        await interactive_page.open_operation(page, "get", "/users")
        server = await page.value("document.querySelector('#servers').value")
        status, text = await interactive_page.execute(page)

        assert server == "https://public.example.com/feedback/astuto/api/v1"
        assert (status, "owner@example.com" in text) == ("200", True)
        assert [each for each in page.requested_urls if not each.startswith((url, "data:"))] == []
        assert page.complaints == []


async def test_without_scripts_the_interactive_docs_link_the_document(browser: Browser, address: str) -> None:
    page = await browser.page(scripts=False)

    await page.open(f"{address}/astuto/api/v1/docs")

    document = await page.do("DOM.getDocument", depth=-1)
    link = await page.do(
        "DOM.querySelector", nodeId=document["root"]["nodeId"], selector="main a[href='/astuto/api/v1/openapi.json']"
    )
    assert link["nodeId"] != 0
