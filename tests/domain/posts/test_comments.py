"""Comments as both doors need them: internal ones, parents, what stays when one goes."""

import json

import pytest

from app.domain.errors import Forbidden, NotFound, ValidationFailed
from app.domain.models import Comment, User
from app.domain.permissions import Actor
from app.domain.posts import comments, update
from app.domain.posts.reply_queries import CommentQuery
from app.domain.unit_of_work import UnitOfWork
from tests.support.factory import Factory

SEEN_BY_ALL = CommentQuery((Comment.id, User.name), internal=False)
SEEN_BY_TEAM = CommentQuery((Comment.id, User.name), internal=True)


async def counts(make: Factory) -> tuple[int, int]:
    """The comments of the only post and of the owner, as they are kept."""
    post = await make.value("SELECT comments_count FROM posts ORDER BY id LIMIT 1")
    return post, await make.value("SELECT comments_count FROM users WHERE id = :id", id=make.owner)


async def test_internal_comments_are_neither_counted_nor_published(make: Factory) -> None:
    post = await make.post()

    internal = await make.comment(post, internal=True)
    written = await counts(make)
    await make.act(lambda work: comments.delete(work, internal, with_replies=True))

    assert written == await counts(make) == (0, 0)
    assert await make.facts("comment.written") == await make.facts("comment.deleted") == []


async def test_replies_can_be_kept_without_a_parent(make: Factory) -> None:
    post = await make.post()
    parent = await make.comment(post)
    reply = await make.comment(post, parent=parent)
    below = await make.comment(post, parent=reply)

    await make.act(lambda work: comments.delete(work, parent, with_replies=False))

    rows = await make.rows("SELECT id, parent_id FROM comments ORDER BY id")
    assert rows == [{"id": reply, "parent_id": None}, {"id": below, "parent_id": reply}]
    assert await counts(make) == (2, 2)


async def test_replies_can_be_deleted_with_their_parent(make: Factory) -> None:
    post = await make.post()
    parent = await make.comment(post)
    internal = await make.comment(post, parent=parent, internal=True)
    below = await make.comment(post, parent=internal)
    stays = await make.comment(post)

    await make.act(lambda work: comments.delete(work, parent, with_replies=True))

    assert await make.rows("SELECT id FROM comments") == [{"id": stays}]
    assert await counts(make) == (1, 1)
    (fact,) = await make.facts("comment.deleted")
    assert (fact["post_id"], fact["subject_id"], fact["user_id"]) == (post, parent, make.owner)
    assert json.loads(fact["body"]) == {"replies": [internal, below], "snapshot": None}


async def test_a_parent_on_the_same_post_can_be_required(make: Factory) -> None:
    one, two = await make.post(), await make.post()
    parent = await make.comment(one)
    internal = await make.comment(two, internal=True)

    def write(work: UnitOfWork, **how: bool) -> int:
        settled = {"same_post_parent": False, "follow": False, **how}
        return comments.create(
            work,
            post_id=two,
            author_id=make.owner,
            body="Hi",
            parent_id=parent,
            **settled,  # type: ignore[arg-type]
        )

    with pytest.raises(NotFound) as unknown:
        await make.act(lambda work: write(work, same_post_parent=True))
    reply = await make.act(write)

    assert (unknown.value.resource, unknown.value.identifier) == ("comment", parent)
    assert await make.value("SELECT parent_id FROM comments WHERE id = :id", id=reply) == parent
    assert internal != reply


async def test_the_author_of_a_comment_can_follow_the_post(make: Factory) -> None:
    post = await make.post()
    jane = await make.user()

    for _ in range(2):
        await make.act(
            lambda work: comments.create(
                work, post_id=post, author_id=jane, body="Hi", same_post_parent=True, follow=True
            )
        )

    assert await make.rows("SELECT post_id, user_id FROM follows") == [{"post_id": post, "user_id": jane}]


async def test_a_comment_requires_a_post_an_author_and_a_body(make: Factory) -> None:
    post = await make.post()

    async def write(post_id: int, author: int, body: str) -> None:
        await make.act(
            lambda work: comments.create(
                work, post_id=post_id, author_id=author, body=body, same_post_parent=True, follow=False
            )
        )

    with pytest.raises(ValidationFailed) as invalid:
        await write(4711, make.owner, " \n")
    with pytest.raises(NotFound) as unknown:
        await write(post, 4711, "Hi")

    assert [(wrong.field, wrong.code) for wrong in invalid.value.errors] == [
        ("post_id", "mandatory"),
        ("body", "blank"),
    ]
    assert unknown.value.resource == "user"
    assert await counts(make) == (0, 0)


async def test_pinned_and_official_are_independent(make: Factory) -> None:
    comment = await make.comment(await make.post())

    await make.act(lambda work: comments.edit(work, comment, pinned=True))
    changed = await make.act(lambda work: comments.edit(work, comment, pinned=True, official=False))
    await make.act(lambda work: comments.edit(work, comment, official=True, body="Changed"))

    row = await make.row("SELECT body, official, pinned FROM comments")
    assert (changed, row["body"], bool(row["official"]), bool(row["pinned"])) == (False, "Changed", True, True)


async def test_a_query_includes_or_excludes_internal_comments(make: Factory) -> None:
    post, other = await make.post(), await make.post()
    public = await make.comment(post)
    internal = await make.comment(post, internal=True)
    await make.comment(other)

    def seen(view: CommentQuery, *, oldest_first: bool) -> list[int]:
        return [row[0] for row in rows[view, oldest_first]]

    rows = {
        (view, oldest): await make.act(lambda work, v=view, o=oldest: v.for_post(work, post, limit=2, oldest_first=o))  # type: ignore[misc]
        for view in (SEEN_BY_ALL, SEEN_BY_TEAM)
        for oldest in (True, False)
    }
    assert seen(SEEN_BY_ALL, oldest_first=True) == seen(SEEN_BY_ALL, oldest_first=False) == [public]
    assert seen(SEEN_BY_TEAM, oldest_first=True) == [public, internal]
    assert seen(SEEN_BY_TEAM, oldest_first=False) == [internal, public]
    assert [row[0] for row in await make.act(lambda work: SEEN_BY_ALL.by_ids(work, [internal, public, 4711]))] == [
        public
    ]
    assert (await make.act(lambda work: SEEN_BY_TEAM.by_id(work, internal)))[0] == internal
    with pytest.raises(NotFound):
        await make.act(lambda work: SEEN_BY_ALL.by_id(work, internal))


async def test_pages_with_a_large_offset_have_the_right_rows(make: Factory) -> None:
    await make.comment(await make.post())
    await make.run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1100)"
        " INSERT INTO comments (portal_id, post_id, user_id, body, created_at, updated_at)"
        " SELECT portal_id, id, user_id, 'Hi', created_at, updated_at FROM posts, n"
    )

    pages = [
        await make.act(lambda work, offset=offset: SEEN_BY_ALL.page(work, offset=offset, limit=100))  # type: ignore[misc]
        for offset in range(0, 1200, 100)
    ]
    ids = await make.act(lambda work: SEEN_BY_ALL.ids(work, offset=0, limit=5000))

    assert [row[0] for page in pages for row in page] == ids
    assert len(ids) == 1101


async def test_users_and_other_portals_can_not_change_comments(make: Factory) -> None:
    portal, owner = await make.new_portal("Elsewhere", host="elsewhere.example.com", email="else@example.com")
    theirs = await make.comment(await make.post(portal=portal, author=owner), portal=portal, author=owner)
    ours = await make.comment(await make.post())
    user = Actor(user_id=None, role="user")

    for operation in (
        lambda work: comments.edit(work, ours, body="Changed"),
        lambda work: comments.delete(work, ours, with_replies=True),
    ):
        with pytest.raises(Forbidden):
            await make.act(operation, actor=user)
    for operation in (
        lambda work: comments.edit(work, theirs, body="Changed"),
        lambda work: comments.delete(work, theirs, with_replies=True),
        lambda work: SEEN_BY_TEAM.by_id(work, theirs),
    ):
        with pytest.raises(NotFound):
            await make.act(operation)
    assert await make.act(lambda work: SEEN_BY_TEAM.by_ids(work, [theirs])) == []
    assert await make.rows("SELECT body FROM comments") == [{"body": "Well said"}] * 2


@pytest.mark.timeout(60)
async def test_comments_that_form_a_cycle_are_deleted(make: Factory) -> None:
    post, other = await make.post(), await make.post()
    for deleted in ("comment", "post"):
        first = await make.comment(post)
        second = await make.comment(other, parent=first)
        below = await make.comment(post, parent=second)
        await make.run("UPDATE comments SET parent_id = :second WHERE id = :first", first=first, second=second)
        await make.run("UPDATE comments SET parent_id = :own WHERE id = :own", own=await make.comment(post))

        if deleted == "comment":
            await make.act(lambda work, first=first: comments.delete(work, first, with_replies=True))
            assert await make.value("SELECT count(*) FROM comments WHERE id <= :below", below=below) == 0
        else:
            await make.act(lambda work: update.delete(work, post))
            assert await make.rows("SELECT id FROM comments") == []
        assert await make.wrong_counters() == []


async def test_the_event_of_a_comment_says_what_it_was_when_it_was_written(make: Factory) -> None:
    post = await make.post()
    parent = await make.comment(post)
    news = await make.comment(post, parent=parent, official=True)

    await make.act(lambda work: comments.edit(work, parent, official=True))
    await make.act(lambda work: comments.delete(work, parent, with_replies=False))

    facts = await make.facts("comment.written")
    assert [(fact["subject_id"], json.loads(fact["body"])) for fact in facts] == [
        (parent, {"official": False, "parent_id": None}),
        (news, {"official": True, "parent_id": parent}),
    ]
