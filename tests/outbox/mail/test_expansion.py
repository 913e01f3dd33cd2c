"""From a request of either API, or a command, to the queued emails and the items of digests."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from app.domain.notifications import choices
from app.domain.notifications.kinds import NOTIFICATION_KINDS
from app.domain.notifications.loading import encode_notification
from app.domain.posts import comments, follows, update
from app.domain.sql.timestamps import to_datetime
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.support.stored_events import BASE_URL, queue_notifications, read_events


@dataclass(frozen=True)
class Team:
    """A post of Ann that she and Ben follow; Mia is a moderator who asked for everything, and follows nothing."""

    make: Factory
    astuto: Client
    productlift: Client
    ann: int
    ben: int
    mia: int
    post: int
    parent: int
    """A comment of Ben."""


@pytest_asyncio.fixture
async def team(make: Factory, astuto: Client, productlift: Client) -> Team:
    ann, ben, mia = await make.user(), await make.user(), await make.user(role="moderator")
    post = await make.post(author=ann)
    for user in (ann, ben):
        await make.act(lambda work, user=user: follows.add(work, post_id=post, user_id=user))
    for kind in ("new_post", "pending_post"):
        await make.act(lambda work, kind=kind: choices.set_choice(work, mia, kind, "at_once"))
    parent = await make.comment(post, author=ben)
    await make.run("DELETE FROM facts")
    return Team(make, astuto, productlift, ann, ben, mia, post, parent)


async def queued(make: Factory) -> list[tuple[int, str]]:
    rows = await make.rows("SELECT user_id, kind FROM deliveries ORDER BY user_id, kind")
    return [(row["user_id"], row["kind"]) for row in rows]


Request = Callable[[Team], Awaitable[Any]]


async def astuto_comment(team: Team, **fields: Any) -> Any:
    return await team.astuto.post("/comments", json={"post_id": team.post, "body": "Hi", **fields})


async def productlift_comment(team: Team, **fields: Any) -> Any:
    return await team.productlift.post(f"/posts/{team.post}/comments", json={"comment": "Hi", **fields})


async def mention(team: Team, user: int) -> str:
    return f"<@{await team.make.uuid(user)}>"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (lambda team: astuto_comment(team), lambda team: [(team.ann, "comment")]),
        (lambda team: astuto_comment(team, impersonated_user_id=team.ann), lambda team: []),
        (lambda team: astuto_comment(team, parent_id=team.parent), lambda team: [(team.ben, "reply")]),
        (
            lambda team: astuto_comment(team, parent_id=team.parent, is_post_update=True),
            lambda team: [(team.ann, "post_update"), (team.ben, "post_update")],
        ),
        (
            lambda team: astuto_comment(team, is_post_update=True, impersonated_user_id=team.ben),
            lambda team: [(team.ann, "post_update")],
        ),
        (lambda team: productlift_comment(team), lambda team: [(team.ann, "comment")]),
        (lambda team: productlift_comment(team, internal=True), lambda team: []),
        (lambda team: productlift_comment(team, parent_id=team.parent), lambda team: [(team.ben, "reply")]),
    ],
)
async def test_a_comment_through_either_api(team: Team, request_: Request, expected: Callable[..., Any]) -> None:
    response = await request_(team)
    await queue_notifications(team.make)

    assert response.status_code in (200, 201)
    assert await queued(team.make) == expected(team)


async def test_a_mention_through_either_api(team: Team) -> None:
    await astuto_comment(team, body=f"Ask {await mention(team, team.mia)}")
    await productlift_comment(team, comment=f"Ask {await mention(team, team.mia)}", parent_id=team.parent)
    await productlift_comment(team, comment=f"Ask {await mention(team, team.mia)}", internal=True)
    await queue_notifications(team.make)

    assert await queued(team.make) == [
        (team.ann, "comment"),
        (team.ben, "reply"),
        (team.mia, "mention"),
        (team.mia, "mention"),
    ]


@pytest.mark.parametrize("dialect", ["astuto", "productlift", "command"])
async def test_a_change_of_the_status_tells_the_followers_through_any_interface(team: Team, dialect: str) -> None:
    make, planned = team.make, team.make.statuses["Planned"]
    if dialect == "astuto":
        path = f"/posts/{team.post}/update_status"
        await team.astuto.put(path, json={"post_status_id": planned, "impersonated_user_id": team.ben})
        # Setting it again and clearing it tell nobody.
        await team.astuto.put(path, json={"post_status_id": planned})
        await team.astuto.put(path, json={"post_status_id": None})
    elif dialect == "productlift":
        await team.productlift.patch(f"/posts/{team.post}", json={"status_id": planned})
    else:
        await make.act(lambda work: update.change_status(work, team.post, planned, user_id=None))
    (event, *_) = await read_events(make)
    await queue_notifications(make)

    told = (
        [(team.ann, "status_change")]
        if dialect == "astuto"
        else [
            (team.ann, "status_change"),
            (team.ben, "status_change"),
        ]
    )
    assert await queued(make) == told
    row = await make.row("SELECT * FROM deliveries ORDER BY id LIMIT 1")
    assert {name: row[name] for name in ("channel", "state", "event_id", "post_id", "dedup_key", "webhook_id")} == {
        "channel": "email",
        "state": "pending",
        "event_id": event.id,
        "post_id": team.post,
        "dedup_key": None,
        "webhook_id": None,
    }
    assert row["payload"] == encode_notification(event.base_url, subject_id=planned)


async def test_new_and_pending_posts_tell_staff_that_asked(team: Team) -> None:
    make = team.make
    await make.run("UPDATE portals SET moderation_policy = 'always'")
    await team.astuto.post("/posts", json={"title": "Export", "board_id": make.boards["Bug Reports"]})
    created = await team.productlift.post("/posts", json={"title": "Import", "user_id": await make.uuid(team.ann)})
    pending = created.json()["data"]["id"]
    await queue_notifications(make)
    at_first = await queued(make)
    await make.run("DELETE FROM deliveries")

    approval = await team.productlift.post(f"/moderation/approve/post/{pending}")
    await queue_notifications(make)

    assert at_first == [(team.mia, "new_post"), (team.mia, "pending_post")]
    assert approval.status_code == 200
    assert await queued(make) == [(team.mia, "new_post")]


async def test_a_comment_marked_as_update_later_tells_nobody_of_an_update(team: Team) -> None:
    created = await astuto_comment(team)
    await team.astuto.put(f"/comments/{created.json()['id']}/mark_as_post_update")
    await queue_notifications(team.make)

    assert await queued(team.make) == [(team.ann, "comment")]


@pytest.mark.parametrize("cadence", ["at_once", "daily", "weekly", "never"])
@pytest.mark.parametrize("kind", NOTIFICATION_KINDS)
async def test_each_kind_is_sent_with_each_cadence(make: Factory, clock: TestClock, kind: str, cadence: str) -> None:
    clock.set(datetime(2026, 11, 28, 12, tzinfo=UTC))
    jane = await make.user(role="moderator")
    await make.act(lambda work: choices.set_choice(work, jane, kind, cadence))
    post = await make.post(author=jane if kind == "comment" else make.owner)
    parent = await make.comment(post, author=jane)
    if kind != "mention":
        await make.act(lambda work: follows.add(work, post_id=post, user_id=jane))
    await make.run("DELETE FROM facts")
    subject: int | None = None
    if kind in ("new_post", "pending_post"):
        post = await make.post(moderation="approved" if kind == "new_post" else "pending")
    elif kind == "status_change":
        subject = make.statuses["Planned"]
        await make.act(lambda work: update.change_status(work, post, subject, user_id=None))
    else:
        body = f"<@{await make.uuid(jane)}>" if kind == "mention" else "Hi"
        subject = await make.comment(
            post, body=body, official=kind == "post_update", parent=parent if kind == "reply" else None
        )
    (event,) = await read_events(make)

    await queue_notifications(make)

    deliveries = [(row["user_id"], row["kind"], row["payload"]) for row in await make.rows("SELECT * FROM deliveries")]
    items = [{**row, "due_at": to_datetime(row["due_at"])} for row in await make.rows("SELECT * FROM digest_items")]
    due_day = {"daily": 28, "weekly": 30}.get(cadence)
    assert deliveries == (
        [(jane, kind, encode_notification(BASE_URL, subject_id=subject))] if cadence == "at_once" else []
    )
    names = ("portal_id", "user_id", "event_id", "kind", "post_id", "subject_id", "cadence", "due_at")
    assert [tuple(item[name] for name in names) for item in items] == (
        []
        if due_day is None
        else [(make.portal, jane, event.id, kind, post, subject, cadence, datetime(2026, 11, due_day, 15, tzinfo=UTC))]
    )


async def test_a_payload_has_no_texts(team: Team) -> None:
    await productlift_comment(team, comment="A secret plan")
    await queue_notifications(team.make)

    (row,) = await team.make.rows("SELECT payload FROM deliveries")
    assert list(json.loads(row["payload"])) == ["base_url", "subject_id"]


async def test_a_comment_that_is_deleted_before_its_mail_is_made_tells_nobody(team: Team) -> None:
    created = await astuto_comment(team)
    await team.make.act(lambda work: comments.delete(work, created.json()["id"], with_replies=True))
    await queue_notifications(team.make)

    assert await queued(team.make) == []
