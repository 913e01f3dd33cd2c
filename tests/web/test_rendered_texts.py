"""The texts of pages: texts once each, within bounds for a page, for what is remembered and for what waits."""

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

MAX_PAGES = rendered_texts.MAX_THREADS + rendered_texts.MAX_QUEUED


@pytest_asyncio.fixture
async def texts() -> AsyncIterator[RenderedTexts]:
    opened = RenderedTexts()
    yield opened
    opened.close()


def occupy(texts: RenderedTexts) -> threading.Event:
    """Keep the threads busy until the event is set."""
    free = threading.Event()
    for _ in range(rendered_texts.MAX_THREADS):
        texts._threads.submit(free.wait)
    return free


async def test_a_text_is_rendered_once(texts: RenderedTexts) -> None:
    first = await texts.format(["*a*", "*b*", "*a*"])
    again = await texts.format(["*b*", "*a*"])

    assert [str(markup) for markup in first] == ["<p><em>a</em></p>\n", "<p><em>b</em></p>\n", "<p><em>a</em></p>\n"]
    assert len(texts.cache) == 2
    # The same objects: nothing was rendered again.
    assert (again[1] is first[0], again[0] is first[1], first[2] is first[0]) == (True, True, True)


async def test_concurrent_pages_with_the_same_text_render_it_once(texts: RenderedTexts) -> None:
    free = occupy(texts)
    pages = [asyncio.create_task(texts.format(["*a*"])) for _ in range(MAX_PAGES)]
    await asyncio.sleep(0)
    free.set()

    found = [(await page)[0] for page in pages]

    assert all(markup is found[0] for markup in found)


async def test_a_cached_text_does_not_wait(texts: RenderedTexts) -> None:
    (first,) = await texts.format(["*a*"])
    free = occupy(texts)

    (again,) = await texts.format(["*a*"])

    assert again is first
    free.set()


async def test_a_page_is_rejected_if_the_queue_is_full(texts: RenderedTexts) -> None:
    free = occupy(texts)
    pages = [asyncio.create_task(texts.format([f"*{number}*"])) for number in range(MAX_PAGES)]
    await asyncio.sleep(0)

    with pytest.raises(ServiceUnavailable):
        await texts.format(["one more"])
    free.set()

    assert len([await page for page in pages]) == MAX_PAGES
    assert str((await texts.format(["one more"]))[0]) == "<p>one more</p>\n"


async def test_a_page_whose_client_disconnected_stays_in_the_queue(texts: RenderedTexts) -> None:
    free = occupy(texts)
    pages = [asyncio.create_task(texts.format([f"*{number}*"])) for number in range(MAX_PAGES)]
    await asyncio.sleep(0)
    for page in pages:
        page.cancel()
    await asyncio.gather(*pages, return_exceptions=True)

    with pytest.raises(ServiceUnavailable):
        await texts.format(["one more"])
    free.set()
    while texts._pending:  # noqa: ASYNC110
        await asyncio.sleep(0)

    assert len(texts.cache) == MAX_PAGES


async def test_a_page_in_the_queue_is_not_rendered_after_the_shutdown(texts: RenderedTexts) -> None:
    free = occupy(texts)
    page = asyncio.create_task(texts.format(["*a*"]))
    await asyncio.sleep(0)
    texts.close()
    free.set()

    with pytest.raises((ServiceUnavailable, asyncio.CancelledError)):
        await page
    with pytest.raises(ServiceUnavailable):
        await texts.format(["*b*"])
    assert len(texts.cache) == 0


@pytest.mark.parametrize(
    ("one", "count"),
    [
        ("a" * 10_000, MAX_PAGE_LENGTH // 10_000),
        ("*a* " * 1_000, MAX_PAGE_MARKUP // 2_000),
        ("a|b\n-|-\n" + "c|\n" * 998, MAX_PAGE_MARKUP // (4 * 1_000 + 2 * 1_000 + 2)),
    ],
    ids=["length", "markup", "cells"],
)
async def test_the_limits_apply_to_all_texts_of_a_page_cached_or_not(
    texts: RenderedTexts, one: str, count: int
) -> None:
    page = [one] * (count + 3)
    for _ in range(2):
        shown = await texts.format(page)

        assert shown == [markdown.render_markdown(one)] * count + [markdown.markdown_to_text(one)] * 3


async def test_a_text_that_is_not_rendered_is_not_counted(texts: RenderedTexts) -> None:
    shown = await texts.format(["*" * 40_000, "*a*"])

    assert shown == [markdown.markdown_to_text("*" * 40_000), markdown.render_markdown("*a*")]


def test_the_cache_is_limited_in_bytes_and_keeps_recently_used_texts() -> None:
    cache = MarkupCache()
    large = markdown.markdown_to_text("a" * 500_000)
    used = "used"
    cache.put(used, large)
    for number in range(100):
        cache.put(str(number), large)
        assert cache.get(used) is large
        assert cache.size <= MAX_CACHED_BYTES

    assert 25 < len(cache) <= MAX_CACHED_BYTES // 500_000
    assert cache.get("99") is large
    assert cache.get("0") is None


def test_the_cache_limit_includes_many_small_texts() -> None:
    cache = MarkupCache()
    for number in range(200_000):
        cache.put(str(number), markdown.Markup())

    assert len(cache) * 300 < MAX_CACHED_BYTES


async def test_a_page_returns_503_if_the_queue_is_full(server: Application, anyone: Client, make: Factory) -> None:
    visitor = anyone.of(None, base="")
    for number in range(MAX_PAGES + 1):
        await make.post(title=f"Post {number}", description=f"*{number}*")
    slugs = [f"/posts/post-{number}" for number in range(MAX_PAGES + 1)]
    free = occupy(server._texts)
    waiting = [asyncio.create_task(visitor.get(slug)) for slug in slugs[:-1]]
    while server._texts._pending < MAX_PAGES:  # noqa: ASYNC110
        await asyncio.sleep(0)

    rejected = await visitor.get(slugs[-1])
    free.set()

    assert rejected.status_code == 503
    assert int(rejected.headers["retry-after"]) > 0
    assert "<h1>Back in a moment</h1>" in rejected.text
    assert {(await page).status_code for page in waiting} == {200}
    # The rejected page is no view; the others are.
    assert sorted(server.services.views.counts.values()) == [1] * MAX_PAGES
    assert (await visitor.get(slugs[-1])).status_code == 200
