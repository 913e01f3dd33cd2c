"""Votes in Astuto's dialect. docs/contracts/astuto.md, section 2.6."""

from tests.support.clients import Client
from tests.support.make import Make


async def test_a_second_vote_is_refused_and_not_counted(make: Make, astuto: Client) -> None:
    voter = await make.user()
    post = await make.post(votes_by=[await make.user(), await make.user()])
    vote = {"post_id": post, "impersonated_user_id": voter}

    first = await astuto.post("/votes", json=vote)
    again = await astuto.post("/votes", json=vote)

    assert first.status_code == 201
    assert (again.status_code, again.json()) == (422, {"errors": ["User is already in use"]})
    assert await make.value("SELECT votes_count FROM posts WHERE id = :id", id=post) == 3
    assert [fact["subject_id"] for fact in await make.facts("vote.cast")][2:] == [first.json()["id"]]
