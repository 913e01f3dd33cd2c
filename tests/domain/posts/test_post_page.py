"""The page of a post, the changelog, the roadmap and the sitemap, as the pages of the portal show them."""

from typing import Any

import pytest

from app.adapters.database import PortalContext
from app.domain.permissions import VISITOR, Actor
from app.domain.portals import overviews
from app.domain.portals.overviews import CHUNK
from app.domain.posts import follows, post_page, update
from app.domain.posts.post_page import MAX_VOTERS, PostPage
from tests.support.factory import Factory

DEVICE = "device:" + "a" * 64


async def open_page(make: Factory, post: int, actor: Actor = VISITOR, device: str | None = None) -> PostPage:
    code = await make.code(post)
    page = await make.server.database.read(
        lambda work: post_page.find_by_code(work, code, device=device), PortalContext(make.portal, actor), snapshot=True
    )
    assert page is not None
    return page


async def test_a_page_shows_the_history_and_the_answers_of_the_team(make: Factory) -> None:
    user = await make.user(name="Jane Roe")
    post = await make.post(author=user, status="New")
    for status in ("Planned", "Completed"):
        await make.act(
            lambda work, status=status: update.change_status(work, post, make.statuses[status], user_id=make.owner)  # type: ignore[misc]
        )
    await make.comment(post, body="We plan it", official=True)
    await make.comment(post, body="It is done", official=True)
    await make.comment(post, body="For the team", official=True, internal=True)
    await make.comment(post, body="Thanks", author=user)
    other = await make.post()
    await make.comment(other, body="Elsewhere", official=True)

    page = await open_page(make, post)

    assert [(entry.status, entry.color) for entry in page.timeline] == [
        (None, None), ("Planned", "#0096ff"), ("Completed", "#6ac47c"),
    ]  # fmt: skip
    assert [entry.created_at for entry in page.timeline] == sorted(entry.created_at for entry in page.timeline)
    assert [(item.body, item.author) for item in page.updates] == [("It is done", "Owner"), ("We plan it", "Owner")]
    assert [(comment.body, comment.author_id) for comment in page.post.comments] == [
        ("We plan it", make.owner), ("It is done", make.owner), ("Thanks", user),
    ]  # fmt: skip
    await make.run("UPDATE posts SET changelog = 'Version 2 has it.' WHERE id = :id", id=post)
    assert [item.body for item in (await open_page(make, post)).updates] == [
        "Version 2 has it.", "It is done", "We plan it",
    ]  # fmt: skip


async def test_a_page_shows_what_the_viewer_did_and_may_do(make: Factory) -> None:
    user, other = await make.user(), await make.user()
    post = await make.post(author=user, votes_by=[user])
    await make.anonymous_vote(post, DEVICE)
    await make.act(lambda work: follows.add(work, post_id=post, user_id=other))

    async def read(actor: Actor, device: str | None = None) -> tuple[bool, ...]:
        page = await open_page(make, post, actor, device)
        return page.has_voted, page.is_following, page.may_edit, page.may_delete

    assert await read(VISITOR) == (False, False, False, False)
    assert await read(VISITOR, DEVICE) == (True, False, False, False)
    assert await read(VISITOR, "device:b") == (False, False, False, False)
    assert await read(Actor(user, "user")) == (True, False, True, False)
    assert await read(Actor(other, "user"), DEVICE) == (False, True, False, False)
    assert await read(Actor(make.owner, "moderator")) == (False, False, True, True)
    await make.run("DELETE FROM votes WHERE anonymous_id IS NOT NULL")
    assert await read(Actor(user, "user")) == (True, False, True, True)


@pytest.mark.parametrize("shows_voters", [False, True])
async def test_voters_are_for_the_team_unless_the_portal_shows_them(make: Factory, shows_voters: bool) -> None:
    await make.run("UPDATE portals SET shows_voters = :on", on=shows_voters)
    names = [f"Voter {number}" for number in range(3)]
    post = await make.post(votes_by=[await make.user(name=name) for name in [*names, "jim@example.com"]])
    await make.anonymous_vote(post, DEVICE)
    user = await make.user()

    async def read(actor: Actor) -> Any:
        voters = (await open_page(make, post, actor)).voters
        return None if voters is None else (voters.names, voters.anonymous_count)

    expected = ([*names, "jim"], 1)
    assert await read(Actor(make.owner, "moderator")) == expected
    assert [await read(VISITOR), await read(Actor(user, "user"))] == [expected if shows_voters else None] * 2


async def test_the_list_of_voters_has_a_limit(make: Factory) -> None:
    voters = [await make.user() for _ in range(MAX_VOTERS + 1)]
    post = await make.post(votes_by=voters)

    page = await open_page(make, post, Actor(make.owner, "moderator"))

    assert page.voters is not None
    assert (len(page.voters.names), page.post.votes_count) == (MAX_VOTERS, MAX_VOTERS + 1)


async def test_the_changelog_has_posts_of_its_tab_with_what_announced_them(make: Factory) -> None:
    made = [await make.post(status="New") for _ in range(3)]
    planned = await make.post(status="New")
    for post in (made[1], made[0], made[2]):
        await make.act(
            lambda work, post=post: update.change_status(work, post, make.statuses["Completed"], user_id=None)  # type: ignore[misc]
        )
    await make.act(lambda work: update.change_status(work, planned, make.statuses["Planned"], user_id=None))
    await make.comment(made[0], body="An older answer", official=True)
    await make.comment(made[0], body="It is done", official=True)
    await make.comment(made[0], body="For the team", official=True, internal=True)
    await make.comment(made[1], body="Not shown", official=True)
    await make.run("UPDATE posts SET changelog = 'Version 2' WHERE id = :id", id=made[1])

    async def read(offset: int, limit: int) -> tuple[list[tuple[int, str | None]], bool]:
        items, has_more = await make.server.database.read(
            lambda work: overviews.list_announcements(work, offset=offset, limit=limit),
            PortalContext(make.portal, VISITOR),
        )
        return [(item.post.id, item.update and item.update.body) for item in items], has_more

    assert await read(0, 2) == ([(made[2], None), (made[0], "It is done")], True)
    assert await read(2, 2) == ([(made[1], "Version 2")], False)


async def test_the_roadmap_has_a_column_of_each_status_and_the_newest_changes(make: Factory) -> None:
    voter = await make.user()
    first, second = await make.post(status="Planned"), await make.post(status="Planned", votes_by=[voter])
    await make.post(status="New")
    await make.act(lambda work: update.change_status(work, first, make.statuses["In Progress"], user_id=None))

    def read(work: Any) -> Any:
        columns = overviews.roadmap(work)
        changes = overviews.list_roadmap_changes(work, limit=30)
        return [(column.status.name, [post.id for post in column.posts]) for column in columns], changes

    columns, changes = await make.server.database.read(read, PortalContext(make.portal, VISITOR))

    # By position; the positions of statuses count within their tabs.
    assert dict(columns) == {"Planned": [second], "In Progress": [first], "Completed": []}
    assert [post.id for post in changes] == [first, second]
    assert changes[0].board == "Feature Requests"


async def test_the_sitemap_has_all_public_posts_in_chunks(make: Factory) -> None:
    post = await make.post()
    hidden = await make.post(moderation="pending")
    # Slightly more than a chunk.
    await make.run(
        "INSERT INTO posts (portal_id, code, slug, board_id, title, created_at, updated_at, status_changed_at) "
        "WITH RECURSIVE numbers (number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM numbers WHERE number < :last) "
        "SELECT portal_id, CAST(100000 + number AS VARCHAR), 'post-' || number, board_id, title, created_at, "
        "updated_at, status_changed_at FROM posts CROSS JOIN numbers WHERE id = :id",
        id=post,
        last=CHUNK,
    )
    public = [row["id"] for row in await make.rows("SELECT id FROM posts WHERE id <> :id ORDER BY id", id=hidden)]

    def read(work: Any) -> Any:
        starts = overviews.list_chunk_starts(work)
        return starts, [[row["id"] for row in overviews.list_chunk(work, after=start)] for start in starts]

    starts, chunks = await make.server.database.read(read, PortalContext(make.portal, VISITOR))

    assert starts == [public[0] - 1, public[CHUNK] - 1]
    assert [chunks[0], chunks[1]] == [public[:CHUNK], public[CHUNK:]]
