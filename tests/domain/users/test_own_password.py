"""The password of a user who is signed in."""

import pytest

from app.domain.errors import Conflict, Forbidden, NotFound
from app.domain.permissions import OPERATOR, VISITOR, Actor
from app.domain.users import own_password, sessions
from tests.support.factory import Factory


async def find(make: Factory, user: int) -> str | None:
    return await make.act(lambda work: own_password.find_hash(work, user))


async def change(make: Factory, user: int, verified: str | None, new: str, *, actor: Actor = OPERATOR) -> None:
    await make.act(
        lambda work: own_password.change(
            work, user, verified_hash=verified, new_hash=new, removes_passkeys=False, revokes_keys=False
        ),
        actor=actor,
    )


async def test_the_own_session_stays(make: Factory) -> None:
    user = await make.user()
    for _ in range(2):
        await make.act(lambda work: sessions.create(work, user_id=user, method="link", user_agent=""))
    ids = [row["id"] for row in await make.rows("SELECT id FROM sessions ORDER BY id")]

    await change(make, user, None, "first", actor=Actor(user, "user", session_id=ids[0]))

    assert await find(make, user) == "first"
    assert [row["id"] for row in await make.rows("SELECT id FROM sessions")] == [ids[0]]
    assert len(await make.facts("user.password_changed")) == 1


@pytest.mark.parametrize("verified", [None, "older"])
async def test_a_password_that_was_changed_meanwhile_stays(make: Factory, verified: str | None) -> None:
    user = await make.user()
    await change(make, user, None, "present")

    with pytest.raises(Conflict) as caught:
        await change(make, user, verified, "new")

    assert caught.value.code == "password.changed"
    assert await find(make, user) == "present"
    assert len(await make.facts("user.password_changed")) == 1


async def test_the_password_is_for_its_user(make: Factory) -> None:
    user, other = await make.user(), await make.user()
    for actor in (VISITOR, Actor(other, "owner"), Actor(user, "user", key_id=1)):
        with pytest.raises(Forbidden):
            await change(make, user, None, "new", actor=actor)
        with pytest.raises(Forbidden):
            await make.act(lambda work: own_password.find_hash(work, user), actor=actor)
    _, stranger = await make.new_portal("Other", host="other.example.com", email="a@example.com")
    with pytest.raises(NotFound):
        await change(make, stranger, None, "new")
    assert await find(make, user) is None
