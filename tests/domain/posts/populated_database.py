"""Databases of both engines that run the same operations, so that their rows can be compared."""

import random
import string
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import text

from app.adapters.database import NO_PORTAL, Database, PortalContext, create_database
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

UNKNOWN = 999_999_999
LARGEST = 2**63 - 1
UNKNOWN_UUID = "00000000-0000-4000-8000-000000000000"
TITLES = (
    "Dark mode", "dark  MODE", "Dark-mode!", "Export to CSV", "admin", "Edit", "日本語", "!!!", "Ünïcödé & Co.",
    "a_b -- C++ / c#", "New", "x" * 255,
)  # fmt: skip
DESCRIPTIONS = (None, "", "Please.", "<p>Rich &amp; <b>bold</b></p>", "long " * 100, "quote \" ' \\ % ")


@dataclass(frozen=True)
class Reference:
    """A row by its kind and position; each database has its own id for it."""

    kind: str
    place: int
    by: str = "id"


@dataclass(frozen=True)
class Command:
    """An operation in a portal by an actor. Each database replaces a `Reference` among the values by its own id."""

    portal: int
    actor: str
    what: str
    values: dict[str, Any]
    base_url: str | None


class SequentialConnection:
    """A PostgreSQL connection with another engine name, so that the rules run their sequence of statements."""

    engine = "postgresql, sequential"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.fetch_all = connection.fetch_all
        self.execute = connection.execute


def run_sequentially(operation: Callable[[UnitOfWork], Any]) -> Callable[[UnitOfWork], Any]:
    def run(work: UnitOfWork) -> Any:
        connection = SequentialConnection(work._connection)
        return operation(
            UnitOfWork(connection, portal_id=work.portal_id, actor=work.actor, now=work.now, base_url=work.base_url)
        )

    return run


class PopulatedDatabase:
    """A database with sample rows, and their ids in the order of creation."""

    START = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)

    def __init__(self, url: str, *, sequential: bool) -> None:
        self._now = self.START
        self._sequential = sequential
        self.adapter: Database = create_database(url, clock=lambda: self._now)
        self.portals: list[int] = []
        self.ids: dict[str, list[Any]] = {}

    async def populate(self) -> None:
        """Create two portals; the second has no default status and no default board."""
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

    async def run(self, command: Command) -> Any:
        """Run the command and describe its result or error in the same words for every database."""
        self._now += timedelta(seconds=1.000123)
        values = {name: self._resolve(value) for name, value in command.values.items()}
        role = command.actor
        by = OPERATOR if role == "operator" else Actor(self.ids["users"][command.portal * 5 + ROLES.index(role)], role)
        context = PortalContext(self.portals[command.portal], by, command.base_url)
        try:
            if command.what == "vote":
                new_vote = NewVote(**values)
                cast = await self._run(lambda work: votes.cast(work, new_vote), context)
                uuid, *shown, deleted_at = cast.voter
                return ["voted", self.ids["uuids"].index(uuid), *shown, deleted_at and to_datetime(deleted_at)]
            if command.what == "policy":
                await self._run(
                    lambda work: portals.update_setting(work, setting="moderation_policy", **values), context
                )
                return "policy set"
            new_post = NewPost(**values)
            post_id = await self._run(lambda work: create.create_post(work, new_post).id, context)
        except DomainError as error:
            return self._describe(error, command)
        self.ids["posts"].append(post_id)
        self.ids["codes"].append(await self._value("SELECT code FROM posts WHERE id = :id", id=post_id))
        return "submitted"

    def _resolve(self, value: Any) -> Any:
        if not isinstance(value, Reference):
            return value
        names = {"code": "codes", "uuid": "uuids"}
        known = self.ids[names.get(value.by, value.kind)]
        return known[value.place % len(known)] if known else UNKNOWN

    def _describe(self, error: DomainError, command: Command) -> list[Any]:
        match error:
            case NotFound(what, asked):
                name = {"user": "voter" if command.what == "vote" else "author"}.get(what, what)
                named = command.values[name]
                assert asked == self._resolve(named)
                return ["not found", what, named]
            case Forbidden(act, why):
                return ["forbidden", act, why]
            case ValidationFailed(problems):
                return ["invalid", *((problem.field, problem.code) for problem in problems)]
            case Conflict(code):
                return ["conflict", code]
        raise AssertionError(error)

    async def _run(self, operation: Callable[[UnitOfWork], Any], context: PortalContext) -> Any:
        if self._sequential:
            return await self.adapter.write(
                run_sequentially(operation) if self.adapter.engine == "postgresql" else operation, context
            )
        return await self.adapter.write(operation, context, single_statement=True)

    async def _write(self, number: int, operation: Callable[[UnitOfWork], Any]) -> Any:
        portal = self.portals[number] if number < len(self.portals) else 0
        return await self.adapter.write(operation, PortalContext(portal, OPERATOR))

    async def _change(self, query: str, **values: Any) -> None:
        statement = Statement(text(query), across_portals=True)
        await self.adapter.write(lambda work: work.execute(statement, **values), NO_PORTAL)

    async def _value(self, query: str, **values: Any) -> Any:
        statement = Statement(text(query), across_portals=True)
        return await self.adapter.read(lambda work: work.fetch_value(statement, **values), NO_PORTAL)

    async def _ids(self, table: str, column: str = "id") -> list[Any]:
        statement = Statement(text(f"SELECT {column} FROM {table} ORDER BY id"), across_portals=True)
        rows = await self.adapter.read(lambda work: work.fetch_all(statement), NO_PORTAL)
        return [row[0] for row in rows]


ROLES = ("owner", "admin", "moderator", "user")


class RandomCommands:
    """Random commands. Their references are mostly to rows of the portal, sometimes of the other one or unknown."""

    ROWS: ClassVar = {"users": 5, "boards": 2, "statuses": 5, "sections": 2, "categories": 2}

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def command(self) -> Command:
        pick = self._random.choice
        portal, what = pick((0, 0, 0, 1)), pick(("vote", "vote", "vote", "submit", "submit"))
        if self._random.random() < 0.1:
            return Command(portal, "operator", "policy", {"value": pick(MODERATION_POLICIES)}, None)
        return Command(
            portal=portal,
            actor=pick(("operator", "owner", "admin", "moderator", "moderator", "moderator", "moderator", "user")),
            what=what,
            values=self._new_vote(portal) if what == "vote" else self._new_post(portal),
            base_url=pick((None, "https://feedback.example.com")),
        )

    def _reference(self, kind: str, portal: int, by: str = "id") -> Reference:
        whose = portal if self._random.random() < 0.9 else 1 - portal
        return Reference(kind, whose * self.ROWS[kind] + self._random.randrange(self.ROWS[kind]), by)

    def _new_vote(self, portal: int) -> dict[str, Any]:
        pick = self._random.choice
        posts = [Reference("posts", self._random.randrange(1000), pick(("id", "code"))) for _ in range(20)]
        voters = [self._reference("users", portal, pick(("id", "uuid"))) for _ in range(20)]
        return {
            "post": pick([*posts, UNKNOWN, LARGEST, 0, "zzzzzz", "", "é"]),
            "voter": pick([*voters, UNKNOWN, UNKNOWN_UUID, "x"]),
            "voteable_only": pick((True, False)),
            "follow": pick((True, False)),
        }

    def _new_post(self, portal: int) -> dict[str, Any]:
        pick = self._random.choice

        def some(kind: str) -> Any:
            return pick([None, *[self._reference(kind, portal)] * 8, pick((UNKNOWN, LARGEST, 0))])

        authors = [self._reference("users", portal, pick(("id", "uuid"))) for _ in range(20)]
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
