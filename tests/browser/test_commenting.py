"""Comments: with scripts, without, and by keyboard. Nothing that was typed is lost."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from app.domain.posts import create
from app.domain.posts.create import NewPost
from app.domain.unit_of_work import UnitOfWork
from tests.browser.portal import PASSWORD, ServedPortal
from tests.browser.tab import Tab


@pytest.fixture
def post(portal: ServedPortal) -> str:
    """The code of a new post without comments."""

    def write(work: UnitOfWork) -> str:
        return create.create_post(work, NewPost(title="A post to talk about", description="Text", author=1)).code

    return portal.act(write)


def list_comments(portal: ServedPortal, code: str) -> list[Sequence[Any]]:
    """Id, author, parent and text of the post's comments."""
    return portal.rows(
        "SELECT comments.id, comments.user_id, parent_id, body FROM comments JOIN posts ON posts.id = post_id "
        "WHERE code = :code ORDER BY comments.id",
        code=code,
    )


def comment_link(tab: Tab, comment_id: int, action: str) -> Locator:
    """The link below a comment that opens a form."""
    return tab.page.locator(f"#comment-{comment_id} .comment-actions").get_by_role(
        "link", name=re.compile(f"^{action}")
    )


def test_a_comment_is_written_answered_edited_and_deleted(
    user_tab: Tab, portal: ServedPortal, user: int, post: str
) -> None:
    tab = user_tab
    tab.page.goto(f"/p/{post}")

    tab.type_into("Your comment", "It would help **me**.")
    tab.press_button("Comment")
    expect(tab.page.locator(".notice")).to_have_text("Your comment is published.")
    expect(tab.page.locator(".comment strong")).to_have_text("me")
    [(first, *stored)] = list_comments(portal, post)
    assert stored == [user, None, "It would help **me**."]
    assert tab.page.url.endswith(f"#comment-{first}")
    # Who comments follows the post.
    expect(tab.content.get_by_role("button", name="Following")).to_be_visible()

    tab.press(comment_link(tab, first, "Reply"))
    field = tab.content.get_by_label("Your reply to Riya Reader")
    expect(field).to_be_focused()
    tab.type(field, "Me too.")
    tab.press(tab.page.locator(".reply-form").get_by_role("button", name="Reply"))
    expect(tab.page.locator(".comment.depth-1")).to_contain_text("Me too.")
    [_, (second, *stored)] = list_comments(portal, post)
    assert stored == [user, first, "Me too."]

    tab.press(comment_link(tab, second, "Edit"))
    field = tab.page.locator(f"#field-edit-{second}")
    expect(field).to_have_value("Me too.")
    expect(field).to_be_focused()
    field.press("End")
    tab.type(field, "Me too. Twice.") if tab.way != "by-keyboard" else tab.page.keyboard.type(" Twice.")
    tab.press_button("Save")
    expect(tab.page.locator(f"#comment-{second}")).to_contain_text("Me too. Twice.")

    tab.press(comment_link(tab, first, "Delete"))
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Delete the comment?")
    expect(tab.page.locator("blockquote")).to_contain_text("It would help")
    tab.press_button("Delete")
    expect(tab.page.locator(".notice")).to_have_text("The comment is deleted.")
    # The reply to it stays.
    expect(tab.page.locator(".comment")).to_have_count(1)
    assert [row[3] for row in list_comments(portal, post)] == ["Me too. Twice."]


def test_a_form_below_a_comment_is_cancelled(user_tab: Tab, portal: ServedPortal, post: str) -> None:
    tab = user_tab
    tab.page.goto(f"/p/{post}")
    tab.type_into("Your comment", "First")
    tab.press_button("Comment")
    expect(tab.page.locator(".comment")).to_have_count(1)
    [(first, *_)] = list_comments(portal, post)

    for action in ("Reply", "Edit"):
        tab.press(comment_link(tab, first, action))
        expect(tab.page.locator(".reply-form textarea")).to_be_focused()
        tab.press(tab.page.locator(".reply-form").get_by_role("link", name="Cancel"))
        expect(tab.page.locator(".reply-form")).to_have_count(0)
        expect(tab.page.get_by_role("heading", level=1)).to_have_text("A post to talk about")
    assert len(list_comments(portal, post)) == 1


def test_a_comment_of_spaces_comes_back(user_tab: Tab, portal: ServedPortal, post: str) -> None:
    tab = user_tab
    tab.page.goto(f"/p/{post}")
    tab.type_into("Your comment", "   ")
    tab.press_button("Comment")

    expect(tab.content.get_by_label("Your comment")).to_have_accessible_description("Write something first.")
    expect(tab.content.get_by_label("Your comment")).to_be_focused()
    tab.take_status(422)
    assert list_comments(portal, post) == []


@pytest.mark.parametrize("form", ["comment", "reply", "edit"])
def test_a_session_that_ended_meanwhile_loses_nothing(
    user_tab: Tab, portal: ServedPortal, user: int, post: str, form: str
) -> None:
    tab = user_tab
    tab.page.goto(f"/p/{post}")
    if form != "comment":
        tab.type_into("Your comment", "First")
        tab.press_button("Comment")
        expect(tab.page.locator(".comment")).to_have_count(1)
        [(first, *_)] = list_comments(portal, post)
        tab.press(comment_link(tab, first, form.capitalize()))
        expect(tab.page.locator(".reply-form textarea")).to_be_focused()
        tab.page.keyboard.press("Control+A")
        tab.page.keyboard.type("Written for a long time")
        button = tab.page.locator(".reply-form").get_by_role("button")
    else:
        tab.type_into("Your comment", "Written for a long time")
        button = tab.content.get_by_role("button", name="Comment", exact=True)
    before = len(list_comments(portal, post))

    portal.run("DELETE FROM sessions WHERE user_id = :user", user=user)
    tab.press(button)
    expect(tab.page).to_have_url(re.compile(r"/login\?next="))
    tab.type_into("Email address", portal.email_of(user))
    tab.type_into("Password", PASSWORD)
    tab.press_button("Sign in")

    field = tab.page.locator("textarea")
    expect(field).to_have_value("Written for a long time")
    assert len(list_comments(portal, post)) == before
    tab.press(tab.page.locator("form:has(textarea)").get_by_role("button"))
    expect(tab.page.locator(".comment").last).to_contain_text("Written for a long time")
    assert len(list_comments(portal, post)) == before + (form != "edit")


def test_a_visitor_signs_in_to_comment(tab: Tab, portal: ServedPortal, user: int, post: str) -> None:
    tab.page.goto(f"/p/{post}")
    tab.press_link("Sign in to comment")
    tab.type_into("Email address", portal.email_of(user))
    tab.type_into("Password", PASSWORD)
    tab.press_button("Sign in")

    expect(tab.page).to_have_url(re.compile(rf"/p/a-post-to-talk-about-.*{post}#comments$"))
    expect(tab.content.get_by_label("Your comment")).to_be_visible()
