"""The pages on which authors and the team edit and delete posts."""

import html
import re
from typing import Any

import httpx
import pytest

from app.domain.posts import update
from app.domain.posts.update import PostUpdate
from app.web import cookies
from app.web.routes.portal import own_posts
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.web.routes.portal.conftest import SignIn, read_csrf


async def set_category(make: Factory, post: int, category: int) -> None:
    change = PostUpdate(category_ids=[category])
    await make.act(lambda work: update.update_post(work, post, change))


async def edit(client: Client, code: str, **fields: Any) -> httpx.Response:
    path = f"/p/{code}/edit"
    return await client.post(path, data={"csrf": await read_csrf(client, path), **fields})


async def category_ids(make: Factory) -> list[int]:
    return [row["category_id"] for row in await make.rows("SELECT category_id FROM post_categories ORDER BY 1")]


async def test_an_author_edits_the_texts_and_categories(sign_in: SignIn, make: Factory) -> None:
    jane = await make.user()
    client = await sign_in(jane)
    post = await make.post(title="Dark mode", description="<b>Old</b>\n\ntext", author=jane)
    speed, look, _ = await make.category("Speed"), await make.category("Look"), await make.category("Other")
    await set_category(make, post, speed)
    code = await make.code(post)

    page = await client.get(f"/p/{code}/edit")
    response = await edit(
        client, code, title="Dark theme", description="New\r\ntext", categories=[str(speed), str(look)]
    )

    assert 'value="Dark mode"' in page.text
    assert '<textarea id="field-description"' in page.text
    assert html.escape("<b>Old</b>\n\ntext", quote=False) in page.text
    assert re.findall(r'name="categories" value="(\d+)" checked', page.text) == [str(speed)]
    assert (response.status_code, response.headers["location"]) == (303, f"/p/{code}?notice=saved")
    assert "Your changes are saved." in (await client.get(response.headers["location"], follow_redirects=True)).text
    assert await make.rows("SELECT title, description, slug FROM posts") == [
        {"title": "Dark theme", "description": "New\ntext", "slug": "dark-mode"}
    ]
    assert await category_ids(make) == [speed, look]
    assert await make.wrong_counters() == []


async def test_an_approved_post_stays_approved_when_its_author_edits_it(
    sign_in: SignIn, visitor: Client, make: Factory
) -> None:
    """Whatever the portal's policy, as in Astuto: the policy is about new posts."""
    await make.run("UPDATE portals SET moderation_policy = 'always'")
    jane = await make.user()
    client = await sign_in(jane)
    code = await make.code(await make.post(title="Dark mode", author=jane))

    await edit(client, code, title="Dark theme", description="New")

    assert await make.rows("SELECT title, moderation FROM posts") == [{"title": "Dark theme", "moderation": "approved"}]
    assert "Dark theme" in (await visitor.get(f"/p/{code}", follow_redirects=True)).text


async def test_all_categories_can_be_removed(sign_in: SignIn, make: Factory) -> None:
    client = await sign_in(make.owner)
    post = await make.post()
    speed = await make.category()
    await set_category(make, post, speed)

    await edit(client, await make.code(post), title="Dark mode", description="")

    assert await category_ids(make) == []


async def test_only_the_team_moves_a_post_to_another_board(sign_in: SignIn, make: Factory) -> None:
    jane = await make.user()
    post = await make.post(title="Dark mode", author=jane)
    code = await make.code(post)
    [default, other] = await make.rows("SELECT id FROM boards ORDER BY is_default DESC, id LIMIT 2")
    author, team = await sign_in(jane), await sign_in(await make.user(role="moderator"))

    for_author = await author.get(f"/p/{code}/edit")
    for_team = await team.get(f"/p/{code}/edit")
    await edit(author, code, title="Dark mode", description="", board=other["id"])
    after_author = await make.value("SELECT board_id FROM posts")
    await edit(team, code, title="Dark mode", description="", board=other["id"])

    assert 'name="board"' not in for_author.text
    assert f'<option value="{default["id"]}" selected>' in for_team.text
    assert after_author == default["id"]
    assert await make.value("SELECT board_id FROM posts") == other["id"]
    assert await make.wrong_counters() == []


async def test_a_form_with_errors_keeps_what_was_typed(sign_in: SignIn, make: Factory) -> None:
    client = await sign_in(make.owner)
    code = await make.code(await make.post(title="Dark mode", description="Old"))
    speed = await make.category()

    page = await edit(client, code, title="", description="d" * 50_001, categories=[str(speed)])
    old = await client.post(f"/p/{code}/edit", data={"csrf": "old", "title": "New title", "description": "New text"})

    assert page.status_code == 422
    assert re.findall(r'id="error-(\w+)">([^<]+)<', page.text) == [
        ("title", "Enter a title."),
        ("description", "The description can have at most 50000 characters."),
    ]
    assert "d" * 50_001 in page.text
    assert f'value="{speed}" checked' in page.text
    assert old.status_code == 422
    assert "This page was open for too long." in old.text
    assert 'value="New title"' in old.text
    assert "\nNew text</textarea>" in old.text
    assert await make.rows("SELECT title, description FROM posts") == [{"title": "Dark mode", "description": "Old"}]
    assert await category_ids(make) == []


async def test_a_description_too_long_for_the_form_is_not_cut(sign_in: SignIn, make: Factory) -> None:
    client = await sign_in(make.owner)
    code = await make.code(await make.post(title="Dark mode", description="d" * 50_001))

    page = await client.get(f"/p/{code}/edit")
    response = await edit(client, code, title="Dark theme")
    await edit(client, code, title="Dark theme", description="cut")

    assert "The description is too long to be edited here." in page.text
    assert "<textarea" not in page.text
    assert response.status_code == 303
    assert await make.value("SELECT title FROM posts") == "Dark theme"
    assert await make.value("SELECT length(description) FROM posts") == 50_001


async def test_changes_of_somebody_who_was_signed_out_are_there_after_the_sign_in(
    sign_in: SignIn, visitor: Client, make: Factory
) -> None:
    code = await make.code(await make.post(title="Dark mode", description="Old"))
    speed, look = await make.category("Speed"), await make.category("Look")

    response = await visitor.post(
        f"/p/{code}/edit",
        data={"csrf": "x", "title": "Dark theme", "description": "New", "categories": [str(speed), str(look)]},
    )
    client = await sign_in(make.owner)
    client.cookies.update({cookies.DRAFT: response.cookies[cookies.DRAFT]})
    page = await client.get(f"/p/{code}/edit")

    assert response.headers["location"] == f"/login?next=%2Fp%2F{code}%2Fedit"
    assert 'value="Dark theme"' in page.text
    assert "\nNew</textarea>" in page.text
    assert re.findall(r'name="categories" value="(\d+)" checked', page.text) == [str(speed), str(look)]


async def test_a_text_that_is_far_too_long_says_what_is_allowed(sign_in: SignIn, make: Factory) -> None:
    client = await sign_in(make.owner)
    code = await make.code(await make.post())

    fits = await edit(client, code, title="€" * 180, description="🙂" * 50_000)
    page = await edit(client, code, title="x", description="d" * own_posts.MAX_FORM_BYTES)

    assert fits.status_code == 303
    assert page.status_code == 413
    assert "A text can have at most 50000 characters, and all pictures together 28 MB." in page.text


@pytest.mark.parametrize("page", ["edit", "delete"])
async def test_who_may_not_change_a_post_is_led_to_it(
    sign_in: SignIn, visitor: Client, make: Factory, page: str
) -> None:
    code = await make.code(await make.post(title="Dark mode"))
    client = await sign_in(await make.user())
    path = f"/p/dark-mode-{code}/{page}"

    by_visitor, by_user = await visitor.get(path), await client.get(path)
    sent = await client.post(path, data={"csrf": await read_csrf(client), "title": "Changed", "description": ""})

    for response in (by_visitor, by_user, sent):
        assert (response.status_code, response.headers["location"]) == (302, f"/p/dark-mode-{code}")
    assert await make.rows("SELECT title FROM posts") == [{"title": "Dark mode"}]


@pytest.mark.parametrize("page", ["edit", "delete"])
@pytest.mark.parametrize("state", ["pending", "rejected"])
async def test_posts_that_somebody_does_not_see_do_not_exist_for_them(
    sign_in: SignIn, visitor: Client, make: Factory, page: str, state: str
) -> None:
    code = await make.code(await make.post(title="Dark mode", moderation=state))
    client = await sign_in(await make.user())

    for each in (visitor, client):
        assert (await each.get(f"/p/{code}/{page}")).status_code == 404
    response = await client.post(
        f"/p/{code}/{page}", data={"csrf": await read_csrf(client), "title": "Changed", "description": ""}
    )

    assert response.status_code == 404
    assert await make.value("SELECT title FROM posts") == "Dark mode"


@pytest.mark.parametrize("page", ["edit", "delete"])
async def test_a_form_of_another_site_is_refused(sign_in: SignIn, make: Factory, page: str) -> None:
    code = await make.code(await make.post(title="Dark mode"))
    client = await sign_in(make.owner)
    csrf = await read_csrf(client)

    response = await client.post(
        f"/p/{code}/{page}",
        data={"csrf": csrf, "title": "Changed", "description": ""},
        headers={"sec-fetch-site": "cross-site"},
    )

    assert response.status_code == 403
    assert await make.value("SELECT title FROM posts") == "Dark mode"


async def test_an_author_deletes_a_post(sign_in: SignIn, visitor: Client, make: Factory) -> None:
    jane = await make.user()
    client = await sign_in(jane)
    code = await make.code(await make.post(title="Dark mode", author=jane))
    path = f"/p/{code}/delete"

    page = await client.get(path)
    stale = await client.post(path, data={"csrf": "old"})
    kept = await make.value("SELECT count(*) FROM posts")
    response = await client.post(path, data={"csrf": await read_csrf(client, path)})

    assert "Delete the post?" in page.text
    assert (stale.status_code, kept) == (422, 1)
    assert (response.status_code, response.headers["location"]) == (303, "/?notice=post-deleted")
    assert "The post is deleted." in (await client.get("/?notice=post-deleted")).text
    assert (await visitor.get(f"/p/{code}")).status_code == 404
    assert await make.wrong_counters() == []


async def test_an_author_does_not_delete_a_post_that_others_have_answered(sign_in: SignIn, make: Factory) -> None:
    jane = await make.user()
    author, team = await sign_in(jane), await sign_in(await make.user(role="moderator"))
    post = await make.post(author=jane)
    path = f"/p/{await make.code(post)}/delete"
    csrf = await read_csrf(author, path)
    await make.vote(post, make.owner)

    page = await author.get(path)
    response = await author.post(path, data={"csrf": csrf})
    kept = await make.value("SELECT count(*) FROM posts")
    by_team = await team.post(path, data={"csrf": await read_csrf(team, path)})

    assert (page.status_code, response.status_code, kept) == (200, 409, 1)
    for each in (page, response):
        assert "Others have voted for this post or commented on it, so only the team can delete it." in each.text
        assert "is-danger" not in each.text
    assert by_team.status_code == 303
    assert await make.rows("SELECT id FROM posts") == []


async def test_the_files_of_a_deleted_post_are_deleted(sign_in: SignIn, productlift: Client, make: Factory) -> None:
    client = await sign_in(make.owner)
    await productlift.post("/posts", data={"title": "Dark mode"}, files={"attachment": ("a.txt", b"text")})
    row = await make.row("SELECT posts.code, attachments.name FROM posts JOIN attachments ON post_id = posts.id")
    path = f"/p/{row['code']}/delete"

    await client.post(path, data={"csrf": await read_csrf(client, path)})

    assert await make.server.services.uploads.files.open(row["name"]) is None
