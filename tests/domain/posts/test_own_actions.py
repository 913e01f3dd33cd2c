"""What a user below moderator may do in the user's own name, as on the pages."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from app.domain.errors import Conflict, DomainError, Forbidden, NotFound
from app.domain.permissions import VISITOR, Actor, Permission
from app.domain.portals import portals
from app.domain.posts import attachments, comments, create, follows, publishing, update, votes
from app.domain.posts.attachments import StoredFile
from app.domain.posts.create import NewPost
from app.domain.posts.update import PostUpdate
from app.domain.posts.votes import NewVote
from app.domain.unit_of_work import UnitOfWork
from app.settings import Settings
from tests.support.concurrency import ConcurrentWriter
from tests.support.database_dump import changed, snapshot
from tests.support.factory import Factory

FILE = StoredFile("attachment", "a.png", "a.png", "image/png", 5)


@dataclass
class Scene:
    """A user with a post and a comment of the user's own, and a post and a comment of somebody else."""

    make: Factory
    user: int
    other: int
    own_post: int
    other_post: int
    own_comment: int
    other_comment: int
    hidden: tuple[int, ...]
    """Posts of somebody else that visitors don't see."""

    @property
    def actor(self) -> Actor:
        return Actor(self.user, "user")

    async def act(self, rule: Callable[[UnitOfWork], Any]) -> Any:
        return await self.make.act(rule, actor=self.actor)

    async def refuse(self, rule: Callable[[UnitOfWork], Any], *, actor: Actor | None = None) -> str:
        """How the error of the rule is written."""
        with pytest.raises(DomainError) as caught:
            await self.make.act(rule, actor=actor or self.actor)
        return repr(caught.value)


@pytest.fixture
async def scene(make: Factory) -> Scene:
    user, other = await make.user(), await make.user()
    own_post, other_post = await make.post(author=user), await make.post(author=other, status="New")
    hidden = [await make.post(author=other, moderation=state) for state in ("pending", "rejected", "approved")]
    await make.act(lambda work: publishing.toggle(work, hidden[-1]))
    own_comment = await make.comment(other_post, author=user)
    other_comment = await make.comment(other_post, author=other)
    return Scene(make, user, other, own_post, other_post, own_comment, other_comment, tuple(hidden))


@pytest.fixture
def write(make: Factory, settings: Settings) -> Iterator[ConcurrentWriter]:
    with closing(ConcurrentWriter(settings, make.portal, lanes=2)) as writer:
        yield writer


def write_comment(work: UnitOfWork, post: int, author: int, **more: Any) -> int:
    values = {"body": "Yes", "same_post_parent": False, "follow": True} | more
    return comments.create(work, post_id=post, author_id=author, **values)


def new_post(author: int | str, **more: Any) -> NewPost:
    values = {"moderation": None, "default_status": True, "follow": True} | more
    return NewPost(title="Dark mode", description="At night", author=author, **values)


async def test_a_user_votes_writes_and_follows_in_the_users_own_name(scene: Scene) -> None:
    make, user, post = scene.make, scene.user, scene.other_post

    await scene.act(lambda work: votes.cast(work, NewVote(post, user, follow=True)))
    assert await make.value("SELECT count(*) FROM follows WHERE user_id = :u AND post_id = :p", u=user, p=post) == 1
    await scene.act(lambda work: votes.retract(work, NewVote(post, user)))
    created = await scene.act(lambda work: create.create_post(work, new_post(user)))
    comment = await scene.act(lambda work: write_comment(work, post, user, parent_id=scene.other_comment))
    assert await scene.act(lambda work: comments.edit(work, comment, body="No"))
    await scene.act(lambda work: comments.delete(work, comment, with_replies=False))
    changes = PostUpdate(title="Light mode", description="By day")
    assert await scene.act(lambda work: update.update_post(work, created.id, changes))
    await scene.act(lambda work: attachments.add(work, post_id=created.id, file=FILE))
    assert await scene.act(lambda work: follows.stop(work, post_id=post, user_id=user))
    assert await scene.act(lambda work: follows.start(work, post_id=post, user_id=user))

    assert (created.status[1], created.moderation) == ("New", "approved")
    row = await make.row("SELECT user_id, title, published FROM posts WHERE id = :id", id=created.id)
    assert row == {"user_id": user, "title": "Light mode", "published": True}
    assert await make.value("SELECT count(*) FROM follows WHERE user_id = :u", u=user) == 2
    assert [fact["actor_id"] for fact in await make.facts("vote.cast")] == [user]
    assert await scene.act(lambda work: update.delete(work, created.id)) == ["a.png"]
    assert await make.wrong_counters() == []


async def test_a_user_can_not_act_for_others_nor_as_the_team(scene: Scene) -> None:
    user, other, post = scene.user, scene.other, scene.other_post
    uuid = await scene.make.uuid(user)
    status = scene.make.statuses["Planned"]
    rules: list[tuple[Callable[[UnitOfWork], Any], str]] = [
        (lambda work: votes.cast(work, NewVote(post, other)), "cast_vote"),
        # A name that the domain would have to look up first is not needed on the pages.
        (lambda work: votes.cast(work, NewVote(post, uuid)), "cast_vote"),
        (lambda work: votes.retract(work, NewVote(post, other)), "cast_vote"),
        (lambda work: votes.delete(work, 1), "cast_vote"),
        (lambda work: create.create_post(work, new_post(other)), "write_post"),
        (lambda work: create.create_post(work, new_post(user, moderation="approved")), "moderate"),
        (lambda work: create.create_post(work, new_post(user, status_id=status)), "moderate"),
        (lambda work: create.create_post(work, new_post(user, section_id=1)), "moderate"),
        (lambda work: create.create_post(work, new_post(user, tag_ids=[1])), "moderate"),
        (lambda work: update.update_post(work, post, PostUpdate(title="Mine")), "write_post"),
        (lambda work: update.update_post(work, scene.own_post, PostUpdate(author=other)), "moderate"),
        (lambda work: update.update_post(work, scene.own_post, PostUpdate(section_id=1)), "moderate"),
        (lambda work: update.update_post(work, scene.own_post, PostUpdate(tag_ids=[])), "moderate"),
        (lambda work: update.change_status(work, scene.own_post, status, user_id=user), "moderate"),
        (lambda work: update.move_to_board(work, scene.own_post, scene.make.boards["Bug Reports"]), "write_post"),
        (lambda work: publishing.toggle(work, scene.own_post), "write_post"),
        (lambda work: update.delete(work, post), "write_post"),
        (lambda work: update.delete(work, 999_999), "write_post"),
        (lambda work: attachments.add(work, post_id=post, file=FILE), "write_post"),
        (lambda work: write_comment(work, post, other), "write_comment"),
        (lambda work: write_comment(work, post, user, official=True), "moderate"),
        (lambda work: write_comment(work, post, user, internal=True), "moderate"),
        (lambda work: comments.edit(work, scene.other_comment, body="Mine"), "write_comment"),
        (lambda work: comments.edit(work, scene.own_comment, pinned=True), "moderate"),
        (lambda work: comments.edit(work, scene.own_comment, official=True), "moderate"),
        (lambda work: comments.delete(work, scene.other_comment, with_replies=False), "write_comment"),
        (lambda work: comments.delete(work, scene.own_comment, with_replies=True), "write_comment"),
        (lambda work: follows.start(work, post_id=post, user_id=other), "choose_notifications"),
        (lambda work: follows.add(work, post_id=post, user_id=user), "manage_users"),
    ]

    before = await snapshot(scene.make.server.database)
    for rule, permission in rules:
        assert await scene.refuse(rule) == repr(Forbidden(Permission(permission)))
    assert changed(before, await snapshot(scene.make.server.database)) == set()


async def test_a_visitor_can_do_nothing_in_a_users_name(scene: Scene) -> None:
    user, post = scene.user, scene.other_post
    rules: list[Callable[[UnitOfWork], Any]] = [
        lambda work: votes.cast(work, NewVote(post, user)),
        lambda work: create.create_post(work, new_post(user)),
        lambda work: write_comment(work, post, user),
        lambda work: update.update_post(work, scene.own_post, PostUpdate(title="Mine")),
        lambda work: comments.edit(work, scene.own_comment, body="Mine"),
        lambda work: follows.start(work, post_id=post, user_id=user),
    ]

    for rule in rules:
        assert "Forbidden" in await scene.refuse(rule, actor=VISITOR)


async def test_a_user_can_not_respond_to_a_post_that_the_user_does_not_see(scene: Scene) -> None:
    user = scene.user
    portal, stranger = await scene.make.new_portal("Other", host="other.example.com", email="a@example.com")
    elsewhere = await scene.make.post(portal=portal, author=stranger)

    for post in (*scene.hidden, elsewhere):
        rules: list[Callable[[UnitOfWork], Any]] = [
            lambda work, post=post: votes.cast(work, NewVote(post, user)),  # type: ignore[misc]
            lambda work, post=post: votes.retract(work, NewVote(post, user)),  # type: ignore[misc]
            lambda work, post=post: write_comment(work, post, user),  # type: ignore[misc]
            lambda work, post=post: follows.start(work, post_id=post, user_id=user),  # type: ignore[misc]
        ]
        for rule in rules:
            assert await scene.refuse(rule) == repr(NotFound("post", post))
    completed = await scene.make.post(status="Completed")
    assert await scene.refuse(lambda work: votes.cast(work, NewVote(completed, user))) == repr(
        Conflict("post.not_voteable")
    )
    pending = await scene.make.post(author=user, moderation="pending")
    assert await scene.refuse(lambda work: votes.cast(work, NewVote(pending, user))) == repr(
        Conflict("post.not_voteable")
    )
    await scene.act(lambda work: write_comment(work, pending, user))


async def test_a_user_replies_only_to_comments_that_the_user_sees(scene: Scene) -> None:
    user, post = scene.user, scene.other_post
    internal = await scene.make.comment(post, internal=True)
    own_internal = await scene.make.comment(post, author=user, internal=True)
    elsewhere = await scene.make.comment(scene.own_post)

    for parent in (internal, elsewhere):
        rule = partial(write_comment, post=post, author=user, parent_id=parent)
        assert await scene.refuse(rule) == repr(NotFound("comment", parent))
    # A former moderator may have written it.
    assert await scene.refuse(lambda work: comments.edit(work, own_internal, body="A")) == repr(
        Forbidden(Permission.WRITE_COMMENT)
    )


@pytest.mark.parametrize("response", ["none", "own", "vote", "anonymous vote", "comment", "internal comment"])
async def test_authors_delete_their_posts_until_others_respond(scene: Scene, response: str) -> None:
    make, user, post = scene.make, scene.user, scene.own_post
    await make.vote(post, user)
    await make.comment(post, author=user)
    match response:
        case "vote":
            await make.vote(post, scene.other)
        case "anonymous vote":
            await make.anonymous_vote(post)
        case "comment" | "internal comment":
            await make.comment(post, author=scene.other, internal=response == "internal comment")

    if response in ("none", "own"):
        await scene.act(lambda work: update.delete(work, post))
        assert await make.rows("SELECT id FROM posts WHERE id = :id", id=post) == []
    else:
        assert await scene.refuse(lambda work: update.delete(work, post)) == repr(Conflict("post.has_responses"))
        await make.act(lambda work: update.delete(work, post), actor=Actor(make.owner, "moderator"))
    assert await make.wrong_counters() == []


@pytest.mark.parametrize(("policy", "state"), [("never", "approved"), ("anonymous", "approved"), ("always", "pending")])
async def test_the_portals_policy_moderates_the_posts_of_users(scene: Scene, policy: str, state: str) -> None:
    await scene.make.act(lambda work: portals.update_setting(work, setting="moderation_policy", value=policy))

    created = await scene.act(lambda work: create.create_post(work, new_post(scene.user)))

    assert created.moderation == state


async def test_of_two_votes_at_once_one_counts(scene: Scene, write: ConcurrentWriter) -> None:
    def cast(work: UnitOfWork) -> Any:
        work.actor = scene.actor
        return votes.cast(work, NewVote(scene.other_post, scene.user, follow=True))

    results = write(cast, cast)

    assert {repr(result) for result in results} == {repr(Conflict("vote.taken")), "None"}
    assert await scene.make.value("SELECT votes_count FROM posts WHERE id = :id", id=scene.other_post) == 1
    assert await scene.make.wrong_counters() == []
