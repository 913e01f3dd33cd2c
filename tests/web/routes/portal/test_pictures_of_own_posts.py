"""The pictures of a post on the page that edits it: kept, removed and added, within the limits of a new post."""

import html
import re
from typing import Any

import httpx
import pytest

from app.domain.posts import attachments
from app.domain.posts.attachments import StoredFile
from app.web import cookies
from app.web.pictures import MAX_PICTURES
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.web.routes.portal.conftest import SignIn, read_csrf
from tests.web.routes.portal.post_forms import GIF, PNG, TEXTS, images, open_form, read_errors, read_kept_pictures


async def submit(client: Client, *files: tuple[str, bytes]) -> str:
    """Create a post with these pictures; return its code."""
    data = {**await open_form(client), **TEXTS, "similar_seen": "yes"}
    response = await client.post("/submit", data=data, files=images(*files))
    match = re.search(r"-(\w{6})\?", response.headers["location"])
    assert match is not None
    return match[1]


async def edit(client: Client, code: str, *files: tuple[str, bytes], **fields: Any) -> httpx.Response:
    path = f"/p/{code}/edit"
    data = {"csrf": await read_csrf(client, path), **TEXTS, **fields}
    return await client.post(path, data=data, files=images(*files))


async def list_files(make: Factory) -> dict[str, str]:
    """The kind of each file by its original name, in the order of adding."""
    rows = await make.rows("SELECT kind, original_name FROM attachments ORDER BY id")
    return {row["original_name"]: row["kind"] for row in rows}


async def find_name(make: Factory, original_name: str) -> str:
    return str(await make.value("SELECT name FROM attachments WHERE original_name = :name", name=original_name))


async def is_stored(make: Factory, name: str) -> bool:
    stored = await make.server.services.uploads.files.open(name)
    if stored is not None:
        await stored.close()
    return stored is not None


async def test_an_author_keeps_removes_and_adds_pictures(sign_in: SignIn, visitor: Client, make: Factory) -> None:
    client = await sign_in(await make.user())
    code = await submit(client, ("one.png", PNG), ("two.gif", GIF), ("three.png", PNG))
    removed = await find_name(make, "two.gif")

    page = await client.get(f"/p/{code}/edit")
    shown = re.findall(r'<img src="(/files/[^"]+)" alt="" width', page.text)
    served = [(await visitor.get(html.unescape(path))).status_code for path in shown]
    response = await edit(client, code, ("four.png", PNG), title="Dark theme", remove=removed)

    assert served == [200] * 3
    assert re.findall(r"<label[^>]*>(Remove [^<]+)<", page.text) == [
        f"Remove {n}" for n in ("one.png", "two.gif", "three.png")
    ]
    assert 'name="remove" value="' in page.text
    assert " checked" not in page.text
    assert response.headers["location"] == f"/p/{code}?notice=saved"
    assert await list_files(make) == {"one.png": "image", "three.png": "attachment", "four.png": "attachment"}
    assert await make.value("SELECT title FROM posts") == "Dark theme"
    assert await make.value("SELECT image FROM posts") == await find_name(make, "one.png")
    assert not await is_stored(make, removed)
    after = await visitor.get(f"/p/{code}", follow_redirects=True)
    assert re.findall(r'<a href="/files/([^"]+)" data-lightbox>', after.text) == [
        await find_name(make, name) for name in ("one.png", "three.png", "four.png")
    ]


async def test_the_next_picture_becomes_the_image_when_the_image_is_removed(sign_in: SignIn, make: Factory) -> None:
    client = await sign_in(await make.user())
    code = await submit(client, ("one.png", PNG), ("two.gif", GIF))

    await edit(client, code, remove=await find_name(make, "one.png"))
    after_first = (await list_files(make), await make.value("SELECT image FROM posts"))
    second = await find_name(make, "two.gif")
    await edit(client, code, remove=second)
    after_second = (await list_files(make), await make.value("SELECT image FROM posts"))
    await edit(client, code, ("three.png", PNG), ("four.png", PNG))

    assert after_first == ({"two.gif": "image"}, second)
    assert after_second == ({}, None)
    assert await list_files(make) == {"three.png": "image", "four.png": "attachment"}
    assert await make.value("SELECT image FROM posts") == await find_name(make, "three.png")


async def test_a_form_with_errors_keeps_what_was_chosen(sign_in: SignIn, make: Factory) -> None:
    client = await sign_in(await make.user())
    code = await submit(client, ("one.png", PNG), ("two.png", PNG))
    removed = await find_name(make, "two.png")

    page = await edit(client, code, ("new.png", PNG), ("notes.txt", b"text"), title="", remove=removed)
    unchanged = await list_files(make)
    [(sealed, name)] = read_kept_pictures(page)
    response = await edit(client, code, remove=removed, pictures=sealed)

    assert page.status_code == 422
    assert read_errors(page) == {
        "title": "Enter a title.",
        "images": "notes.txt is not a picture: PNG, JPEG, GIF and WebP can be used.",
    }
    assert f'name="remove" value="{removed}" checked' in page.text
    assert (name, unchanged) == ("new.png", {"one.png": "image", "two.png": "attachment"})
    assert response.status_code == 303
    assert await list_files(make) == {"one.png": "image", "new.png": "attachment"}


async def test_a_post_never_has_more_pictures_than_a_new_one(sign_in: SignIn, make: Factory) -> None:
    client = await sign_in(await make.user())
    code = await submit(client, *((f"{number}.png", PNG) for number in range(MAX_PICTURES - 1)))
    removed = await find_name(make, "0.png")

    too_many = await edit(client, code, ("a.png", PNG), ("b.png", PNG))
    enough = await edit(client, code, ("a.png", PNG), ("b.png", PNG), remove=removed)

    assert (too_many.status_code, enough.status_code) == (422, 303)
    assert read_errors(too_many) == {"images": f"A post can have at most {MAX_PICTURES} pictures."}
    assert [name for _, name in read_kept_pictures(too_many)] == ["a.png"]
    assert len(await list_files(make)) == MAX_PICTURES


async def test_files_that_are_no_pictures_stay_and_so_do_those_of_other_posts(
    sign_in: SignIn, productlift: Client, make: Factory
) -> None:
    client = await sign_in(make.owner)
    files = {"image": ("a.png", PNG, "image/png"), "attachment": ("a.txt", b"text")}
    await productlift.post("/posts", data={"title": "Dark mode"}, files=files)
    code = await make.value("SELECT code FROM posts")
    text = await find_name(make, "a.txt")
    other = await submit(client, ("other.png", PNG))
    elsewhere = await find_name(make, "other.png")

    page = await client.get(f"/p/{code}/edit")
    await edit(client, code, remove=[text, elsewhere, "../../x"])

    assert "a.txt" not in page.text
    assert await list_files(make) == {"a.png": "image", "a.txt": "attachment", "other.png": "image"}
    assert elsewhere in (await client.get(f"/p/{other}/edit")).text
    assert await is_stored(make, elsewhere)


async def test_a_user_changes_no_picture_of_another_user(sign_in: SignIn, make: Factory) -> None:
    client, other = await sign_in(await make.user()), await sign_in(await make.user())
    code = await submit(client, ("one.png", PNG))
    name = await find_name(make, "one.png")

    response = await other.post(
        f"/p/{code}/edit", data={"csrf": await read_csrf(other), **TEXTS, "remove": name}, files=images(("x.png", PNG))
    )

    assert response.status_code == 302
    assert await list_files(make) == {"one.png": "image"}
    assert await is_stored(make, name)


async def test_pictures_of_somebody_who_was_signed_out_are_asked_for_again(
    sign_in: SignIn, visitor: Client, make: Factory
) -> None:
    jane = await make.user()
    client = await sign_in(jane)
    code = await submit(client, ("one.png", PNG))
    name = await find_name(make, "one.png")

    response = await visitor.post(
        f"/p/{code}/edit", data={"csrf": "x", "title": "Dark", "remove": name}, files=images(("new.png", PNG))
    )
    client.cookies.update({cookies.DRAFT: response.cookies[cookies.DRAFT]})
    page = await client.get(f"/p/{code}/edit")

    assert "Choose the pictures again: only your text could be kept." in page.text
    assert f'name="remove" value="{name}" checked' in page.text
    assert await list_files(make) == {"one.png": "image"}


async def test_a_picture_that_was_sent_twice_is_asked_for_again(sign_in: SignIn, make: Factory) -> None:
    client = await sign_in(await make.user())
    code = await submit(client)
    page = await edit(client, code, ("new.png", PNG), title="")
    [(sealed, _)] = read_kept_pictures(page)

    await edit(client, code, pictures=sealed)
    twice = await edit(client, code, title="Changed", pictures=sealed)

    assert twice.status_code == 422
    assert read_errors(twice) == {"images": "Choose the pictures again: only your text could be kept."}
    assert await list_files(make) == {"new.png": "image"}
    assert await make.value("SELECT title FROM posts") == "Dark mode"


@pytest.mark.parametrize("kinds", [("image", "attachment"), ("attachment", "image")])
async def test_the_image_is_the_first_of_the_pictures(make: Factory, kinds: tuple[str, str]) -> None:
    post = await make.post()
    for number, kind in enumerate(kinds):
        file = StoredFile(kind, f"{'abcdef' * 5}{number}.png", f"{kind}.png", "image/png", 8)  # type: ignore[arg-type]
        await make.act(lambda work, file=file: attachments.add(work, post_id=post, file=file))  # type: ignore[misc]

    pictures = await make.act(lambda work: [row["original_name"] for row in attachments.list_pictures(work, post)])

    assert pictures == ["image.png", "attachment.png"]
