"""Single sign-on: who is created, who is updated, and who is refused."""

import asyncio
from typing import Any

import pytest

from app.domain.errors import Conflict
from app.domain.users import sign_on
from app.domain.users.attributes import SIGN_ON_ATTRIBUTES
from app.domain.users.sign_on import SignOn
from tests.support.factory import Factory

ROWS = "SELECT id, uid, email, name, role FROM users WHERE uid IS NOT NULL OR name = 'Jane Roe' ORDER BY id"


def who(email: str = "jane@example.com", uid: str | None = "u-1", name: str | None = "Jane Roe", **rest: Any) -> SignOn:
    return SignOn(email, uid, name, rest)


async def enter(make: Factory, person: SignOn) -> int:
    return (await make.act(lambda work: sign_on.sign_on(work, person))).id


async def user_row(make: Factory, user: int) -> dict[str, Any]:
    names = ("uid", "email", "email_key", "name", "role", *SIGN_ON_ATTRIBUTES)
    row = (await make.rows(f"SELECT {', '.join(names)} FROM users WHERE id = {user}"))[0]
    return {name: row[name] for name in names if row[name] is not None}


async def test_an_unknown_person_becomes_a_user_with_everything_that_was_sent(make: Factory) -> None:
    attributes = {name: f"{name}'s" for name in SIGN_ON_ATTRIBUTES} | {"mrr": 99.99, "arr": 1200.0, "ltv": 0.5}

    user = await enter(make, who(**attributes))

    identity = {"uid": "u-1", "email": "jane@example.com", "email_key": "jane@example.com", "name": "Jane Roe"}
    assert await user_row(make, user) == {**identity, "role": "user", **attributes}
    facts = await make.facts("user.registered")
    assert [(fact["subject_id"], fact["user_id"], fact["actor_id"]) for fact in facts][-1] == (user, user, None)


async def test_a_person_without_a_name_is_named_by_the_address(make: Factory) -> None:
    assert (await user_row(make, await enter(make, who("ada.lind@example.com", None, None))))["name"] == "Ada Lind"


async def test_a_known_person_is_found_by_uid_then_by_address(make: Factory) -> None:
    by_address = await make.user(name="Old", email="jane@example.com")

    assert await enter(make, who(company="Roe")) == by_address
    assert await enter(make, who("roe@example.com", "u-1", None)) == by_address
    assert await enter(make, who("roe@example.com", None, "Ms Roe", mrr=5.0)) == by_address

    identity = {"uid": "u-1", "email": "roe@example.com", "email_key": "roe@example.com", "name": "Ms Roe"}
    assert await user_row(make, by_address) == {**identity, "role": "user", "company": "Roe", "mrr": 5.0}
    assert len(await make.facts("user.registered")) == 2


async def test_signing_on_again_changes_no_row(make: Factory, clock: Any) -> None:
    user = await enter(make, who(mrr=5.0))
    before = await make.value("SELECT updated_at FROM users WHERE id = :id", id=user)
    clock.advance(minutes=1)

    await enter(make, who(mrr=5.0))
    assert await make.value("SELECT updated_at FROM users WHERE id = :id", id=user) == before
    await enter(make, who(mrr=6.0))
    assert await make.value("SELECT updated_at FROM users WHERE id = :id", id=user) != before


@pytest.mark.parametrize("role", ["moderator", "admin", "owner"])
async def test_nobody_of_the_team_signs_on(make: Factory, role: str) -> None:
    user = make.owner if role == "owner" else await make.user(name="Ann", email="ann@example.com", role=role)
    email = await make.value("SELECT email FROM users WHERE id = :id", id=user)
    before = await user_row(make, user)

    with pytest.raises(Conflict, match=r"sign_on\.team"):
        await enter(make, who(email, "u-9", "Taken over"))
    await make.act(lambda work: None)
    assert await user_row(make, user) == before


async def test_a_promoted_user_does_not_sign_on_by_uid(make: Factory) -> None:
    user = await enter(make, who())
    await make.run("UPDATE users SET role = 'moderator' WHERE id = :id", id=user)

    with pytest.raises(Conflict, match=r"sign_on\.team"):
        await enter(make, who())


async def test_a_blocked_user_does_not_sign_on(make: Factory) -> None:
    user = await enter(make, who())
    await make.run("UPDATE users SET blocked_at = created_at WHERE id = :id", id=user)

    with pytest.raises(Conflict, match=r"sign_on\.blocked"):
        await enter(make, who(name="New"))
    assert (await user_row(make, user))["name"] == "Jane Roe"


async def test_a_person_does_not_take_the_address_of_another_user(make: Factory) -> None:
    user = await enter(make, who())

    with pytest.raises(Conflict, match=r"sign_on\.email_taken"):
        await enter(make, who("owner@example.com"))
    assert (await user_row(make, user))["email"] == "jane@example.com"


async def test_the_same_new_person_twice_at_once_becomes_one_user(make: Factory) -> None:
    users = await asyncio.gather(*(enter(make, who(company=f"Company {number}")) for number in range(8)))

    assert len(set(users)) == 1
    assert len(await make.facts("user.registered")) == 2


async def test_portals_have_separate_people(make: Factory) -> None:
    first = await enter(make, who())
    other, _ = await make.new_portal("Second", host="two.example.com", email="two@example.com")

    second = (await make.act(lambda work: sign_on.sign_on(work, who(company="Second")), portal=other)).id

    assert second != first
    assert "company" not in await user_row(make, first)
