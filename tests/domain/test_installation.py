"""Which secret the database's keys were made with."""

import pytest

from app.domain import installation
from app.domain.errors import Conflict
from tests.conftest import SECRET
from tests.support.factory import Factory

OURS, OTHER = SECRET.encode(), b"another secret of the server 012345"


async def test_the_first_secret_is_accepted_and_any_other_rejected(make: Factory) -> None:
    assert await make.rows("SELECT * FROM installation") == []

    await make.act(lambda work: installation.require_secret(work, OURS))
    await make.act(lambda work: installation.require_secret(work, OURS))

    assert await make.rows("SELECT * FROM installation") == [
        {"id": 1, "secret_fingerprint": installation.fingerprint(OURS)}
    ]
    with pytest.raises(Conflict, match=r"secret\.other"):
        await make.act(lambda work: installation.require_secret(work, OTHER))
    assert await make.act(lambda work: installation.secret_matches(work, OURS))
    assert not await make.act(lambda work: installation.secret_matches(work, OTHER))


async def test_accepting_another_secret_revokes_the_keys_that_depend_on_it(make: Factory) -> None:
    await make.act(lambda work: installation.require_secret(work, OURS))
    await make.key(make.owner, "astuto")
    await make.key(make.owner, "productlift")
    await make.run("UPDATE api_keys SET scheme = 'astuto' WHERE dialect = 'astuto'")

    assert await make.act(lambda work: installation.accept_secret(work, OURS)) == 0
    assert await make.act(lambda work: installation.accept_secret(work, OTHER)) == 1

    ended = await make.rows("SELECT dialect FROM api_keys WHERE revoked_at IS NOT NULL")
    assert ended == [{"dialect": "productlift"}]
    assert await make.act(lambda work: installation.secret_matches(work, OTHER))


async def test_accepting_a_secret_revokes_keys_with_an_unknown_secret(make: Factory) -> None:
    await make.key(make.owner, "astuto")

    assert await make.act(lambda work: installation.accept_secret(work, OTHER)) == 1

    assert await make.value("SELECT count(*) FROM api_keys WHERE revoked_at IS NULL") == 0
    assert await make.rows("SELECT * FROM installation") == [
        {"id": 1, "secret_fingerprint": installation.fingerprint(OTHER)}
    ]


def test_the_fingerprint_does_not_contain_the_secret() -> None:
    kept = installation.fingerprint(OURS)

    assert len(kept) == 64
    assert SECRET not in kept
    assert kept != installation.fingerprint(OURS + b" ")
