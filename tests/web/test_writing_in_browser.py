"""Posts, votes and comments in a real Chromium: what the pages do with JavaScript beyond their plain forms."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.domain.users import sessions
from app.settings import Settings
from app.web import cookies
from tests.support.browser import Browser, Page, find_chromium, run_browser
from tests.support.factory import Factory
from tests.support.live_server import serve_in_thread
from tests.support.requirements import need

ANNOUNCED = "document.getElementById('announcer').textContent"
FOCUSED = "document.activeElement"
ADD_PICTURE = """(async () => {{
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 8;
  const blob = await new Promise((done) => canvas.toBlob(done));
  const data = new DataTransfer();
  data.items.add(new File([blob], "{name}", {{ type: "image/png" }}));
  data.items.add(new File(["text"], "notes.txt", {{ type: "text/plain" }}));
  const event = new {event};
  document.querySelector("{target}").dispatchEvent(event);
}})()"""


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


async def open_as(browser: Browser, make: Factory, address: str, user: int) -> Page:
    """A page of a browser in which the user is signed in."""
    token = await make.act(lambda work: sessions.create(work, user_id=user, method="password", user_agent="a test"))
    page = await browser.page()
    await page.do("Network.setCookie", name=cookies.SESSION, value=token, url=address)
    return page


async def type_text(page: Page, selector: str, text: str) -> None:
    await page.value(f"document.querySelector('{selector}').focus()")
    await page.do("Input.insertText", text=text)


async def test_a_post_is_written_with_dropped_and_pasted_pictures(
    browser: Browser, address: str, make: Factory
) -> None:
    jane = await make.user()
    await make.post(title="Dark mode for the app")
    page = await open_as(browser, make, address, jane)
    await page.open(f"{address}/submit")

    await type_text(page, "#field-title", "Dark mode")
    await page.until("document.querySelector('.similar')")
    await page.until(f"{ANNOUNCED} === 'Is it one of these?'")
    focused = await page.value(f"{FOCUSED}.id")
    await type_text(page, "#field-description", "At night")
    drop = 'DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })'
    await page.value(ADD_PICTURE.format(name="dropped.png", event=drop, target="[data-drop]"))
    paste = 'ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })'
    await page.value(ADD_PICTURE.format(name="pasted.png", event=paste, target="#field-description"))
    chosen = await page.value("[...document.querySelector('#field-images').files].map((file) => file.name)")
    # A double click sends the form once.
    await page.until_loaded(
        page.value("document.querySelectorAll('form.card button:not([name])').forEach((button) => button.click())")
    )

    assert focused == "field-title"
    assert chosen == ["dropped.png", "pasted.png"]
    assert await page.value("document.querySelector('.notice').textContent.trim()") == (
        "Thank you. Your post is published."
    )
    assert "notice" not in await page.value("location.href")
    assert await make.value("SELECT count(*) FROM posts WHERE title = 'Dark mode'") == 1
    rows = await make.rows("SELECT kind, original_name FROM attachments ORDER BY id")
    assert [(row["kind"], row["original_name"]) for row in rows] == [
        ("image", "dropped.png"),
        ("attachment", "pasted.png"),
    ]
    assert page.complaints == []

    # The pictures open above the page, and Escape closes them.
    await page.value("document.querySelectorAll('[data-lightbox]')[1].focus()")
    await page.value(f"{FOCUSED}.click()")
    assert await page.value("document.getElementById('lightbox').open")
    await page.value("document.querySelector('#lightbox img').decode().then(() => null)")
    assert await page.value("document.querySelector('#lightbox img').naturalWidth") == 8
    await page.do("Input.dispatchKeyEvent", type="keyDown", key="Escape", windowsVirtualKeyCode=27)
    await page.until("!document.getElementById('lightbox').open")
    assert await page.value(f"{FOCUSED}.matches('[data-lightbox]')")


async def test_a_vote_changes_in_place_and_is_announced(browser: Browser, address: str, make: Factory) -> None:
    post = await make.post(title="Dark mode")
    page = await open_as(browser, make, address, await make.user())
    await page.open(f"{address}/p/{await make.code(post)}")
    press = "document.querySelector('.vote-large button').click()"

    await page.value(press)
    await page.until(f"{ANNOUNCED}.trim() === 'You have voted. 1 vote, Dark mode'")
    assert await page.value(f"{FOCUSED}.getAttribute('aria-pressed')") == "true"
    await page.value(press)
    await page.until(f"{ANNOUNCED}.trim() === 'You have not voted. 0 votes, Dark mode'")

    assert await page.value(f"{FOCUSED}.getAttribute('aria-pressed')") == "false"
    assert await make.rows("SELECT id FROM votes") == []
    assert page.complaints == []


async def test_a_vote_moves_nothing_however_long_the_words_are(browser: Browser, address: str, make: Factory) -> None:
    await make.post(title="Dark mode")
    await make.run("UPDATE portals SET locale = 'de'")
    page = await open_as(browser, make, address, await make.user())
    await page.open(address)
    read_width = "document.querySelector('.vote-button').getBoundingClientRect().width"
    read_word = "document.querySelector('.vote-word').textContent"

    before, word = await page.value(read_width), await page.value(read_word)
    await page.value("document.querySelector('.vote-button').click()")
    await page.until("document.querySelector('.vote-button').ariaPressed === 'true'")

    assert await page.value(read_word) != word
    assert await page.value(read_width) == before


async def test_a_vote_that_needs_a_sign_in_opens_its_page(browser: Browser, address: str, make: Factory) -> None:
    code = await make.code(await make.post())
    page = await browser.page()
    await page.open(f"{address}/p/{code}")

    await page.until_loaded(page.value("document.querySelector('.vote-large button').click()"))

    assert await page.value("location.pathname + location.search") == f"/login?next=%2Fp%2F{code}"


async def test_a_vote_that_is_refused_shows_why(browser: Browser, address: str, make: Factory) -> None:
    post = await make.post(status="Planned")
    page = await open_as(browser, make, address, await make.user())
    await page.open(f"{address}/p/{await make.code(post)}")
    await make.run("UPDATE statuses SET is_voteable = false")

    await page.until_loaded(page.value("document.querySelector('.vote-large button').click()"))

    assert await page.value("document.querySelector('h1').textContent") == "That is not possible any more"


async def test_replies_and_edits_open_below_the_comment(browser: Browser, address: str, make: Factory) -> None:
    jane = await make.user(name="Jane Roe")
    post = await make.post()
    comment = await make.comment(post, author=jane, body="First")
    page = await open_as(browser, make, address, jane)
    await page.open(f"{address}/p/{await make.code(post)}")
    reply, edit = (f"#comment-{comment} .comment-actions a[href$={kind}]" for kind in ("reply", "edit"))

    await page.value(f"document.querySelector('{edit}').click()")
    await page.until(f"document.querySelector('#field-edit-{comment}')")
    text = await page.value(f"document.querySelector('#field-edit-{comment}').value")
    await page.value("document.querySelector('[data-close-form]').click()")
    after_cancel = await page.value(f"{FOCUSED}.getAttribute('href').split('/').pop()")
    await page.value(f"document.querySelector('{reply}').click()")
    await page.until(f"{FOCUSED}?.id === 'field-reply-{comment}'")
    await page.do("Input.insertText", text="Second")
    # Whoever presses a link once more wants the form, and not an empty one.
    for link in (reply, edit):
        await page.value(f"document.querySelector('{link}').focus()")
        await page.value(f"document.querySelector('{link}').click()")
        assert await page.value(f"{FOCUSED}.id") == f"field-reply-{comment}"
    await page.until_loaded(page.value("document.querySelector('.reply-form button').click()"))

    assert (text, after_cancel) == ("First", "reply")
    [_, written] = await make.rows("SELECT id, body, parent_id FROM comments ORDER BY id")
    assert (written["body"], written["parent_id"]) == ("Second", comment)
    assert (await page.value("location.hash")) == f"#comment-{written['id']}"
    assert page.complaints == []


async def test_the_link_of_a_post_is_copied(browser: Browser, address: str, make: Factory) -> None:
    code = await make.code(await make.post(title="Dark mode"))
    page = await browser.page()
    await page.do("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    await page.open(f"{address}/p/{code}")

    await page.value("document.querySelector('[data-copy]').click()")

    await page.until(f"{ANNOUNCED} === 'The link is copied.'")
    copied = await page.value("navigator.clipboard.readText()")
    assert copied == f"{address}/p/dark-mode-{code}"
