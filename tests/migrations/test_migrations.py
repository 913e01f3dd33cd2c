"""The migrations create the schema of the models, in both directions, on both engines, with rows present."""

import asyncio
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from app.adapters.database import PortalContext
from app.adapters.database.migrations import _config, downgrade, migrate, with_connection
from app.adapters.database.revisions import HEAD, REVISIONS
from app.application import create_app
from app.background import index_new_posts
from app.domain import installation
from app.domain.models import Base
from app.domain.models.base import include_object
from app.domain.models.search import SEARCH_TABLE, include_name
from app.domain.permissions import OPERATOR
from app.domain.posts import create
from app.domain.posts.create import NewPost
from app.domain.search import posts
from app.domain.unit_of_work import UnitOfWork
from app.settings import Settings
from tests.conftest import SECRET
from tests.support.factory import Factory
from tests.support.servers import Postgres

_number = itertools.count(1)


@pytest.fixture
def blank(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path / 'blank.db'}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = f"blank_{next(_number)}"
    yield postgres.create(name)
    postgres.drop(name)


@pytest.fixture
async def filled(blank: str, tmp_path: Path) -> str:
    """A database at the newest revision with rows in every table that the rules fill."""
    await fill(blank, tmp_path)
    return blank


async def fill(url: str, tmp_path: Path) -> None:
    await migrate(url)
    settings = Settings(_env_file=None, database_url=url, data_dir=tmp_path, secret_key=SECRET)  # type: ignore[call-arg]
    server = create_app(settings)
    await server.start()
    make = Factory(server, SECRET.encode())
    await make.first_portal()
    await make.new_portal("Second", host="two.example.com", email="two@example.com")
    await make.key(make.owner, "astuto")
    for number in range(20):
        await make.post(title=f"Post {number}", votes_by=[make.owner, await make.user()], status="New")
    new_post = NewPost(
        title="Sorted",
        description=None,
        author=make.owner,
        section_id=await make.section(),
        category_id=await make.category(),
    )
    await make.act(lambda work: create.create_post(work, new_post))
    await make.act(lambda work: installation.require_secret(work, SECRET.encode()))
    await server.stop()


def revisions() -> list[str]:
    """All revisions, oldest first."""
    return [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]


async def tables(url: str) -> set[str]:
    names = await with_connection(url, lambda connection: inspect(connection).get_table_names())
    return {name for name in names if include_name(name, "table", {})}


async def run_sql(url: str, query: str) -> Any:
    """Run a statement; the rows of a query."""

    def run(connection: Connection) -> Any:
        result = connection.execute(text(query))
        return result.all() if result.returns_rows else None

    return await with_connection(url, run)


COUNTERS = {"tallies", "post_tallies"}
"""Tables of counters. A migration may split their rows, so the sums are compared."""


async def rows(url: str) -> dict[str, int]:
    """The number of rows of each table; of counters, their sum."""

    def count(connection: Connection) -> dict[str, int]:
        counts = {}
        names = set(inspect(connection).get_table_names()) - {"alembic_version"}
        for name in sorted(name for name in names if include_name(name, "table", {})):
            counted = "coalesce(sum(posts), 0)" if name in COUNTERS else "count(*)"
            counts[name] = int(connection.execute(text(f"SELECT {counted} FROM {name}")).scalar_one())
        return counts

    return await with_connection(url, count)


async def test_the_migrations_create_the_tables_of_the_models(blank: str) -> None:
    await migrate(blank)

    def compare(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_name": include_name, "include_object": include_object}
        )
        return compare_metadata(context, Base.metadata)

    assert await with_connection(blank, compare) == []


async def test_constraints_and_indexes_are_exactly_those_of_the_models(blank: str, engine: str) -> None:
    """Alembic does not compare checks, defaults, conditions of indexes and options of tables."""
    await migrate(blank)
    migrated = await with_connection(blank, _schema)

    def create_again(connection: Connection) -> Any:
        connection.execute(text("DROP TABLE alembic_version"))
        Base.metadata.drop_all(connection)
        Base.metadata.create_all(connection)
        return _schema(connection)

    assert await with_connection(blank, create_again) == migrated


def _schema(connection: Connection) -> Any:
    if connection.dialect.name == "sqlite":
        entries = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
        return {
            # ALTER TABLE adds columns to the line of the last one.
            name: sorted(
                re.sub(r"\s+", " ", part).strip().replace('"', "")
                for part in re.split(r',\s*\n|, (?="?\w+"? [A-Z])|\n', sql)
            )
            for name, sql in entries
            if not name.startswith(("sqlite_", "alembic_version", SEARCH_TABLE))
        }
    queries = {
        "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace",
        "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "columns": "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default "
        "FROM information_schema.columns WHERE table_schema = 'public'",
        "options": "SELECT relname, reloptions FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
    }
    return {
        name: sorted(str(row) for row in connection.execute(text(query)) if "alembic_version" not in str(row))
        for name, query in queries.items()
    }


async def test_every_revision_can_be_downgraded_and_upgraded_with_rows(filled: str) -> None:
    full = await rows(filled)
    assert full["votes"] == 40
    assert full["posts"] == 21

    for revision in [*revisions()[-2::-1], "base"]:
        await downgrade(filled, revision=revision)
        left = await rows(filled)
        assert {name: left[name] for name in left.keys() & full.keys()} == {
            name: full[name] for name in left.keys() & full.keys()
        }

        await migrate(filled)
        again = await rows(filled)
        # The fingerprint goes with its table, and comes back with the next start, which knows the secret.
        expected = full if revision != "base" else dict.fromkeys(full, 0)
        assert again == expected | ({} if revision >= "0003" and revision != "base" else {"installation": 0})
    assert await tables(filled) == {*Base.metadata.tables, "alembic_version"}


async def test_a_downgrade_deletes_anonymous_votes_and_counts_the_others(filled: str) -> None:
    """The older version requires a user."""
    await run_sql(
        filled,
        "INSERT INTO votes (portal_id, post_id, anonymous_id, created_at, updated_at) "
        "SELECT portal_id, id, 'visitor', created_at, created_at FROM posts WHERE id <= 2",
    )
    await run_sql(filled, "UPDATE posts SET votes_count = votes_count + 1 WHERE id <= 2")

    await downgrade(filled, revision=revisions()[revisions().index("0008") - 1])

    assert await run_sql(filled, "SELECT count(*) FROM votes") == [(40,)]
    wrong = "SELECT id FROM posts WHERE votes_count <> (SELECT count(*) FROM votes WHERE post_id = posts.id)"
    assert await run_sql(filled, wrong) == []
    await migrate(filled)
    assert await run_sql(filled, "SELECT count(*) FROM votes WHERE anonymous_id IS NOT NULL") == [(0,)]


async def test_titles_are_searchable_after_an_upgrade_and_a_downgrade(filled: str, engine: str) -> None:
    matches = "post_search MATCH 'posts'" if engine == "sqlite" else "title @@ to_tsquery('earshot_titles', 'posts')"
    indexed = f"SELECT count(*) FROM post_search WHERE {matches}"
    old_index = ("titles_waiting", "title_words", "title_word_signatures", "title_word_posts")

    before = await run_sql(filled, indexed)
    await downgrade(filled, revision="0003")
    old_rows = await rows(filled)
    names = await with_connection(filled, lambda connection: inspect(connection).get_table_names())
    await migrate(filled)

    assert before == await run_sql(filled, indexed) == [(20,)]
    assert [old_rows[name] for name in old_index] == [21, 0, 0, 0]
    assert [name for name in names if not include_name(name, "table", {})] == []


async def test_all_posts_are_searchable_after_an_upgrade(filled: str, tmp_path: Path) -> None:
    await downgrade(filled, revision="0008")
    names = await with_connection(filled, lambda connection: inspect(connection).get_table_names())
    await run_sql(filled, "UPDATE posts SET description = 'A zebra' WHERE title = 'Post 7'")
    await migrate(filled)
    settings = Settings(_env_file=None, database_url=filled, data_dir=tmp_path, secret_key=SECRET)  # type: ignore[call-arg]
    server = create_app(settings)
    await server.start()

    await index_new_posts(server.database)

    def count(work: UnitOfWork) -> list[int]:
        queries = ("zebra", "post", "sorted", "nothing")
        return [
            posts.search(work, query, visibility=posts.Visibility.PUBLIC, offset=0, limit=1).total for query in queries
        ]

    assert await server.database.read(count, PortalContext(1, OPERATOR), snapshot=True) == [1, 20, 1, 0]
    await server.stop()
    assert [name for name in names if name.startswith("post_search_") and not name.startswith("post_search_d")] == (
        ["post_search_config", "post_search_idx"] if filled.startswith("sqlite") else []
    )


async def test_an_upgrade_counts_the_tags_of_each_post_and_keeps_the_triggers(filled: str, engine: str) -> None:
    triggers = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
        if engine == "sqlite"
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname"
    )
    before = await run_sql(filled, triggers)
    await downgrade(filled, revision="0009")
    old_triggers = await run_sql(filled, triggers)
    await run_sql(
        filled,
        "INSERT INTO tags (id, portal_id, name, name_key, color, created_at, updated_at) "
        "SELECT 10 * posts.id, 1, 'T' || posts.id, 't' || posts.id, '#fff', created_at, created_at "
        "FROM posts WHERE id <= 3",
    )
    await run_sql(
        filled, "INSERT INTO post_tags (post_id, tag_id) SELECT posts.id, tags.id FROM posts, tags WHERE posts.id <= 2"
    )
    await run_sql(filled, "DELETE FROM post_tags WHERE post_id = 2 AND tag_id > 10")

    await migrate(filled)

    counted = await run_sql(filled, "SELECT id, tags_count FROM posts WHERE id <= 4 ORDER BY id")
    assert counted == [(1, 3), (2, 1), (3, 0), (4, 0)]
    assert len(before) > 3
    assert await run_sql(filled, triggers) == old_triggers == before


async def test_the_counters_of_the_first_revision_equal_a_recount(filled: str) -> None:
    await downgrade(filled, revision="0001")

    def compare(connection: Connection) -> tuple[set[Any], set[Any]]:
        stored = "SELECT portal_id, kind, ref_id, sum(posts) FROM post_tallies GROUP BY portal_id, kind, ref_id"
        counted = (
            "SELECT portal_id, 'portal', 0, count(*) FROM posts GROUP BY portal_id "
            "UNION ALL SELECT portal_id, 'board', board_id, count(*) FROM posts GROUP BY portal_id, board_id "
            "UNION ALL SELECT portal_id, 'status', status_id, count(*) FROM posts GROUP BY portal_id, status_id "
            "UNION ALL SELECT portal_id, 'section', section_id, count(*) FROM posts GROUP BY portal_id, section_id "
            "UNION ALL SELECT portal_id, 'category', category_id, count(*) FROM post_categories "
            "JOIN posts ON posts.id = post_id GROUP BY portal_id, category_id"
        )
        one, other = ({tuple(row) for row in connection.execute(text(query))} for query in (stored, counted))
        return {row for row in one if row[3]}, {row for row in other if row[2] is not None}

    stored, counted = await with_connection(filled, compare)
    assert stored == counted
    assert {row[1] for row in counted} == {"portal", "board", "status", "section", "category"}


async def test_a_downgrade_that_drops_the_expiry_revokes_keys_with_an_expiry(filled: str) -> None:
    times = {1: "2026-03-09 12:00:00.000000", 2: "9999-03-09 12:00:00.000000"}
    await run_sql(
        filled,
        "INSERT INTO api_keys (user_id, dialect, digest, prefix, created_at, portal_id) "
        "SELECT user_id, dialect, 'x' || substr(digest, 2), prefix, created_at, portal_id FROM api_keys",
    )
    for key_id, time in times.items():
        await run_sql(filled, f"UPDATE api_keys SET name = 'Report', expires_at = '{time}' WHERE id = {key_id}")

    await downgrade(filled, revision="0005")
    revoked = await run_sql(filled, "SELECT id FROM api_keys WHERE revoked_at IS NOT NULL")
    await migrate(filled)

    assert sorted(revoked) == [(1,), (2,)]
    assert await run_sql(filled, "SELECT DISTINCT name, expires_at FROM api_keys") == [(None, None)]


async def test_nobody_signs_up_for_a_private_portal_after_an_upgrade(filled: str) -> None:
    await downgrade(filled, revision="0012")
    await run_sql(
        filled,
        "INSERT INTO portals (guid, title, created_at, updated_at, is_private) "
        "SELECT '00000000-0000-4000-8000-000000000001', 'Private', created_at, updated_at, TRUE "
        "FROM portals WHERE id = 1",
    )

    await migrate(filled)

    assert await run_sql(filled, "SELECT DISTINCT is_private, sign_up FROM portals ORDER BY sign_up") == [
        (True, "closed"),
        (False, "open"),
    ]


async def test_posts_written_during_a_migration_are_counted(postgres: Postgres, tmp_path: Path) -> None:
    """SQLite has one writer at a time, so this can't happen there."""
    name = f"blank_{next(_number)}"
    filled = postgres.create(name)
    await fill(filled, tmp_path)
    await downgrade(filled, revision="0001")
    writer, watcher = await asyncpg.connect(filled), await asyncpg.connect(filled)
    writing = writer.transaction()
    await writing.start()
    await writer.execute(
        "INSERT INTO posts (portal_id, board_id, code, slug, title, status_changed_at, created_at, updated_at) "
        "SELECT portal_id, board_id, 'Fresh1', 'fresh', 'Fresh', now(), now(), now() FROM posts LIMIT 1"
    )
    await writer.execute("UPDATE post_tallies SET posts = posts + 1 WHERE kind = 'portal'")

    migrating = asyncio.create_task(migrate(filled))
    waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while not await watcher.fetchval(waits):
        assert not migrating.done()
        await asyncio.sleep(0.02)
    await writing.commit()
    await migrating
    counted = await watcher.fetchval("SELECT sum(posts) FROM tallies WHERE kind = 'portal'")
    posts_there = await watcher.fetchval("SELECT count(*) FROM posts")
    await asyncio.gather(writer.close(), watcher.close())
    postgres.drop(name)

    assert counted == posts_there == 22


async def test_a_downgrade_to_base_leaves_no_table(filled: str) -> None:
    await downgrade(filled, revision="base")

    assert await tables(filled) == {"alembic_version"}
    assert await run_sql(filled, "SELECT * FROM alembic_version") == []


def test_no_migration_imports_the_application() -> None:
    """A migration must mean the same in five years, whatever the models are then."""
    folder = Path(ScriptDirectory.from_config(_config()).versions)

    assert [path.name for path in folder.glob("*.py") if re.search(r"\bapp\b", path.read_text())] == []


def test_the_revisions_are_those_of_alembic() -> None:
    assert list(REVISIONS) == revisions()
    assert ScriptDirectory.from_config(_config()).get_current_head() == HEAD
