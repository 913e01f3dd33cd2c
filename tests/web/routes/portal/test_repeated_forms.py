"""A form of a post that is sent twice makes one post, whatever the order, and whoever sends it."""

import asyncio
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from app.domain.permissions import VISITOR
from app.domain.posts import devices, repeats
from app.domain.posts.create import NewPost, create_post
from app.domain.unit_of_work import UnitOfWork
from app.settings import Settings
from app.web import bot_check
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.concurrency import ConcurrentWriter
from tests.support.factory import Factory
from tests.web.routes.portal.conftest import SignIn
from tests.web.routes.portal.post_forms import GIF, PNG, TEXTS, allow, images, open_form


async def send(client: Client, fields: dict[str, Any], *files: tuple[str, bytes]) -> httpx.Response:
    return await client.post("/submit", data={**fields, "similar_seen": "yes"}, files=images(*files))


async def test_two_equal_forms_make_one_post_and_lead_to_it(sign_in: SignIn, make: Factory) -> None:
    jane = await make.user()
    client = await sign_in(jane)
    fields = {**await open_form(client), **TEXTS}

    first, second = await asyncio.gather(send(client, fields), send(client, fields))
    third = await send(client, {**await open_form(client), **TEXTS})

    code = await make.value("SELECT code FROM posts")
    for response in (first, second, third):
        assert (response.status_code, response.headers["location"]) == (303, f"/p/dark-mode-{code}?notice=posted")
    assert len(await make.facts("post.submitted")) == 1
    assert await make.wrong_counters() == []


async def test_two_equal_forms_with_pictures_store_them_once(sign_in: SignIn, make: Factory) -> None:
    client = await sign_in(await make.user())
    fields = {**await open_form(client), **TEXTS}

    await send(client, fields, ("a.png", PNG))
    await send(client, fields, ("a.png", PNG))

    [name] = [row["name"] for row in await make.rows("SELECT name FROM attachments")]
    stored = [each async for each in make.server.services.uploads.files.names(before=datetime.max.replace(tzinfo=UTC))]
    assert stored == [name]
    assert await make.value("SELECT count(*) FROM posts") == 1


@pytest.mark.parametrize(
    ("change", "files"),
    [
        ({"title": "Dark theme"}, [("a.png", PNG)]),
        ({"description": "Other"}, [("a.png", PNG)]),
        ({"description": ""}, [("a.png", PNG)]),
        ({}, [("b.gif", GIF)]),
        ({}, []),
    ],
)
async def test_a_form_with_another_content_makes_another_post(
    sign_in: SignIn, make: Factory, change: dict[str, str], files: list[tuple[str, bytes]]
) -> None:
    client = await sign_in(await make.user())

    await send(client, {**await open_form(client), **TEXTS}, ("a.png", PNG))
    await send(client, {**await open_form(client), **TEXTS, **change}, *files)

    assert await make.value("SELECT count(*) FROM posts") == 2


async def test_a_form_of_another_user_or_of_a_later_time_makes_another_post(
    sign_in: SignIn, make: Factory, clock: TestClock
) -> None:
    jane, jim = await sign_in(await make.user()), await sign_in(await make.user())

    await send(jane, {**await open_form(jane), **TEXTS})
    await send(jim, {**await open_form(jim), **TEXTS})
    clock.advance(seconds=(repeats.PERIOD + timedelta(seconds=1)).total_seconds())
    await send(jane, {**await open_form(jane), **TEXTS})

    assert await make.value("SELECT count(*) FROM posts") == 3


async def test_two_equal_forms_of_a_browser_without_a_user_make_one_post(
    visitor: Client, make: Factory, clock: TestClock
) -> None:
    await allow(make, allows_anonymous_posts=True)
    await make.run("UPDATE portals SET moderation_policy = 'never'")
    other = visitor.of(None, base="")
    fields, of_other = {**await open_form(visitor), **TEXTS}, {**await open_form(other), **TEXTS}
    clock.advance(seconds=bot_check.MIN_FILL_SECONDS)

    first, second = await asyncio.gather(send(visitor, fields), send(visitor, fields))
    once = await make.value("SELECT count(*) FROM posts")
    by_other = await send(other, of_other)

    assert first.headers["location"] == second.headers["location"]
    assert once == 1
    assert by_other.headers["location"] not in (first.headers["location"], "/login")
    assert await make.value("SELECT count(*) FROM posts") == 2


async def test_a_repeated_form_of_a_pending_post_says_that_it_waits(sign_in: SignIn, make: Factory) -> None:
    await make.run("UPDATE portals SET moderation_policy = 'always'")
    client = await sign_in(await make.user())
    fields = {**await open_form(client), **TEXTS}

    locations = {(await send(client, fields)).headers["location"] for _ in range(2)}

    code = await make.value("SELECT code FROM posts")
    assert locations == {f"/p/dark-mode-{code}?notice=pending"}


@pytest.mark.parametrize("device", [None, devices.digest("a token")])
async def test_of_two_concurrent_transactions_one_creates_the_post(
    make: Factory, settings: Settings, device: str | None
) -> None:
    await allow(make, allows_anonymous_posts=True)
    author = await make.user() if device is None else None

    def create(work: UnitOfWork) -> None:
        new_post = NewPost("Dark mode", "Text", author, moderation=None)
        if repeats.find(work, new_post, files=(), device_digest=device) is None:
            if device is None:
                create_post(work, new_post)
            else:
                work.actor = VISITOR
                devices.create_post(work, new_post, device_digest=device)

    with closing(ConcurrentWriter(settings, make.portal, 2)) as write:
        for number in range(1, 6):
            await make.run("UPDATE posts SET title = 'Before'")

            assert await asyncio.to_thread(write, create, create) == [None, None]

            assert await make.value("SELECT count(*) FROM posts") == number
