"""Webhook calls about posts in ProductLift's format. docs/contracts/productlift.md, section 10.1."""

import re

import pytest

from app.domain.portals import statuses
from app.domain.posts import moderation, publishing, update
from app.outbox.webhooks.productlift import ProductLiftExpander
from tests.conftest import TestClock
from tests.outbox.webhooks.expansion import bodies, expand, forget_events
from tests.outbox.webhooks.productlift_calls import (
    MONDAY,
    endpoint,
    is_same_json,
    made,
    only_call,
    portal_of,
)
from tests.support.clients import HOST, Client
from tests.support.factory import Factory
from tests.support.images import encode, make_image
from tests.support.productlift import owner


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
