"""Posts and votes of visitors, and how they become those of a user."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from app.domain.errors import Conflict, DomainError, Forbidden, NotFound
from app.domain.permissions import VISITOR, Actor, Permission
from app.domain.portals import portals
from app.domain.posts import anonymous_votes, devices, publishing
from app.domain.posts.create import NewPost
from app.domain.unit_of_work import UnitOfWork
from app.settings import Settings
from tests.support.concurrency import ConcurrentWriter
from tests.support.factory import Factory

TOKEN = devices.make_token()
DIGEST = devices.digest(TOKEN)
DEVICE = devices.anonymous_id(DIGEST)
OTHER = devices.digest("other")
PLAIN: dict[str, Any] = {"author": None, "moderation": None, "default_status": True}


@pytest.fixture
def write(make: Factory, settings: Settings) -> Iterator[ConcurrentWriter]:
    with closing(ConcurrentWriter(settings, make.portal, lanes=2)) as writer:
        yield writer


async def allow(make: Factory, *, posts: bool = True, votes: bool = True) -> None:
    await make.run("UPDATE portals SET allows_anonymous_posts = :p, allows_anonymous_votes = :v", p=posts, v=votes)


async def vote(make: Factory, post: int, anonymous_id: str = DEVICE) -> int:
    return await make.act(lambda work: anonymous_votes.cast(work, post=post, anonymous_id=anonymous_id), actor=VISITOR)


async def submit(make: Factory, device: str = DIGEST, **more: Any) -> Any:
    new_post = NewPost(title="Dark mode", description="At night", **(PLAIN | more))
    return await make.act(lambda work: devices.create_post(work, new_post, device_digest=device), actor=VISITOR)


async def claim(make: Factory, user: int, device: str = DIGEST) -> tuple[list[int], list[int]]:
    claimed = await make.act(
        lambda work: devices.claim(work, user_id=user, device_digest=device), actor=Actor(user, "user")
    )
    return claimed.posts, claimed.voted_posts


async def error_of(write: Any) -> str:
    with pytest.raises(DomainError) as caught:
        await write
    return repr(caught.value)


async def test_the_database_has_only_the_digest_of_a_token(make: Factory) -> None:
    await allow(make)
    created = await submit(make)
    await vote(make, await make.post())

    row = await make.row("SELECT post_id, device_digest FROM anonymous_posts")
    assert row == {"post_id": created.id, "device_digest": DIGEST}
    assert await make.value("SELECT anonymous_id FROM votes") == f"device:{DIGEST}"
    assert TOKEN not in DIGEST
    assert len(DIGEST) == 64


async def test_visitors_post_and_vote_only_if_the_portal_allows_it(make: Factory) -> None:
    post = await make.post()
    no_vote, no_post = repr(Forbidden(Permission.CAST_VOTE)), repr(Forbidden(Permission.WRITE_POST))

    assert (await error_of(vote(make, post)), await error_of(submit(make))) == (no_vote, no_post)
    await allow(make, votes=False)
    assert await error_of(vote(make, post)) == no_vote
    await submit(make)
    await allow(make, posts=False)
    assert await error_of(submit(make)) == no_post
    await vote(make, post)
    await allow(make)
    await make.act(lambda work: portals.update_setting(work, setting="is_private", value=True))
    assert (await error_of(vote(make, post)), await error_of(submit(make))) == (no_vote, no_post)
    assert await make.row("SELECT count(*) AS posts, sum(votes_count) AS votes FROM posts") == {"posts": 2, "votes": 1}


async def test_visitors_vote_once_as_their_device_for_posts_that_they_see(make: Factory) -> None:
    await allow(make)
    post = await make.post()
    hidden = [await make.post(moderation="pending"), await make.post()]
    await make.act(lambda work: publishing.toggle(work, hidden[1]))
    completed = await make.post(status="Completed")

    await vote(make, post)
    assert await error_of(vote(make, post)) == repr(Conflict("vote.taken"))
    assert await error_of(vote(make, post, "visitor")) == repr(Forbidden(Permission.CAST_VOTE))
    assert await error_of(vote(make, completed)) == repr(Conflict("post.not_voteable"))
    for each in hidden:
        assert await error_of(vote(make, each)) == repr(NotFound("post", each))
    await make.act(lambda work: anonymous_votes.retract(work, post=post, anonymous_id=DEVICE), actor=VISITOR)
    assert await make.value("SELECT sum(votes_count) FROM posts") == 0


@pytest.mark.parametrize(("policy", "state"), [("never", "approved"), ("anonymous", "pending"), ("always", "pending")])
async def test_the_portals_policy_moderates_posts_of_visitors(make: Factory, policy: str, state: str) -> None:
    await allow(make)
    category = await make.category()
    await make.act(lambda work: portals.update_setting(work, setting="moderation_policy", value=policy))

    created = await submit(make, category_id=category, board_id=make.boards["Bug Reports"], follow=True)

    assert (created.moderation, created.author_id, created.status[1]) == (state, None, "New")
    row = await make.row("SELECT user_id, moderation, board_id FROM posts")
    assert row == {"user_id": None, "moderation": state, "board_id": make.boards["Bug Reports"]}
    (fact,) = await make.facts("post.submitted")
    assert (fact["user_id"], fact["actor_id"], fact["body"] is None) == (None, None, state == "approved")
    assert await make.wrong_counters() == []


@pytest.mark.parametrize(
    ("more", "permission"),
    [
        ({"moderation": "approved"}, Permission.MODERATE),
        ({"status_id": 2}, Permission.MODERATE),
        ({"section_id": 1}, Permission.MODERATE),
        ({"tag_ids": [1]}, Permission.MODERATE),
        ({"author": 1}, Permission.WRITE_POST),
    ],
)
async def test_visitors_choose_no_more_than_users(make: Factory, more: dict[str, Any], permission: Permission) -> None:
    await allow(make)

    assert await error_of(submit(make, **more)) == repr(Forbidden(permission))
    assert await make.value("SELECT count(*) FROM posts") == 0


async def test_who_signs_in_takes_over_what_the_device_did(make: Factory) -> None:
    await allow(make)
    user, stranger = await make.user(), await make.user()
    await make.act(lambda work: portals.update_setting(work, setting="moderation_policy", value="never"))
    own, given, foreign = await submit(make), await submit(make), await submit(make, OTHER)
    await make.run("UPDATE posts SET user_id = :u WHERE id = :id", u=stranger, id=given.id)
    await make.run("UPDATE users SET posts_count = 1 WHERE id = :u", u=stranger)
    once, twice = await make.post(), await make.post(votes_by=[user])
    for post in (once, twice):
        await vote(make, post)
        await vote(make, post, devices.anonymous_id(OTHER))
        await make.anonymous_vote(post, "visitor")
    facts = len(await make.rows("SELECT id FROM facts"))

    assert await claim(make, user) == ([own.id], [once])

    posts = await make.rows(
        "SELECT id, user_id FROM posts WHERE id IN (:a, :b, :c) ORDER BY id", a=own.id, b=given.id, c=foreign.id
    )
    assert [row["user_id"] for row in posts] == [user, stranger, None]
    votes = await make.rows("SELECT post_id, count(*) AS count FROM votes WHERE user_id = :u GROUP BY post_id", u=user)
    assert {row["post_id"]: row["count"] for row in votes} == {once: 1, twice: 1}
    counts = await make.rows("SELECT votes_count FROM posts WHERE id IN (:a, :b) ORDER BY id", a=once, b=twice)
    assert [row["votes_count"] for row in counts] == [3, 3]
    assert await make.value("SELECT count(*) FROM votes WHERE anonymous_id = :d", d=DEVICE) == 0
    follows = await make.rows("SELECT post_id FROM follows WHERE user_id = :u ORDER BY post_id", u=user)
    assert [row["post_id"] for row in follows] == sorted([own.id, once])
    # Nobody is told of the post or the vote again; only the dropped vote is one less.
    newest = await make.rows("SELECT kind, post_id, user_id FROM facts ORDER BY id")
    assert newest[facts:] == [{"kind": "vote.retracted", "post_id": twice, "user_id": None}]
    assert await make.wrong_counters() == []
    assert await claim(make, user) == ([], [])
    assert await claim(make, stranger, OTHER) == ([foreign.id], sorted([once, twice]))
    assert await make.wrong_counters() == []


async def test_a_claim_is_for_oneself_and_stays_in_the_portal(make: Factory) -> None:
    await allow(make)
    user, other = await make.user(), await make.user()
    await vote(make, await make.post())
    other_portal, stranger = await make.new_portal("Other", host="other.example.com", email="a@example.com")

    def take(work: UnitOfWork, user_id: int = other) -> Any:
        return devices.claim(work, user_id=user_id, device_digest=DIGEST)

    assert await error_of(make.act(take, actor=Actor(user, "user"))) == repr(Forbidden(Permission.OPERATE))
    assert await error_of(make.act(lambda work: take(work, stranger))) == repr(NotFound("user", stranger))
    claimed = await make.act(lambda work: take(work, stranger), portal=other_portal)
    assert (claimed.posts, claimed.voted_posts) == ([], [])
    await make.run("UPDATE users SET blocked_at = created_at WHERE id = :id", id=other)
    assert await error_of(make.act(take)) == repr(NotFound("user", other))
    assert await make.value("SELECT count(*) FROM votes WHERE anonymous_id = :d", d=DEVICE) == 1


async def test_of_two_claims_at_once_one_gets_everything(make: Factory, write: ConcurrentWriter) -> None:
    await allow(make)
    users = [await make.user(), await make.user()]
    await submit(make)
    post = await make.post()
    await vote(make, post)

    def claim_for(user: int) -> Callable[[UnitOfWork], Any]:
        return lambda work: devices.claim(work, user_id=user, device_digest=DIGEST)

    assert write(*map(claim_for, users)) == [None, None]

    owners = await make.rows("SELECT user_id FROM posts WHERE title = 'Dark mode' UNION ALL SELECT user_id FROM votes")
    assert len(owners) == 2
    (winner,) = {row["user_id"] for row in owners}
    assert winner in users
    assert await make.wrong_counters() == []


async def test_of_two_votes_of_a_device_at_once_one_counts(make: Factory, write: ConcurrentWriter) -> None:
    await allow(make)
    post = await make.post()

    def cast(work: UnitOfWork) -> Any:
        work.actor = VISITOR
        return anonymous_votes.cast(work, post=post, anonymous_id=DEVICE)

    assert {repr(result) for result in write(cast, cast)} == {repr(Conflict("vote.taken")), "None"}
    assert await make.value("SELECT votes_count FROM posts WHERE id = :id", id=post) == 1
