"""Who is told of an event: every combination of event, actor, role, follow, choice and state of the user."""

from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any, Final

import pytest
from sqlalchemy import text

from app.domain.events import StoredEvent
from app.domain.notifications import choices
from app.domain.notifications.recipients import CHUNK, Recipient, find_recipients
from app.domain.posts import anonymous_votes, comments, follows, moderation, publishing, update, votes
from app.domain.posts.votes import NewVote
from app.domain.sql.statement import Statement
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import users
from tests.support.counting import Counting
from tests.support.factory import Factory
from tests.support.stored_events import last_event, read_events

ROLES: Final = ("user", "moderator", "admin")
CHOICES: Final = ("default", "at_once", "daily", "weekly", "never", "all stopped")
STATES: Final = ("active", "confirmed", "unconfirmed", "blocked", "deleted", "without address")
"""`unconfirmed` has signed up with an address that may be that of somebody else."""
ACTORS: Final = ("another user", "the operator", "the user", "an admin as the user", "the user as another")
POST_STATES: Final = ("public", "pending", "rejected", "unpublished")


@dataclass(frozen=True)
class Person:
    """A cell of the matrix, for one event."""

    role: str
    follows: bool
    choice: str
    state: str


PEOPLE: Final = [Person(*values) for values in product(ROLES, (False, True), CHOICES, STATES)]

# kind: (whom it is for, needs a follow, needs a role of the team, state of the post, without a choice)
TABLE: Final = {
    "post_update": ("everybody", True, False, "public", "at_once"),
    "status_change": ("everybody", True, False, "public", "at_once"),
    "comment": ("the author of the post", True, False, "public", "at_once"),
    "reply": ("the author of the parent", False, False, "public", "at_once"),
    "mention": ("the mentioned user", False, False, "public", "at_once"),
    "new_post": ("everybody", False, True, "public", "never"),
    "approved": ("everybody", False, True, "public", "never"),
    "published": ("everybody", False, True, "public", "never"),
    "pending_post": ("everybody", False, True, "pending", "never"),
}


def expected_cadence(event: str, person: Person, actor: str, post_state: str) -> str | None:
    """When the person gets the email by TABLE, or None."""
    _, needs_follow, needs_role, visible_state, default = TABLE[event]
    if post_state != visible_state or actor not in ("another user", "the operator"):
        return None
    if person.state not in ("active", "confirmed", "unconfirmed") or person.choice == "all stopped":
        return None
    if (needs_follow and not person.follows) or (needs_role and person.role == "user"):
        return None
    cadence = default if person.choice == "default" else person.choice
    return None if cadence == "never" else cadence


def kind_of(event: str) -> str:
    return "new_post" if event in ("approved", "published") else event


async def record_event(make: Factory, event: str, post: int) -> StoredEvent:
    """A real event of this sort, by the owner."""
    if event == "pending_post":
        await make.post(moderation="pending")
        return replace(await last_event(make, "post.submitted"), post_id=post)
    if event == "new_post":
        return await last_event(make, "post.submitted")
    if event == "approved":
        other = await make.post(moderation="pending")
        await make.act(lambda work: moderation.approve(work, other))
        return replace(await last_event(make, "post.approved"), post_id=post)
    if event == "published":
        for _ in range(2):
            await make.act(lambda work: publishing.toggle(work, post))
        return await last_event(make, "post.published")
    if event == "status_change":
        await make.act(lambda work: update.change_status(work, post, make.statuses["Planned"], user_id=make.owner))
        return await last_event(make, "post.status_changed")
    parent = await make.comment(post) if event == "reply" else None
    await make.comment(post, parent=parent, official=event == "post_update")
    return await last_event(make, "comment.written")


@cache
def statement(query: str) -> Statement:
    return Statement(text(query), across_portals=True)


def run(work: UnitOfWork, query: str, **values: Any) -> None:
    work.execute(statement(query), **values)


def by_actor(event: StoredEvent, actor: str, user: int, another: int) -> StoredEvent:
    """The event as if caused so, seen by the user."""
    user_id, actor_id = {
        "another user": (another, another),
        "the operator": (another, None),
        "the user": (user, user),
        "an admin as the user": (user, another),
        "the user as another": (another, user),
    }[actor]
    return replace(event, user_id=user_id, actor_id=actor_id)


SET_POST: Final = {
    "public": "UPDATE posts SET moderation = 'approved', published = true WHERE id = :post",
    "pending": "UPDATE posts SET moderation = 'pending', published = true WHERE id = :post",
    "rejected": "UPDATE posts SET moderation = 'rejected', published = true WHERE id = :post",
    "unpublished": "UPDATE posts SET moderation = 'approved', published = false WHERE id = :post",
}
CONCERN: Final = {
    "comment": "UPDATE posts SET user_id = :user WHERE id = :post",
    "reply": "UPDATE comments SET user_id = :user WHERE post_id = :post AND parent_id IS NULL",
    "mention": "UPDATE comments SET body = (SELECT 'Ask <@' || uuid || '> ' FROM users WHERE id = :user) "
    "WHERE post_id = :post",
}
"""How a person becomes the one whom the event is for."""


async def create_people(make: Factory, kind: str, post: int) -> dict[Person, int]:
    """A user for each person, whose choice is for this kind. The choices of other kinds would refuse everything."""
    ids = {person: await make.user(role=person.role) for person in PEOPLE}

    def prepare(work: UnitOfWork) -> None:
        choice = "INSERT INTO notification_choices (portal_id, user_id, kind, cadence) VALUES (:portal, :id, :k, :c)"
        for person, user in ids.items():
            for each in {kind_of(event) for event in TABLE} - {kind}:
                run(work, choice, id=user, k=each, c="never")
            if person.choice == "all stopped":
                run(work, "UPDATE users SET notifications_enabled = false WHERE id = :id", id=user)
            elif person.choice != "default":
                run(work, choice, id=user, k=kind, c=person.choice)
            if person.follows:
                follows.add(work, post_id=post, user_id=user)
            if person.state == "blocked":
                run(work, "UPDATE users SET blocked_at = created_at WHERE id = :id", id=user)
            if person.state in ("confirmed", "unconfirmed"):
                run(work, "UPDATE users SET signed_up_at = created_at WHERE id = :id", id=user)
            if person.state == "confirmed":
                run(work, "UPDATE users SET email_confirmed_at = created_at WHERE id = :id", id=user)
            if person.state in ("deleted", "without address"):
                run(work, "UPDATE users SET email = NULL, email_key = NULL WHERE id = :id", id=user)
            if person.state == "deleted":
                run(work, "UPDATE users SET deleted_at = created_at WHERE id = :id", id=user)

    await make.act(prepare)
    return ids


@pytest.mark.parametrize("event_name", TABLE)
async def test_every_cell_of_the_matrix(make: Factory, event_name: str) -> None:
    kind = kind_of(event_name)
    post = await make.post()
    event = await record_event(make, event_name, post)
    ids = await create_people(make, kind, post)
    another = await make.user(role="admin")
    for_everybody = TABLE[event_name][0] == "everybody"

    def compare(work: UnitOfWork) -> int:
        compared = 0
        for post_state, actor in product(POST_STATES, ACTORS):
            run(work, SET_POST[post_state], post=post)
            for person, user in ids.items():
                if not for_everybody:
                    run(work, CONCERN[event_name], user=user, post=post)
                elif actor in ("another user", "the operator") and user != min(ids.values()):
                    # One query tells of everybody.
                    continue
                found = {
                    (recipient.user_id, recipient.kind, recipient.cadence)
                    for recipient in find_recipients(work, by_actor(event, actor, user, another))
                }
                expected = set()
                for each, each_id in ids.items():
                    seen_actor = actor if each_id == user else "another user"
                    cadence = expected_cadence(event_name, each, seen_actor, post_state)
                    if cadence is not None and (for_everybody or each_id == user):
                        expected.add((each_id, kind, cadence))
                assert found == expected, (post_state, actor, person)
                compared += 1
        return compared

    assert await make.act(compare) >= len(POST_STATES) * (3 * len(PEOPLE) + 2)


async def recipients_of(make: Factory, event: StoredEvent, *, portal: int | None = None) -> list[tuple[int, str]]:
    found = await make.act(lambda work: find_recipients(work, event), portal=portal)
    return [(recipient.user_id, recipient.kind) for recipient in found]


async def follow(make: Factory, post: int, *users: int) -> None:
    for user in users:
        await make.act(lambda work, user=user: follows.add(work, post_id=post, user_id=user))


async def mention_of(make: Factory, *users: int) -> str:
    return " ".join([f"<@{(await make.uuid(user)).upper()}>" for user in users])


async def test_each_recipient_gets_one_email_of_an_event(make: Factory) -> None:
    author, parent_author, follower, stranger = [await make.user() for _ in range(4)]
    post = await make.post(author=author)
    await follow(make, post, author, follower)
    parent = await make.comment(post, author=parent_author)
    everybody = await mention_of(make, follower, parent_author, author, author, stranger)

    found = {}
    for name, how in {
        "comment": {},
        "reply": {"parent": parent},
        "update": {"parent": parent, "official": True},
    }.items():
        await make.comment(post, body=everybody, **how)  # type: ignore[arg-type]
        found[name] = sorted(await recipients_of(make, await last_event(make, "comment.written")))

    assert found == {
        "comment": [(author, "comment"), *((user, "mention") for user in (parent_author, follower, stranger))],
        "reply": [(author, "mention"), (parent_author, "reply"), (follower, "mention"), (stranger, "mention")],
        # An update tells all followers, and nobody as the author of the parent.
        "update": [
            (author, "post_update"),
            (parent_author, "mention"),
            (follower, "post_update"),
            (stranger, "mention"),
        ],
    }


async def test_who_refused_one_kind_is_told_as_another_kind(make: Factory) -> None:
    author = await make.user()
    post = await make.post(author=author)
    await follow(make, post, author)
    await make.act(lambda work: choices.set_choice(work, author, "comment", "never"))
    await make.act(lambda work: choices.set_choice(work, author, "mention", "weekly"))
    await make.comment(post, body=await mention_of(make, author))
    event = await last_event(make, "comment.written")

    found = await make.act(lambda work: find_recipients(work, event))

    assert found == [Recipient(author, "mention", "weekly")]


async def test_a_comment_marked_as_update_later_tells_no_followers(make: Factory) -> None:
    follower, post = await make.user(), await make.post()
    await follow(make, post, follower)
    comment = await make.comment(post)

    await make.act(lambda work: comments.edit(work, comment, official=True))

    assert [await recipients_of(make, event) for event in await read_events(make)] == [[]] * 4


async def test_an_update_whose_mark_was_removed_is_one_still(make: Factory) -> None:
    follower, post = await make.user(), await make.post()
    await follow(make, post, follower)
    comment = await make.comment(post, official=True)

    await make.act(lambda work: comments.edit(work, comment, official=False))

    assert await recipients_of(make, await last_event(make, "comment.written")) == [(follower, "post_update")]


async def test_a_reply_without_its_parent_is_not_told_as_a_comment(make: Factory) -> None:
    author, parent_author = await make.user(), await make.user()
    post = await make.post(author=author)
    await follow(make, post, author)
    parent = await make.comment(post, author=parent_author)
    await make.comment(post, parent=parent)

    await make.act(lambda work: comments.delete(work, parent, with_replies=False))

    assert await recipients_of(make, await last_event(make, "comment.written")) == []


async def test_a_reply_on_another_post_tells_the_author_of_the_parent(make: Factory) -> None:
    parent_author = await make.user()
    parent = await make.comment(await make.post(), author=parent_author)
    await make.comment(await make.post(), parent=parent)

    assert await recipients_of(make, await last_event(make, "comment.written")) == [(parent_author, "reply")]


async def test_a_post_submitted_pending_and_approved_is_a_new_post_once(make: Factory) -> None:
    moderator = await make.user(role="moderator")
    for kind in ("new_post", "pending_post"):
        await make.act(lambda work, kind=kind: choices.set_choice(work, moderator, kind, "at_once"))
    post = await make.post(moderation="pending")

    waiting = await recipients_of(make, await last_event(make, "post.submitted"))
    await make.act(lambda work: moderation.approve(work, post))
    afterwards = [
        await recipients_of(make, await last_event(make, kind)) for kind in ("post.submitted", "post.approved")
    ]

    assert waiting == [(moderator, "pending_post")]
    assert afterwards == [[], [(moderator, "new_post")]]


async def test_other_events_tell_nobody(make: Factory) -> None:
    author, moderator = await make.user(), await make.user(role="moderator")
    for kind in ("new_post", "pending_post"):
        await make.act(lambda work, kind=kind: choices.set_choice(work, moderator, kind, "at_once"))
    post, pending, deleted = await make.post(author=author), await make.post(moderation="pending"), await make.post()
    await follow(make, post, author, moderator)
    await make.run("UPDATE posts SET status_id = :id", id=make.statuses["Planned"])
    await make.run("DELETE FROM facts")

    def change(work: UnitOfWork) -> None:
        update.change_status(work, post, None, user_id=None)
        moderation.reject(work, pending)
        votes.cast(work, NewVote(post=post, voter=make.owner))
        votes.retract(work, NewVote(post=post, voter=make.owner))
        anonymous_votes.cast(work, post=post, anonymous_id="visitor")
        anonymous_votes.retract(work, post=post, anonymous_id="visitor")
        publishing.toggle(work, post)
        publishing.toggle(work, post)
        users.invite(work, author, None)
        users.create(work, email="joe@example.com", name="Joe")

    await make.act(change)
    comment = await make.comment(post)
    await make.comment(post, internal=True, body=await mention_of(make, moderator))
    await make.act(lambda work: comments.delete(work, comment, with_replies=True))
    await make.act(lambda work: update.delete(work, deleted))

    events = await read_events(make)
    assert [event.kind for event in events] == [
        *("post.status_changed", "post.rejected", "vote.cast", "vote.retracted", "vote.cast", "vote.retracted"),
        *("post.unpublished", "post.published", "user.invited", "user.registered"),
        # Its comment is deleted by now.
        *("comment.written", "comment.deleted", "post.deleted"),
    ]
    told = {event.kind: found for event in events if (found := await recipients_of(make, event))}
    assert told == {"post.published": [(moderator, "new_post")]}


async def test_nobody_of_another_portal_is_told(make: Factory) -> None:
    elsewhere, other_owner = await make.new_portal("Ideas", host="ideas.example.com", email="owner@example.com")
    stranger = await make.user(portal=elsewhere, role="admin")
    post = await make.post()
    parent = await make.comment(post)
    await make.comment(post, parent=parent, body=await mention_of(make, stranger, other_owner))
    for kind in ("new_post", "reply"):
        await make.act(lambda work, kind=kind: choices.set_choice(work, stranger, kind, "at_once"), portal=elsewhere)
    # Rows that no rule makes.
    await make.run("UPDATE comments SET user_id = :user WHERE id = :id", user=stranger, id=parent)
    await make.run(
        "INSERT INTO follows (portal_id, post_id, user_id, created_at) "
        "SELECT portal_id, id, :user, created_at FROM posts",
        user=stranger,
    )
    update_event = replace(await last_event(make, "comment.written"), body={"official": True})

    for event in (*await read_events(make), update_event):
        assert await recipients_of(make, event) == []
        assert await recipients_of(make, event, portal=elsewhere) == []


async def test_thousands_of_followers_are_found_by_a_few_queries(make: Factory) -> None:
    post = await make.post()
    number = 2 * CHUNK + 1
    await make.run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :number) "
        "INSERT INTO users (portal_id, uuid, email, email_key, name, created_at, updated_at) "
        "SELECT p.id, 'uuid' || i, 'f' || i || '@example.com', 'f' || i || '@example.com', 'Jane', p.created_at, "
        "p.created_at FROM n, portals p",
        number=number,
    )
    await make.run(
        "INSERT INTO follows (portal_id, post_id, user_id, created_at) "
        "SELECT portal_id, :post, id, created_at FROM users WHERE name = 'Jane'",
        post=post,
    )
    await make.comment(post, official=True)
    event = await last_event(make, "comment.written")
    connections: list[Counting] = []

    def find(work: UnitOfWork) -> list[Recipient]:
        connection = Counting(work._connection)
        connections.append(connection)
        return find_recipients(UnitOfWork(connection, portal_id=work.portal_id, actor=work.actor, now=work.now), event)

    found = await make.act(find)

    assert len({recipient.user_id for recipient in found}) == len(found) == number
    # The post, the comment, and three chunks.
    (connection,) = connections
    assert len(connection.statements) == 5
