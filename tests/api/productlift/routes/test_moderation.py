"""Moderation in ProductLift's dialect. docs/contracts/productlift.md, section 9.11."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.posts import create
from app.domain.posts.create import NewPost
from app.domain.unit_of_work import UnitOfWork
from tests.conftest import TestClock
from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory
from tests.support.productlift import message_error, unknown

MONDAY = datetime(2026, 1, 12, 9, 30, tzinfo=UTC)


async def test_pending_and_rejected_posts_are_listed_newest_first(make: Factory, productlift: Client) -> None:
    waiting = [await make.post(title=title, moderation="pending") for title in ("First", "Second")]
    bad = await make.post(title="Bad", moderation="rejected")
    await make.post()

    pending, rejected = await productlift.get("/moderation/pending"), await productlift.get("/moderation/rejected")

    assert status_and_json(pending) == (
        200,
        {
            "data": [
                {"id": await make.code(waiting[1]), "type": "post", "status": "pending", "title": "Second"},
                {"id": await make.code(waiting[0]), "type": "post", "status": "pending", "title": "First"},
            ]
        },
    )
    assert status_and_json(rejected) == (
        200,
        {"data": [{"id": await make.code(bad), "type": "post", "status": "rejected", "title": "Bad"}]},
    )
    assert list(pending.json()["data"][0]) == ["id", "type", "status", "title"]


@pytest.mark.parametrize(("verb", "state"), [("approve", "approved"), ("reject", "rejected")])
@pytest.mark.parametrize("by_code", [True, False])
async def test_a_pending_post_is_approved_or_rejected(
    verb: str, state: str, by_code: bool, make: Factory, productlift: Client, clock: TestClock
) -> None:
    clock.set(MONDAY)
    post = await make.post(moderation="pending")
    code = await make.code(post)
    before = (await productlift.get(f"/posts/{code}")).json()["data"]
    clock.advance(seconds=5)

    decided = await productlift.post(f"/moderation/{verb}/post/{code if by_code else post}")

    decision = {"id": code, "type": "post", "status": state, "message": f"The post has been {state}."}
    assert status_and_json(decided) == (200, {"data": decision})
    assert list(decided.json()["data"]) == list(decision)
    payload = (await productlift.get(f"/posts/{code}")).json()["data"]
    assert payload == before | {"moderation_status": state, "updated_at": "2026-01-12T09:30:05Z"}
    assert status_and_json(await productlift.get("/moderation/pending")) == (200, {"data": []})
    (fact,) = await make.facts(f"post.{state}")
    assert (fact["post_id"], fact["actor_id"]) == (post, make.owner)


@pytest.mark.parametrize("verb", ["approve", "reject"])
@pytest.mark.parametrize("state", ["approved", "rejected"])
async def test_only_a_pending_post_can_be_approved_or_rejected(
    verb: str, state: str, make: Factory, productlift: Client
) -> None:
    post = await make.post(moderation=state)

    response = await productlift.post(f"/moderation/{verb}/post/{post}")

    assert status_and_json(response) == message_error("Post is not pending approval.")
    assert await make.value("SELECT moderation FROM posts") == state


@pytest.mark.parametrize("verb", ["approve", "reject"])
async def test_only_posts_can_be_approved_or_rejected(verb: str, make: Factory, productlift: Client) -> None:
    post = await make.post(moderation="pending")
    comment = await make.comment(post)

    assert status_and_json(await productlift.post(f"/moderation/{verb}/comment/{comment}")) == unknown(
        "Comment", comment
    )
    assert status_and_json(await productlift.post(f"/moderation/{verb}/user/{post}")) == (404, {"message": ""})
    assert status_and_json(await productlift.post(f"/moderation/{verb}/post/nosuch")) == unknown("Post", "nosuch")
    assert await make.value("SELECT moderation FROM posts") == "pending"


@pytest.mark.parametrize("policy", ["never", "anonymous", "always"])
@pytest.mark.parametrize("role", ["owner", "admin", "moderator", "user"])
@pytest.mark.parametrize("with_file", [False, True])
async def test_the_moderation_policy_decides_whether_a_new_post_is_pending(
    policy: str, role: str, with_file: bool, make: Factory, productlift: Client
) -> None:
    await make.run("UPDATE portals SET moderation_policy = :policy", policy=policy)
    author = make.owner if role == "owner" else await make.user(role=role)
    sent = {"title": "Dark mode", "user_id": await make.uuid(author)}

    created = await productlift.post(
        "/posts", **({"data": sent, "files": {"attachment": ("a.txt", b"text")}} if with_file else {"json": sent})
    )

    state = "pending" if policy == "always" and role == "user" else "approved"
    payload = created.json()["data"]
    assert (created.status_code, payload["moderation_status"]) == (200, state)
    assert status_and_json(await productlift.get(f"/posts/{payload['id']}")) == status_and_json(created)
    assert await make.value("SELECT moderation FROM posts") == state
    waiting = (await productlift.get("/moderation/pending")).json()["data"]
    assert [post["id"] for post in waiting] == ([payload["id"]] if state == "pending" else [])


@pytest.mark.parametrize("sent", [{}, {"user_id": None}, {"user_id": ""}])
async def test_a_post_of_the_user_of_the_key_is_never_pending(sent: Any, make: Factory, productlift: Client) -> None:
    await make.run("UPDATE portals SET moderation_policy = 'always'")

    created = await productlift.post("/posts", json={"title": "Dark mode", **sent})

    assert created.json()["data"]["moderation_status"] == "approved"


async def test_a_pending_post_is_counted_and_shown_after_approval(
    make: Factory, productlift: Client, anyone: Client
) -> None:
    await make.run("UPDATE portals SET moderation_policy = 'always'")
    jane = await make.user()
    sent = {"title": "Dark mode", "user_id": await make.uuid(jane)}
    payload = (await productlift.post("/posts", json=sent)).json()["data"]
    page = anyone.of(None, base="")
    path = payload["url"].partition("/p/")[2]

    assert (await page.get(f"/p/{path}")).status_code == 404
    assert payload["author"]["counter_posts"] == 1
    assert await make.rows("SELECT user_id FROM follows") == [{"user_id": jane}]
    assert [fact["user_id"] for fact in await make.facts("post.submitted")] == [jane]
    assert await make.facts("post.approved") == []
    assert await make.wrong_counters() == []
    assert (await productlift.post(f"/posts/{payload['id']}/votes/{sent['user_id']}")).status_code == 422

    assert (await productlift.post(f"/moderation/approve/post/{payload['id']}")).status_code == 200

    assert (await page.get(f"/p/{path}")).status_code == 200
    (fact,) = await make.facts("post.approved")
    assert (fact["user_id"], fact["actor_id"]) == (jane, make.owner)
    assert await make.wrong_counters() == []


async def test_posts_are_listed_across_several_chunks(make: Factory, productlift: Client) -> None:
    def submit(work: UnitOfWork) -> None:
        for number in range(1001):
            new_post = NewPost(title=f"Post {number}", description=None, author=make.owner, moderation="pending")
            create.create_post(work, new_post)

    await make.act(submit)

    payload = (await productlift.get("/moderation/pending")).json()["data"]

    assert [each["title"] for each in payload] == [f"Post {number}" for number in reversed(range(1001))]
