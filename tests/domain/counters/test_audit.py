"""Counters against the rows they count."""

import asyncio

from app.adapters.database import PortalContext
from app.application import Application
from app.domain.counters import audit
from app.domain.counters.audit import CounterMismatch
from app.domain.permissions import OPERATOR
from app.domain.posts import tagging, votes
from app.domain.posts.votes import NewVote
from tests.support.factory import Factory


async def test_every_wrong_counter_is_found_and_repaired(make: Factory) -> None:
    voter, tag = await make.user(), await make.tag()
    post = await make.post(votes_by=[make.owner, voter])
    await make.anonymous_vote(post)
    await make.act(lambda work: tagging.add(work, post, [tag]))
    await make.run("UPDATE posts SET votes_count = 7, comments_count = 3, tags_count = 2")
    await make.run("UPDATE users SET posts_count = 9 WHERE id = :id", id=make.owner)
    await make.run("UPDATE users SET votes_count = 0 WHERE id = :id", id=voter)
    await make.run("UPDATE tallies SET posts = 5 WHERE kind IN ('portal', 'board')")

    mismatches = await make.act(audit.find_mismatches)

    wrong = [
        CounterMismatch("post", post, "votes_count", 7, 3),
        CounterMismatch("post", post, "comments_count", 3, 0),
        CounterMismatch("post", post, "tags_count", 2, 1),
        CounterMismatch("user", make.owner, "posts_count", 9, 1),
        CounterMismatch("user", voter, "votes_count", 0, 1),
        CounterMismatch("portal", 0, "posts", 5, 1),
        CounterMismatch("board", make.boards["Feature Requests"], "posts", 5, 1),
    ]
    assert mismatches == wrong
    assert await make.act(audit.repair) == wrong
    assert await make.act(audit.find_mismatches) == []
    assert await make.act(audit.repair) == []


async def test_the_counters_of_another_portal_are_not_repaired(make: Factory) -> None:
    other, _ = await make.new_portal("Other", host="other.example.com", email="other@example.com")
    await make.run("UPDATE users SET posts_count = 9 WHERE portal_id = :portal_id", portal_id=other)

    assert await make.act(audit.repair) == []
    assert len(await make.act(audit.find_mismatches, portal=other)) == 1


async def test_votes_during_a_repair_are_counted(make: Factory, server: Application) -> None:
    post = await make.post()
    voters = [await make.user() for _ in range(12)]
    context = PortalContext(make.portal, OPERATOR)

    async def vote(voter: int) -> None:
        new_vote = NewVote(post=post, voter=voter)
        await server.database.write(lambda work: votes.cast(work, new_vote), context, single_statement=True)

    repairs = [server.database.write(audit.repair, context, in_thread=True) for _ in range(4)]
    await asyncio.gather(*map(vote, voters[:6]), *repairs[:2], *map(vote, voters[6:]), *repairs[2:])

    assert await make.act(audit.find_mismatches) == []
    assert await make.value("SELECT votes_count FROM posts WHERE id = :id", id=post) == 12
