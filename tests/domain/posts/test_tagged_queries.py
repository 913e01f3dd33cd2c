"""Queries for posts with tags: nothing is read of tags where there are none, and a new tag is found at once."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import pytest

from app.api.productlift import serializers
from app.domain.portals import tags
from app.domain.posts import tagging
from app.domain.posts.filters import ALL
from app.domain.posts.tagged_queries import TaggedPostQuery
from app.domain.sql.statement import Statement
from app.domain.unit_of_work import Row, UnitOfWork
from tests.domain.posts.test_delete import statements_of
from tests.support.factory import Factory

PAGE: dict[str, Any] = {"order": "created_at", "descending": True, "offset": 0, "limit": 20}
Read = Callable[[TaggedPostQuery, UnitOfWork, int, str], Sequence[Row]]
READS: dict[str, Read] = {
    "by_id": lambda query, work, post, code: [query.by_id(work, post)],
    "by_code": lambda query, work, post, code: [query.by_code(work, code)],
    "by_code_or_id": lambda query, work, post, code: [query.by_code_or_id(work, code)],
    "by_ids": lambda query, work, post, code: query.by_ids(work, [post]),
    "several by_ids": lambda query, work, post, code: query.by_ids(work, [post, post + 1]),
    "page": lambda query, work, post, code: query.page(work, ALL, **PAGE),
    "page_with_total": lambda query, work, post, code: query.page_with_total(work, ALL, **PAGE)[0],
}
TAGS_INDEX = len(serializers.POSTS.columns) - 1


@pytest.fixture(params=READS)
def read(request: pytest.FixtureRequest) -> Read:
    return READS[request.param]


def process() -> TaggedPostQuery:
    """The query of a process that has read nothing yet."""
    return TaggedPostQuery(serializers.POSTS.columns[:TAGS_INDEX], bounded=True)


class Reader:
    """Reads the first of two posts."""

    def __init__(self, make: Factory, read: Read) -> None:
        self.make = make
        self._read = read

    async def add_posts(self) -> None:
        # The newest post is the first of a page.
        self._post = await self.make.post()
        await self.make.run("UPDATE posts SET created_at = '2099-01-01 00:00:00.000000'")
        await self.make.post()
        self._code = await self.make.value("SELECT code FROM posts WHERE id = :id", id=self._post)

    async def tags(self, query: TaggedPostQuery) -> list[str]:
        """The names of its tags."""
        row = (await self.make.act(lambda work: self._read(query, work, self._post, self._code)))[0]
        return [tag["name"] for tag in orjson.loads(row[TAGS_INDEX] or "[]")]

    async def statements(self, query: TaggedPostQuery) -> list[Statement]:
        return await statements_of(self.make, lambda work: self._read(query, work, self._post, self._code))

    async def tag(self, *tag_ids: int) -> None:
        """Replace its tags, without a notice to any query."""
        await self.make.act(lambda work: tagging.replace(work, self._post, tag_ids))


@pytest.fixture
async def reader(make: Factory, read: Read) -> Reader:
    reader = Reader(make, read)
    await reader.add_posts()
    return reader


async def test_a_portal_whose_posts_have_no_tags_reads_no_subquery_but_the_categories(reader: Reader) -> None:
    await reader.make.tag()

    (statement,) = await reader.statements(process())

    text = statement.compiled(reader.make.server.database.engine).text
    tables = re.findall(r"(?:FROM|JOIN) (\w+)", text)
    assert sorted({*tables} - {"tallies", "json_each"}) == (
        ["categories", "post_categories", "posts", "statuses", "tabs", "users"]
    )
    # No parameter is sent for a constant.
    assert "posts.moderation = 'approved' AND posts.published AS is_public" in text
    # The statement, the two of the array of categories, the total of a list, and on SQLite the list of ids.
    assert text.count("SELECT") == 3 + tables.count("tallies") + tables.count("json_each")


async def test_a_portal_with_tags_is_read_by_one_statement_after_the_first(reader: Reader) -> None:
    await reader.tag(await reader.make.tag())
    query = process()

    first, second, third = [len(await reader.statements(query)) for _ in range(3)]

    assert (first, second, third) == (2, 1, 1)
    assert await reader.tags(query) == ["Urgent"]


async def test_a_process_shows_the_tags_that_another_one_has_just_changed(reader: Reader) -> None:
    urgent, other = await reader.make.tag("Urgent"), await reader.make.tag("Other")
    query = process()
    shown = [await reader.tags(query)]

    for tag_ids in ([other], [urgent, other], [urgent], []):
        await reader.tag(*tag_ids)
        shown.append(await reader.tags(query))
        assert shown[-1] == await reader.tags(process())

    assert shown == [[], ["Other"], ["Urgent", "Other"], ["Urgent"], []]


async def test_a_deleted_tag_is_no_longer_shown(reader: Reader) -> None:
    urgent, other = await reader.make.tag("Urgent"), await reader.make.tag("Other")
    await reader.tag(urgent, other)
    query = process()
    shown = [await reader.tags(query)]

    for tag in (urgent, other):
        await reader.make.act(lambda work, tag=tag: tags.delete(work, tag))
        shown.append(await reader.tags(query))

    assert shown == [["Urgent", "Other"], ["Other"], []]
    assert await reader.make.wrong_counters() == []


async def test_another_portal_is_still_read_without_tags(reader: Reader) -> None:
    make = reader.make
    query = process()
    await reader.tag(await make.tag())
    await reader.tags(query)
    other, owner = await make.new_portal("Other", host="other.example.com", email="other@example.com")
    post = await make.post(portal=other, author=owner)

    row = await make.act(lambda work: query.by_id(work, post), portal=other)

    # The number of its tags, not their text.
    assert row[TAGS_INDEX] == 0
