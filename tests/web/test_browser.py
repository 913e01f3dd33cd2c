"""The pages in a real Chromium: with scripts and without, on a phone, and with nothing from any other server."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.settings import Settings
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
    assert await page.value("getComputedStyle(document.querySelector('.status')).borderRadius") == "16px"
    assert page.complaints == []
    assert {url.split("?")[0].removeprefix(address).split("/")[1] for url in page.requested_urls} == {"p", "static"}


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
    await make.post(title="Dark mode")
    token = await make.key(make.owner, "productlift")
    page = await browser.page()
    await page.open(f"{address}/productlift/api/v1/docs")
    await page.until("document.querySelector('.opblock-summary-path')")

    await page.value("document.querySelector('.authorize').click()")
    await page.until("document.querySelector('.auth-container input')")
    await page.value(
        f"""(() => {{
          const field = document.querySelector('.auth-container input');
          Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, {token!r});
          field.dispatchEvent(new Event('input', {{bubbles: true}}));
          document.querySelector('.auth-btn-wrapper .authorize').click();
        }})()"""
    )
    await page.until("document.querySelector('.auth-btn-wrapper button:not(.authorize)')")
    await page.value("document.querySelector('.auth-btn-wrapper .btn-done').click()")
    await page.value("document.querySelector('.opblock-get [data-path=\"/posts\"]').click()")
    await page.until("document.querySelector('.try-out__btn')")
    await page.value("document.querySelector('.try-out__btn').click()")
    await page.until("document.querySelector('.btn.execute')")
    await page.value("document.querySelector('.btn.execute').click()")
    await page.until("document.querySelector('.live-responses-table .response-col_status')")

    answered = "document.querySelector('.live-responses-table tbody')"
    assert await page.value(f"{answered}.querySelector('.response-col_status').innerText") == "200"
    assert "Dark mode" in await page.value(f"{answered}.innerText")
    assert page.complaints == []


async def test_without_scripts_the_interactive_docs_link_the_document(browser: Browser, address: str) -> None:
    page = await browser.page(scripts=False)

    await page.open(f"{address}/astuto/api/v1/docs")

    document = await page.do("DOM.getDocument", depth=-1)
    link = await page.do(
        "DOM.querySelector", nodeId=document["root"]["nodeId"], selector="main a[href='/astuto/api/v1/openapi.json']"
    )
    assert link["nodeId"] != 0
