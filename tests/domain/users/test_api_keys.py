"""Numbers, names and expiry of API keys: the rules that no command can break."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.errors import Conflict, FieldError, Forbidden, NotFound, ValidationFailed
from app.domain.permissions import Actor
from app.domain.portals import deletion
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import api_keys, key_formats
from app.domain.users.api_keys import IssuedKey
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.concurrency import ConcurrentWriter
from tests.support.factory import Factory

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)
DIGEST = "0" * 64
SECRET = b"secret"
ROUNDS = 20

Write = Callable[[UnitOfWork], Any]


@pytest.fixture
def write_together(make: Factory, settings: Settings) -> Iterator[ConcurrentWriter]:
    """Starts up to three writes at the same time."""
    with closing(ConcurrentWriter(settings, make.portal, lanes=3)) as writer:
        yield writer


async def require_number_is_id(make: Factory, issued: IssuedKey) -> None:
    """Require that the key's number and prefix are those of the row that has its digest."""
    row = await make.row("SELECT id, prefix FROM api_keys WHERE digest = :digest", digest=digest(issued.token))
    assert row == {"id": issued.id, "prefix": f"{issued.id}|"}
    assert issued.token.partition("|")[0] == str(issued.id)


def digest(token: str) -> str:
    return key_formats.digest(token, SECRET)


async def test_the_number_of_a_key_is_its_id_after_a_portal_was_deleted(make: Factory) -> None:
    await make.key(make.owner, "productlift")
    portal, owner = await make.new_portal("Ideas", host="ideas.example.com", email="two@example.com")
    for dialect in ("productlift", "astuto"):
        await make.key(owner, dialect, portal=portal)
    last_id = await make.value("SELECT max(id) FROM api_keys")
    await make.act(deletion.delete_portal, portal=portal)

    issued = await make.act(lambda work: api_keys.issue(work, user_id=make.owner, dialect="productlift", secret=SECRET))

    assert issued.id > last_id
    await require_number_is_id(make, issued)


@pytest.mark.parametrize("dialect", ["astuto", "productlift"])
async def test_the_repr_of_a_new_key_does_not_contain_its_text(make: Factory, dialect: str) -> None:
    issued = await make.act(lambda work: api_keys.issue(work, user_id=make.owner, dialect=dialect, secret=SECRET))

    assert repr(issued) == f"IssuedKey(id={issued.id})"


async def test_the_numbers_of_concurrently_created_keys_are_their_ids(
    make: Factory, write_together: ConcurrentWriter
) -> None:
    issued: dict[tuple[int, int], IssuedKey] = {}

    def issue(work: UnitOfWork, place: tuple[int, int]) -> None:
        issued[place] = api_keys.issue(work, user_id=make.owner, dialect="productlift", secret=SECRET)

    for number in range(ROUNDS):
        errors = write_together(*(lambda work, p=(number, lane): issue(work, p) for lane in range(3)))
        assert errors == [None] * 3

    assert len({key.id for key in issued.values()}) == 3 * ROUNDS
    for key in issued.values():
        await require_number_is_id(make, key)


def write(rule: str, owner: int, key: int, **values: Any) -> Write:
    """The rule with these values of a name or an expiry."""
    if rule == "issue":
        return lambda work: api_keys.issue(work, user_id=owner, dialect="astuto", secret=b"secret", **values)
    if rule == "import_key":
        return lambda work: api_keys.import_key(
            work, user_id=owner, dialect="astuto", digest_=DIGEST, prefix="tkn_", **values
        )
    return lambda work: api_keys.edit(work, key, **values)


@pytest.mark.parametrize("rule", ["issue", "import_key", "edit"])
@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"expires_at": NOON}, FieldError("expiry", "past")),
        ({"expires_at": NOON - timedelta(days=1)}, FieldError("expiry", "past")),
        ({"name": ""}, FieldError("name", "blank")),
        ({"name": " "}, FieldError("name", "blank")),
        ({"name": "x" * 101}, FieldError("name", "too_long", {"maximum": 100})),
    ],
)
async def test_an_invalid_name_or_expiry_changes_nothing(
    make: Factory, clock: TestClock, rule: str, values: dict[str, Any], error: FieldError
) -> None:
    clock.set(NOON)
    await make.key(make.owner, "astuto")
    before = await make.rows("SELECT * FROM api_keys")

    with pytest.raises(ValidationFailed) as failed:
        await make.act(write(rule, make.owner, before[0]["id"], **values))

    assert failed.value.errors == [error]
    assert await make.rows("SELECT * FROM api_keys") == before


@pytest.mark.parametrize("rule", ["issue", "import_key", "edit"])
async def test_the_longest_name_and_the_shortest_expiry_are_stored(make: Factory, clock: TestClock, rule: str) -> None:
    clock.set(NOON)
    await make.key(make.owner, "astuto")
    expires_at = NOON + timedelta(microseconds=1)
    key = await make.value("SELECT max(id) FROM api_keys")

    await make.act(write(rule, make.owner, key, name="ü" * 100, expires_at=expires_at))

    *_, listed = await make.act(api_keys.list_keys)
    assert (listed.name, listed.state) == ("ü" * 100, "active")
    clock.set(expires_at)
    *_, listed = await make.act(api_keys.list_keys)
    assert listed.state == "expired"


async def test_each_of_name_and_expiry_stays_when_the_other_changes(make: Factory, clock: TestClock) -> None:
    clock.set(NOON)
    await make.key(make.owner, "astuto")
    key = await make.value("SELECT max(id) FROM api_keys")
    stored = "SELECT name, expires_at FROM api_keys WHERE id = :id"
    await make.act(lambda work: api_keys.edit(work, key, expires_at=NOON + timedelta(microseconds=123456)))
    first = await make.row(stored, id=key)
    # The name of an expired key can still be changed.
    clock.set(NOON + timedelta(days=1))

    await make.act(lambda work: api_keys.edit(work, key, name="Report"))
    assert await make.row(stored, id=key) == {**first, "name": "Report"}
    await make.act(lambda work: api_keys.edit(work, key, expires_at=None))
    assert await make.row(stored, id=key) == {"name": "Report", "expires_at": None}
    await make.act(lambda work: api_keys.edit(work, key, name=None))
    assert await make.row(stored, id=key) == {"name": None, "expires_at": None}


async def test_an_edit_rejects_unknown_and_revoked_keys(make: Factory) -> None:
    await make.key(make.owner, "astuto")
    key = await make.value("SELECT max(id) FROM api_keys")
    portal, _ = await make.new_portal("Second", host="two.example.com", email="two@example.com")
    await make.act(lambda work: api_keys.revoke(work, key))

    with pytest.raises(NotFound):
        await make.act(lambda work: api_keys.edit(work, key + 1, name="Report"))
    with pytest.raises(NotFound):
        await make.act(lambda work: api_keys.edit(work, key, name="Report"), portal=portal)
    with pytest.raises(Conflict) as conflict:
        await make.act(lambda work: api_keys.edit(work, key, expires_at=None))
    assert conflict.value.code == "key.revoked"
    assert await make.row("SELECT name, expires_at FROM api_keys WHERE id = :id", id=key) == {
        "name": None,
        "expires_at": None,
    }


@pytest.mark.parametrize(
    ("role", "dialects"),
    [
        ("user", []),
        ("moderator", ["astuto"]),
        ("admin", ["astuto", "productlift"]),
        ("owner", ["astuto", "productlift"]),
    ],
)
async def test_users_create_the_keys_that_their_role_may_have(make: Factory, role: str, dialects: list[str]) -> None:
    user = make.owner if role == "owner" else await make.user(role=role)
    issued = []

    for dialect in ("astuto", "productlift"):
        try:
            issued.append(
                await make.act(
                    lambda work, dialect=dialect: api_keys.issue(  # type: ignore[misc]
                        work, user_id=user, dialect=dialect, secret=SECRET, name="Report"
                    ),
                    actor=Actor(user, role),
                )
            )
        except Forbidden as error:
            assert (role, error.permission) == ("user", "manage_keys")
        except Conflict as error:
            assert (role, error.code) == ("moderator", "key.role_too_low")

    if role == "user":
        assert issued == []
        return
    keys = await make.act(lambda work: api_keys.list_of_user(work, user), actor=Actor(user, role))
    assert [(key.id, key.dialect, key.name) for key in keys] == [
        (new.id, dialect, "Report") for new, dialect in zip(issued, dialects, strict=True)
    ]


async def test_users_see_rename_and_revoke_only_keys_of_their_own(make: Factory) -> None:
    user = await make.user(role="admin")
    own = await make.act(lambda work: api_keys.issue(work, user_id=user, dialect="astuto", secret=SECRET))
    foreign = await make.act(lambda work: api_keys.issue(work, user_id=make.owner, dialect="astuto", secret=SECRET))
    actor = Actor(user, "admin")
    rules: list[Write] = [
        rule
        for key in (foreign.id, 999_999)
        for rule in (
            lambda work, key=key: api_keys.get(work, key),  # type: ignore[misc]
            lambda work, key=key: api_keys.edit(work, key, name="Mine"),  # type: ignore[misc]
            lambda work, key=key: api_keys.revoke(work, key),  # type: ignore[misc]
        )
    ]
    rules += [
        lambda work: api_keys.issue(work, user_id=make.owner, dialect="astuto", secret=SECRET),
        lambda work: api_keys.list_of_user(work, make.owner),
    ]

    for rule in rules:
        with pytest.raises(Forbidden) as caught:
            await make.act(rule, actor=actor)
        assert caught.value.permission == "manage_keys"
    # Who has a key of an administrator must not be able to make one that stays valid after its revocation.
    with pytest.raises(Forbidden):
        await make.act(
            lambda work: api_keys.issue(work, user_id=user, dialect="astuto", secret=SECRET),
            actor=Actor(user, "admin", key_id=own.id),
        )
    await make.act(lambda work: api_keys.edit(work, own.id, name="Mine"), actor=actor)
    await make.act(lambda work: api_keys.revoke(work, own.id), actor=actor)
    rows = await make.rows("SELECT name, revoked_at IS NULL AS valid FROM api_keys ORDER BY id")
    assert [(row["name"], bool(row["valid"])) for row in rows] == [("Mine", False), (None, True)]
