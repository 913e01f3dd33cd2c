"""Who loses a right, or goes, while something is done with him: afterwards the loss holds, whichever came first."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.domain.errors import Forbidden
from app.domain.permissions import Actor
from app.domain.posts import follows, update
from app.domain.posts.update import PostUpdate
from app.domain.users import api_keys, deletion, users
from app.settings import Settings
from tests.support.concurrency import Race, Request, racing
from tests.support.factory import Factory

PAIRS = 100


@pytest.fixture
def race(make: Factory, settings: Settings) -> Iterator[Race]:
    with racing(settings, 3) as lanes:
        yield lanes


@pytest.fixture
async def owner_key(make: Factory) -> str:
    return await make.key(make.owner, "productlift")


async def test_no_key_that_works_is_left_to_who_loses_the_right_to_it(make: Factory, race: Race) -> None:
    losing: list[Callable[[Any, int], object]] = [
        lambda work, user: users.update(work, user, role="user"),
        lambda work, user: users.block(work, user),
        lambda work, user: deletion.delete(work, user, with_content=True),
    ]
    for at in range(PAIRS):
        user = await make.user(role="admin")

        lost, _ = race.acts(
            make.portal,
            lambda work, at=at, user=user: losing[at % 3](work, user),
            lambda work, user=user: api_keys.issue(work, user_id=user, dialect="astuto", secret=b"secret"),
        )

        assert lost is None
        live = "SELECT count(*) FROM api_keys WHERE user_id = :id AND revoked_at IS NULL"
        assert await make.value(live, id=user) == 0


async def test_who_is_promoted_is_not_blocked_by_a_moderator_at_the_same_moment(make: Factory, race: Race) -> None:
    moderator = Actor(user_id=await make.user(role="moderator"), role="moderator")

    def block(work: Any, user: int) -> None:
        work.actor = moderator
        users.block(work, user)

    for _ in range(PAIRS):
        user = await make.user(role="user")

        promoted, blocked = race.acts(
            make.portal,
            lambda work, user=user: users.update(work, user, role="admin"),
            lambda work, user=user: block(work, user),
        )

        assert promoted is None
        row = await make.row("SELECT blocked_at, updated_at FROM users WHERE id = :id", id=user)
        assert isinstance(blocked, Forbidden) == (row["blocked_at"] is None)


async def test_who_is_made_a_moderator_while_a_client_writes_member_stays_one(
    make: Factory, race: Race, owner_key: str
) -> None:
    lost = []
    for at in range(PAIRS):
        user = await make.user(role="admin")
        path = f"/users/{await make.uuid(user)}"

        promoted, response = race.beside(
            make.portal,
            lambda work, user=user: users.update(work, user, role="moderator"),
            Request(owner_key, "PATCH", path, {"role": "member"}),
        )

        # A moderator is shown as a member, so to write that after the other change changes nothing.
        assert (promoted, response.status_code, response.json()["data"]["role"]) == (None, 200, "member")
        if await make.value("SELECT role FROM users WHERE id = :id", id=user) != "moderator":
            lost.append(at)
    assert lost == []


@pytest.mark.parametrize("what", ["vote", "post", "comment"])
async def test_what_a_user_does_while_he_goes_goes_with_him_or_is_refused(
    what: str, make: Factory, race: Race, owner_key: str
) -> None:
    post = await make.code(await make.post())
    for _ in range(PAIRS):
        user = await make.user()
        uuid = await make.uuid(user)
        request = {
            "vote": Request(owner_key, "POST", f"/posts/{post}/votes/{uuid}"),
            "post": Request(owner_key, "POST", "/posts", {"title": "My last one", "user_id": uuid}),
            "comment": Request(owner_key, "POST", f"/posts/{post}/comments", {"comment": "Bye", "user_id": uuid}),
        }[what]

        gone, done = race(Request(owner_key, "DELETE", f"/users/{uuid}", {"delete_all_data": True}), request)

        assert gone.status_code == 200
        if done.status_code != 200:
            unknown = {"message": f"No query results for model [App\\User] {uuid}"}
            assert (done.status_code, done.json()) == (404, unknown)
        for table in ("votes", "posts", "comments", "follows"):
            assert await make.value(f"SELECT count(*) FROM {table} WHERE user_id = :id", id=user) == 0
    assert await make.wrong_counters() == []


async def test_what_a_user_posts_with_his_own_key_while_he_goes_does_not_stay(
    make: Factory, race: Race, owner_key: str
) -> None:
    for _ in range(PAIRS // 2):
        user = await make.user(role="admin")
        uuid, key = await make.uuid(user), await make.key(user, "productlift")

        gone, done = race(
            Request(owner_key, "DELETE", f"/users/{uuid}", {"delete_all_data": True}),
            Request(key, "POST", "/posts", {"title": "My last one"}),
        )

        assert gone.status_code == 200
        assert done.status_code in (200, 401, 404), done.text
        for table in ("posts", "follows"):
            assert await make.value(f"SELECT count(*) FROM {table} WHERE user_id = :id", id=user) == 0
    assert await make.wrong_counters() == []


async def test_what_is_given_to_a_user_who_is_going_does_not_stay(make: Factory, race: Race) -> None:
    for _ in range(PAIRS // 2):
        user, post = await make.user(), await make.post()
        uuid = await make.uuid(user)

        gone, *_ = race.acts(
            make.portal,
            lambda work, user=user: deletion.delete(work, user, with_content=True),
            lambda work, user=user, post=post: follows.add(work, post_id=post, user_id=user),
            lambda work, uuid=uuid, post=post: update.update_post(work, post, PostUpdate(author=uuid)),
        )

        assert gone is None
        assert await make.value("SELECT count(*) FROM follows WHERE user_id = :id", id=user) == 0
        assert await make.value("SELECT count(*) FROM posts WHERE user_id = :id", id=user) == 0
    assert await make.wrong_counters() == []
