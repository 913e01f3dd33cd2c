"""The one-statement forms of voting and posting, which PostgreSQL runs, do what the plain sequences do, row for row."""

import asyncio
import random
import shutil
import string
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import pytest
import pytest_asyncio
from sqlalchemy import text

from app.adapters.database import NO_PORTAL, Database, PortalContext, create_database
from app.adapters.database.migrations import migrate
from app.domain.errors import Conflict, DomainError, Forbidden, NotFound, ValidationFailed
from app.domain.models.portals import MODERATION_POLICIES
from app.domain.permissions import OPERATOR, Actor
from app.domain.portals import portals
from app.domain.posts import create, votes
from app.domain.posts.create import NewPost
from app.domain.posts.votes import NewVote
from app.domain.sql.statement import Statement
from app.domain.sql.timestamps import to_datetime
from app.domain.unit_of_work import Connection, UnitOfWork
from app.domain.users import users
from tests.support.database_dump import everything, likened
from tests.support.servers import Postgres

UNKNOWN = 999_999_999
LARGEST = 2**63 - 1
UNKNOWN_UUID = "00000000-0000-4000-8000-000000000000"
TITLES = (
    "Dark mode", "dark  MODE", "Dark-mode!", "Export to CSV", "admin", "Edit", "日本語", "!!!", "Ünïcödé & Co.",
    "a_b -- C++ / c#", "New", "x" * 255,
)  # fmt: skip
DESCRIPTIONS = (None, "", "Please.", "<p>Rich &amp; <b>bold</b></p>", "long " * 100, "quote \" ' \\ % ")


@dataclass(frozen=True)
class Known:
    """A thing of the world by its place in it; each world has its own ids for it."""

    kind: str
    place: int
    by: str = "id"


@dataclass(frozen=True)
class Wish:
    """One act: in which portal, as whom, and what. Values that are `Known` are put in by each world."""

    portal: int
    actor: str
    what: str
    values: dict[str, Any]
    base_url: str | None


class StepByStep:
    """A connection to PostgreSQL that calls itself something else, so that the rules take their plain sequence."""

    engine = "postgresql, step by step"

    def __init__(self, under: Connection) -> None:
        self._under = under
        self.fetch_all = under.fetch_all
        self.execute = under.execute


def step_by_step(operation: Callable[[UnitOfWork], Any]) -> Callable[[UnitOfWork], Any]:
    def slowly(work: UnitOfWork) -> Any:
        connection = StepByStep(work._connection)
        return operation(
            UnitOfWork(connection, portal_id=work.portal_id, actor=work.actor, now=work.now, base_url=work.base_url)
        )

    return slowly


class World:
    """One database, and the ids of what was made in it, in the order in which it was made."""

    START = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)

    def __init__(self, url: str, *, plainly: bool) -> None:
        self._moment = self.START
        self._plainly = plainly
        self.database: Database = create_database(url, clock=lambda: self._moment)
        self.portals: list[int] = []
        self.ids: dict[str, list[Any]] = {}

    async def found(self) -> None:
        """Two portals of the same kind; the second has no default status and no default board."""
        for number in range(2):
            host = f"portal{number}.example.com"
            self.portals.append(
                await self._write(0, lambda work, host=host: portals.create(work, title="Feedback", host=host))
            )
            for role in ("owner", "admin", "moderator", "user", "user"):
                await self._write(number, lambda work, role=role: users.create(work, email=None, name=role, role=role))
        await self._change("UPDATE users SET blocked_at = created_at WHERE id = :id", id=(await self._ids("users"))[3])
        await self._change("UPDATE users SET deleted_at = created_at WHERE id = :id", id=(await self._ids("users"))[4])
        await self._change("UPDATE statuses SET is_default = false WHERE portal_id = :p", p=self.portals[1])
        await self._change("UPDATE boards SET is_default = false WHERE portal_id = :p", p=self.portals[1])
        for portal in self.portals:
            for name in ("Ideas", "Bugs"):
                await self._change(
                    "INSERT INTO categories (portal_id, name, name_key, color, created_at, updated_at) "
                    "SELECT id, :name, :name, '#aabbcc', created_at, created_at FROM portals WHERE id = :p",
                    p=portal,
                    name=name,
                )
                await self._change(
                    "INSERT INTO sections (portal_id, tab_id, title, position, created_at, updated_at) SELECT "
                    "portal_id, min(id), :name, 0, min(created_at), min(created_at) FROM tabs "
                    "WHERE portal_id = :p GROUP BY portal_id",
                    p=portal,
                    name=name,
                )
        for name in ("users", "boards", "statuses", "sections", "categories"):
            self.ids[name] = await self._ids(name)
        self.ids["uuids"] = await self._ids("users", "uuid")
        self.ids["posts"], self.ids["codes"] = [], []

    async def act(self, wish: Wish) -> Any:
        """What the act answered or refused, in words that are the same in every world."""
        self._moment += timedelta(seconds=1.000123)
        values = {name: self._meant(value) for name, value in wish.values.items()}
        role = wish.actor
        by = OPERATOR if role == "operator" else Actor(self.ids["users"][wish.portal * 5 + ROLES.index(role)], role)
        standing = PortalContext(self.portals[wish.portal], by, wish.base_url)
        try:
            if wish.what == "vote":
                ballot = NewVote(**values)
                cast = await self._run(lambda work: votes.cast(work, ballot), standing)
                uuid, *shown, deleted_at = cast.voter
                return ["voted", self.ids["uuids"].index(uuid), *shown, deleted_at and to_datetime(deleted_at)]
            if wish.what == "policy":
                await self._run(
                    lambda work: portals.update_setting(work, setting="moderation_policy", **values), standing
                )
                return "policy set"
            submission = NewPost(**values)
            post_id = await self._run(lambda work: create.create_post(work, submission).id, standing)
        except DomainError as refusal:
            return self._worded(refusal, wish)
        self.ids["posts"].append(post_id)
        self.ids["codes"].append(await self._value("SELECT code FROM posts WHERE id = :id", id=post_id))
        return "submitted"

    def _meant(self, value: Any) -> Any:
        if not isinstance(value, Known):
            return value
        names = {"code": "codes", "uuid": "uuids"}
        known = self.ids[names.get(value.by, value.kind)]
        return known[value.place % len(known)] if known else UNKNOWN

    def _worded(self, refusal: DomainError, wish: Wish) -> list[Any]:
        match refusal:
            case NotFound(what, asked):
                name = {"user": "voter" if wish.what == "vote" else "author"}.get(what, what)
                named = wish.values[name]
                assert asked == self._meant(named)
                return ["not found", what, named]
            case Forbidden(act, why):
                return ["forbidden", act, why]
            case ValidationFailed(problems):
                return ["invalid", *((problem.field, problem.code) for problem in problems)]
            case Conflict(code):
                return ["conflict", code]
        raise AssertionError(refusal)

    async def _run(self, operation: Callable[[UnitOfWork], Any], standing: PortalContext) -> Any:
        if self._plainly:
            return await self.database.write(
                step_by_step(operation) if self.database.engine == "postgresql" else operation, standing
            )
        return await self.database.write(operation, standing, single_statement=True)

    async def _write(self, number: int, operation: Callable[[UnitOfWork], Any]) -> Any:
        portal = self.portals[number] if number < len(self.portals) else 0
        return await self.database.write(operation, PortalContext(portal, OPERATOR))

    async def _change(self, query: str, **values: Any) -> None:
        statement = Statement(text(query), across_portals=True)
        await self.database.write(lambda work: work.execute(statement, **values), NO_PORTAL)

    async def _value(self, query: str, **values: Any) -> Any:
        statement = Statement(text(query), across_portals=True)
        return await self.database.read(lambda work: work.fetch_value(statement, **values), NO_PORTAL)

    async def _ids(self, table: str, column: str = "id") -> list[Any]:
        statement = Statement(text(f"SELECT {column} FROM {table} ORDER BY id"), across_portals=True)
        rows = await self.database.read(lambda work: work.fetch_all(statement), NO_PORTAL)
        return [row[0] for row in rows]


ROLES = ("owner", "admin", "moderator", "user")


class Chance:
    """Draws acts. Whatever may be named is mostly the portal's own, sometimes the other's, sometimes nowhere."""

    MADE: ClassVar = {"users": 5, "boards": 2, "statuses": 5, "sections": 2, "categories": 2}

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def wish(self) -> Wish:
        pick = self._random.choice
        portal, what = pick((0, 0, 0, 1)), pick(("vote", "vote", "vote", "submit", "submit"))
        if self._random.random() < 0.1:
            return Wish(portal, "operator", "policy", {"value": pick(MODERATION_POLICIES)}, None)
        return Wish(
            portal=portal,
            actor=pick(("operator", "owner", "admin", "moderator", "moderator", "moderator", "moderator", "user")),
            what=what,
            values=self._ballot(portal) if what == "vote" else self._submission(portal),
            base_url=pick((None, "https://feedback.example.com")),
        )

    def _known(self, kind: str, portal: int, by: str = "id") -> Known:
        whose = portal if self._random.random() < 0.9 else 1 - portal
        return Known(kind, whose * self.MADE[kind] + self._random.randrange(self.MADE[kind]), by)

    def _ballot(self, portal: int) -> dict[str, Any]:
        pick = self._random.choice
        posts = [Known("posts", self._random.randrange(1000), pick(("id", "code"))) for _ in range(20)]
        voters = [self._known("users", portal, pick(("id", "uuid"))) for _ in range(20)]
        return {
            "post": pick([*posts, UNKNOWN, LARGEST, 0, "zzzzzz", "", "é"]),
            "voter": pick([*voters, UNKNOWN, UNKNOWN_UUID, "x"]),
            "voteable_only": pick((True, False)),
            "follow": pick((True, False)),
        }

    def _submission(self, portal: int) -> dict[str, Any]:
        pick = self._random.choice

        def some(kind: str) -> Any:
            return pick([None, *[self._known(kind, portal)] * 8, pick((UNKNOWN, LARGEST, 0))])

        authors = [self._known("users", portal, pick(("id", "uuid"))) for _ in range(20)]
        return {
            "title": pick([*TITLES, "".join(self._random.choices(string.ascii_letters + " é😀", k=20))]),
            "description": pick(DESCRIPTIONS),
            "author": pick([*authors, UNKNOWN, UNKNOWN_UUID]),
            "board_id": some("boards"),
            "status_id": some("statuses"),
            "default_status": pick((True, False)),
            "section_id": some("sections"),
            "category_id": some("categories"),
            "follow": pick((True, False)),
            "moderation": pick((None, None, "approved", "approved", "pending", "rejected")),
        }


@pytest.fixture(scope="module")
def untouched(postgres: Postgres) -> Iterator[str]:
    """The name of a migrated PostgreSQL database that is only ever copied."""
    asyncio.run(migrate(postgres.create("untouched_world")))
    yield "untouched_world"
    postgres.drop("untouched_world")


@pytest_asyncio.fixture
async def worlds(
    sqlite_template: Path, postgres: Postgres, untouched: str, tmp_path: Path
) -> AsyncIterator[list[World]]:
    """The same beginnings in SQLite, in PostgreSQL at once, and in PostgreSQL step by step."""
    shutil.copy(sqlite_template, tmp_path / "world.db")
    names = ["world_at_once", "world_plainly"]
    urls = [postgres.create(name, template=untouched) for name in names]
    made = [
        World(f"sqlite:///{tmp_path / 'world.db'}", plainly=True),
        World(urls[0], plainly=False),
        World(urls[1], plainly=True),
    ]
    for world in made:
        await world.database.open()
        await world.found()
    yield made
    for world in made:
        await world.database.close()
    for name in names:
        postgres.drop(name)


async def assert_the_same(worlds: list[World]) -> None:
    dumps = [await everything(world.database) for world in worlds]
    plain, *others = [likened(dump) for dump in dumps]
    for other in others:
        for table, rows in plain.items():
            assert other[table] == rows, table
    for world, dump in zip(worlds, dumps, strict=True):
        # SQLite has one writer, so there nothing is spread.
        spread = 1 if world.database.engine == "sqlite" else 16
        shards: dict[tuple[int, int], int] = {}
        for post in dump["posts"]:
            shard = (post["portal_id"], post["id"] % spread)
            shards[shard] = shards.get(shard, 0) + 1
        assert shards == {
            (tally["portal_id"], tally["shard"]): tally["posts"]
            for tally in dump["tallies"]
            if tally["kind"] == "portal"
        }


async def all_do(worlds: list[World], wish: Wish) -> Any:
    sqlite, at_once, plainly = [await world.act(wish) for world in worlds]
    assert at_once == sqlite, wish
    assert plainly == sqlite, wish
    return sqlite


@pytest.mark.parametrize("seed", range(4))
async def test_random_acts_leave_the_same_rows_whichever_way_they_are_done(worlds: list[World], seed: int) -> None:
    chance = Chance(seed)
    outcomes = [str(await all_do(worlds, chance.wish())) for _ in range(220)]

    await assert_the_same(worlds)
    # The acts would prove little if most of them failed, or if none did.
    kinds = {outcome.split("'")[1] if outcome[0] == "[" else outcome for outcome in outcomes}
    assert kinds == {"voted", "submitted", "not found", "forbidden", "invalid", "conflict", "policy set"}
    assert sum(outcome.startswith(("submitted", "['voted'")) for outcome in outcomes) > 50


async def test_every_combination_of_a_submission_leaves_the_same_rows(worlds: list[World]) -> None:
    first = Wish(0, "owner", "submit", {"title": "Dark mode", "description": None, "author": Known("users", 0)}, None)
    boards, statuses = (None, Known("boards", 1), Known("boards", 3), UNKNOWN), (None, Known("statuses", 1), UNKNOWN)
    sections, categories = (None, Known("sections", 0), Known("sections", 2)), (None, Known("categories", 1), UNKNOWN)

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
                        await all_do(worlds, replace(first, values=first.values | more))

    await assert_the_same(worlds)
    dump = await everything(worlds[1].database)
    assert len(dump["posts"]) == 2 * 3 * 3 * 3 * 2


async def test_every_policy_judges_every_author_the_same_whichever_way(worlds: list[World]) -> None:
    expected = []
    for policy in MODERATION_POLICIES:
        await all_do(worlds, Wish(0, "operator", "policy", {"value": policy}, None))
        # Owner, administrator, moderator, a blocked and a deleted user.
        for place, role in enumerate(("owner", "admin", "moderator", "user", "user")):
            for wish in (None, "approved", "rejected"):
                values = {
                    "title": f"{policy} {place} {wish}",
                    "description": "",
                    "author": Known("users", place),
                    "follow": True,
                    "moderation": wish,
                }
                assert await all_do(worlds, Wish(0, "owner", "submit", values, None)) == "submitted"
                waits = policy == "always" and role == "user"
                expected.append(wish or ("pending" if waits else "approved"))

    await assert_the_same(worlds)
    for world in worlds:
        dump = await everything(world.database)
        assert [post["moderation"] for post in sorted(dump["posts"], key=lambda post: post["id"])] == expected


async def test_every_combination_of_a_ballot_leaves_the_same_rows(worlds: list[World]) -> None:
    board = {"board_id": Known("boards", 0), "author": Known("users", 0), "description": None}
    stands = [
        {"moderation": moderation, "status_id": status}
        for moderation in ("approved", "pending", "rejected")
        for status in (None, Known("statuses", 0), Known("statuses", 3))
    ]
    for place, stand in enumerate(stands):
        await all_do(worlds, Wish(0, "owner", "submit", board | stand | {"title": f"Post {place}"}, None))

    for place in range(len(stands)):
        for post in (Known("posts", place), Known("posts", place, "code")):
            # Two users of the portal, the deleted one, one of the other portal; each named in both ways.
            for voter in (0, 3, 4, 5):
                for by in ("id", "uuid"):
                    for voteable_only, follow in product((True, False), repeat=2):
                        values = {
                            "post": post,
                            "voter": Known("users", voter, by),
                            "voteable_only": voteable_only,
                            "follow": follow,
                        }
                        await all_do(worlds, Wish(0, "moderator", "vote", values, "https://feedback.example.com"))

    await assert_the_same(worlds)
    dump = await everything(worlds[1].database)
    # Everybody but the other portal's user has voted for everything: without voteable_only every post accepts votes.
    assert len(dump["votes"]) == 3 * len(stands)
