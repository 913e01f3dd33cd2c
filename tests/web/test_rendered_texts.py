"""The texts of pages: formatted once each, within bounds for a page, for what is remembered and for what waits."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from app.application import Application
from app.domain.errors import ServiceUnavailable
from app.web import markdown, rendered_texts
from app.web.rendered_texts import MAX_CACHED_BYTES, MAX_PAGE_LENGTH, MAX_PAGE_MARKUP, MarkupCache, RenderedTexts
from tests.support.clients import Client
from tests.support.factory import Factory

PLACES = rendered_texts.MAX_THREADS + rendered_texts.MAX_QUEUED


@pytest_asyncio.fixture
async def formatted() -> AsyncIterator[RenderedTexts]:
    made = RenderedTexts()
    yield made
    made.close()


def occupy(formatted: RenderedTexts) -> threading.Event:
    """Keep the threads busy until the event is set."""
    free = threading.Event()
    for _ in range(rendered_texts.MAX_THREADS):
        formatted._threads.submit(free.wait)
    return free


async def test_a_text_is_formatted_once(formatted: RenderedTexts) -> None:
    first = await formatted.format(["*a*", "*b*", "*a*"])
    again = await formatted.format(["*b*", "*a*"])

    assert [str(markup) for markup in first] == ["<p><em>a</em></p>\n", "<p><em>b</em></p>\n", "<p><em>a</em></p>\n"]
    assert len(formatted.cache) == 2
    # The very objects: nothing was made anew.
    assert (again[1] is first[0], again[0] is first[1], first[2] is first[0]) == (True, True, True)


async def test_pages_that_wait_with_the_same_text_format_it_once(formatted: RenderedTexts) -> None:
    free = occupy(formatted)
    pages = [asyncio.create_task(formatted.format(["*a*"])) for _ in range(PLACES)]
    await asyncio.sleep(0)
    free.set()

    found = [(await page)[0] for page in pages]

    assert all(markup is found[0] for markup in found)


async def test_a_remembered_text_waits_for_nobody(formatted: RenderedTexts) -> None:
    (first,) = await formatted.format(["*a*"])
    free = occupy(formatted)

    (again,) = await formatted.format(["*a*"])

    assert again is first
    free.set()


async def test_pages_beyond_those_that_may_wait_are_refused(formatted: RenderedTexts) -> None:
    free = occupy(formatted)
    pages = [asyncio.create_task(formatted.format([f"*{number}*"])) for number in range(PLACES)]
    await asyncio.sleep(0)

    with pytest.raises(ServiceUnavailable):
        await formatted.format(["one more"])
    free.set()

    assert len([await page for page in pages]) == PLACES
    assert str((await formatted.format(["one more"]))[0]) == "<p>one more</p>\n"


async def test_a_page_whose_client_is_gone_keeps_its_place_until_it_is_done(formatted: RenderedTexts) -> None:
    free = occupy(formatted)
    pages = [asyncio.create_task(formatted.format([f"*{number}*"])) for number in range(PLACES)]
    await asyncio.sleep(0)
    for page in pages:
        page.cancel()
    await asyncio.gather(*pages, return_exceptions=True)

    with pytest.raises(ServiceUnavailable):
        await formatted.format(["one more"])
    free.set()
    while formatted._pending:  # noqa: ASYNC110
        await asyncio.sleep(0)

    assert len(formatted.cache) == PLACES


async def test_what_waits_at_the_end_is_not_begun(formatted: RenderedTexts) -> None:
    free = occupy(formatted)
    page = asyncio.create_task(formatted.format(["*a*"]))
    await asyncio.sleep(0)
    formatted.close()
    free.set()

    with pytest.raises((ServiceUnavailable, asyncio.CancelledError)):
        await page
    with pytest.raises(ServiceUnavailable):
        await formatted.format(["*b*"])
    assert len(formatted.cache) == 0


@pytest.mark.parametrize(
    ("one", "count"),
    [
        ("a" * 10_000, MAX_PAGE_LENGTH // 10_000),
        ("*a* " * 1_000, MAX_PAGE_MARKUP // 2_000),
        ("a|b\n-|-\n" + "c|\n" * 998, MAX_PAGE_MARKUP // (4 * 1_000 + 2 * 1_000 + 2)),
    ],
    ids=["length", "markup", "cells"],
)
async def test_all_texts_of_a_page_count_together_whether_remembered_or_not(
    formatted: RenderedTexts, one: str, count: int
) -> None:
    page = [one] * (count + 3)
    for _ in range(2):
        shown = await formatted.format(page)

        assert shown == [markdown.render_markdown(one)] * count + [markdown.markdown_to_text(one)] * 3


async def test_a_text_that_is_shown_as_written_leaves_room_for_the_others(formatted: RenderedTexts) -> None:
    shown = await formatted.format(["*" * 40_000, "*a*"])

    assert shown == [markdown.markdown_to_text("*" * 40_000), markdown.render_markdown("*a*")]


def test_what_is_remembered_is_bounded_in_bytes_and_what_is_used_stays() -> None:
    cache = MarkupCache()
    large = markdown.markdown_to_text("a" * 500_000)
    used = b"used"
    cache.put(used, large)
    for number in range(100):
        cache.put(number.to_bytes(32, "big"), large)
        assert cache.get(used) is large
        assert cache.size <= MAX_CACHED_BYTES

    assert 25 < len(cache) <= MAX_CACHED_BYTES // 500_000
    assert cache.get((99).to_bytes(32, "big")) is large
    assert cache.get((0).to_bytes(32, "big")) is None


def test_many_small_texts_are_bounded_as_well() -> None:
    cache = MarkupCache()
    for number in range(200_000):
        cache.put(number.to_bytes(32, "big"), markdown.Markup())

    assert len(cache) * 300 < MAX_CACHED_BYTES


async def test_a_page_beyond_those_that_may_wait_is_answered_503(
    server: Application, anyone: Client, make: Factory
) -> None:
    visitor = anyone.of(None, base="")
    for number in range(PLACES + 1):
        await make.post(title=f"Post {number}", description=f"*{number}*")
    slugs = [f"/posts/post-{number}" for number in range(PLACES + 1)]
    free = occupy(server._texts)
    waiting = [asyncio.create_task(visitor.get(slug)) for slug in slugs[:-1]]
    while server._texts._pending < PLACES:  # noqa: ASYNC110
        await asyncio.sleep(0)

    refused = await visitor.get(slugs[-1])
    free.set()

    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) > 0
    assert "<h1>Back in a moment</h1>" in refused.text
    assert {(await page).status_code for page in waiting} == {200}
    # What was refused is no view; the others are.
    assert sorted(server.services.views.counts.values()) == [1] * PLACES
    assert (await visitor.get(slugs[-1])).status_code == 200
