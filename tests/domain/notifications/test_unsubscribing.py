"""What the link in an email of each kind ends, and that everything else stays."""

from dataclasses import asdict
from typing import Any

import pytest

from app.domain.errors import Forbidden, NotFound, ValidationFailed
from app.domain.notifications import choices, unsubscribing
from app.domain.notifications.kinds import ACCOUNT_KINDS, DIGEST, NOTIFICATION_KINDS, RECAP
from app.domain.notifications.unsubscribing import FOLLOWER_KINDS, FollowedPost
from app.domain.permissions import Actor
from app.domain.posts import follows
from tests.support.factory import Factory

CADENCES = ["daily", "weekly", "at_once"]


@pytest.fixture
async def mia(make: Factory) -> int:
    """A moderator with another cadence for each kind, who gets the summary and follows all posts."""
    mia = await make.user(role="moderator")
    for index, kind in enumerate(NOTIFICATION_KINDS):
        cadence = CADENCES[index % 3]
        await make.act(lambda work, kind=kind, cadence=cadence: choices.set_choice(work, mia, kind, cadence))
    await make.act(lambda work: choices.set_recap(work, mia, "weekly"))
    for _ in range(2):
        post = await make.post()
        await make.act(lambda work, post=post: follows.add(work, post_id=post, user_id=mia))
    return mia


async def unsubscribe(make: Factory, user: int, kind: str, post_id: int | None = None) -> None:
    await make.act(
        lambda work: unsubscribing.unsubscribe(work, user, kind=kind, post_id=post_id), actor=Actor(user, "user")
    )


async def state(make: Factory, user: int) -> dict[str, Any]:
    chosen = await make.act(lambda work: choices.get_choices(work, user))
    posts = await make.rows("SELECT post_id FROM follows WHERE user_id = :id ORDER BY post_id", id=user)
    return {**asdict(chosen), "follows": [row["post_id"] for row in posts]}


@pytest.mark.parametrize("kind", [*NOTIFICATION_KINDS, DIGEST, RECAP])
async def test_unsubscribing_ends_what_sent_the_email_and_nothing_else(make: Factory, mia: int, kind: str) -> None:
    before = await state(make, mia)
    first, second = before["follows"]
    expected = {**before, "cadences": dict(before["cadences"])}
    if kind in FOLLOWER_KINDS:
        expected["follows"] = [second]
    elif kind == RECAP:
        expected["recap"] = "never"
    elif kind == DIGEST:
        expected["cadences"] = {
            name: "never" if cadence in ("daily", "weekly") else cadence for name, cadence in before["cadences"].items()
        }
    else:
        expected["cadences"][kind] = "never"

    for _ in range(2):
        await unsubscribe(make, mia, kind, first)

        assert await state(make, mia) == expected
    assert expected != before


async def test_without_its_post_a_kind_for_followers_is_never_sent_again(make: Factory, mia: int) -> None:
    await unsubscribe(make, mia, "status_change")

    assert (await state(make, mia))["cadences"]["status_change"] == "never"


@pytest.mark.parametrize("kind", [*ACCOUNT_KINDS, "nothing", ""])
async def test_mail_about_the_account_can_not_be_ended(make: Factory, mia: int, kind: str) -> None:
    with pytest.raises(ValidationFailed):
        await unsubscribe(make, mia, kind)


async def test_only_the_user_and_the_team_can_unsubscribe_the_user(make: Factory, mia: int) -> None:
    jane = Actor(await make.user(), "user")

    for rule in (
        lambda work: unsubscribing.unsubscribe(work, mia, kind=RECAP, post_id=None),
        lambda work: unsubscribing.find_followed_post(work, mia, 1),
    ):
        with pytest.raises(Forbidden):
            await make.act(rule, actor=jane)


async def test_a_user_of_another_portal_is_not_found(make: Factory, mia: int) -> None:
    other, _ = await make.new_portal("Other", host="other.example.com", email="x@example.com")
    before = await state(make, mia)

    for kind in (*NOTIFICATION_KINDS, DIGEST, RECAP):
        with pytest.raises(NotFound):
            await make.act(
                lambda work, kind=kind: unsubscribing.unsubscribe(work, mia, kind=kind, post_id=before["follows"][0]),
                portal=other,
            )
    assert await state(make, mia) == before


async def test_the_followed_post_is_named_only_while_visitors_see_it(make: Factory, mia: int) -> None:
    post = (await state(make, mia))["follows"][0]
    await make.run("UPDATE posts SET title = 'Dark mode' WHERE id = :id", id=post)

    async def find(post_id: int | None) -> FollowedPost | None:
        return await make.act(lambda work: unsubscribing.find_followed_post(work, mia, post_id))

    assert await find(post) == FollowedPost("Dark mode")
    await make.run("UPDATE posts SET moderation = 'pending' WHERE id = :id", id=post)
    assert await find(post) == FollowedPost(None)
    assert await find(None) is await find(4711) is None
    await unsubscribe(make, mia, "post_update", post)
    assert await find(post) is None
