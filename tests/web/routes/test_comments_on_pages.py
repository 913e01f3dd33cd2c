"""The comments on the page of a post: their order, their depth, and how many are shown."""

import re

import pytest

from app.domain.posts import public
from tests.domain.posts.test_delete import statements_of
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.web.routes.test_pages import open_post


async def test_comments_are_grouped_by_thread_with_pinned_ones_first(visitor: Client, make: Factory) -> None:
    post, elsewhere = await make.post(), await make.post()
    first = await make.comment(post, body="first")
    second = await make.comment(post, body="second")
    hidden = await make.comment(post, body="hidden", internal=True)
    await make.comment(post, body="third, below first", parent=first)
    await make.comment(post, body="fourth, below nothing seen", parent=hidden)
    await make.comment(post, body="fifth, below another post", parent=await make.comment(elsewhere))
    await make.run("UPDATE comments SET pinned = true WHERE id = :id", id=second)

    page = await open_post(visitor, make, post)

    shown = re.findall(r'class="comment depth-(\d)".*?<div class="text">\s*<p>(.*?)</p>', page.text, re.DOTALL)
    assert shown == [
        ("0", "second"),
        ("0", "first"),
        ("1", "third, below first"),
        ("0", "fourth, below nothing seen"),
        ("0", "fifth, below another post"),
    ]


async def test_the_indentation_of_replies_is_limited(visitor: Client, make: Factory) -> None:
    post = await make.post()
    parent = None
    for _ in range(30):
        parent = await make.comment(post, parent=parent)

    page = await open_post(visitor, make, post)

    assert re.findall(r"depth-(\d)", page.text) == ["0", "1", "2", "3", *(["4"] * 26)]


@pytest.mark.timeout(60)
async def test_a_page_with_a_cycle_of_comments_is_shown(visitor: Client, make: Factory) -> None:
    post = await make.post()
    first = await make.comment(post, body="Round")
    second = await make.comment(post, body="and round", parent=first)
    await make.comment(post, body="Straight on")
    await make.run("UPDATE comments SET parent_id = :second WHERE id = :first", first=first, second=second)

    page = await open_post(visitor, make, post)

    assert page.status_code == 200
    assert "Straight on" in page.text


async def test_a_text_too_long_for_a_page_is_truncated_with_a_note(visitor: Client, make: Factory) -> None:
    post = await make.post(description="d" * 50_001)
    await make.comment(post, body="c" * 10_001)
    await make.comment(post, body="e" * 10_000)

    page = await open_post(visitor, make, post)

    assert page.text.count("d" * 50_000) == 1
    assert "d" * 50_001 not in page.text
    assert "c" * 10_001 not in page.text
    assert page.text.count("only its beginning is shown here") == 2


async def test_a_page_shows_at_most_200000_characters_of_comments(visitor: Client, make: Factory) -> None:
    post = await make.post()
    for number in range(22):
        await make.comment(post, body=f"{number:02}" + "'" * 9_998)

    page = await open_post(visitor, make, post)

    assert page.text.count('<article class="comment') == 20
    assert "Only the first 20 comments are shown here." in page.text
    assert len(page.content) < 1_500_000


async def test_comments_that_a_page_does_not_show_are_not_read(make: Factory) -> None:
    post = await make.post()
    for number in range(41):
        await make.comment(post, body=f"{number:02}" + "long" * 5_000)
    code = await make.code(post)

    read = await statements_of(make, lambda work: public.by_code(work, code))

    # 20 comments are 200,000 characters as they are shown, and the 21st tells that there are more.
    assert read.count(public._COMMENTS) == 2


async def test_a_page_shows_at_most_200_comments(visitor: Client, make: Factory) -> None:
    post = await make.post()
    await make.comment(post, body="the first")
    await make.run(
        "INSERT INTO comments (portal_id, post_id, user_id, body, official, internal, pinned, created_at, updated_at)"
        " SELECT c.portal_id, c.post_id, c.user_id, 'more', false, false, false, c.created_at, c.updated_at"
        " FROM comments c, (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250)"
        " SELECT i FROM n) AS numbers"
    )
    await make.run("UPDATE posts SET comments_count = 251")

    page = await open_post(visitor, make, post)

    assert page.text.count('<article class="comment') == 200
    assert "the first" in page.text
    assert "Only the first 200 comments are shown here." in page.text
