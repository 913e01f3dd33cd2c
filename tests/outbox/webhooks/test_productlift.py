"""Webhook calls in ProductLift's format. docs/contracts/productlift.md, section 10.1."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from app.adapters.storage.signed_urls import FileSigner
from app.domain.events import StoredEvent
from app.domain.outbox.deliveries import NewDelivery
from app.domain.portals import statuses
from app.domain.posts import moderation, publishing, update
from app.domain.posts import votes as vote_rules
from app.domain.posts.votes import NewVote
from app.domain.sql.statement import Statement
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import deletion
from app.domain.webhooks import endpoints
from app.domain.webhooks.endpoints import EndpointSettings
from app.domain.webhooks.validation import EVENTS
from app.outbox.webhooks.payload import CallPayload
from app.outbox.webhooks.productlift import EVENT_NAMES, ProductLiftExpander
from tests.conftest import SECRET, TestClock
from tests.outbox.webhooks.expansion import bodies, expand, forget_events
from tests.support.clients import HOST, Client
from tests.support.counting import Counting
from tests.support.factory import Factory
from tests.support.images import encode, make_image
from tests.support.productlift import owner, user
from tests.support.productlift import post as expected_post

MONDAY = datetime(2026, 1, 12, 9, 30, 0, 123456, tzinfo=UTC)
AT = "2026-01-12T09:30:00Z"


@pytest.fixture
def expander(clock: TestClock) -> ProductLiftExpander:
    return ProductLiftExpander(secret=SECRET.encode(), signer=FileSigner(SECRET.encode(), clock=clock))


async def endpoint(make: Factory, *events: str, dialect: str = "productlift", portal: int | None = None) -> int:
    settings = EndpointSettings(url="https://hooks.example.com/in", events=events)
    webhook = await make.act(
        lambda work: endpoints.add(work, dialect=dialect, settings=settings, encrypt=str), portal=portal
    )
    await forget_events(make)
    return webhook


async def portal_of(make: Factory, portal: int | None = None) -> dict[str, Any]:
    return {
        "guid": await make.value("SELECT guid FROM portals WHERE id = :id", id=portal or make.portal),
        "title": "Feedback",
        "localization": "en",
        "editor_type": "html",
        "invite_message": None,
        "jira_domain_url": None,
        "jira_enabled": False,
    }


async def only_call(make: Factory, expander: ProductLiftExpander, name: str) -> dict[str, Any]:
    """The data of the only call, whose envelope is as documented."""
    (delivery,) = await expand(make, expander)
    (envelope,) = bodies([delivery])
    assert (delivery.channel, delivery.kind, envelope["event"]) == ("webhook", name, name)
    assert list(envelope) == ["id", "creation_time", "event", "data"]
    assert re.fullmatch("[0-9A-Za-z]{16}", envelope["id"])
    data: dict[str, Any] = envelope["data"]
    return data


def is_same_json(first: Any, second: Any) -> bool:
    """Whether both are the same JSON, with the members in the same order."""
    return json.dumps(first) == json.dumps(second)


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


async def made(make: Factory, productlift: Client, post: int) -> Any:
    return (await productlift.get(f"/posts/{post}")).json()["data"]


@pytest.mark.parametrize("through", ["productlift", "astuto", "operator"])
async def test_a_new_post_is_sent(
    through: str, make: Factory, productlift: Client, astuto: Client, expander: ProductLiftExpander
) -> None:
    await endpoint(make)
    if through == "productlift":
        await productlift.post("/posts", json={"title": "Dark mode", "description": "<b>At night</b>"})
    elif through == "astuto":
        await astuto.post("/posts", json={"title": "Dark mode", "board_id": make.boards["Bug Reports"]})
    else:
        await make.post(title="Dark mode", status="Planned")

    data = await only_call(make, expander, "post.created")

    boss = owner(await make.uuid(make.owner), posts=1)
    assert is_same_json(data, {"post": await made(make, productlift, 1), "user": boss, "portal": await portal_of(make)})
    assert data["post"]["title"] == "Dark mode"
    assert data["post"]["author"] == boss


@pytest.mark.parametrize("through", ["productlift", "astuto", "operator"])
async def test_a_deleted_post_is_sent_as_it_was(
    through: str, make: Factory, productlift: Client, astuto: Client, clock: TestClock, expander: ProductLiftExpander
) -> None:
    clock.set(MONDAY)
    await endpoint(make)
    jane = await make.user()
    board = make.boards["Bug Reports"]
    post = await make.post(
        title='So "dark" \\ 🌒', description="<b>Night</b>\n", author=jane, status="New", board=board
    )
    await make.post(title="Stays")
    section, categories = await make.section(), [await make.category("Speed"), await make.category("Data")]
    tag = await make.tag("Urgent")
    changes = update.PostUpdate(category_ids=categories, section_id=section, tag_ids=[tag])
    await make.act(lambda work: update.update_post(work, post, changes))
    await make.run("UPDATE posts SET changelog = '<i>Out</i>', conversion = 0.75, impact = 3, reach = 0 WHERE id = 1")
    await make.vote(post, jane)
    await make.comment(post)
    clock.advance(seconds=90)
    await forget_events(make)
    before = await made(make, productlift, post)

    if through == "productlift":
        await productlift.delete(f"/posts/{post}")
    elif through == "astuto":
        await astuto.delete(f"/posts/{post}")
    else:
        await make.act(lambda work: update.delete(work, post))

    data = await only_call(make, expander, "post.deleted")
    # The counters of the author are those after the deletion.
    author = {**before["author"], "counter_votes": 0, "counter_posts": 0}
    assert is_same_json(data, {"post": {**before, "author": author}, "user": author, "portal": await portal_of(make)})
    assert [tag["name"] for tag in data["post"]["tags"]] == ["Urgent"]
    assert [category["name"] for category in data["post"]["categories"]] == ["Speed", "Data"]


async def test_images_have_absolute_urls_also_of_a_deleted_post(
    make: Factory, productlift: Client, clock: TestClock, expander: ProductLiftExpander
) -> None:
    clock.set(MONDAY)
    await endpoint(make)
    files = {"image": ("a.png", encode(make_image(), "PNG"), "image/png")}
    await productlift.post("/posts", data={"title": "Public image"}, files=files)
    await productlift.post("/posts", data={"title": "Pending image"}, files=files)
    await make.act(lambda work: moderation.set(work, 2, "pending"))
    images = [(await made(make, productlift, post))["image_main"] for post in (1, 2)]

    created = bodies(await expand(make, expander))
    for post in (1, 2):
        await productlift.delete(f"/posts/{post}")
    deleted = bodies(await expand(make, expander))

    assert [call["data"]["post"]["image_main"] for call in created] == images
    assert [call["data"]["post"]["image_main"] for call in deleted] == images
    assert re.fullmatch(rf"{HOST}/files/[^?]+", images[0])
    assert re.fullmatch(rf"{HOST}/files/[^?]+\?expires=\d+&signature=[0-9a-f]+", images[1])


@pytest.mark.parametrize("through", ["productlift", "astuto", "operator"])
async def test_a_status_change_is_sent_with_both_statuses(
    through: str, make: Factory, productlift: Client, astuto: Client, expander: ProductLiftExpander
) -> None:
    await endpoint(make)
    post = await make.post(status="New")
    to = make.statuses["Planned"]
    await forget_events(make)
    if through == "productlift":
        await productlift.patch(f"/posts/{post}", json={"status_id": to})
    elif through == "astuto":
        await astuto.put(f"/posts/{post}/update_status", json={"post_status_id": to})
    else:
        await make.act(lambda work: update.change_status(work, post, to, user_id=None))

    data = await only_call(make, expander, "post.status_changed")

    after = await made(make, productlift, post)
    assert is_same_json(
        data,
        {
            "post": after,
            "user": None if through == "operator" else after["author"],
            "portal": await portal_of(make),
            "old_status": {"id": make.statuses["New"], "name": "New", "color": "#8B95A1", "tab_name": "Feedback"},
            "new_status": after["status"],
        },
    )
    assert data["new_status"] == {"id": to, "name": "Planned", "color": "#0096ff", "tab_name": "Roadmap"}


async def test_a_removed_status_is_null(make: Factory, astuto: Client, expander: ProductLiftExpander) -> None:
    await endpoint(make, "post.status_changed")
    post = await make.post(status="New")

    await astuto.put(f"/posts/{post}/update_status", json={"post_status_id": None})

    data = await only_call(make, expander, "post.status_changed")
    assert (data["old_status"]["name"], data["new_status"], data["post"]["status"]) == ("New", None, None)


@pytest.mark.parametrize("default", ["Planned", None])
async def test_posts_of_a_deleted_status_are_sent_with_both_statuses(
    default: str | None, make: Factory, expander: ProductLiftExpander
) -> None:
    await endpoint(make, "post.status_changed")
    gone = make.statuses["Completed"]
    for title in ("Dark mode", "Export"):
        await make.post(title=title, status="Completed")
    await make.run("UPDATE statuses SET is_default = (name = :default)", default=default or "")
    await make.act(lambda work: statuses.delete(work, gone))

    calls = bodies(await expand(make, expander))

    assert [call["event"] for call in calls] == ["post.status_changed"] * 2
    assert [call["data"]["post"]["title"] for call in calls] == ["Dark mode", "Export"]
    for call in calls:
        sent = call["data"]
        assert sent["old_status"] == {"id": gone, "name": "Completed", "color": "#6ac47c", "tab_name": "Changelog"}
        assert sent["new_status"] == sent["post"]["status"]
        assert (sent["new_status"] or {"name": None})["name"] == default


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


async def test_an_approved_post_is_not_sent_again(
    make: Factory, productlift: Client, expander: ProductLiftExpander
) -> None:
    await endpoint(make)
    post = await make.post(moderation="pending")

    data = await only_call(make, expander, "post.created")
    assert data["post"]["moderation_status"] == "pending"
    await make.act(lambda work: moderation.approve(work, post))
    await make.act(lambda work: publishing.toggle(work, post))
    await productlift.patch(f"/posts/{post}", json={"title": "Another title"})
    await make.user()

    assert await expand(make, expander) == []


@pytest.mark.parametrize(
    "selected", [(), *((name,) for name in EVENTS["productlift"]), ("vote.created", "post.deleted")]
)
async def test_an_endpoint_gets_the_events_that_it_selects(
    selected: tuple[str, ...], make: Factory, productlift: Client, expander: ProductLiftExpander
) -> None:
    webhook = await endpoint(make, *selected)
    await endpoint(make, dialect="astuto")
    await cause_every_event(make, productlift)

    deliveries = await expand(make, expander)

    wanted = selected or EVENTS["productlift"]
    assert {delivery.kind for delivery in deliveries} == set(wanted)
    assert {delivery.webhook_id for delivery in deliveries} == {webhook}


async def cause_every_event(make: Factory, productlift: Client) -> None:
    post = await make.post()
    vote = await make.vote(post, make.owner)
    comment = await make.comment(post)
    await make.act(lambda work: update.change_status(work, post, make.statuses["Planned"], user_id=None))
    await make.act(lambda work: vote_rules.delete(work, vote))
    await productlift.delete(f"/posts/{post}/comments/{comment}")
    await productlift.delete(f"/posts/{post}")


async def test_every_endpoint_and_every_repetition_has_the_same_id_and_another_event_another(
    make: Factory, productlift: Client, expander: ProductLiftExpander, clock: TestClock
) -> None:
    webhooks = [await endpoint(make) for _ in range(3)]
    await cause_every_event(make, productlift)

    deliveries = await expand(make, expander)
    await make.run("UPDATE facts SET expanded_at = NULL")
    same_secret = ProductLiftExpander(secret=SECRET.encode(), signer=FileSigner(SECRET.encode(), clock=clock))
    again = await expand(make, same_secret)

    assert [delivery.webhook_id for delivery in deliveries[:3]] == webhooks
    by_event: dict[Any, set[str]] = {}
    for delivery, call in zip(deliveries, bodies(deliveries), strict=True):
        by_event.setdefault(delivery.event_id, set()).add(call["id"])
    assert len(by_event) == len({name for ids in by_event.values() for name in ids}) == len(EVENT_NAMES)
    assert {call["id"] for call in bodies(deliveries)} == {call["id"] for call in bodies(again)}


async def test_only_enabled_endpoints_of_the_portal_get_what_happened_since_they_were_added(
    make: Factory, expander: ProductLiftExpander, clock: TestClock
) -> None:
    clock.set(MONDAY)
    other, other_owner = await make.new_portal("Feedback", host="ideas.example.com", email="owner@example.com")
    foreign = await endpoint(make, portal=other)
    disabled = await endpoint(make)
    await make.act(lambda work: endpoints.disable(work, disabled))
    await make.post(title="Too early")
    clock.advance(seconds=1)
    webhook = await make.act(
        lambda work: endpoints.add(
            work, dialect="productlift", settings=EndpointSettings(url="https://a.example"), encrypt=str
        )
    )
    await make.post(title="Ours")
    await make.post(title="Theirs", author=other_owner, portal=other)

    ours = await expand(make, expander)
    theirs = await expand(make, expander, portal=other)

    for deliveries, id_, title, portal in ((ours, webhook, "Ours", None), (theirs, foreign, "Theirs", other)):
        assert [delivery.webhook_id for delivery in deliveries] == [id_]
        (call,) = bodies(deliveries)
        assert call["data"]["post"]["title"] == title
        assert call["data"]["portal"] == await portal_of(make, portal)


async def test_a_portal_without_endpoints_costs_one_read_for_all_its_events(
    make: Factory, productlift: Client, expander: ProductLiftExpander
) -> None:
    await cause_every_event(make, productlift)

    assert await count_statements(make, expander) == 1


async def test_the_statements_of_an_event_do_not_depend_on_the_number_of_endpoints(
    make: Factory, productlift: Client, expander: ProductLiftExpander
) -> None:
    counts = []
    for _ in range(3):
        await endpoint(make)
        await cause_every_event(make, productlift)
        counts.append(await count_statements(make, expander))

    assert len(set(counts)) == 1


async def count_statements(make: Factory, expander: ProductLiftExpander) -> int:
    """How many statements the expander runs for the events that wait."""
    statements: list[Statement] = []

    def expand_counted(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        connection = work._connection
        work._connection = counting = Counting(connection)
        try:
            return expander(work, event)
        finally:
            work._connection = connection
            statements.extend(counting.statements)

    await expand(make, expand_counted)
    return len(statements)
