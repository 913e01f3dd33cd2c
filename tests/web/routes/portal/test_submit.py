"""The page on which visitors and users write a post: what is created, and that nothing typed is lost."""

import pytest

from app.web.routes.portal import submit
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.web.routes.portal.conftest import SignIn, read_csrf
from tests.web.routes.portal.post_forms import (
    TEXTS,
    allow,
    open_form,
    read_errors,
    read_hidden,
    read_typed,
)

TITLE_TOO_LONG = "The title can have at most 180 characters."
TEXT_TOO_LONG = "The description can have at most 50000 characters."


async def test_a_user_creates_a_post(sign_in: SignIn, make: Factory) -> None:
    jane = await make.user()
    client = await sign_in(jane)
    speed = await make.category("Speed")
    [board] = await make.rows("SELECT id FROM boards WHERE NOT is_default LIMIT 1")

    response = await client.post(
        "/submit", data={**await open_form(client), **TEXTS, "board": board["id"], "category": speed}
    )

    post = await make.row(
        "SELECT id, code, title, description, board_id, user_id, moderation, status_id IS NULL AS bare FROM posts"
    )
    assert response.status_code == 303
    assert response.headers["location"] == f"/p/dark-mode-{post['code']}?notice=posted"
    assert (post["title"], post["description"]) == ("Dark mode", "It **hurts**.\n\nAt night.")
    assert (post["board_id"], post["user_id"], post["moderation"]) == (board["id"], jane, "approved")
    assert not post["bare"]
    assert await make.value("SELECT category_id FROM post_categories") == speed
    assert await make.rows("SELECT user_id, post_id FROM follows") == [{"user_id": jane, "post_id": post["id"]}]
    assert "Thank you. Your post is published." in (await client.get(response.headers["location"])).text
    assert await make.wrong_counters() == []


async def test_a_post_that_the_team_must_approve_says_so(sign_in: SignIn, visitor: Client, make: Factory) -> None:
    await make.run("UPDATE portals SET moderation_policy = 'always'")
    client = await sign_in(await make.user())

    response = await client.post("/submit", data={**await open_form(client), **TEXTS})

    path = response.headers["location"]
    page = await client.get(path)
    assert path.endswith("?notice=pending")
    assert "Your post appears here when the team has approved it." in page.text
    assert "Waits for approval. Only its author and the team can see it." in page.text
    assert (await visitor.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("title", "description", "errors"),
    [
        ("", "x", {"title": "Enter a title."}),
        (" \t ", "x", {"title": "Enter a title."}),
        ("t" * 181, "x", {"title": TITLE_TOO_LONG}),
        ("a\x00b", "x", {"title": "The title contains a character that can't be used."}),
        ("Dark", "d" * 50_001, {"description": TEXT_TOO_LONG}),
        ("Dark", "a\x07", {"description": "The description contains a character that can't be used."}),
        ("", "d" * 50_001, {"title": "Enter a title.", "description": TEXT_TOO_LONG}),
    ],
)  # fmt: skip
async def test_a_form_with_errors_keeps_what_was_typed(
    sign_in: SignIn, make: Factory, title: str, description: str, errors: dict[str, str]
) -> None:
    client = await sign_in(await make.user())

    page = await client.post("/submit", data={**await open_form(client), "title": title, "description": description})

    assert page.status_code == 422
    assert read_errors(page) == errors
    assert read_typed(page) == {"title": title, "description": description}
    assert f'aria-describedby="hint-{next(iter(errors))} error-{next(iter(errors))}"' in page.text
    assert await make.rows("SELECT id FROM posts") == []


async def test_a_title_of_180_letters_and_a_text_of_50000_fit(sign_in: SignIn, make: Factory) -> None:
    client = await sign_in(await make.user())

    response = await client.post(
        "/submit", data={**await open_form(client), "title": "€" * 180, "description": "🙂" * 50_000}
    )

    assert response.status_code == 303
    post = await make.row("SELECT title, description FROM posts")
    assert (post["title"], post["description"]) == ("€" * 180, "🙂" * 50_000)


async def test_a_form_that_is_far_too_long_says_what_is_allowed(sign_in: SignIn, make: Factory) -> None:
    client = await sign_in(await make.user())

    page = await client.post(
        "/submit", data={**await open_form(client), "title": "x", "description": "d" * submit.MAX_TEXT_BYTES}
    )

    assert page.status_code == 413
    assert "A text can have at most 50000 characters, and all pictures together 28 MB." in page.text
    assert '<header class="site">' in page.text


async def test_an_old_form_keeps_its_text_and_can_be_sent_again(sign_in: SignIn, make: Factory) -> None:
    client = await sign_in(await make.user())

    page = await client.post("/submit", data={"csrf": "old", **TEXTS})
    again = await client.post("/submit", data={**read_hidden(page), **read_typed(page)})

    assert page.status_code == 422
    assert "This page was open for too long. Nothing is lost: send it once more." in page.text
    assert again.status_code == 303
    assert await make.value("SELECT title FROM posts") == "Dark mode"


async def test_a_form_of_another_site_is_refused(sign_in: SignIn, make: Factory) -> None:
    client = await sign_in(await make.user())

    response = await client.post(
        "/submit", data={**await open_form(client), **TEXTS}, headers={"sec-fetch-site": "cross-site"}
    )

    assert response.status_code == 403
    assert await make.rows("SELECT id FROM posts") == []


@pytest.mark.parametrize("count", [2, 1])
async def test_a_board_or_category_that_is_gone_is_named_beside_its_field(
    sign_in: SignIn, make: Factory, count: int
) -> None:
    """A deleted one, and one of another portal; also where no choice is left."""
    await make.run("UPDATE portals SET host = 'feedback.example.com'")
    client = await sign_in(await make.user())
    portal, _ = await make.new_portal("Other", host="other.example.com", email="other@example.com")
    other_board = await make.value("SELECT min(id) FROM boards WHERE portal_id = :id", id=portal)
    other_category = await make.category(portal=portal)
    if count == 1:
        await make.run("DELETE FROM boards WHERE portal_id = :id AND NOT is_default", id=make.portal)

    for board, category in ((999, "x"), (other_board, other_category)):
        page = await client.post(
            "/submit", data={**await open_form(client), **TEXTS, "board": board, "category": category}
        )

        assert page.status_code == 422
        assert read_errors(page) == {
            "board": "This board does not exist any more. Choose another one.",
            "category": "This category does not exist any more. Choose another one.",
        }
        assert read_typed(page) == TEXTS
        assert page.text.count('aria-describedby="error-board"') == 1
        assert page.text.count('aria-describedby="error-category"') == 1
    assert await make.rows("SELECT id FROM posts") == []


async def test_the_page_begins_with_the_board_of_its_address(visitor: Client, make: Factory) -> None:
    [board] = await make.rows("SELECT id, slug FROM boards WHERE NOT is_default LIMIT 1")

    page = await visitor.get(f"/submit?board={board['slug']}")

    assert f'<option value="{board["id"]}" selected>' in page.text


async def test_a_visitor_of_a_private_portal_sees_no_form(visitor: Client, make: Factory) -> None:
    await allow(make, allows_anonymous_posts=True)
    await make.run("UPDATE portals SET is_private = true")

    page = await visitor.get("/submit?board=x")
    response = await visitor.post("/submit", data=TEXTS)

    assert page.headers["location"] == "/login?next=%2Fsubmit%3Fboard%3Dx"
    assert response.headers["location"] == "/login?next=%2Fsubmit"
    assert await make.rows("SELECT id FROM posts") == []


async def test_a_blocked_user_is_signed_out(sign_in: SignIn, make: Factory) -> None:
    jane = await make.user()
    client = await sign_in(jane)
    csrf = await read_csrf(client)
    await make.run("UPDATE users SET blocked_at = created_at WHERE id = :id", id=jane)

    response = await client.post("/submit", data={"csrf": csrf, **TEXTS})

    assert response.headers["location"].startswith("/login")
    assert await make.rows("SELECT id FROM posts") == []


@pytest.mark.parametrize("name", ["nothing", "<script>", "posted%00"])
async def test_an_address_can_not_write_a_notice(visitor: Client, name: str) -> None:
    page = await visitor.get(f"/submit?notice={name}")

    assert 'class="notice"' not in page.text
