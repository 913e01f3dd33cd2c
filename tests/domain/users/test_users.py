"""Rules of users that both dialects and the command line share."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from app.adapters import passwords
from app.domain.errors import FieldError, Forbidden, NotFound, ValidationFailed
from app.domain.models.users import ROLES
from app.domain.permissions import Actor
from app.domain.users import users
from tests.conftest import TestClock
from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory

MONDAY = datetime(2026, 1, 12, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("email", "name"),
    [
        ("jane.doe@x.org", "Jane Doe"),
        ("JANE_van-der.roe@x.org", "Jane Van Der Roe"),
        ("..jane..@x.org", "Jane"),
        ("._-@x.org", "User"),
        ("j" * 120 + "@x.org", "J" + "j" * 99),
    ],
)
def test_a_name_is_derived_from_an_email(email: str, name: str) -> None:
    assert users.display_name_from(email) == name


async def test_the_owner_role_can_be_neither_given_nor_removed(make: Factory) -> None:
    admin = await make.user(role="admin")

    for who, role in ((admin, "owner"), (make.owner, "admin")):
        with pytest.raises(ValidationFailed) as refused:
            await make.act(lambda work, who=who, role=role: users.update(work, who, role=role))
        assert refused.value.errors == [FieldError("role", "owner")]
    assert await make.value("SELECT role FROM users WHERE id = :id", id=admin) == "admin"


@pytest.mark.parametrize("change", [{"email": "mine@example.com"}, {"password_hash": "mine"}])
async def test_only_owner_and_operator_can_change_the_email_of_the_owner(change: dict[str, str], make: Factory) -> None:
    admin = Actor(user_id=await make.user(role="admin"), role="admin")
    owner = Actor(user_id=make.owner, role="owner")
    ((field, value),) = change.items()

    with pytest.raises(Forbidden) as refused:
        await make.act(lambda work: users.update(work, make.owner, name="Mine", **change), actor=admin)
    assert refused.value.permission == "change_sign_in"
    assert await make.value("SELECT name FROM users WHERE id = :id", id=make.owner) == "Owner"

    await make.act(lambda work: users.update(work, make.owner, **change), actor=owner)
    assert await make.value(f"SELECT {field} FROM users WHERE id = :id", id=make.owner) == value
    await make.act(lambda work: users.update(work, make.owner, **{field: f"other{value}"}))
    assert await make.value(f"SELECT {field} FROM users WHERE id = :id", id=make.owner) == f"other{value}"


async def test_a_taken_email_is_rejected(make: Factory) -> None:
    jane = await make.user(email="jane@example.com")

    with pytest.raises(ValidationFailed) as refused:
        await make.act(lambda work: users.update(work, jane, email=" OWNER@example.com"))

    assert refused.value.errors == [FieldError("email", "taken")]
    assert await make.value("SELECT email FROM users WHERE id = :id", id=jane) == "jane@example.com"


async def test_an_email_too_long_in_lower_case_is_rejected(make: Factory) -> None:
    jane = await make.user()
    long = "İ" * 200 + "@x.org"

    for operation in (
        lambda work: users.update(work, jane, email=long),
        lambda work: users.create(work, email=long, name="Jane"),
    ):
        with pytest.raises(ValidationFailed) as refused:
            await make.act(operation)
        assert refused.value.errors == [FieldError("email", "invalid")]


async def test_only_a_change_sets_updated_at(make: Factory, clock: TestClock) -> None:
    clock.set(MONDAY)
    jane = await make.user(name="Jane Roe")
    moment = "SELECT updated_at FROM users WHERE id = :id"
    before = await make.value(moment, id=jane)
    clock.advance(seconds=1)

    await make.act(lambda work: users.update(work, jane, name="Jane Roe"))
    assert await make.value(moment, id=jane) == before
    await make.act(lambda work: users.update(work, jane, name="Ms Roe"))
    assert await make.value(moment, id=jane) != before


@pytest.mark.parametrize(("role", "of_astuto"), [("moderator", 200), ("user", 401)])
async def test_a_key_is_revoked_when_the_role_becomes_too_low(
    role: str, of_astuto: int, make: Factory, productlift: Client
) -> None:
    admin = await make.user(role="admin")
    keys = {dialect: await make.key(admin, dialect) for dialect in ("astuto", "productlift")}

    await make.act(lambda work: users.update(work, admin, role=role))
    make.server.services.authenticator.invalidate()

    assert (await productlift.of(keys["astuto"]).get("/boards")).status_code == of_astuto
    assert (await productlift.of(keys["productlift"]).get("/portal")).status_code == 401


async def test_blocking_and_unblocking_are_idempotent(make: Factory, clock: TestClock) -> None:
    clock.set(MONDAY)
    jane = await make.user()
    state: Any = "SELECT blocked_at, updated_at FROM users WHERE id = :id"

    await make.act(lambda work: users.block(work, jane))
    blocked = await make.row(state, id=jane)
    clock.advance(seconds=1)
    await make.act(lambda work: users.block(work, jane))
    assert await make.row(state, id=jane) == blocked
    assert blocked["blocked_at"] is not None

    await make.act(lambda work: users.unblock(work, jane))
    free = await make.row(state, id=jane)
    clock.advance(seconds=1)
    await make.act(lambda work: users.unblock(work, jane))
    assert await make.row(state, id=jane) == free
    assert free["blocked_at"] is None


async def test_an_unknown_user_can_be_neither_changed_nor_blocked(make: Factory, productlift: Client) -> None:
    gone = await make.user()
    await productlift.delete(f"/users/{await make.uuid(gone)}")

    for operation in (users.block, users.unblock, users.update):
        with pytest.raises(NotFound):
            await make.act(lambda work, operation=operation: operation(work, 99))
    with pytest.raises(NotFound):
        await make.act(lambda work: users.update(work, gone, name="Back"))
    # A deleted user may be blocked, and stays deleted.
    await make.act(lambda work: users.block(work, gone))
    row = await make.row("SELECT blocked_at, deleted_at FROM users WHERE id = :id", id=gone)
    assert None not in row.values()


async def test_a_moderator_can_neither_change_nor_unblock_a_user(make: Factory) -> None:
    jane = await make.user()
    moderator = Actor(user_id=None, role="moderator")

    for operation in (users.unblock, users.update):
        with pytest.raises(Forbidden):
            await make.act(lambda work, operation=operation: operation(work, jane), actor=moderator)


@pytest.mark.parametrize(("role", "highest"), [("moderator", "moderator"), ("admin", "admin")])
async def test_a_user_with_a_higher_role_can_not_be_created(role: str, highest: str, make: Factory) -> None:
    actor = Actor(user_id=await make.user(role=role), role=role)
    before = await make.value("SELECT count(*) FROM users")

    for wanted in ROLES[ROLES.index(highest) + 1 :]:
        with pytest.raises(Forbidden):
            await make.act(
                lambda work, wanted=wanted: users.create(work, email="a@x.org", name="A", role=wanted), actor=actor
            )
    assert await make.value("SELECT count(*) FROM users") == before
    await make.act(lambda work: users.create(work, email="a@x.org", name="A", role=highest), actor=actor)


def test_only_the_right_password_is_verified() -> None:
    stored = passwords.hash_password("correct horse 🐎")

    assert stored.startswith("$argon2id$")
    assert passwords.verify_and_rehash("correct horse 🐎", stored).is_valid
    assert not passwords.verify_and_rehash("correct horse", stored).is_valid
    assert passwords.hash_password("correct horse 🐎") != stored


async def test_one_of_several_concurrent_users_with_one_email_succeeds(productlift: Client) -> None:
    sent = {"email": "jane@example.com", "role": "member"}

    responses = await asyncio.gather(*(productlift.post("/users", json=sent) for _ in range(6)))

    assert sorted(response.status_code for response in responses) == [200, 422, 422, 422, 422, 422]
    assert len({str(status_and_json(response)) for response in responses if response.status_code == 422}) == 1
