"""What users change about themselves, and the deletion of the own account."""

from collections.abc import Callable
from typing import Any

import pytest

from app.adapters.database import NO_PORTAL
from app.domain.errors import Conflict, DomainError, FieldError, Forbidden, NotFound, ValidationFailed
from app.domain.permissions import VISITOR, Actor, Permission
from app.domain.portals import portals
from app.domain.posts import attachments
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import deletion, own_data, profile
from tests.support.clients import Client
from tests.support.factory import Factory

PICTURE = "A" * 22 + ".png"


async def act(make: Factory, user: int, rule: Callable[[UnitOfWork], Any], *, role: str = "user") -> Any:
    return await make.act(rule, actor=Actor(user, role))


async def error_of(write: Any) -> str:
    with pytest.raises(DomainError) as caught:
        await write
    return repr(caught.value)


async def test_users_change_name_and_language(make: Factory) -> None:
    user = await make.user(name="Jane Roe", email="jane@example.com")

    await act(make, user, lambda work: profile.edit(work, user, name=" Jane Doe ", locale="de"))
    await act(make, user, lambda work: profile.edit(work, user, name="Jane Poe"))

    found = await act(make, user, lambda work: profile.get(work, user))
    assert (found.name, found.email, found.role, found.locale) == ("Jane Poe", "jane@example.com", "user", "de")
    await act(make, user, lambda work: profile.edit(work, user, locale=None))
    assert (await act(make, user, lambda work: profile.get(work, user))).locale is None


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"name": " "}, FieldError("name", "blank")),
        ({"name": "x" * 101}, FieldError("name", "too_long", {"max": 100})),
        ({"name": "a\nb"}, FieldError("name", "invalid")),
        ({"locale": "../de"}, FieldError("locale", "invalid")),
        ({"locale": ""}, FieldError("locale", "invalid")),
        ({"locale": "de-" + "x" * 20}, FieldError("locale", "invalid")),
    ],
)
async def test_bad_names_and_languages_are_rejected(make: Factory, values: dict[str, str], error: FieldError) -> None:
    user = await make.user(name="Jane Roe")

    found = await error_of(act(make, user, lambda work: profile.edit(work, user, **values)))

    assert found == repr(ValidationFailed([error]))
    assert await make.value("SELECT name FROM users WHERE id = :id", id=user) == "Jane Roe"


async def test_an_account_is_for_its_user_and_the_operator(make: Factory) -> None:
    user, other = await make.user(), await make.user()
    _, stranger = await make.new_portal("Other", host="other.example.com", email="a@example.com")
    rules: list[Callable[[UnitOfWork, int], Any]] = [
        profile.get,
        lambda work, whose: profile.edit(work, whose, name="Mine"),
        lambda work, whose: profile.set_picture(work, whose, PICTURE),
        own_data.export_own_data,
    ]

    for rule in rules:
        for actor in (VISITOR, Actor(user, "user"), Actor(user, "admin"), Actor(other, "user", key_id=1)):
            failed = await error_of(make.act(lambda work, rule=rule: rule(work, other), actor=actor))  # type: ignore[misc]
            assert failed == repr(Forbidden(Permission.MANAGE_ACCOUNT))
        assert await error_of(make.act(lambda work, rule=rule: rule(work, stranger))) == repr(  # type: ignore[misc]
            NotFound("user", stranger)
        )
    await make.act(lambda work: profile.edit(work, other, name="Jim"))
    assert await make.value("SELECT name FROM users WHERE id = :id", id=other) == "Jim"


async def test_a_picture_is_served_and_kept_until_it_is_replaced(make: Factory, anyone: Client) -> None:
    user = await make.user()
    visitor = anyone.of(None, base="")
    files = make.server.services.uploads.files
    await files.put(PICTURE, b"picture", "image/png")

    assert await act(make, user, lambda work: profile.set_picture(work, user, PICTURE)) == []
    response = await visitor.get(f"/files/{PICTURE}")
    assert (response.status_code, response.headers["content-type"], response.content) == (200, "image/png", b"picture")
    other = "B" * 22 + ".png"
    orphans = await make.server.database.write(lambda work: attachments.find_orphans(work, [PICTURE, other]), NO_PORTAL)
    assert orphans == [other]
    await make.act(lambda work: portals.update_setting(work, setting="is_private", value=True))
    assert (await visitor.get(f"/files/{PICTURE}")).status_code == 404
    await make.act(lambda work: portals.update_setting(work, setting="is_private", value=False))
    assert await act(make, user, lambda work: profile.set_picture(work, user, None)) == [PICTURE]
    assert (await visitor.get(f"/files/{PICTURE}")).status_code == 404


async def test_a_picture_of_another_portal_is_unknown(make: Factory) -> None:
    portal, stranger = await make.new_portal("Other", host="other.example.com", email="a@example.com")
    await make.act(lambda work: profile.set_picture(work, stranger, PICTURE), portal=portal)

    assert await make.act(lambda work: profile.find_picture(work, PICTURE)) is None
    assert await make.act(lambda work: profile.find_picture(work, PICTURE), portal=portal) is True


@pytest.mark.parametrize("with_content", [False, True])
async def test_users_delete_themselves_and_keep_or_delete_what_they_wrote(make: Factory, with_content: bool) -> None:
    user, other = await make.user(name="Jane Roe"), await make.user()
    await make.post(author=user)
    foreign = await make.post(author=other, votes_by=[user])
    await make.comment(foreign, author=user)
    await make.group(members=[user, other])
    await act(make, user, lambda work: profile.set_picture(work, user, PICTURE))

    assert await error_of(act(make, user, lambda work: deletion.delete(work, other, with_content=True))) == repr(
        Forbidden(Permission.MANAGE_USERS)
    )
    deleted = await act(make, user, lambda work: deletion.delete(work, user, with_content=with_content))

    assert deleted.files == [PICTURE]
    row = await make.row("SELECT name, email, picture FROM users WHERE id = :id", id=user)
    assert row == {"name": "[User Deleted]", "email": None, "picture": None}
    counts = [
        await make.value(f"SELECT count(*) FROM {table} WHERE user_id = :u", u=user)
        for table in ("posts", "comments", "votes")
    ]
    assert counts == ([0, 0, 0] if with_content else [1, 1, 1])
    assert [row["user_id"] for row in await make.rows("SELECT user_id FROM group_members")] == [other]
    assert await make.wrong_counters() == []


async def test_the_owner_can_not_delete_the_own_account(make: Factory) -> None:
    found = await error_of(
        act(make, make.owner, lambda work: deletion.delete(work, make.owner, with_content=False), role="owner")
    )

    assert found == repr(Conflict("user.is_owner"))
