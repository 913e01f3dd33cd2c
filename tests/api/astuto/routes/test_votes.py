"""Votes in Astuto's dialect. docs/contracts/astuto.md, section 2.6."""

from datetime import UTC, datetime

import pytest

from app.domain.posts import anonymous_votes, votes
from app.domain.posts.votes import NewVote
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import users
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.database_dump import changed, snapshot
from tests.support.factory import Factory

NINE = datetime(2026, 1, 12, 9, 30, 0, 123999, tzinfo=UTC)


async def test_a_second_vote_is_rejected_and_not_counted(make: Factory, astuto: Client) -> None:
    voter = await make.user()
    post = await make.post(votes_by=[await make.user(), await make.user()])
    vote = {"post_id": post, "impersonated_user_id": voter}

    first = await astuto.post("/votes", json=vote)
    again = await astuto.post("/votes", json=vote)

    assert first.status_code == 201
    assert (again.status_code, again.json()) == (422, {"errors": ["User is already in use"]})
    assert await make.value("SELECT votes_count FROM posts WHERE id = :id", id=post) == 3
    assert [fact["subject_id"] for fact in await make.facts("vote.cast")][2:] == [first.json()["id"]]


async def test_a_vote_has_all_members_in_order(make: Factory, astuto: Client, clock: TestClock) -> None:
    clock.set(NINE)
    jane = await make.user(name="Jane Roe", email="jane@example.com")
    post = await make.post()
    vote = await make.vote(post, jane)

    response = await astuto.get(f"/votes/{vote}")

    moments = '"created_at":"2026-01-12T09:30:00.123Z","updated_at":"2026-01-12T09:30:00.123Z"'
    assert (response.status_code, response.text) == (
        200,
        f'{{"id":{vote},"post_id":{post},{moments},'
        f'"user":{{"id":{jane},"email":"jane@example.com",{moments},"full_name":"Jane Roe"}}}}',
    )


async def test_votes_are_listed_newest_first_and_by_post(make: Factory, astuto: Client, clock: TestClock) -> None:
    clock.set(NINE)
    jane = await make.user()
    one, two = await make.post(), await make.post()
    first = await make.vote(one, jane)
    second = await make.vote(one, make.owner)
    clock.advance(seconds=-1)
    older = await make.vote(two, jane)

    async def ids(**params: object) -> list[int]:
        response = await astuto.get("/votes", params=params)
        assert response.status_code == 200
        return [row["id"] for row in response.json()]

    assert await ids() == await ids(user_id=jane) == [second, first, older]
    assert await ids(post_id=one) == [second, first]
    assert await ids(**{"post_id[]": [one, two, 4711]}, limit=2, offset=1) == [first, older]
    assert await ids(post_id=4711) == await ids(post_id="abc") == []


async def test_anonymous_votes_are_unknown(make: Factory, astuto: Client) -> None:
    post, other = await make.post(), await make.post()
    anonymous = await make.anonymous_vote(post)
    vote = await make.vote(post, make.owner)
    await make.anonymous_vote(other)
    before = await snapshot(make.server.database)

    for params in ({}, {"post_id": post}, {"post_id[]": [post, other]}, {"limit": 2000}, {"post_id": post, "limit": 1}):
        assert [row["id"] for row in (await astuto.get("/votes", params=params)).json()] == [vote], params
    for params in ({"offset": 1}, {"post_id": other}):
        assert (await astuto.get("/votes", params=params)).json() == []
    for method in ("GET", "DELETE"):
        response = await astuto.request(method, f"/votes/{anonymous}")
        missing = {"errors": [f"Like with id {anonymous} not found"]}
        assert (response.status_code, response.json()) == (404, missing)
    assert changed(before, await snapshot(make.server.database)) == set()
    # The post counts all votes.
    assert await make.value("SELECT votes_count FROM posts WHERE id = :id", id=post) == 2


async def test_deep_pages_and_long_lists_leave_anonymous_votes_out(make: Factory, astuto: Client) -> None:
    post = await make.post()

    def crowd(work: UnitOfWork) -> None:
        for number in range(1050):
            anonymous_votes.cast(work, post=post, anonymous_id=f"visitor {number}")
            voter = users.create(work, email=None, name=f"Voter {number}")
            votes.cast(work, NewVote(post=post, voter=voter))

    await make.act(crowd)
    expected = [row["id"] for row in await make.rows("SELECT id FROM votes WHERE user_id IS NOT NULL ORDER BY id DESC")]

    for params in ({}, {"post_id": post}):
        streamed = (await astuto.get("/votes", params={**params, "limit": 5000})).json()
        deep = (await astuto.get("/votes", params={**params, "limit": 100, "offset": 1000})).json()
        assert [row["id"] for row in streamed] == expected
        assert [row["id"] for row in deep] == expected[1000:]
        assert (await astuto.get("/votes", params={**params, "offset": 1050})).json() == []


@pytest.mark.parametrize("moderation", ["approved", "pending", "rejected"])
async def test_a_post_in_any_state_accepts_votes_without_followers(
    make: Factory, astuto: Client, moderation: str
) -> None:
    post = await make.post(moderation=moderation, status="Completed")

    response = await astuto.post("/votes", json={"post_id": post})

    assert (response.status_code, response.json()) == (201, {"id": await make.value("SELECT id FROM votes")})
    assert await make.value("SELECT votes_count FROM users") == 1
    assert await make.rows("SELECT * FROM follows") == []


@pytest.mark.parametrize("post", [None, "", "abc", 4711, 0, True, [1], 10**30, 2**63])
async def test_a_vote_requires_a_post(make: Factory, astuto: Client, post: object) -> None:
    response = await astuto.post("/votes", json={"post_id": post})
    absent = await astuto.post("/votes")

    expected = (422, {"errors": ["Post is mandatory"]})
    assert (response.status_code, response.json()) == (absent.status_code, absent.json()) == expected


async def test_a_moderator_deletes_any_vote_by_its_id(make: Factory, astuto: Client) -> None:
    moderator = astuto.of(await make.key(await make.user(role="moderator"), "astuto"))
    jane = await make.user()
    post = await make.post()
    vote = await make.vote(post, jane)

    response = await moderator.delete(f"/votes/{vote}")

    assert (response.status_code, response.json()) == (200, {"id": vote})
    assert await make.value("SELECT votes_count FROM posts") == 0
    assert await make.value("SELECT votes_count FROM users WHERE id = :id", id=jane) == 0
    assert [fact["user_id"] for fact in await make.facts("vote.retracted")] == [jane]
