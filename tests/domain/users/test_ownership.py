"""The transfer of the ownership, alone and beside other changes."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from app.domain.errors import Conflict, DomainError, Forbidden, NotFound
from app.domain.permissions import Actor
from app.domain.portals import portals
from app.domain.users import deletion, ownership, users
from app.settings import Settings
from tests.support.clients import Client
from tests.support.concurrency import ConcurrentWriter
from tests.support.factory import Factory

ROUNDS = 20


@pytest.fixture
def write(make: Factory, settings: Settings) -> Iterator[ConcurrentWriter]:
    """Starts up to three writes at the same time."""
    with closing(ConcurrentWriter(settings, make.portal, lanes=3)) as writer:
        yield writer


async def roles(make: Factory) -> dict[int, str]:
    return {row["id"]: row["role"] for row in await make.rows("SELECT id, role FROM users")}


async def test_the_owner_becomes_an_administrator_and_another_user_the_owner(make: Factory) -> None:
    jane, joe = await make.user(role="user"), await make.user(role="moderator")
    elsewhere, other_owner = await make.new_portal("Ideas", host="ideas.example.com", email="owner@example.com")

    former_owner = await make.act(lambda work: ownership.transfer(work, jane))

    assert former_owner == make.owner
    assert await roles(make) == {make.owner: "admin", jane: "owner", joe: "moderator", other_owner: "owner"}
    assert await make.act(lambda work: ownership.transfer(work, make.owner)) == jane
    assert await roles(make) == {make.owner: "owner", jane: "admin", joe: "moderator", other_owner: "owner"}
    with pytest.raises(NotFound):
        await make.act(lambda work: ownership.transfer(work, jane), portal=elsewhere)


async def test_keys_stay_valid_with_the_new_roles(make: Factory, astuto: Client) -> None:
    jane = await make.user(role="moderator")
    # The former owner keeps the keys of both dialects: an administrator may have them.
    keys = [
        await make.key(make.owner, "productlift"),
        await make.key(jane, "astuto"),
        await make.key(make.owner, "astuto"),
    ]

    await make.act(lambda work: ownership.transfer(work, jane))
    make.server.services.authenticator.invalidate()

    principals = [await make.server.services.authenticator.authenticate(key) for key in keys]
    assert [principal and (principal.user_id, principal.role) for principal in principals] == [
        (make.owner, "admin"),
        (jane, "owner"),
        (make.owner, "admin"),
    ]
    # What only the owner may do has changed hands, too: nobody can block the owner.
    assert (await astuto.of(keys[1]).put(f"/users/{make.owner}/block")).status_code == 200
    assert (await astuto.of(keys[1]).get("/boards")).status_code == 200


async def test_a_portal_without_an_owner_gets_one(make: Factory) -> None:
    portal = await make.act(lambda work: portals.create(work, title="Ideas", host="ideas.example.com"))
    jane = await make.user(portal=portal)

    assert await make.act(lambda work: ownership.transfer(work, jane), portal=portal) is None

    assert await roles(make) == {make.owner: "owner", jane: "owner"}


async def test_only_the_operator_transfers_and_only_to_an_active_user(make: Factory) -> None:
    jane, blocked, deleted = [await make.user(role="admin") for _ in range(3)]
    await make.act(lambda work: users.block(work, blocked))
    await make.act(lambda work: deletion.delete(work, deleted, with_content=False))
    before = await make.rows("SELECT * FROM users ORDER BY id")

    async def error(user: int, **options: Any) -> DomainError:
        with pytest.raises(DomainError) as caught:
            await make.act(lambda work: ownership.transfer(work, user), **options)
        return caught.value

    assert isinstance(await error(jane, actor=Actor(make.owner, "owner")), Forbidden)
    for user in (deleted, 99):
        assert isinstance(await error(user), NotFound)
    for user, code in ((blocked, "owner.blocked"), (make.owner, "owner.unchanged")):
        failure = await error(user)
        assert isinstance(failure, Conflict)
        assert failure.code == code
    assert await make.rows("SELECT * FROM users ORDER BY id") == before


async def test_concurrent_transfers_leave_one_owner(make: Factory, write: ConcurrentWriter) -> None:
    people = [await make.user(role="admin") for _ in range(3)]
    for _ in range(ROUNDS):
        errors = write(*(lambda work, user=user: ownership.transfer(work, user) for user in people))

        # Each transfer finds the owner that the one before made; only the owner of the last round may be refused.
        codes = [error.code for error in errors if error is not None]
        assert codes in ([], ["owner.unchanged"])
        current = await roles(make)
        assert sorted(current.values()) == ["admin", "admin", "admin", "owner"]
        assert current[make.owner] == "admin"


async def test_a_portal_without_an_owner_gets_one_of_two_concurrent_ones(
    make: Factory, write: ConcurrentWriter
) -> None:
    outcomes = []
    for number in range(ROUNDS):
        portal = await make.act(lambda work, n=number: portals.create(work, title="Ideas", host=f"{n}.example.com"))
        jane = await make.user(portal=portal)

        def transfer(work: Any, portal: int = portal, jane: int = jane) -> None:
            work.portal_id = portal
            ownership.transfer(work, jane)

        def create(work: Any, portal: int = portal) -> None:
            work.portal_id = portal
            users.create(work, email="owner@example.com", name="Owner", role="owner")

        outcomes += [write(transfer, create)]
        owners = "SELECT count(*) FROM users WHERE portal_id = :id AND role = 'owner'"
        assert await make.value(owners, id=portal) == 1
    # The transfer may come first, and then nobody else can be created as owner; or the new owner is demoted.
    for transferred, created in outcomes:
        for error in (transferred, created):
            assert error is None or (isinstance(error, Conflict) and error.code == "owner.taken")
        assert transferred is None or created is None


async def test_the_new_owner_is_not_blocked_or_deleted_at_the_same_time(make: Factory, write: ConcurrentWriter) -> None:
    for _ in range(ROUNDS):
        jane, joe = await make.user(role="admin"), await make.user(role="admin")

        transferred, blocked = write(
            lambda work, jane=jane: ownership.transfer(work, jane), lambda work, jane=jane: users.block(work, jane)
        )
        assert (transferred is None) == isinstance(blocked, Forbidden)
        transferred, deleted = write(
            lambda work, joe=joe: ownership.transfer(work, joe),
            lambda work, joe=joe: deletion.delete(work, joe, with_content=True),
        )
        assert (transferred is None) == (isinstance(deleted, Conflict) and deleted.code == "user.is_owner")

        (owner,) = await make.rows("SELECT blocked_at, deleted_at FROM users WHERE role = 'owner'")
        assert set(owner.values()) == {None}
