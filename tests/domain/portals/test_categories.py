"""Rules of categories that no API reaches, and concurrent changes that one does."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from app.domain.errors import Forbidden
from app.domain.permissions import Actor
from app.domain.portals import categories
from app.domain.unit_of_work import UnitOfWork
from tests.support.clients import Client, status_and_json
from tests.support.errors import error_from
from tests.support.factory import Factory

MODERATOR = Actor(user_id=None, role="moderator")


async def test_an_edit_that_changes_nothing_leaves_the_category_as_it_is(make: Factory) -> None:
    category = await make.category()
    before = await make.rows("SELECT * FROM categories ORDER BY id")

    await make.act(lambda work: categories.edit(work, category, name="Speed", color="#ABDEE6"))

    assert await make.rows("SELECT * FROM categories ORDER BY id") == before


@pytest.mark.parametrize(
    "operation",
    [
        lambda work: categories.add(work, name="a"),
        lambda work: categories.edit(work, 1, name="a"),
        lambda work: categories.delete(work, 1),
    ],
)
async def test_categories_are_changed_by_administrators_only(
    operation: Callable[[UnitOfWork], Any], make: Factory
) -> None:
    error = await error_from(make.act(operation, actor=MODERATOR), Forbidden)

    assert error.permission == "manage_catalogue"


async def test_of_categories_with_one_name_created_at_the_same_time_one_succeeds(productlift: Client) -> None:
    sent = {"name": "Speed"}

    responses = await asyncio.gather(*(productlift.post("/categories", json=sent) for _ in range(6)))

    assert sorted(response.status_code for response in responses) == [200, 422, 422, 422, 422, 422]
    assert len({str(status_and_json(response)) for response in responses if response.status_code == 422}) == 1
