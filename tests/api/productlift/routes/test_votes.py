"""Votes in ProductLift's dialect. docs/contracts/productlift.md, sections 7.22 to 7.24."""

import asyncio
from datetime import UTC, datetime

import pytest

from app.domain.posts import votes
from app.domain.posts.votes import NewVote
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import users
from tests.conftest import TestClock
from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory
from tests.support.productlift import DELETED, UNKNOWN_UUID, message_error, owner, unknown, user

MONDAY = datetime(2026, 1, 12, 9, 30, 0, 999999, tzinfo=UTC)
TAKEN = message_error("User has already voted.")
MISSING = message_error("User has not voted yet.")
NOT_VOTEABLE = message_error("Post is not voteable.")


async def test_a_vote_is_created_listed_and_counted(make: Factory, productlift: Client, clock: TestClock) -> None:
    clock.set(MONDAY)
    jane = await make.user(name="Jane Roe", email="jane@example.com")
    uuid, post = await make.uuid(jane), await make.post(status="Planned")
    code = await make.code(post)
    before = (await productlift.get(f"/posts/{code}")).json()["data"]
    clock.advance(seconds=5)

    response = await productlift.post(f"/posts/{code}/votes/{uuid.upper()}")

    vote = {"id": 1, "created_at": "2026-01-12T09:30:05Z", "voter": user(uuid, "Jane Roe", "jane@example.com", votes=1)}
    assert status_and_json(response) == (200, {"data": vote})
    assert list(response.json()["data"]) == ["id", "created_at", "voter"]
    assert status_and_json(await productlift.get(f"/posts/{code}/votes")) == (200, {"data": [vote]})
    # The post was counted up, and is not younger.
    assert (await productlift.get(f"/posts/{post}")).json()["data"] == before | {"votes_count": 1}
    assert await make.rows("SELECT post_id, user_id FROM follows") == [{"post_id": post, "user_id": jane}]
    (fact,) = await make.facts("vote.cast")
    assert (fact["post_id"], fact["subject_id"], fact["user_id"], fact["actor_id"]) == (post, 1, jane, make.owner)
    assert await make.wrong_counters() == []


async def test_votes_are_listed_newest_first(make: Factory, productlift: Client, clock: TestClock) -> None:
    clock.set(MONDAY)
    jane = await make.user(name="Jane Roe", email="jane@example.com")
    post = await make.post(votes_by=[make.owner])
    clock.advance(seconds=1)
    await make.vote(post, jane)
    await make.post(votes_by=[jane])

    assert status_and_json(await productlift.get(f"/posts/{post}/votes")) == (
        200,
        {
            "data": [
                {
                    "id": 2,
                    "created_at": "2026-01-12T09:30:01Z",
                    "voter": user(await make.uuid(jane), "Jane Roe", "jane@example.com", votes=2),
                },
                {
                    "id": 1,
                    "created_at": "2026-01-12T09:30:00Z",
                    "voter": owner(await make.uuid(make.owner), votes=1, posts=2),
                },
            ]
        },
    )


async def test_a_post_without_votes_has_an_empty_list(make: Factory, productlift: Client) -> None:
    assert status_and_json(await productlift.get(f"/posts/{await make.post()}/votes")) == (200, {"data": []})


async def test_votes_are_listed_across_several_chunks(make: Factory, productlift: Client) -> None:
    post = await make.post()

    def crowd(work: UnitOfWork) -> None:
        for number in range(1001):
            voter = users.create(work, email=None, name=f"Voter {number}")
            votes.cast(work, NewVote(post=post, voter=voter))

    await make.act(crowd)

    response = await productlift.get(f"/posts/{post}/votes")

    payload = response.json()["data"]
    assert response.headers["content-type"] == "application/json"
    assert "content-length" not in response.headers
    assert list(response.json()) == ["data"]
    assert [vote["id"] for vote in payload] == list(range(1001, 0, -1))
    assert payload[0]["voter"] == user(await make.uuid(1002), "Voter 1000", number=1002, votes=1)


@pytest.mark.parametrize("verb", ["POST", "DELETE"])
async def test_the_user_is_looked_up_before_the_post(verb: str, make: Factory, productlift: Client) -> None:
    uuid = await make.uuid(make.owner)
    gone = await make.uuid(await make.user())
    await productlift.delete(f"/users/{gone}")

    assert status_and_json(await productlift.request(verb, f"/posts/nosuch/votes/{UNKNOWN_UUID}")) == unknown(
        "User", UNKNOWN_UUID
    )
    assert status_and_json(await productlift.send_json(verb, f"/posts/nosuch/votes/{gone}")) == unknown("User", gone)
    assert status_and_json(await productlift.send_json(verb, f"/posts/nosuch/votes/{uuid}")) == unknown(
        "Post", "nosuch"
    )
    assert status_and_json(await productlift.send_json(verb, f"/posts/007/votes/{uuid}")) == unknown("Post", "007")
    assert status_and_json(await productlift.send_json(verb, f"/posts/%00/votes/{uuid}")) == unknown("Post", "\0")


@pytest.mark.parametrize(
    ("status", "moderation"),
    [
        ("Completed", "approved"),
        ("Rejected", "approved"),
        ("Planned", "pending"),
        ("Planned", "rejected"),
        (None, "pending"),
    ],
)
async def test_votes_of_a_post_that_is_not_voteable_can_not_be_changed(
    status: str | None, moderation: str, make: Factory, productlift: Client
) -> None:
    jane, joe = await make.user(), await make.user()
    post = await make.post(status=status, moderation=moderation, votes_by=[jane])

    assert status_and_json(await productlift.post(f"/posts/{post}/votes/{await make.uuid(joe)}")) == NOT_VOTEABLE
    assert status_and_json(await productlift.post(f"/posts/{post}/votes/{await make.uuid(jane)}")) == NOT_VOTEABLE
    assert status_and_json(await productlift.delete(f"/posts/{post}/votes/{await make.uuid(jane)}")) == NOT_VOTEABLE
    assert await make.rows("SELECT user_id FROM votes") == [{"user_id": jane}]


async def test_a_post_without_a_status_accepts_votes(make: Factory, productlift: Client) -> None:
    post = await make.post()

    assert (await productlift.post(f"/posts/{post}/votes/{await make.uuid(make.owner)}")).status_code == 200


async def test_a_blocked_user_may_be_voted_for(make: Factory, productlift: Client) -> None:
    jane, post = await make.user(), await make.post()
    await make.run("UPDATE users SET blocked_at = created_at WHERE id = :id", id=jane)
    path = f"/posts/{post}/votes/{await make.uuid(jane)}"

    assert (await productlift.post(path)).status_code == 200
    assert status_and_json(await productlift.delete(path)) == DELETED


async def test_a_second_vote_changes_nothing(make: Factory, productlift: Client) -> None:
    post = await make.post()
    path = f"/posts/{post}/votes/{await make.uuid(await make.user())}"
    await productlift.post(path)

    assert status_and_json(await productlift.post(path)) == TAKEN
    assert await make.value("SELECT votes_count FROM posts") == 1
    assert len(await make.facts("vote.cast")) == 1
    assert await make.wrong_counters() == []


async def test_a_vote_can_be_removed_once(make: Factory, productlift: Client) -> None:
    jane = await make.user()
    uuid, post = await make.uuid(jane), await make.post(votes_by=[make.owner])
    path = f"/posts/{post}/votes/{uuid}"
    await productlift.post(path)

    assert status_and_json(await productlift.delete(path)) == DELETED

    assert status_and_json(await productlift.delete(path)) == MISSING
    assert (await productlift.get(f"/posts/{post}")).json()["data"]["votes_count"] == 1
    assert (await productlift.get(f"/users/{uuid}")).json()["data"]["counter_votes"] == 0
    (fact,) = await make.facts("vote.retracted")
    assert (fact["post_id"], fact["user_id"], fact["actor_id"]) == (post, jane, make.owner)
    assert await make.wrong_counters() == []
    assert (await productlift.post(path)).status_code == 200


async def test_one_of_many_concurrent_votes_succeeds(make: Factory, productlift: Client) -> None:
    post = await make.post()
    path = f"/posts/{post}/votes/{await make.uuid(await make.user())}"

    cast = [status_and_json(response) for response in await asyncio.gather(*(productlift.post(path) for _ in range(8)))]
    assert sorted(status for status, _ in cast) == [200] + [422] * 7
    assert cast.count(TAKEN) == 7
    back = [
        status_and_json(response) for response in await asyncio.gather(*(productlift.delete(path) for _ in range(8)))
    ]
    assert (back.count(DELETED), back.count(MISSING)) == (1, 7)
    assert await make.wrong_counters() == []
