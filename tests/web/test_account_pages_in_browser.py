"""The pages that links in emails open, in a real Chromium: by keyboard, without scripts, in both color schemes."""

from urllib.parse import quote

import pytest

from app.adapters.passwords import verify_and_rehash
from app.adapters.unsubscribe_tokens import NotificationLink
from app.domain.notifications import choices
from app.domain.posts import follows
from app.domain.users import one_time_tokens
from app.domain.users.one_time_tokens import LIFETIMES
from tests.support.browser import Browser, Page
from tests.support.factory import Factory
from tests.web.test_appearance import GROUNDS, SIZES, find_violations, press, show_page
from tests.web.test_browser import address, browser, database_url

__all__ = ["address", "browser", "database_url"]

EMAIL = "jane@example.com"
ENGLISH_TITLES = ("You are invited", "Welcome")
PATHS = {"invitation": "/invitation", "password_reset": "/password-reset", "email_confirmation": "/confirm-email"}


async def make_links(make: Factory, *, name: str = "Jane Roe") -> tuple[int, dict[str, str]]:
    """A moderator who follows a post, and the paths with tokens."""
    jane = await make.user(email=EMAIL, role="moderator", name=name)
    post = await make.post(title="Dark mode " + "W" * 60)
    await make.act(lambda work: follows.add(work, post_id=post, user_id=jane))
    links = {}
    for purpose in LIFETIMES:
        token = await make.act(
            lambda work, purpose=purpose: one_time_tokens.create(work, user_id=jane, purpose=purpose, email=EMAIL)
        )
        links[purpose] = f"{PATHS[purpose]}?token={quote(str(token))}"
    signed = make.server.services.unsubscribe_tokens.make(NotificationLink(jane, "status_change", post))
    return jane, {**links, **{name: f"/{name}?token={signed}" for name in ("notifications", "unsubscribe")}}


async def submit(page: Page) -> None:
    """Press Enter, and wait for the next page."""
    await page.until_loaded(press(page, "Enter"))


async def tab(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(30):
        if await page.value(f"document.activeElement === document.querySelector('{selector}')"):
            return
        await press(page, "Tab")
    raise AssertionError(selector)


async def heading(page: Page) -> str:
    return str(await page.value("document.querySelector('h1').innerText"))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", GROUNDS)
async def test_the_pages_have_the_color_scheme_and_no_violations(
    browser: Browser, address: str, make: Factory, scheme: str, size: str
) -> None:
    _, links = await make_links(make, name="W" * 90)
    locale, titles = ("de", ("Sie sind eingeladen", "Willkommen")) if scheme == "dark" else ("en", ENGLISH_TITLES)
    await make.run("UPDATE portals SET locale = :locale", locale=locale)
    page = await show_page(browser, scheme, size)
    paths = [
        *links.values(), "/password-reset", "/confirm-email",
        *(f"{path}?token=unknown" for path in (*PATHS.values(), "/notifications")),
    ]  # fmt: skip

    for path in paths:
        await page.open(address + path)

        assert await page.value("getComputedStyle(document.body).backgroundColor") == GROUNDS[scheme], path
        assert await find_violations(page) == [], path
        assert await page.value("document.documentElement.lang") == locale
    # The same page with a message at a field, and the one after it.
    await page.open(address + links["invitation"])
    for password, title in zip(("1234567", "12345678"), titles, strict=True):
        await page.value("document.querySelector('form').noValidate = true")
        await tab(page, "#password")
        await page.do("Input.insertText", text=password)
        await submit(page)

        assert await heading(page) == title
        assert await find_violations(page) == []


@pytest.mark.parametrize("scripts", [True, False])
async def test_an_invitation_is_accepted_by_keyboard(
    browser: Browser, address: str, make: Factory, scripts: bool
) -> None:
    jane, links = await make_links(make)
    page = await browser.page(scripts=scripts)
    await page.open(address + links["invitation"])

    await tab(page, "#name")
    await page.value("document.querySelector('#name').select()")
    await page.do("Input.insertText", text="Ms Roe")
    await tab(page, "#password")
    await page.do("Input.insertText", text="a good password")
    await tab(page, "button")
    await submit(page)

    assert await heading(page) == "Welcome"
    row = await make.row("SELECT name, password_hash FROM users WHERE id = :id", id=jane)
    assert row["name"] == "Ms Roe"
    assert verify_and_rehash("a good password", row["password_hash"]).is_valid
    # No request has the token in its address or referrer but the first.
    token = links["invitation"].partition("=")[2]
    assert [url for url in page.requested_urls if token in url] == [address + links["invitation"]]
    assert page.complaints == []


async def test_a_link_is_requested_by_keyboard(browser: Browser, address: str, make: Factory) -> None:
    jane, _ = await make_links(make)
    page = await browser.page(scripts=False)
    await page.open(f"{address}/password-reset")

    await tab(page, "#email")
    await page.do("Input.insertText", text=EMAIL)
    await submit(page)

    assert await heading(page) == "Check your email"
    assert [event["subject_id"] for event in await make.facts("user.password_reset_requested")] == [jane]


async def test_notifications_are_chosen_and_ended_by_keyboard(browser: Browser, address: str, make: Factory) -> None:
    jane, links = await make_links(make)
    page = await browser.page(scripts=False)

    await page.open(address + links["unsubscribe"])
    await tab(page, "button")
    await submit(page)
    assert await heading(page) == "You get no more of these emails"
    assert await make.value("SELECT count(*) FROM follows") == 0
    await tab(page, "button")
    await submit(page)
    assert await heading(page) == "You get these emails again"
    assert await make.value("SELECT count(*) FROM follows") == 1
    await tab(page, "main a")
    await submit(page)
    assert await heading(page) == "Your notifications"
    await tab(page, "#comment")
    await page.value("document.querySelector('#comment').value = 'weekly'")
    await tab(page, "button")
    await submit(page)

    assert await page.value("document.querySelector('[role=status]').innerText") == "Your choices are saved."
    assert (await make.act(lambda work: choices.get_choices(work, jane))).cadences["comment"] == "weekly"
    assert page.complaints == []
