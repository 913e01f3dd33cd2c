"""The export of one's own data, and the deletion of the account."""

import pytest

from app.adapters.passwords import hash_password
from app.application import Application
from app.domain.users import profile, users
from app.domain.users.users import DELETED_NAME
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.support.images import encode, make_image
from tests.web.routes.portal.conftest import SignIn
from tests.web.routes.portal.profile_forms import list_files, place, send

PASSWORD = "a-good-password"
PAGE = "/profile/delete"


async def with_content(make: Factory, *, password: str | None = None, email: str | None = "jane@example.com") -> int:
    """A user with a post, a comment and a vote."""
    user = await make.user(name="Jane Roe", email=email)
    if password is not None:
        hashed = hash_password(password)
        await make.act(lambda work: users.update(work, user, password_hash=hashed))
    post = await make.post(title="By Jane", author=user)
    await make.comment(await make.post(), author=user, body="A word of Jane")
    await make.vote(post, user)
    return user


async def count_content(make: Factory, user: int) -> list[int]:
    return [
        await make.value(f"SELECT count(*) FROM {table} WHERE user_id = :id", id=user)
        for table in ("posts", "comments", "votes")
    ]


async def test_the_export_is_a_file_with_the_users_own_data(visitor: Client, make: Factory, sign_in: SignIn) -> None:
    user = await with_content(make)
    await make.post(title="By another user")
    browser = await sign_in(user)
    picture = encode(make_image("RGB", (9, 9)), "PNG")
    await send(browser, "/profile/picture", files={"picture": ("me.png", picture)})
    await send(browser, "/submit", "/submit", files={"images": ("a.png", picture)}, title="Zoom", similar_seen="yes")
    await make.run("UPDATE posts SET moderation = 'rejected' WHERE title = 'Zoom'")
    await make.run("UPDATE portals SET is_private = true")

    response = await browser.get("/profile/export")

    assert response.headers["content-disposition"] == 'attachment; filename="my-data.json"'
    assert response.headers["cache-control"] == "private, no-store"
    data = response.json()
    assert (data["profile"]["email"], data["is_complete"]) == ("jane@example.com", True)
    assert [post["title"] for post in data["posts"]] == ["By Jane", "Zoom"]
    # Nobody else can see these files, and their addresses work without a session.
    for address in (data["profile"]["picture_address"], data["files"][0]["address"]):
        assert address.startswith("http://feedback.example.com/files/")
        assert (await visitor.get(address)).status_code == 200
        assert (await visitor.get(address.partition("?")[0])).status_code == 404
    assert [comment["body"] for comment in data["comments"]] == ["A word of Jane"]
    assert len(data["sessions"]) == 1


@pytest.mark.parametrize(("content", "left"), [("keep", [1, 1, 1]), ("delete", [0, 0, 0])])
async def test_the_account_is_deleted_with_or_without_its_content(
    visitor: Client, make: Factory, sign_in: SignIn, server: Application, content: str, left: list[int]
) -> None:
    user = await with_content(make, password=PASSWORD)
    browser, other = await sign_in(user), await sign_in(user)
    picture = encode(make_image("RGB", (9, 9)), "PNG")
    await send(browser, "/profile/picture", files={"picture": ("me.png", picture)})

    response = await send(browser, PAGE, PAGE, content=content, current_password=PASSWORD)

    assert place(response) == (303, "/?notice=account-deleted")
    assert 'earshot_session=""; HttpOnly; Max-Age=0' in response.headers["set-cookie"]
    assert "Your account is deleted." in (await browser.get(response.headers["location"])).text
    assert (await other.get("/profile")).status_code == 303
    row = await make.row("SELECT email, name, deleted_at FROM users WHERE id = :id", id=user)
    assert (row["email"], row["name"]) == (None, DELETED_NAME)
    assert row["deleted_at"] is not None
    assert await count_content(make, user) == left
    assert await list_files(server) == []
    assert await make.wrong_counters() == []


@pytest.mark.parametrize(
    ("password", "email", "fields", "field"),
    [
        (PASSWORD, "jane@example.com", {"current_password": "wrong"}, "current_password"),
        (PASSWORD, "jane@example.com", {"confirmation": "jane@example.com"}, "current_password"),
        (None, "jane@example.com", {"confirmation": "jim@example.com"}, "confirmation"),
        (None, "jane@example.com", {}, "confirmation"),
        (None, None, {"confirmation": ""}, "confirmation"),
        (PASSWORD, "jane@example.com", {"current_password": PASSWORD, "content": ""}, "content"),
        (PASSWORD, "jane@example.com", {"current_password": PASSWORD, "content": "all"}, "content"),
    ],
)
async def test_an_account_is_not_deleted_by_mistake(
    make: Factory, sign_in: SignIn, password: str | None, email: str | None, fields: dict[str, str], field: str
) -> None:
    user = await with_content(make, password=password, email=email)
    browser = await sign_in(user)

    response = await send(browser, PAGE, PAGE, **{"content": "delete", **fields})

    assert response.status_code == 422
    assert f'id="error-{field}"' in response.text
    assert PASSWORD not in response.text
    assert (await browser.get("/profile")).status_code == 200
    assert await count_content(make, user) == [1, 1, 1]


@pytest.mark.parametrize(("email", "typed"), [("jane@example.com", " Jane@Example.com "), (None, "Jane Roe")])
async def test_without_a_password_the_address_or_the_name_is_typed(
    make: Factory, sign_in: SignIn, email: str | None, typed: str
) -> None:
    user = await with_content(make, email=email)
    browser = await sign_in(user)

    response = await send(browser, PAGE, PAGE, content="keep", confirmation=typed)

    assert response.status_code == 303
    assert await make.value("SELECT deleted_at FROM users WHERE id = :id", id=user) is not None


async def test_the_owner_cannot_delete_the_account(make: Factory, sign_in: SignIn) -> None:
    browser = await sign_in(make.owner)
    for page in ("/profile/data", PAGE):
        assert "You are the owner of this portal" in (await browser.get(page)).text

    response = await send(browser, PAGE, PAGE, content="keep", confirmation="owner@example.com")

    assert response.status_code == 422
    assert "The owner of the portal can&#39;t delete the account." in response.text
    assert (await make.act(lambda work: profile.get(work, make.owner))).email == "owner@example.com"
