"""Moderation beyond what Astuto's dialect can do: any state by the operator, and the lists."""

import json

import pytest

from app.domain.errors import Forbidden, NotFound, ValidationFailed
from app.domain.models.posts import MODERATION_STATES
from app.domain.models.users import ROLES
from app.domain.permissions import Actor
from app.domain.posts import moderation
from tests.support.factory import Factory


async def state(make: Factory) -> str:
    return str(await make.value("SELECT moderation FROM posts"))


@pytest.mark.parametrize(
    ("policy", "pending"),
    [("never", set()), ("anonymous", {None}), ("always", {None, "user"})],
)
def test_the_policy_decides_whose_posts_are_pending(policy: str, pending: set[str | None]) -> None:
    roles = (None, *ROLES)

    states = {role: moderation.initial_state(None, policy=policy, author_role=role) for role in roles}

    assert states == {role: "pending" if role in pending else "approved" for role in roles}
    for requested in MODERATION_STATES:
        assert {moderation.initial_state(requested, policy=policy, author_role=role) for role in roles} == {requested}


async def test_the_operator_sets_any_state(make: Factory) -> None:
    post = await make.post(author=await make.user())

    outcomes = []
    for new_state in ("pending", "pending", "rejected", "approved", "pending"):
        changed = await make.act(lambda work, new_state=new_state: moderation.set(work, post, new_state))  # type: ignore[misc]
        outcomes.append((changed, await state(make)))

    assert outcomes == [
        (True, "pending"),
        (False, "pending"),
        (True, "rejected"),
        (True, "approved"),
        (True, "pending"),
    ]
    author = await make.value("SELECT user_id FROM posts")
    for kind in ("post.approved", "post.rejected"):
        assert [(fact["post_id"], fact["user_id"]) for fact in await make.facts(kind)] == [(post, author)]


async def test_invalid_changes_are_rejected(make: Factory) -> None:
    post = await make.post()

    with pytest.raises(ValidationFailed):
        await make.act(lambda work: moderation.set(work, post, "maybe"))
    with pytest.raises(NotFound):
        await make.act(lambda work: moderation.set(work, 4711, "pending"))
    with pytest.raises(Forbidden):
        await make.act(lambda work: moderation.set(work, post, "pending"), actor=Actor(user_id=None, role="user"))
    assert await state(make) == "approved"


async def test_pending_and_rejected_posts_are_listed_newest_first(make: Factory) -> None:
    await make.post()
    pending = [await make.post(moderation="pending") for _ in range(3)]
    rejected = await make.post(moderation="rejected", title="Spam")
    portal, owner = await make.new_portal("Elsewhere", host="elsewhere.example.com", email="else@example.com")
    await make.post(moderation="pending", portal=portal, author=owner)

    first = await make.act(lambda work: moderation.page(work, "pending", offset=0, limit=2))
    second = await make.act(lambda work: moderation.page(work, "pending", offset=2, limit=2))
    ((post, code, title, moderation_state, _),) = await make.act(
        lambda work: moderation.page(work, "rejected", offset=0, limit=9)
    )

    assert [row[0] for row in (*first, *second)] == pending[::-1]
    assert (post, code, title, moderation_state) == (rejected, await make.code(rejected), "Spam", "rejected")


async def test_another_portals_post_is_unknown(make: Factory) -> None:
    portal, owner = await make.new_portal("Elsewhere", host="elsewhere.example.com", email="else@example.com")
    theirs = await make.post(moderation="pending", portal=portal, author=owner)

    for operation in (
        lambda work: moderation.approve(work, theirs),
        lambda work: moderation.reject(work, theirs),
        lambda work: moderation.set(work, theirs, "approved"),
    ):
        with pytest.raises(NotFound):
            await make.act(operation)
    assert await state(make) == "pending"


@pytest.mark.parametrize(("state", "body"), [("approved", None), ("pending", {"moderation": "pending"})])
async def test_the_event_of_a_post_has_the_state_in_which_it_was_submitted(
    make: Factory, state: str, body: dict[str, str] | None
) -> None:
    post = await make.post(moderation=state)
    await make.act(lambda work: moderation.set(work, post, "rejected"))

    (fact,) = await make.facts("post.submitted")
    assert json.loads(fact["body"] or "null") == body
