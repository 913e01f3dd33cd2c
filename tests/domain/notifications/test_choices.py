"""The choices of a user: defaults, what each role may choose, who may change them, follows."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.domain.errors import FieldError, Forbidden, NotFound, ValidationFailed
from app.domain.notifications import choices
from app.domain.notifications.choices import Choices
from app.domain.permissions import Actor
from app.domain.posts import follows, publishing
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import deletion, users
from tests.support.factory import Factory

OF_A_USER = {
    "post_update": "at_once",
    "status_change": "at_once",
    "comment": "at_once",
    "reply": "at_once",
    "mention": "at_once",
}
OF_STAFF = {**OF_A_USER, "new_post": "never", "pending_post": "never"}

CHANGES: list[Callable[[UnitOfWork, int], Any]] = [
    lambda work, user: choices.set_choice(work, user, "comment", "daily"),
    lambda work, user: choices.set_enabled(work, user, False),
    lambda work, user: choices.set_recap(work, user, "daily"),
]


async def choices_of(make: Factory, user: int, **how: Any) -> Choices:
    return await make.act(lambda work: choices.get_choices(work, user), **how)


@pytest.mark.parametrize("role", ["user", "moderator", "admin", "owner"])
async def test_a_new_user_has_the_defaults_of_the_role(make: Factory, role: str) -> None:
    user = make.owner if role == "owner" else await make.user(role=role)

    expected = Choices(True, None, OF_A_USER) if role == "user" else Choices(True, "never", OF_STAFF)
    assert await choices_of(make, user) == expected


async def test_each_choice_changes_alone_and_for_one_user(make: Factory) -> None:
    jane, joe = await make.user(role="moderator"), await make.user(role="moderator")
    before = await choices_of(make, joe)

    for kind, cadence in (("comment", "daily"), ("comment", "weekly"), ("reply", "never"), ("new_post", "at_once")):
        await make.act(lambda work, kind=kind, cadence=cadence: choices.set_choice(work, jane, kind, cadence))
    await make.act(lambda work: choices.set_recap(work, jane, "monthly"))

    chosen = {**OF_STAFF, "comment": "weekly", "reply": "never", "new_post": "at_once"}
    assert await choices_of(make, jane) == Choices(True, "monthly", chosen)
    assert await choices_of(make, joe) == before


async def test_the_choices_stay_while_all_notifications_are_stopped(make: Factory) -> None:
    jane = await make.user()
    await make.act(lambda work: choices.set_choice(work, jane, "comment", "daily"))
    before = await choices_of(make, jane)

    await make.act(lambda work: choices.set_enabled(work, jane, False))
    stopped = await choices_of(make, jane)
    await make.act(lambda work: choices.set_enabled(work, jane, True))

    assert stopped == replace(before, enabled=False)
    assert await choices_of(make, jane) == before


async def test_a_demoted_user_keeps_none_of_the_choices_for_staff(make: Factory) -> None:
    jane = await make.user(role="admin")
    await make.act(lambda work: choices.set_choice(work, jane, "new_post", "at_once"))
    await make.act(lambda work: choices.set_recap(work, jane, "daily"))

    await make.act(lambda work: users.update(work, jane, role="user"))

    assert await choices_of(make, jane) == Choices(True, None, OF_A_USER)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda work, user: choices.set_choice(work, user, "vote", "daily"), FieldError("kind", "invalid")),
        (lambda work, user: choices.set_choice(work, user, "comment", "hourly"), FieldError("cadence", "invalid")),
        (
            lambda work, user: choices.set_choice(work, user, "new_post", "daily"),
            FieldError("kind", "staff_only", {"kind": "new_post"}),
        ),
        (
            lambda work, user: choices.set_choice(work, user, "pending_post", "daily"),
            FieldError("kind", "staff_only", {"kind": "pending_post"}),
        ),
        (lambda work, user: choices.set_recap(work, user, "hourly"), FieldError("recap", "invalid")),
        (lambda work, user: choices.set_recap(work, user, "daily"), FieldError("recap", "staff_only")),
    ],
)
async def test_an_invalid_choice_is_rejected(make: Factory, change: Callable[..., Any], error: FieldError) -> None:
    jane = await make.user()

    with pytest.raises(ValidationFailed) as refused:
        await make.act(lambda work: change(work, jane))

    assert refused.value.errors == [error]
    assert await choices_of(make, jane) == Choices(True, None, OF_A_USER)


async def test_every_user_may_refuse_the_kinds_for_staff(make: Factory) -> None:
    jane = await make.user()

    await make.act(lambda work: choices.set_choice(work, jane, "new_post", "never"))
    await make.act(lambda work: choices.set_recap(work, jane, "never"))

    assert await choices_of(make, jane) == Choices(True, None, OF_A_USER)


@pytest.mark.parametrize("change", [*CHANGES, choices.get_choices])
async def test_only_the_user_and_administrators_may_choose(make: Factory, change: Callable[..., Any]) -> None:
    jane, joe = await make.user(role="moderator"), await make.user(role="moderator")

    for actor in (Actor(joe, "user"), Actor(joe, "moderator")):
        with pytest.raises(Forbidden):
            await make.act(lambda work: change(work, jane), actor=actor)
    for actor in (Actor(jane, "user"), Actor(joe, "admin"), Actor(make.owner, "owner")):
        await make.act(lambda work: change(work, jane), actor=actor)


@pytest.mark.parametrize("change", [*CHANGES, choices.get_choices])
async def test_a_deleted_user_and_one_of_another_portal_are_unknown(make: Factory, change: Callable[..., Any]) -> None:
    jane, joe = await make.user(role="moderator"), await make.user(role="moderator")
    elsewhere, _ = await make.new_portal("Ideas", host="ideas.example.com", email="owner@example.com")
    await make.act(lambda work: deletion.delete(work, jane, with_content=False))

    for user, portal in ((jane, make.portal), (joe, elsewhere), (12345, make.portal)):
        with pytest.raises(NotFound):
            await make.act(lambda work, user=user: change(work, user), portal=portal)
    assert await choices_of(make, joe) == Choices(True, "never", OF_STAFF)


async def test_the_deletion_of_a_user_deletes_the_choices(make: Factory) -> None:
    jane, joe = await make.user(), await make.user()
    for user in (jane, joe):
        await make.act(lambda work, user=user: choices.set_choice(work, user, "comment", "daily"))

    await make.act(lambda work: deletion.delete(work, jane, with_content=False))

    assert await make.rows("SELECT user_id FROM notification_choices") == [{"user_id": joe}]


async def test_a_user_lists_and_ends_own_follows_only(make: Factory) -> None:
    jane, joe = await make.user(), await make.user()
    one, hidden, pending, two = [await make.post(title=title) for title in ("One", "Hidden", "Pending", "Two")]
    for post in (one, hidden, pending, two):
        for user in (jane, joe):
            await make.act(lambda work, post=post, user=user: follows.add(work, post_id=post, user_id=user))
    await make.act(lambda work: publishing.toggle(work, hidden))
    await make.run("UPDATE posts SET moderation = 'pending' WHERE id = :id", id=pending)
    me = Actor(jane, "user")

    listed = await make.act(lambda work: follows.list_public(work, user_id=jane, offset=0, limit=10), actor=me)
    ended = [await make.act(lambda work: choices.stop_following(work, jane, one), actor=me) for _ in range(2)]
    unknown = await make.act(lambda work: choices.stop_following(work, jane, 12345), actor=me)
    with pytest.raises(Forbidden):
        await make.act(lambda work: choices.stop_following(work, joe, one), actor=me)

    assert [tuple(row) for row in listed] == [
        (two, await make.code(two), "two", "Two"),
        (one, await make.code(one), "one", "One"),
    ]
    assert (ended, unknown) == ([True, False], False)
    assert await make.rows("SELECT user_id FROM follows WHERE post_id = :post", post=one) == [{"user_id": joe}]
