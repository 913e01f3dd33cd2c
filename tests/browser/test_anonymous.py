"""Votes and posts without an account, where the portal allows them: with scripts, without, and by keyboard."""

import secrets

import pytest
from playwright.sync_api import expect

from app.domain.portals import portals
from app.domain.unit_of_work import UnitOfWork
from tests.browser.portal import PASSWORD, ServedPortal
from tests.browser.tab import Tab

POST = "SELECT code FROM posts WHERE moderation = 'approved' AND published AND status_id = 1 ORDER BY id LIMIT 1"
VOTES = "SELECT user_id, anonymous_id IS NOT NULL FROM votes WHERE post_id = (SELECT id FROM posts WHERE code = :code)"


@pytest.fixture(autouse=True, scope="module")
def _allow(portal: ServedPortal) -> None:
    def allow(work: UnitOfWork) -> None:
        for setting in ("allows_anonymous_votes", "allows_anonymous_posts"):
            portals.update_setting(work, setting=setting, value=True)

    portal.act(allow)


def sign_in(tab: Tab, portal: ServedPortal, user: int) -> None:
    tab.page.goto("/login")
    tab.type_into("Email address", portal.email_of(user))
    tab.type_into("Password", PASSWORD)
    tab.press_button("Sign in")
    expect(tab.page.locator(".account-link")).to_be_visible()


def test_a_vote_is_cast_and_claimed(tab: Tab, portal: ServedPortal, user: int) -> None:
    code = portal.value(POST)
    before = len(portal.rows(VOTES, code=code))
    tab.page.goto(f"/p/{code}")
    button = tab.page.locator(f"#vote-{code} button")

    for is_cast in (True, False, True):
        tab.press(button)
        expect(button).to_have_attribute("aria-pressed", "true" if is_cast else "false")
        assert portal.rows(VOTES, code=code).count((None, 1)) == is_cast
    # Another browser has not voted.
    assert portal.rows(VOTES, code=code).count((user, 0)) == 0

    sign_in(tab, portal, user)

    rows = portal.rows(VOTES, code=code)
    assert (len(rows), rows.count((user, 0)), rows.count((None, 1))) == (before + 1, 1, 0)
    tab.page.goto(f"/p/{code}")
    expect(button).to_have_attribute("aria-pressed", "true")


def test_a_post_is_sent_and_claimed(tab: Tab, portal: ServedPortal, user: int) -> None:
    title = secrets.token_hex(8)
    author = "SELECT user_id FROM posts WHERE title = :title"
    tab.page.goto("/submit")
    expect(tab.content.get_by_text("Without an account.")).to_be_visible()
    tab.type_into("Title", title)
    send = tab.content.get_by_role("button", name="Send", exact=True).last
    tab.press(send)
    expect(tab.page.get_by_role("alert")).to_contain_text("Nothing is lost")
    expect(tab.content.get_by_label("Title")).to_have_value(title)
    tab.take_status(422)
    portal.clock.advance(seconds=3)
    tab.press(send)

    expect(tab.page.locator(".notice")).to_contain_text("Thank you.")
    assert portal.rows(author, title=title) == [(None,)]

    sign_in(tab, portal, user)
    assert portal.rows(author, title=title) == [(user,)]
