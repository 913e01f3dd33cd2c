"""Forms that can't be stored because the storage is away: every text comes back, and nothing is half done."""

import html
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from app.settings import Settings
from app.web import cookies
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.web.routes.portal.conftest import SignIn, read_csrf
from tests.web.routes.portal.post_forms import PNG, TEXTS, images, open_form, read_typed

NOT_STORED = "The server can't store anything just now, so nothing was sent. Your text is still here."
CHOOSE_AGAIN = "Choose the pictures again: only your text could be kept."


@contextmanager
def storage_away(settings: Settings) -> Iterator[None]:
    """A file in place of the folder of the storage."""
    folder = settings.data_dir / "uploads"
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)
    folder.write_bytes(b"")
    try:
        yield
    finally:
        folder.unlink()


def read_form(page: httpx.Response) -> tuple[str, dict[str, str]]:
    """The address of the page's form, and its fields, as a browser sends them."""
    assert page.status_code == 503, page.text
    form_tag = r'<form class="form card" method="post" action="([^"]+)"[^>]*>(.*?)</form>'
    [(action, form)] = re.findall(form_tag, page.text, re.DOTALL)
    fields = re.findall(r'<input[^>]* name="(\w+)"[^>]* value="([^"]*)"', form)
    fields += re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>\n(.*?)</textarea>', form, re.DOTALL)
    return action, {name: html.unescape(value) for name, value in fields}


async def test_a_text_that_cannot_be_kept_for_the_sign_in_is_sent_again_from_the_page(
    settings: Settings, visitor: Client, make: Factory
) -> None:
    post = await make.post()
    comment = await make.comment(post)
    code = await make.code(post)
    forms = {
        "/submit": {**await open_form(visitor), **TEXTS, "category": str(await make.category())},
        f"/p/{code}/edit": {**TEXTS, "categories": "7", "board": "3"},
        f"/p/{code}/comments": {"body": "At\r\n <b>night</b>"},
        f"/p/{code}/comments/{comment}/reply": {"body": "At night"},
        f"/p/{code}/comments/{comment}/edit": {"body": "At night"},
    }
    for path, fields in forms.items():
        with storage_away(settings):
            page = await visitor.post(path, data=fields)
        action, kept = read_form(page)
        again = await visitor.post(action, data=kept)

        assert NOT_STORED in html.unescape(page.text), path
        assert CHOOSE_AGAIN not in page.text, path
        assert page.headers["retry-after"] == "2"
        assert cookies.DRAFT not in page.cookies, path
        assert action == path
        assert {name: kept[name] for name in fields if name != "csrf"} == {
            name: value for name, value in fields.items() if name != "csrf"
        }, path
        assert again.status_code == 303, path
        assert again.headers["location"].startswith("/login?next="), path
        assert cookies.DRAFT in again.cookies, path


async def test_a_private_portal_shows_such_a_page_without_its_boards(
    settings: Settings, sign_in: SignIn, make: Factory
) -> None:
    client = await sign_in(await make.user())
    await make.run("UPDATE portals SET is_private = true")
    fields = {**await open_form(client), **TEXTS}
    await make.run("DELETE FROM sessions")

    with storage_away(settings):
        page = await client.post("/submit", data=fields)

    _, kept = read_form(page)
    assert {name: kept[name] for name in TEXTS} == TEXTS
    assert "Feature Requests" not in page.text


async def test_pictures_that_cannot_be_stored_leave_no_post_and_keep_the_text(
    settings: Settings, sign_in: SignIn, make: Factory
) -> None:
    client = await sign_in(await make.user())
    fields = {**await open_form(client), **TEXTS}

    with storage_away(settings):
        page = await client.post("/submit", data=fields, files=images(("a.png", PNG)))
    action, kept = read_form(page)
    posts = await make.rows("SELECT id FROM posts")
    again = await client.post(action, data=kept)

    assert posts == []
    assert CHOOSE_AGAIN in page.text
    assert again.status_code == 303
    assert await make.rows("SELECT title FROM posts") == [{"title": "Dark mode"}]


async def test_pictures_of_a_post_that_cannot_be_stored_leave_it_as_it_was(
    settings: Settings, sign_in: SignIn, make: Factory
) -> None:
    client = await sign_in(make.owner)
    code = await make.code(await make.post(title="Old", description="Old"))
    path = f"/p/{code}/edit"
    csrf = await read_csrf(client, path)

    with storage_away(settings):
        page = await client.post(path, data={"csrf": csrf, **TEXTS}, files=images(("a.png", PNG)))

    # Its token is another one, which is as good.
    assert {**read_form(page)[1], "csrf": csrf} == {"csrf": csrf, **TEXTS}
    assert CHOOSE_AGAIN in page.text
    assert await make.rows("SELECT title, description, image FROM posts") == [
        {"title": "Old", "description": "Old", "image": None}
    ]


async def test_there_is_no_vote_instead_of_a_post_whose_text_cannot_be_kept(
    settings: Settings, sign_in: SignIn, make: Factory
) -> None:
    client = await sign_in(await make.user())
    code = await make.code(await make.post())

    with storage_away(settings):
        page = await client.post("/submit", data={**await open_form(client), **TEXTS, "vote_instead": code})
    votes = await make.rows("SELECT id FROM votes")
    action, kept = read_form(page)
    again = await client.post(action, data=kept)

    assert votes == []
    assert again.headers["location"] == f"/p/{code}?notice=voted"
    assert len(await make.rows("SELECT id FROM votes")) == 1
    assert read_typed(await client.get("/submit")) == TEXTS
