"""Webhook calls about votes and comments in ProductLift's format. docs/contracts/productlift.md, section 10.1."""

import json
import re

import pytest

from app.domain.posts import votes as vote_rules
from app.domain.posts.votes import NewVote
from app.domain.users import deletion
from app.outbox.webhooks.payload import CallPayload
from app.outbox.webhooks.productlift import ProductLiftExpander
from tests.conftest import TestClock
from tests.outbox.webhooks.expansion import bodies, expand, forget_events
from tests.outbox.webhooks.productlift_calls import (
    AT,
    MONDAY,
    endpoint,
    is_same_json,
    made,
    only_call,
    portal_of,
)
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.support.productlift import post as expected_post
from tests.support.productlift import user


async def test_a_vote_is_sent_in_the_documented_form(
    make: Factory, productlift: Client, clock: TestClock, expander: ProductLiftExpander
) -> None:
    clock.set(MONDAY)
    webhook = await endpoint(make)
    jane = await make.user(name="Jane Roe", email="jane@example.com")
    uuid, post = await make.uuid(jane), await make.post(title="Dark mode", author=jane)
    code = await make.code(post)
    await forget_events(make)

    await productlift.post(f"/posts/{code}/votes/{uuid}")

    (delivery,) = await expand(make, expander)
    (call,) = bodies([delivery])
    jane_now = user(uuid, "Jane Roe", "jane@example.com", votes=1, posts=1)
    expected = {
        "id": call["id"],
        "creation_time": AT,
        "event": "vote.created",
        "data": {
            "vote": {"id": 1, "created_at": "2026-01-12T09:30:00.123456Z", "voter": jane_now},
            "post": expected_post(
                code, "dark-mode", "Dark mode", at=AT, day="12 Jan 2026", votes_count=1, author=jane_now
            ),
            "user": jane_now,
            "portal": await portal_of(make),
        },
    }
    assert is_same_json(call, expected)
    assert re.fullmatch("[0-9A-Za-z]{16}", call["id"])
    assert (delivery.kind, delivery.webhook_id, delivery.post_id) == ("vote.created", webhook, post)
    assert delivery.event_id == await make.value("SELECT max(id) FROM facts")
    payload = CallPayload.from_json(delivery.payload or "")
    assert payload == CallPayload(payload.body, "application/json")
    assert not delivery.is_encrypted


@pytest.mark.parametrize("through", ["productlift", "astuto", "operator"])
async def test_a_deleted_vote_keeps_its_time(
    through: str, make: Factory, productlift: Client, astuto: Client, clock: TestClock, expander: ProductLiftExpander
) -> None:
    clock.set(MONDAY)
    await endpoint(make, "vote.deleted")
    jane = await make.user()
    post = await make.post()
    vote = await make.vote(post, jane)
    clock.advance(days=1)
    if through == "productlift":
        await productlift.delete(f"/posts/{post}/votes/{await make.uuid(jane)}")
    elif through == "astuto":
        await astuto.delete(f"/votes/{vote}")
    else:
        await make.act(lambda work: vote_rules.retract(work, NewVote(post=post, voter=jane)))

    data = await only_call(make, expander, "vote.deleted")

    voter = user(await make.uuid(jane), "Jane Roe", "user1@example.com")
    expected = {
        "vote": {"id": vote, "created_at": "2026-01-12T09:30:00.123456Z", "voter": voter},
        "post": await made(make, productlift, post),
        "user": voter,
        "portal": await portal_of(make),
    }
    assert is_same_json(data, expected)
    assert data["post"]["votes_count"] == 0


@pytest.mark.parametrize("through", ["astuto", "operator"])
async def test_a_vote_through_another_way_is_sent(
    through: str, make: Factory, productlift: Client, astuto: Client, expander: ProductLiftExpander
) -> None:
    await endpoint(make, "vote.created")
    jane, post = await make.user(), await make.post()
    if through == "astuto":
        await astuto.post("/votes", json={"post_id": post, "impersonated_user_id": jane})
    else:
        await make.vote(post, jane)

    data = await only_call(make, expander, "vote.created")

    voter = user(await make.uuid(jane), "Jane Roe", "user1@example.com", votes=1)
    assert (data["vote"]["voter"], data["user"]) == (voter, voter)
    assert is_same_json(data["post"], await made(make, productlift, post))


async def test_an_anonymous_vote_has_no_voter(
    make: Factory, productlift: Client, clock: TestClock, expander: ProductLiftExpander
) -> None:
    clock.set(MONDAY)
    await endpoint(make, "vote.created", "vote.deleted")
    post = await make.post()
    path = f"/posts/{post}/anonymous_votes/visitor"

    await productlift.post(path)
    clock.advance(seconds=1)
    await productlift.delete(path)

    vote = {"id": 1, "created_at": "2026-01-12T09:30:00.123456Z", "voter": None}
    calls = bodies(await expand(make, expander))
    assert [(call["event"], call["data"]["vote"], call["data"]["user"]) for call in calls] == [
        ("vote.created", vote, None),
        ("vote.deleted", vote, None),
    ]


@pytest.mark.parametrize("through", ["productlift", "astuto", "operator"])
async def test_a_comment_is_sent_when_it_is_written_and_when_it_is_deleted(
    through: str, make: Factory, productlift: Client, astuto: Client, clock: TestClock, expander: ProductLiftExpander
) -> None:
    clock.set(MONDAY)
    await endpoint(make)
    post = await make.post()
    parent = await make.comment(post)
    await forget_events(make)
    if through == "productlift":
        await productlift.post(f"/posts/{post}/comments", json={"comment": 'So "dark" 🌒\n', "parent_id": parent})
    elif through == "astuto":
        await astuto.post("/comments", json={"post_id": post, "body": 'So "dark" 🌒\n', "parent_id": parent})
    else:
        await make.comment(post, body='So "dark" 🌒\n', parent=parent)
    written = (await productlift.get(f"/posts/{post}/comments")).json()["data"][1]

    data = await only_call(make, expander, "comment.created")

    expected = {
        "comment": written,
        "post": await made(make, productlift, post),
        "user": written["author"],
        "portal": await portal_of(make),
    }
    assert is_same_json(data, expected)

    clock.advance(seconds=5)
    await productlift.patch(f"/posts/{post}/comments/{written['id']}", json={"pinned_to_top": True})
    pinned = (await productlift.get(f"/posts/{post}/comments")).json()["data"]
    (written,) = (comment for comment in pinned if comment["id"] == written["id"])
    if through == "astuto":
        await astuto.delete(f"/comments/{written['id']}")
    else:
        await productlift.delete(f"/posts/{post}/comments/{written['id']}")

    data = await only_call(make, expander, "comment.deleted")

    author = {**written["author"], "counter_comments": written["author"]["counter_comments"] - 1}
    expected = {
        "comment": {**written, "author": author},
        "post": await made(make, productlift, post),
        "user": author,
        "portal": await portal_of(make),
    }
    assert is_same_json(data, expected)
    assert data["comment"]["pinned_to_top"] is True


async def test_internal_comments_are_never_sent(
    make: Factory, productlift: Client, expander: ProductLiftExpander
) -> None:
    await endpoint(make)
    post = await make.post()
    public = await make.comment(post)
    await forget_events(make)

    internal = await productlift.post(f"/posts/{post}/comments", json={"comment": "Psst", "internal": True})
    below = await make.comment(post, body="Also", parent=public, internal=True)
    await productlift.delete(f"/posts/{post}/comments/{internal.json()['data']['id']}")
    await productlift.delete(f"/posts/{post}/comments/{below}")

    assert await expand(make, expander) == []


async def test_what_was_deleted_meanwhile_is_sent_as_it_was_last(
    make: Factory, productlift: Client, expander: ProductLiftExpander
) -> None:
    await endpoint(make)
    jane = await make.user()
    post = await make.post(title="Dark mode", author=jane)
    vote = await make.vote(post, jane)
    comment = await make.comment(post, body="First", author=jane)
    with_post = await make.comment(post, body="Goes with the post", author=jane)
    await make.act(lambda work: vote_rules.delete(work, vote))
    await productlift.delete(f"/posts/{post}/comments/{comment}")
    await productlift.delete(f"/posts/{post}")

    calls = bodies(await expand(make, expander))

    assert [call["event"] for call in calls] == [
        *("post.created", "vote.created", "comment.created"),
        *("vote.deleted", "comment.deleted", "post.deleted"),
    ]
    assert {call["data"]["post"]["title"] for call in calls} == {"Dark mode"}
    assert [call["data"]["comment"]["comment"] for call in calls if "comment" in call["data"]] == ["First", "First"]
    assert with_post not in [call["data"]["comment"]["id"] for call in calls if "comment" in call["data"]]


async def test_all_data_of_a_deleted_user_is_sent_without_the_address(
    make: Factory, productlift: Client, expander: ProductLiftExpander
) -> None:
    await endpoint(make)
    jane, other = await make.user(name="Jane Roe", email="jane@example.com"), await make.post()
    own = await make.post(title="Mine", author=jane)
    await make.vote(other, jane)
    await make.comment(other, author=jane, body="Bye")
    await forget_events(make)

    await make.act(lambda work: deletion.delete(work, jane, with_content=True))

    deliveries = await expand(make, expander)
    calls = bodies(deliveries)
    gone = {**user(await make.uuid(jane), "[User Deleted]")}
    assert [(call["event"], call["data"]["user"]) for call in calls] == [
        ("post.deleted", gone),
        ("comment.deleted", gone),
        ("vote.deleted", gone),
    ]
    assert [delivery.post_id for delivery in deliveries] == [own, other, other]
    assert calls[1]["data"]["comment"]["comment"] == "Bye"
    assert "jane@example.com" not in json.dumps(calls)
