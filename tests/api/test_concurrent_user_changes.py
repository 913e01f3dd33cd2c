"""A user loses a right or is deleted during another change: the loss holds afterwards, whichever came first."""

from collections.abc import Callable
from typing import Any

import pytest

from app.domain.errors import Forbidden
from app.domain.permissions import Actor
from app.domain.posts import follows, update
from app.domain.posts.update import PostUpdate
from app.domain.users import api_keys, deletion, users
from tests.support.concurrency import ConcurrentWriter, Request
from tests.support.factory import Factory

PAIRS = 100


async def test_a_key_created_while_its_user_is_demoted_is_invalid(make: Factory, write: ConcurrentWriter) -> None:
    losses: list[Callable[[Any, int], object]] = [
        lambda work, user: users.update(work, user, role="user"),
        lambda work, user: users.block(work, user),
        lambda work, user: deletion.delete(work, user, with_content=True),
    ]
    for number in range(PAIRS):
        user = await make.user(role="admin")

        error, _ = write(
            lambda work, change=losses[number % 3], user=user: change(work, user),
            lambda work, user=user: api_keys.issue(work, user_id=user, dialect="astuto", secret=b"secret"),
        )

        assert error is None
        valid_keys = "SELECT count(*) FROM api_keys WHERE user_id = :id AND revoked_at IS NULL"
        assert await make.value(valid_keys, id=user) == 0


async def test_a_promoted_user_is_not_blocked_by_a_concurrent_moderator(make: Factory, write: ConcurrentWriter) -> None:
    moderator = Actor(user_id=await make.user(role="moderator"), role="moderator")

    def block(work: Any, user: int) -> None:
        work.actor = moderator
        users.block(work, user)

    for _ in range(PAIRS):
        user = await make.user(role="user")

        promoted, blocked = write(
            lambda work, user=user: users.update(work, user, role="admin"),
            lambda work, user=user: block(work, user),
        )

        assert promoted is None
        row = await make.row("SELECT blocked_at, updated_at FROM users WHERE id = :id", id=user)
        assert isinstance(blocked, Forbidden) == (row["blocked_at"] is None)


async def test_writing_back_member_does_not_undo_a_concurrent_role_change(
    make: Factory, write: ConcurrentWriter, owner_key: str
) -> None:
    lost = []
    for number in range(PAIRS):
        user = await make.user(role="admin")
        path = f"/users/{await make.uuid(user)}"

        promoted, response = write(
            lambda work, user=user: users.update(work, user, role="moderator"),
            Request(owner_key, "PATCH", path, {"role": "member"}),
        )

        # A moderator has the role "member" in this dialect, so writing it back after the other change changes nothing.
        assert (promoted, response.status_code, response.json()["data"]["role"]) == (None, 200, "member")
        if await make.value("SELECT role FROM users WHERE id = :id", id=user) != "moderator":
            lost.append(number)
    assert lost == []


@pytest.mark.parametrize("kind", ["vote", "post", "comment", "post with the user's own key"])
async def test_writes_of_a_user_during_its_deletion_are_deleted_or_rejected(
    kind: str, make: Factory, write: ConcurrentWriter, owner_key: str
) -> None:
    post = await make.code(await make.post())
    for _ in range(PAIRS):
        user = await make.user(role="admin")
        uuid = await make.uuid(user)
        if kind == "vote":
            request = Request(owner_key, "POST", f"/posts/{post}/votes/{uuid}")
        elif kind == "post":
            request = Request(owner_key, "POST", "/posts", {"title": "My last one", "user_id": uuid})
        elif kind == "comment":
            request = Request(owner_key, "POST", f"/posts/{post}/comments", {"comment": "Bye", "user_id": uuid})
        else:
            request = Request(await make.key(user, "productlift"), "POST", "/posts", {"title": "My last one"})

        deleted, response = write(Request(owner_key, "DELETE", f"/users/{uuid}", {"delete_all_data": True}), request)

        assert deleted.status_code == 200
        if request.token != owner_key:
            assert response.status_code in (200, 401, 404), response.text
        elif response.status_code != 200:
            unknown = {"message": f"No query results for model [App\\User] {uuid}"}
            assert (response.status_code, response.json()) == (404, unknown)
        for table in ("votes", "posts", "comments", "follows"):
            assert await make.value(f"SELECT count(*) FROM {table} WHERE user_id = :id", id=user) == 0
    assert await make.wrong_counters() == []


async def test_rows_assigned_to_a_user_during_its_deletion_are_removed(make: Factory, write: ConcurrentWriter) -> None:
    for _ in range(PAIRS // 2):
        user, post = await make.user(), await make.post()
        uuid = await make.uuid(user)

        deleted, *_ = write(
            lambda work, user=user: deletion.delete(work, user, with_content=True),
            lambda work, user=user, post=post: follows.add(work, post_id=post, user_id=user),
            lambda work, uuid=uuid, post=post: update.update_post(work, post, PostUpdate(author=uuid)),
        )

        assert deleted is None
        assert await make.value("SELECT count(*) FROM follows WHERE user_id = :id", id=user) == 0
        assert await make.value("SELECT count(*) FROM posts WHERE user_id = :id", id=user) == 0
    assert await make.wrong_counters() == []


async def test_feedback_of_a_user_during_its_deletion_loses_the_user(
    make: Factory, write: ConcurrentWriter, owner_key: str
) -> None:
    for _ in range(PAIRS // 2):
        user = await make.user()
        uuid = await make.uuid(user)

        deleted, created = write(
            Request(owner_key, "DELETE", f"/users/{uuid}", {"delete_all_data": True}),
            Request(owner_key, "POST", "/feedback", {"title": "Too slow", "user_id": uuid}),
        )

        assert deleted.status_code == 200
        if created.status_code != 200:
            unknown = {"message": f"No query results for model [App\\User] {uuid}"}
            assert (created.status_code, created.json()) == (404, unknown)
        assert await make.value("SELECT count(*) FROM feedback WHERE user_id = :id", id=user) == 0


@pytest.mark.parametrize("with_data", [True, False])
async def test_concurrent_deletions_of_overlapping_lists_delete_each_user_once(
    with_data: bool, make: Factory, write: ConcurrentWriter, owner_key: str
) -> None:
    for number in range(PAIRS // 10):
        members = [await make.user() for _ in range(6)]
        uuids = [await make.uuid(user) for user in members]
        if with_data:
            # Each deletion changes the counters of the other users.
            for user in members:
                await make.comment(await make.post(author=user, votes_by=members), author=members[number % 6])
        lists = (uuids[:4], uuids[:1:-1], uuids[::2], uuids[::-1])

        responses = write(
            *(
                Request(owner_key, "POST", "/users/bulk-delete", {"user_ids": each, "delete_all_data": with_data})
                for each in lists
            )
        )

        assert [response.status_code for response in responses] == [200] * 4, [each.text for each in responses]
        assert sum(response.json()["count"] for response in responses) == 6
        assert await make.value("SELECT count(*) FROM users WHERE deleted_at IS NULL") == 1
        assert await make.value("SELECT count(*) FROM posts") == 0
    assert await make.wrong_counters() == []


async def test_concurrent_blocks_of_overlapping_lists_count_each_user_once(
    make: Factory, write: ConcurrentWriter, owner_key: str
) -> None:
    for _ in range(PAIRS // 10):
        uuids = [await make.uuid(await make.user()) for _ in range(6)]

        for path in ("bulk-block", "bulk-unblock"):
            responses = write(
                *(
                    Request(owner_key, "POST", f"/users/{path}", {"user_ids": each})
                    for each in (uuids[:4], uuids[:1:-1], uuids[::2], uuids[::-1])
                )
            )
            assert [response.status_code for response in responses] == [200] * 4
            assert sum(response.json()["count"] for response in responses) == 6
        assert await make.value("SELECT count(*) FROM users WHERE blocked_at IS NOT NULL") == 0
