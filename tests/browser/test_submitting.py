"""Writing a post: with scripts, without, and by keyboard. Nothing that was typed is lost."""

import re
import secrets

from playwright.sync_api import expect

from app.domain.posts.texts import MAX_TITLE
from tests.browser.pictures import make_picture
from tests.browser.portal import PASSWORD, ServedPortal
from tests.browser.tab import Tab

KNOWN = "SELECT code, title FROM posts WHERE title = 'Dark mode'"
DESCRIPTION = "I work at night.\n\nIt should follow the **system**."


def make_title() -> str:
    """A title that is similar to no other."""
    return secrets.token_hex(8)


def find_post(portal: ServedPortal, title: str) -> dict[str, object]:
    """What is stored of the only post with this title."""
    [row] = portal.rows(
        "SELECT posts.code, posts.user_id, posts.description, boards.name, (SELECT count(*) FROM attachments "
        "WHERE attachments.post_id = posts.id) FROM posts JOIN boards ON boards.id = posts.board_id "
        "WHERE posts.title = :title",
        title=title,
    )
    return dict(zip(("code", "author", "description", "board", "files"), row, strict=True))


def write(tab: Tab, title: str) -> None:
    """Fill in the form, on the last board."""
    tab.type_into("Title", title)
    tab.type_into("Description", DESCRIPTION)
    board = tab.content.get_by_label("Board")
    tab.select(board, board.locator("option").last.inner_text())


def send(tab: Tab) -> None:
    tab.press(tab.content.get_by_role("button", name="Send", exact=True).last)


def expect_kept(tab: Tab, title: str) -> None:
    """What `write` typed is in the form."""
    expect(tab.content.get_by_label("Title")).to_have_value(title)
    expect(tab.content.get_by_label("Description")).to_have_value(DESCRIPTION)
    board = tab.content.get_by_label("Board")
    assert board.input_value() == board.locator("option").last.get_attribute("value")


def sign_in(tab: Tab, portal: ServedPortal, user: int) -> None:
    tab.type_into("Email address", portal.email_of(user))
    tab.type_into("Password", PASSWORD)
    tab.press_button("Sign in")


def test_a_post_is_sent(user_tab: Tab, portal: ServedPortal, user: int) -> None:
    tab, title = user_tab, make_title()
    tab.page.goto("/")
    tab.press_link("Share feedback")
    write(tab, title)
    board = tab.content.get_by_label("Board").locator("option").last.inner_text()
    send(tab)

    expect(tab.page.locator(".notice")).to_have_text("Thank you. Your post is published.")
    expect(tab.page.get_by_role("heading", level=1)).to_have_text(title)
    expect(tab.page.locator(".post-body strong")).to_have_text("system")
    post = find_post(portal, title)
    assert (post["author"], post["description"], post["board"], post["files"]) == (user, DESCRIPTION, board, 0)
    # Its author follows it, and votes for it.
    expect(tab.content.get_by_role("button", name="Following")).to_have_attribute("aria-pressed", "true")


def test_a_post_is_sent_with_pictures(user_tab: Tab, portal: ServedPortal) -> None:
    tab, title = user_tab, make_title()
    tab.page.goto("/submit")
    write(tab, title)
    tab.attach(tab.content.get_by_label("Pictures"), make_picture("one.png"), make_picture("two.png"))
    send(tab)

    expect(tab.page.get_by_role("heading", level=1)).to_have_text(title)
    pictures = tab.page.locator("[data-lightbox]")
    expect(pictures).to_have_count(2)
    tab.press(pictures.first)
    if tab.way == "without-scripts":
        expect(tab.page).to_have_url(re.compile(r"/files/[^/]+$"))
        return
    box = tab.page.get_by_role("dialog", name="Picture")
    expect(box.get_by_role("img")).to_have_js_property("naturalWidth", 40)
    tab.page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    expect(pictures.first).to_be_focused()
    tab.press(pictures.last)
    tab.press(box.get_by_role("button", name="Close"))
    expect(box).to_be_hidden()


def test_a_mistake_keeps_everything(user_tab: Tab, portal: ServedPortal, user: int) -> None:
    tab, title = user_tab, make_title()
    long_title = title + "g" * MAX_TITLE
    tab.page.goto("/submit")
    write(tab, long_title)
    tab.attach(tab.content.get_by_label("Pictures"), make_picture("kept.png"))
    send(tab)

    field = tab.content.get_by_label("Title")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile(f"at most {MAX_TITLE} characters"))
    expect_kept(tab, long_title)
    expect(tab.content.get_by_label("kept.png")).to_be_checked()
    tab.take_status(422)
    assert portal.rows("SELECT id FROM posts WHERE user_id = :user", user=user) == []

    field.clear()
    tab.type(field, title)
    send(tab)

    expect(tab.page.get_by_role("heading", level=1)).to_have_text(title)
    expect(tab.page.locator("[data-lightbox]")).to_have_count(1)
    assert find_post(portal, title)["files"] == 1


def test_a_similar_post_gets_the_vote_instead(user_tab: Tab, portal: ServedPortal, user: int) -> None:
    tab = user_tab
    [[code, title]] = portal.rows(KNOWN)
    tab.page.goto("/submit")
    write(tab, title.lower())
    if tab.way == "without-scripts":
        # They are shown before the post is stored.
        send(tab)
    similar = tab.content.get_by_role("region", name="Similar posts")
    expect(similar.get_by_role("link", name=title, exact=True)).to_be_visible()
    if tab.way != "without-scripts":
        expect(tab.page.locator("[aria-live=polite]")).to_have_text("Is it one of these?")
    expect_kept(tab, title.lower())

    tab.press(similar.get_by_role("button", name=f"Vote for this one instead : {title}", exact=True))

    expect(tab.page.locator(".notice")).to_contain_text("Your vote counts.")
    expect(tab.page.get_by_role("heading", level=1)).to_have_text(title)
    expect(tab.page.locator(f"#vote-{code} button")).to_have_attribute("aria-pressed", "true")
    voted = "SELECT posts.code FROM votes JOIN posts ON posts.id = votes.post_id WHERE votes.user_id = :user"
    assert portal.rows(voted, user=user) == [(code,)]
    assert portal.rows("SELECT id FROM posts WHERE user_id = :user", user=user) == []
    # If that was a slip, the post can still be sent.
    tab.page.goto("/submit")
    expect_kept(tab, title.lower())


def test_a_post_is_sent_although_there_are_similar_ones(user_tab: Tab, portal: ServedPortal, user: int) -> None:
    tab = user_tab
    [[_, title]] = portal.rows(KNOWN)
    tab.page.goto("/submit")
    write(tab, f"{title} {tab.way}")
    if tab.way == "without-scripts":
        send(tab)
    expect(tab.content.get_by_role("region", name="Similar posts")).to_be_visible()
    send(tab)

    expect(tab.page.get_by_role("heading", level=1)).to_have_text(f"{title} {tab.way}")
    assert find_post(portal, f"{title} {tab.way}")["author"] == user


def test_signing_in_on_the_way_loses_nothing(tab: Tab, portal: ServedPortal, user: int) -> None:
    title = make_title()
    tab.page.goto("/submit")
    write(tab, title)
    send(tab)

    expect(tab.page).to_have_url(re.compile(r"/login\?next="))
    sign_in(tab, portal, user)

    expect(tab.page.locator(".notice")).to_contain_text("This is what you wrote.")
    expect_kept(tab, title)
    tab.attach(tab.content.get_by_label("Pictures"), make_picture("later.png"))
    send(tab)
    expect(tab.page.get_by_role("heading", level=1)).to_have_text(title)
    post = find_post(portal, title)
    assert (post["author"], post["description"], post["files"]) == (user, DESCRIPTION, 1)
    # The draft has served its purpose.
    tab.page.goto("/submit")
    expect(tab.content.get_by_label("Title")).to_have_value("")


def test_a_session_that_ended_meanwhile_loses_nothing(user_tab: Tab, portal: ServedPortal, user: int) -> None:
    tab, title = user_tab, make_title()
    tab.page.goto("/submit")
    write(tab, title)
    portal.run("DELETE FROM sessions WHERE user_id = :user", user=user)
    send(tab)

    expect(tab.page).to_have_url(re.compile(r"/login\?next="))
    sign_in(tab, portal, user)
    expect_kept(tab, title)
    send(tab)

    expect(tab.page.get_by_role("heading", level=1)).to_have_text(title)
    assert find_post(portal, title)["author"] == user
