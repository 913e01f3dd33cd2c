"""The product vision in ProductLift's dialect. docs/contracts/productlift.md, section 9.12."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.product_vision import TEXTS
from tests.conftest import TestClock
from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory
from tests.support.productlift import DELETED, invalid

MONDAY = datetime(2026, 1, 12, 9, 30, tzinfo=UTC)
NONE = (200, {"data": None})


def expected(*, at: str = "2026-01-12T09:30:00Z", **texts: str) -> tuple[int, dict[str, Any]]:
    """The product vision with these texts; the others are empty."""
    assert texts.keys() <= set(TEXTS)
    return 200, {"data": {"id": 1, **dict.fromkeys(TEXTS, ""), **texts, "updated_at": at}}


async def test_a_portal_has_no_product_vision_until_one_is_saved(productlift: Client, clock: TestClock) -> None:
    clock.set(MONDAY)
    assert status_and_json(await productlift.get("/product-vision")) == NONE
    texts = {name: f"The {name} 👋" for name in TEXTS}

    saved = await productlift.post("/product-vision", json={**texts, "other": "ignored", "id": 7})

    assert status_and_json(saved) == expected(**texts)
    assert list(saved.json()["data"]) == [
        *("id", "title", "content", "vision", "target_group", "needs", "product", "business_goals", "updated_at")
    ]
    assert status_and_json(await productlift.get("/product-vision")) == expected(**texts)


async def test_only_the_texts_that_are_sent_are_replaced(productlift: Client, clock: TestClock) -> None:
    clock.set(MONDAY)
    first = {"title": "Quick", "content": "All of it", "needs": "Time"}
    await productlift.post("/product-vision", data=first)
    clock.advance(minutes=1)

    # No change, so the time stays.
    assert status_and_json(await productlift.post("/product-vision")) == expected(**first)
    assert status_and_json(await productlift.post("/product-vision", json={"needs": "Time"})) == expected(**first)
    later = "2026-01-12T09:31:00Z"
    replaced = await productlift.post("/product-vision", json={"title": "Quicker", "product": "A timer"})
    assert status_and_json(replaced) == expected(at=later, **first | {"title": "Quicker", "product": "A timer"})
    emptied = await productlift.post("/product-vision", json={"title": None, "content": "", "needs": "  "})
    assert status_and_json(emptied) == expected(at=later, product="A timer")


async def test_a_product_vision_without_texts_can_be_saved(productlift: Client, clock: TestClock) -> None:
    clock.set(MONDAY)

    assert status_and_json(await productlift.post("/product-vision", json={"title": None})) == expected()
    assert status_and_json(await productlift.get("/product-vision")) == expected()


async def test_an_invalid_text_is_rejected_and_nothing_saved(productlift: Client) -> None:
    sent = {"title": 7, "content": "x" * 10_001, "vision": "a\0b", "needs": ["x"], "product": "Fine"}

    assert status_and_json(await productlift.post("/product-vision", json=sent)) == invalid(
        title="The title must be a string.",
        content="The content must not be greater than 10000 characters.",
        vision="The vision must be a string.",
        needs="The needs must be a string.",
    )
    assert status_and_json(await productlift.get("/product-vision")) == NONE
    longest = await productlift.post("/product-vision", json=dict.fromkeys(TEXTS, "💥" * 10_000))
    assert longest.json()["data"]["business_goals"] == "💥" * 10_000


async def test_a_product_vision_is_deleted_also_where_there_is_none(make: Factory, productlift: Client) -> None:
    await productlift.post("/product-vision", json={"title": "Quick"})

    for _ in range(2):
        assert status_and_json(await productlift.delete("/product-vision")) == DELETED
        assert status_and_json(await productlift.get("/product-vision")) == NONE
    assert await make.rows("SELECT * FROM product_visions") == []


@pytest.mark.parametrize("verb", ["PUT", "PATCH"])
async def test_a_product_vision_has_no_other_methods(verb: str, productlift: Client) -> None:
    response = await productlift.request(verb, "/product-vision", json={"title": "Quick"})

    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, POST, DELETE")
    assert status_and_json(await productlift.get("/product-vision")) == NONE
