"""Everything that a person does on the pages, in three ways: with scripts, without them, and by keyboard alone."""

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.portal import ServedPortal
from tests.browser.tab import Tab

POST = "SELECT id, slug || '-' || code, code FROM posts WHERE moderation = 'approved' AND published AND status_id = 1"


def vote_button(tab: Tab, code: str) -> Locator:
    return tab.page.locator(f"#vote-{code} button")


@pytest.mark.parametrize("place", ["list", "post"])
def test_a_vote_is_cast_and_retracted(user_tab: Tab, portal: ServedPortal, user: int, place: str) -> None:
    tab = user_tab
    path = "/?sort=newest" if place == "list" else f"/p/{portal.rows(POST)[0][1]}"
    tab.page.goto(path)
    code = str(tab.page.locator("form.vote").first.get_attribute("id")).removeprefix("vote-")
    address = tab.page.url
    count = portal.value("SELECT votes_count FROM posts WHERE code = :code", code=code)

    for is_cast, word in ((True, "Voted"), (False, "Vote")):
        tab.press(vote_button(tab, code))
        button = vote_button(tab, code)

        expect(button).to_have_attribute("aria-pressed", "true" if is_cast else "false")
        expect(button.locator(".vote-word")).to_have_text(word)
        expect(button.locator(".vote-count")).to_have_text(str(count + is_cast))
        assert tab.page.url == address
        if tab.way != "without-scripts":
            state, number = "You have voted" if is_cast else "You have not voted", count + is_cast
            announcement = f"{state}. {number} vote{'' if number == 1 else 's'}"
            expect(tab.page.locator("[aria-live=polite]")).to_contain_text(announcement)
            expect(button).to_be_focused()
        stored = portal.value(
            "SELECT count(*) FROM votes WHERE user_id = :user AND post_id = (SELECT id FROM posts WHERE code = :code)",
            user=user,
            code=code,
        )
        assert stored == is_cast


def test_a_post_is_followed_and_no_longer_followed(user_tab: Tab, portal: ServedPortal, user: int) -> None:
    tab = user_tab
    tab.page.goto(f"/p/{portal.rows(POST)[1][1]}")

    for is_following in (True, False):
        tab.press(tab.page.get_by_role("button", name=re.compile("^Follow")))

        button = tab.page.get_by_role("button", name=re.compile("^Follow"))
        expect(button).to_have_attribute("aria-pressed", "true" if is_following else "false")
        assert portal.value("SELECT count(*) FROM follows WHERE user_id = :user", user=user) == is_following


def test_posts_are_searched(tab: Tab) -> None:
    tab.page.goto("/?sort=top")
    field = tab.page.get_by_role("searchbox", name="Search posts")

    tab.type(field, "dark mode")
    field.press("Enter")

    expect(tab.page).to_have_url(re.compile(r"\?(sort=top&q=dark\+mode|q=dark\+mode&sort=top)$"))
    expect(tab.page.get_by_role("searchbox")).to_have_value("dark mode")
    expect(tab.page.locator(".post-title").first).to_contain_text(re.compile("dark", re.IGNORECASE))


@pytest.mark.parametrize("width", [390, 1280])
def test_posts_are_filtered(tab: Tab, width: int) -> None:
    tab.page.set_viewport_size({"width": width, "height": 900})
    tab.page.goto("/")
    if width == 390:
        tab.press(tab.page.locator(".filters > summary"))

    tab.press(tab.page.locator(".filters").get_by_role("link", name="Planned"))

    expect(tab.page.locator(".chosen")).to_contain_text("Planned")
    assert set(tab.page.locator(".post-row .status").all_inner_texts()) == {"Planned"}

    tab.press(tab.page.locator(".chosen a"))

    expect(tab.page.locator(".chosen")).to_have_count(0)
    expect(tab.page.locator(".post-row")).to_have_count(20)


def test_filters_are_combined_in_the_address(user_tab: Tab, portal: ServedPortal) -> None:
    tab = user_tab
    [[board, slug]] = portal.rows("SELECT name, slug FROM boards ORDER BY id LIMIT 1")
    [[category, number]] = portal.rows("SELECT name, id FROM categories ORDER BY id LIMIT 1")
    tab.page.goto("/")

    tab.press(tab.page.get_by_role("navigation", name="Boards").get_by_role("link", name=board, exact=True))
    expect(tab.page.get_by_role("heading", level=1)).to_have_text(board)
    tab.press(tab.page.get_by_role("navigation", name="Category").get_by_role("link", name=category, exact=True))
    expect(tab.page.locator(".chosen")).to_contain_text(category)
    tab.press(tab.page.get_by_role("group", name="Sort by").get_by_role("link", name="Newest"))

    expect(tab.page).to_have_url(f"{portal.address}/boards/{slug}?category={number}&sort=newest")
    expect(tab.page.get_by_role("group", name="Sort by").get_by_role("link", name="Newest")).to_have_attribute(
        "aria-current", "true"
    )
    newest = portal.rows(
        "SELECT title FROM posts WHERE moderation = 'approved' AND published AND board_id = "
        "(SELECT id FROM boards WHERE slug = :slug) AND id IN "
        "(SELECT post_id FROM post_categories WHERE category_id = :number) ORDER BY created_at DESC, id DESC LIMIT 20",
        slug=slug,
        number=number,
    )
    assert tab.page.locator(".post-title").all_inner_texts() == [title for (title,) in newest]


def test_own_votes_are_listed(user_tab: Tab, portal: ServedPortal) -> None:
    tab = user_tab
    tab.page.goto("/?sort=top")
    button = tab.page.locator("form.vote:has(button)").first
    code = str(button.get_attribute("id")).removeprefix("vote-")
    tab.press(vote_button(tab, code))
    expect(vote_button(tab, code)).to_have_attribute("aria-pressed", "true")

    tab.press(tab.page.get_by_role("navigation", name="Mine").get_by_role("link", name="My votes"))

    expect(tab.page.locator(".chosen")).to_contain_text("My votes")
    expect(tab.page.locator(".post-row")).to_have_count(1)
    expect(tab.page.locator(f"#vote-{code}")).to_have_count(1)


def test_the_link_of_a_post_is_shared(tab: Tab, portal: ServedPortal) -> None:
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    address = f"{portal.address}/p/{portal.rows(POST)[0][1]}"
    tab.page.goto(address)
    button = tab.page.locator("[data-copy]")

    # Without scripts the address is there to be copied by hand.
    expect(tab.page.get_by_role("link", name=address)).to_have_attribute("href", address.removeprefix(portal.address))
    expect(button).to_be_visible(visible=tab.way != "without-scripts")
    if tab.way != "without-scripts":
        tab.press(button)
        expect(button).to_have_text("The link is copied.")
        expect(tab.page.locator("[aria-live=polite]")).to_have_text("The link is copied.")
        assert tab.page.evaluate("navigator.clipboard.readText()") == address


def test_more_posts_are_loaded(tab: Tab) -> None:
    tab.page.goto("/?sort=newest")
    first = tab.page.locator(".post-title").all_inner_texts()

    tab.press(tab.page.get_by_role("link", name="Load more"))

    if tab.way == "without-scripts":
        expect(tab.page).to_have_url(re.compile(r"\?sort=newest&page=2$"))
        second = tab.page.locator(".post-title").all_inner_texts()
        assert len(second) == 20
        assert not set(first) & set(second)
        return
    expect(tab.page.locator(".post-row")).to_have_count(40)
    titles = tab.page.locator(".post-title")
    assert titles.all_inner_texts()[:20] == first
    expect(titles.nth(20).locator("a")).to_be_focused()


def test_the_theme_is_switched(tab: Tab) -> None:
    tab.page.goto("/?sort=top")

    for theme in ("dark", "light", None):
        tab.press(tab.page.locator("[data-theme-switch]"))

        if theme is None:
            expect(tab.page.locator("html:not([data-theme])")).to_have_count(1)
        else:
            expect(tab.page.locator("html")).to_have_attribute("data-theme", theme)
            scheme = tab.page.evaluate("getComputedStyle(document.documentElement).colorScheme")
            assert scheme == theme
        assert tab.page.url.endswith("/?sort=top")


def test_a_row_that_was_loaded_later_can_be_voted_for(user_tab: Tab) -> None:
    tab = user_tab
    if tab.way == "without-scripts":
        tab.page.goto("/?sort=newest&page=2")
        rows = tab.page.locator("form.vote:has(button)")
    else:
        tab.page.goto("/?sort=newest")
        tab.press(tab.page.get_by_role("link", name="Load more"))
        expect(tab.page.locator(".post-row")).to_have_count(40)
        rows = tab.page.locator(".post-row:nth-child(n+21) form.vote:has(button)")
    code = str(rows.first.get_attribute("id")).removeprefix("vote-")

    tab.press(vote_button(tab, code))

    expect(vote_button(tab, code)).to_have_attribute("aria-pressed", "true")
