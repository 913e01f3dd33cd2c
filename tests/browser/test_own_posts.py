"""Editing and deleting one's own post: with scripts, without, and by keyboard."""

import re

import pytest
from playwright.sync_api import expect

from app.domain.posts import create
from app.domain.posts.create import NewPost
from app.domain.posts.texts import MAX_TITLE
from app.domain.unit_of_work import UnitOfWork
from tests.browser.portal import PASSWORD, ServedPortal
from tests.browser.tab import Tab

MINE = "SELECT title, description FROM posts WHERE code = :code"


@pytest.fixture
def post(portal: ServedPortal, user: int) -> str:
    """The code of a new post of the user."""

    def write(work: UnitOfWork) -> str:
        return create.create_post(work, NewPost(title="My idea", description="Text", author=user)).code

    return portal.act(write)


def test_a_post_is_edited(user_tab: Tab, portal: ServedPortal, post: str) -> None:
    tab, [category] = user_tab, portal.rows("SELECT name FROM categories ORDER BY id LIMIT 1")
    tab.page.goto(f"/p/{post}")
    tab.press_link("Edit the post")

    expect(tab.content.get_by_label("Description")).to_have_value("Text")
    tab.content.get_by_label("Title").clear()
    tab.type_into("Title", "Mine " + "x" * MAX_TITLE)
    tab.choose(tab.content.get_by_label(category[0], exact=True))
    tab.press_button("Save")
    field = tab.content.get_by_label("Title")
    expect(field).to_have_accessible_description(re.compile(f"at most {MAX_TITLE} characters"))
    expect(field).to_have_value("Mine " + "x" * MAX_TITLE)
    expect(tab.content.get_by_label(category[0], exact=True)).to_be_checked()
    tab.take_status(422)
    field.clear()
    tab.type(field, "My better idea")
    tab.press_button("Save")

    expect(tab.page.locator(".notice")).to_have_text("Your changes are saved.")
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("My better idea")
    assert portal.rows(MINE, code=post) == [("My better idea", "Text")]
    assert portal.rows(
        "SELECT categories.name FROM post_categories JOIN categories ON categories.id = category_id "
        "JOIN posts ON posts.id = post_id WHERE code = :code",
        code=post,
    ) == [(category[0],)]


def test_a_post_is_deleted(user_tab: Tab, portal: ServedPortal, post: str) -> None:
    tab = user_tab
    tab.page.goto(f"/p/{post}")
    tab.press_link("Delete the post")
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Delete the post?")
    tab.press_link("Cancel")
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("My idea")
    assert len(portal.rows(MINE, code=post)) == 1

    tab.press_link("Delete the post")
    tab.press_button("Delete")

    expect(tab.page.locator(".notice")).to_have_text("The post is deleted.")
    assert portal.rows(MINE, code=post) == []
    response = tab.page.goto(f"/p/{post}")
    assert response is not None
    assert response.status == 404
    tab.take_status(404)


def test_a_session_that_ended_meanwhile_loses_nothing(
    user_tab: Tab, portal: ServedPortal, user: int, post: str
) -> None:
    tab = user_tab
    tab.page.goto(f"/p/{post}/edit")
    tab.content.get_by_label("Description").clear()
    tab.type_into("Description", "Written for a long time")

    portal.run("DELETE FROM sessions WHERE user_id = :user", user=user)
    tab.press_button("Save")
    expect(tab.page).to_have_url(re.compile(r"/login\?next="))
    tab.type_into("Email address", portal.email_of(user))
    tab.type_into("Password", PASSWORD)
    tab.press_button("Sign in")

    expect(tab.content.get_by_label("Description")).to_have_value("Written for a long time")
    assert portal.rows(MINE, code=post) == [("My idea", "Text")]
    tab.press_button("Save")
    expect(tab.page.locator(".notice")).to_have_text("Your changes are saved.")
    assert portal.rows(MINE, code=post) == [("My idea", "Written for a long time")]
