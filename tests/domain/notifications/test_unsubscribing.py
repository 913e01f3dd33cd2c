"""What the link in an email of each kind ends, and that everything else stays."""

from dataclasses import asdict
from typing import Any

import pytest

from app.domain.errors import Forbidden, NotFound, ValidationFailed
from app.domain.notifications import choices, unsubscribing
from app.domain.notifications.kinds import ACCOUNT_KINDS, DIGEST, NOTIFICATION_KINDS, RECAP
from app.domain.notifications.unsubscribing import FOLLOWER_KINDS, LinkedPost, Resumption
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


async def unsubscribe(make: Factory, user: int, kind: str, post_id: int | None = None) -> Resumption:
    return await make.act(
        lambda work: unsubscribing.unsubscribe(work, user, kind=kind, post_id=post_id), actor=Actor(user, "user")
    )


async def find_resumption(make: Factory, user: int, kind: str, post_id: int | None = None) -> Resumption | None:
    return await make.act(
        lambda work: unsubscribing.find_resumption(work, user, kind=kind, post_id=post_id), actor=Actor(user, "user")
    )


async def resume(make: Factory, user: int, kind: str, post_id: int | None, resumption: Resumption) -> None:
    cadences, recap = resumption.cadences, resumption.recap
    await make.act(
        lambda work: unsubscribing.resume(work, user, kind=kind, post_id=post_id, cadences=cadences, recap=recap),
        actor=Actor(user, "user"),
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


@pytest.mark.parametrize("kind", [*NOTIFICATION_KINDS, DIGEST, RECAP])
async def test_what_was_ended_is_undone(make: Factory, mia: int, kind: str) -> None:
    before = await state(make, mia)
    post = before["follows"][0]
    assert await find_resumption(make, mia, kind, post) is None

    undoing = await unsubscribe(make, mia, kind, post)
    left = await find_resumption(make, mia, kind, post)
    again = await unsubscribe(make, mia, kind, post)
    await resume(make, mia, kind, post, undoing)

    assert await state(make, mia) == before
    assert await find_resumption(make, mia, kind, post) is None
    # Later nobody knows how often a kind or the summary was sent, and which kinds a digest had.
    expected = {DIGEST: Resumption(), RECAP: Resumption()}
    default = Resumption(follow=True) if kind in FOLLOWER_KINDS else Resumption({kind: "at_once"})
    assert left == again == expected.get(kind, default)


@pytest.mark.parametrize("kind", [*NOTIFICATION_KINDS, DIGEST, RECAP])
async def test_only_what_the_link_ends_is_started_again(make: Factory, mia: int, kind: str) -> None:
    everything = Resumption(dict.fromkeys(NOTIFICATION_KINDS, "weekly"), "monthly", follow=True)
    before = await state(make, mia)

    await resume(make, mia, kind, before["follows"][0], everything)

    after = await state(make, mia)
    expected = {**before, "cadences": dict(before["cadences"])}
    if kind == DIGEST:
        expected["cadences"] = dict(everything.cadences)
    elif kind == RECAP:
        expected["recap"] = "monthly"
    elif kind not in FOLLOWER_KINDS:
        expected["cadences"][kind] = "weekly"
    assert after == expected


async def test_emails_that_are_not_sent_for_another_reason_have_to_be_chosen(make: Factory, mia: int) -> None:
    first, second = (await state(make, mia))["follows"]
    await make.run("UPDATE posts SET moderation = 'pending' WHERE id = :id", id=first)
    assert await unsubscribe(make, mia, "post_update", first) == Resumption()
    with pytest.raises(NotFound):
        await resume(make, mia, "post_update", first, Resumption(follow=True))

    await make.act(lambda work: choices.set_choice(work, mia, "post_update", "never"))
    assert await find_resumption(make, mia, "post_update", second) == Resumption()
    await make.act(lambda work: choices.set_enabled(work, mia, False))
    for kind in (*NOTIFICATION_KINDS, DIGEST, RECAP):
        assert await find_resumption(make, mia, kind, second) == Resumption()
        assert await find_resumption(make, mia, kind) == Resumption()
    # A user who has left the team.
    await make.act(lambda work: choices.set_enabled(work, mia, True))
    await make.run("UPDATE users SET role = 'user' WHERE id = :id", id=mia)
    for kind in ("new_post", RECAP):
        assert await unsubscribe(make, mia, kind) == Resumption()


async def test_without_its_post_a_kind_for_followers_is_never_sent_again(make: Factory, mia: int) -> None:
    await unsubscribe(make, mia, "status_change")

    assert (await state(make, mia))["cadences"]["status_change"] == "never"


@pytest.mark.parametrize("kind", [*ACCOUNT_KINDS, "nothing", ""])
async def test_mail_about_the_account_can_not_be_ended(make: Factory, mia: int, kind: str) -> None:
    with pytest.raises(ValidationFailed):
        await unsubscribe(make, mia, kind)
    with pytest.raises(ValidationFailed):
        await find_resumption(make, mia, kind)
    with pytest.raises(ValidationFailed):
        await resume(make, mia, kind, None, Resumption())


async def test_only_the_user_and_the_team_can_unsubscribe_the_user(make: Factory, mia: int) -> None:
    jane = Actor(await make.user(), "user")

    for rule in (
        lambda work: unsubscribing.unsubscribe(work, mia, kind=RECAP, post_id=None),
        lambda work: unsubscribing.find_linked_post(work, mia, 1),
        lambda work: unsubscribing.find_resumption(work, mia, kind=RECAP, post_id=None),
        lambda work: unsubscribing.resume(work, mia, kind=RECAP, post_id=None, cadences={}, recap="daily"),
        lambda work: unsubscribing.resume(work, mia, kind="post_update", post_id=1, cadences={}, recap=None),
    ):
        with pytest.raises(Forbidden):
            await make.act(rule, actor=jane)


async def test_a_user_of_another_portal_is_not_found(make: Factory, mia: int) -> None:
    other, _ = await make.new_portal("Other", host="other.example.com", email="x@example.com")
    before = await state(make, mia)

    for kind in (*NOTIFICATION_KINDS, DIGEST, RECAP):
        values = {"kind": kind, "post_id": before["follows"][0]}
        undoing = {"cadences": {kind: "daily", "comment": "daily"}, "recap": "daily"}
        for rule in (
            lambda work, values=values: unsubscribing.unsubscribe(work, mia, **values),
            lambda work, values=values: unsubscribing.find_resumption(work, mia, **values),
            lambda work, values=values, undoing=undoing: unsubscribing.resume(work, mia, **values, **undoing),
        ):
            with pytest.raises(NotFound):
                await make.act(rule, portal=other)
    assert await state(make, mia) == before


async def test_the_post_is_named_only_while_visitors_see_it(make: Factory, mia: int) -> None:
    post = (await state(make, mia))["follows"][0]
    await make.run("UPDATE posts SET title = 'Dark mode' WHERE id = :id", id=post)

    async def find(post_id: int | None) -> LinkedPost | None:
        return await make.act(lambda work: unsubscribing.find_linked_post(work, mia, post_id))

    assert await find(post) == LinkedPost("Dark mode", is_followed=True)
    await make.run("UPDATE posts SET moderation = 'pending' WHERE id = :id", id=post)
    assert await find(post) == LinkedPost(None, is_followed=True)
    assert await find(None) is await find(4711) is None
    await unsubscribe(make, mia, "post_update", post)
    assert await find(post) == LinkedPost(None, is_followed=False)
