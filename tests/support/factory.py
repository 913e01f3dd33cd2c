"""Creates rows for tests, by the rules of the domain where there is one, with plain defaults."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text

from app.adapters.database import NO_PORTAL, Operation, PortalContext, T
from app.application import Application
from app.domain import feedback
from app.domain.counters import audit
from app.domain.counters.audit import CounterMismatch
from app.domain.permissions import OPERATOR, Actor
from app.domain.portals import categories, portals, sections, tags, widgets
from app.domain.posts import anonymous_votes, comments, create, votes
from app.domain.posts.create import NewPost
from app.domain.posts.votes import NewVote
from app.domain.sql.statement import Statement
from app.domain.users import api_keys, groups, users


class Factory:
    """`make.owner`, `make.portal` and the ids of the first portal's boards, tabs and statuses by name."""

    def __init__(self, server: Application, secret: bytes) -> None:
        self.server = server
        self._secret = secret
        self._number = itertools.count(1)
        self.portal = 0
        self.owner = 0
        self.boards: dict[str, int] = {}
        self.tabs: dict[str, int] = {}
        self.statuses: dict[str, int] = {}

    async def first_portal(self) -> None:
        """Create the portal of a first start."""
        self.portal, self.owner = await self.new_portal("Feedback", email="owner@example.com")
        self.boards = await self._ids("boards", "name")
        self.tabs = await self._ids("tabs", "url")
        self.statuses = await self._ids("statuses", "name")

    async def new_portal(self, title: str, *, host: str | None = None, email: str) -> tuple[int, int]:
        """Another portal and its owner: their ids."""

        def create(work: Any) -> tuple[int, int]:
            portal_id = portals.create(work, title=title, host=host)
            return portal_id, users.create(work, email=email, name="Owner", role="owner")

        return await self.server.database.write(create, NO_PORTAL)

    async def act(self, operation: Operation[T], *, portal: int | None = None, actor: Actor = OPERATOR) -> T:
        """Run a rule as the operator, committed."""
        return await self.server.database.write(operation, PortalContext(portal or self.portal, actor))

    async def user(
        self, *, name: str = "Jane Roe", email: str | None = "", role: str = "user", portal: int | None = None
    ) -> int:
        """A user with a new email by default; None for none."""
        address = f"user{next(self._number)}@example.com" if email == "" else email
        return await self.act(lambda work: users.create(work, email=address, name=name, role=role), portal=portal)

    async def key(self, user: int, dialect: str, *, portal: int | None = None) -> str:
        """A key of the user."""
        issued = await self.act(
            lambda work: api_keys.issue(work, user_id=user, dialect=dialect, secret=self._secret), portal=portal
        )
        return issued.token

    async def post(
        self,
        *,
        title: str | None = None,
        description: str | None = None,
        author: int | None = None,
        board: int | None = None,
        status: str | None = None,
        moderation: str = "approved",
        votes_by: Sequence[int] = (),
        portal: int | None = None,
    ) -> int:
        """A post by the owner, on the default board and without a status by default."""
        new_post = NewPost(
            title=title or f"Post number {next(self._number)}",
            description=description,
            author=author or self.owner,
            board_id=board,
            status_id=None if status is None else self.statuses[status],
            moderation=moderation,
        )
        post_id = await self.act(lambda work: create.create_post(work, new_post).id, portal=portal)
        for voter in votes_by:
            await self.vote(post_id, voter, portal=portal)
        return post_id

    async def vote(self, post: int, voter: int, *, portal: int | None = None) -> int:
        """A vote, whatever the post's state."""
        new_vote = NewVote(post=post, voter=voter)
        return (await self.act(lambda work: votes.cast(work, new_vote), portal=portal)).id

    async def anonymous_vote(self, post: int, anonymous_id: str = "visitor", *, portal: int | None = None) -> int:
        """An anonymous vote for an approved post."""
        return await self.act(
            lambda work: anonymous_votes.cast(work, post=post, anonymous_id=anonymous_id), portal=portal
        )

    async def comment(
        self,
        post: int,
        *,
        author: int | None = None,
        body: str = "Well said",
        parent: int | None = None,
        official: bool = False,
        internal: bool = False,
        portal: int | None = None,
    ) -> int:
        """A comment by the owner; its parent may belong to another post."""
        return await self.act(
            lambda work: comments.create(
                work,
                post_id=post,
                author_id=author or self.owner,
                body=body,
                parent_id=parent,
                official=official,
                internal=internal,
                same_post_parent=False,
                follow=False,
            ),
            portal=portal,
        )

    async def category(self, name: str = "Speed", *, color: str | None = None, portal: int | None = None) -> int:
        """A category with the next pastel color by default."""
        return await self.act(lambda work: categories.add(work, name=name, color=color), portal=portal)

    async def tag(self, name: str = "Urgent", *, color: str | None = None, portal: int | None = None) -> int:
        """A tag with the next pastel color by default."""
        return await self.act(lambda work: tags.add(work, name=name, color=color), portal=portal)

    async def group(self, name: str = "Early access", *, members: Sequence[int] = (), portal: int | None = None) -> int:
        """A group with these users."""
        group_id = await self.act(lambda work: groups.add(work, name=name), portal=portal)
        for user in members:
            uuid = await self.uuid(user)
            await self.act(lambda work, uuid=uuid: groups.add_member(work, group_id, uuid), portal=portal)
        return group_id

    async def section(self, title: str = "Later", *, tab: str = "feedback", parent: int | None = None) -> int:
        """A section on a tab of the first portal."""
        return await self.act(lambda work: sections.add(work, title=title, tab_id=self.tabs[tab], parent_id=parent))

    async def feedback(
        self,
        title: str = "Too slow",
        *,
        description: str = "",
        user: int | None = None,
        post: int | None = None,
        portal: int | None = None,
    ) -> int:
        """New feedback of nobody, about no post, by default."""
        texts = {"title": title, "description": description}
        return await self.act(lambda work: feedback.create(work, **texts, user_id=user, post_id=post), portal=portal)

    async def widget(
        self,
        name: str = "Help",
        *,
        kind: str = "widget",
        tab: str | None = None,
        frame_ancestors: str = "*",
        portal: int | None = None,
    ) -> str:
        """A widget that shows a tab of the first portal, or the first tab of any: its UUID."""
        tab_id = None if tab is None else self.tabs[tab]
        return await self.act(
            lambda work: widgets.add(work, name=name, kind=kind, tab_id=tab_id, frame_ancestors=frame_ancestors),
            portal=portal,
        )

    async def wrong_counters(self, *, portal: int | None = None) -> list[CounterMismatch]:
        """Every counter that differs from a recount; empty if all are right."""
        return await self.act(audit.find_mismatches, portal=portal)

    async def rows(self, query: str, **values: Any) -> list[Mapping[str, Any]]:
        """The rows of a plain SQL query, as dictionaries."""
        statement = Statement(text(query), across_portals=True)
        rows = await self.server.database.read(lambda work: work.fetch_all(statement, **values), NO_PORTAL)
        return [{key: row[key] for key in row.keys()} for row in rows]  # noqa: SIM118

    async def row(self, query: str, **values: Any) -> Mapping[str, Any]:
        """The only row of a plain SQL query."""
        (only,) = await self.rows(query, **values)
        return only

    async def value(self, query: str, **values: Any) -> Any:
        """The only value of a plain SQL query."""
        (only,) = (await self.row(query, **values)).values()
        return only

    async def run(self, query: str, **values: Any) -> int:
        """Change rows with plain SQL, where no rule does what a test needs."""
        statement = Statement(text(query), across_portals=True)
        return await self.act(lambda work: work.execute(statement, **values))

    async def code(self, post: int) -> str:
        """A post's six-character code."""
        return str(await self.value("SELECT code FROM posts WHERE id = :id", id=post))

    async def uuid(self, user: int) -> str:
        """A user's UUID."""
        return str(await self.value("SELECT uuid FROM users WHERE id = :id", id=user))

    async def facts(self, kind: str) -> list[Mapping[str, Any]]:
        """The rows of `facts` of a kind, oldest first."""
        return await self.rows("SELECT * FROM facts WHERE kind = :kind ORDER BY id", kind=kind)

    async def _ids(self, name: str, key: str) -> dict[str, int]:
        rows = await self.rows(f"SELECT id, {key} AS name FROM {name}")
        return {row["name"]: row["id"] for row in rows}
