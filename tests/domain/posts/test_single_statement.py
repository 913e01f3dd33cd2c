"""Votes and posts written by one statement, as PostgreSQL does, leave the same rows as the sequences of statements."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app.adapters.database.migrations import migrate
from app.domain.models.portals import MODERATION_POLICIES
from tests.domain.posts.populated_database import UNKNOWN, Command, PopulatedDatabase, RandomCommands, Reference
from tests.support.database_dump import dump_database, normalize
from tests.support.servers import Postgres


@pytest.fixture(scope="module")
def template_database(postgres: Postgres) -> Iterator[str]:
    """The name of a migrated PostgreSQL database that serves as template."""
    asyncio.run(migrate(postgres.create("template_of_databases")))
    yield "template_of_databases"
    postgres.drop("template_of_databases")


@pytest_asyncio.fixture
async def databases(
    sqlite_template: Path, postgres: Postgres, template_database: str, tmp_path: Path
) -> AsyncIterator[list[PopulatedDatabase]]:
    """The same rows in SQLite, in PostgreSQL with single statements, and in PostgreSQL with sequences."""
    shutil.copy(sqlite_template, tmp_path / "database.db")
    names = ["single_statements", "sequences"]
    urls = [postgres.create(name, template=template_database) for name in names]
    made = [
        PopulatedDatabase(f"sqlite:///{tmp_path / 'database.db'}", sequential=True),
        PopulatedDatabase(urls[0], sequential=False),
        PopulatedDatabase(urls[1], sequential=True),
    ]
    for database in made:
        await database.adapter.open()
        await database.populate()
    yield made
    for database in made:
        await database.adapter.close()
    for name in names:
        postgres.drop(name)


async def assert_equal_rows(databases: list[PopulatedDatabase]) -> None:
    dumps = [await dump_database(database.adapter) for database in databases]
    plain, *others = [normalize(dump) for dump in dumps]
    for other in others:
        for table, rows in plain.items():
            assert other[table] == rows, table
    for database, dump in zip(databases, dumps, strict=True):
        # SQLite has a single writer, so it uses one shard.
        spread = 1 if database.adapter.engine == "sqlite" else 16
        shards: dict[tuple[int, int], int] = {}
        for post in dump["posts"]:
            shard = (post["portal_id"], post["id"] % spread)
            shards[shard] = shards.get(shard, 0) + 1
        assert shards == {
            (tally["portal_id"], tally["shard"]): tally["posts"]
            for tally in dump["tallies"]
            if tally["kind"] == "portal"
        }


async def run_everywhere(databases: list[PopulatedDatabase], command: Command) -> Any:
    sqlite, single, sequential = [await database.run(command) for database in databases]
    assert single == sqlite, command
    assert sequential == sqlite, command
    return sqlite


@pytest.mark.parametrize("seed", range(4))
async def test_random_commands_write_the_same_rows_in_both_forms(databases: list[PopulatedDatabase], seed: int) -> None:
    commands = RandomCommands(seed)
    outcomes = [str(await run_everywhere(databases, commands.command())) for _ in range(220)]

    await assert_equal_rows(databases)
    # Without both successes and errors the comparison would prove little.
    kinds = {outcome.split("'")[1] if outcome[0] == "[" else outcome for outcome in outcomes}
    assert kinds == {"voted", "submitted", "not found", "forbidden", "invalid", "conflict", "policy set"}
    assert sum(outcome.startswith(("submitted", "['voted'")) for outcome in outcomes) > 50


async def test_every_variant_of_a_new_post_writes_the_same_rows(databases: list[PopulatedDatabase]) -> None:
    first = Command(
        0, "owner", "submit", {"title": "Dark mode", "description": None, "author": Reference("users", 0)}, None
    )
    boards, statuses = (
        (None, Reference("boards", 1), Reference("boards", 3), UNKNOWN),
        (None, Reference("statuses", 1), UNKNOWN),
    )
    sections, categories = (
        (None, Reference("sections", 0), Reference("sections", 2)),
        (None, Reference("categories", 1), UNKNOWN),
    )

    for board in boards:
        for status in statuses:
            for section in sections:
                for category in categories:
                    for default, follow in ((False, False), (True, True)):
                        more = {
                            "board_id": board,
                            "status_id": status,
                            "section_id": section,
                            "category_id": category,
                            "default_status": default,
                            "follow": follow,
                        }
                        await run_everywhere(databases, replace(first, values=first.values | more))

    await assert_equal_rows(databases)
    dump = await dump_database(databases[1].adapter)
    assert len(dump["posts"]) == 2 * 3 * 3 * 3 * 2


async def test_every_moderation_policy_has_the_same_result_in_both_forms(databases: list[PopulatedDatabase]) -> None:
    expected = []
    for policy in MODERATION_POLICIES:
        await run_everywhere(databases, Command(0, "operator", "policy", {"value": policy}, None))
        # Owner, administrator, moderator, a blocked and a deleted user.
        for place, role in enumerate(("owner", "admin", "moderator", "user", "user")):
            for command in (None, "approved", "rejected"):
                values = {
                    "title": f"{policy} {place} {command}",
                    "description": "",
                    "author": Reference("users", place),
                    "follow": True,
                    "moderation": command,
                }
                assert await run_everywhere(databases, Command(0, "owner", "submit", values, None)) == "submitted"
                waits = policy == "always" and role == "user"
                expected.append(command or ("pending" if waits else "approved"))

    await assert_equal_rows(databases)
    for database in databases:
        dump = await dump_database(database.adapter)
        assert [post["moderation"] for post in sorted(dump["posts"], key=lambda post: post["id"])] == expected


async def test_every_variant_of_a_vote_writes_the_same_rows(databases: list[PopulatedDatabase]) -> None:
    board = {"board_id": Reference("boards", 0), "author": Reference("users", 0), "description": None}
    stands = [
        {"moderation": moderation, "status_id": status}
        for moderation in ("approved", "pending", "rejected")
        for status in (None, Reference("statuses", 0), Reference("statuses", 3))
    ]
    for place, stand in enumerate(stands):
        await run_everywhere(databases, Command(0, "owner", "submit", board | stand | {"title": f"Post {place}"}, None))

    for place in range(len(stands)):
        for post in (Reference("posts", place), Reference("posts", place, "code")):
            # Two users of the portal, the deleted one, one of the other portal; each named in both ways.
            for voter in (0, 3, 4, 5):
                for by in ("id", "uuid"):
                    for voteable_only, follow in product((True, False), repeat=2):
                        values = {
                            "post": post,
                            "voter": Reference("users", voter, by),
                            "voteable_only": voteable_only,
                            "follow": follow,
                        }
                        await run_everywhere(
                            databases, Command(0, "moderator", "vote", values, "https://feedback.example.com")
                        )

    await assert_equal_rows(databases)
    dump = await dump_database(databases[1].adapter)
    # Everybody but the other portal's user has voted for everything: without voteable_only every post accepts votes.
    assert len(dump["votes"]) == 3 * len(stands)
