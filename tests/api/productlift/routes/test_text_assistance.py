"""Operations that need a language model. docs/contracts/productlift.md, section 9.8."""

import pytest

from tests.support.clients import Client, status_and_json
from tests.support.database_dump import changed, snapshot
from tests.support.factory import Factory
from tests.support.productlift import unknown

NOT_AVAILABLE = (501, {"message": "Text assistance is not available on this server."})


@pytest.mark.parametrize("helper", ["adjust", "improve"])
async def test_a_text_helper_of_a_post_is_not_available(make: Factory, productlift: Client, helper: str) -> None:
    post = await make.post()
    before = await snapshot(make.server.database)

    for key in (post, await make.code(post)):
        response = await productlift.post(f"/posts/{key}/{helper}", json={"title": "Dark mode"})
        assert status_and_json(response) == NOT_AVAILABLE
        assert response.headers["content-type"] == "application/json"
    for key in ("nosuch", "007"):
        assert status_and_json(await productlift.post(f"/posts/{key}/{helper}")) == unknown("Post", key)
    response = await productlift.of(None).post(f"/posts/{post}/{helper}")
    assert status_and_json(response) == (401, {"message": "Unauthenticated."})
    assert changed(before, await snapshot(make.server.database)) == set()


@pytest.mark.parametrize("path", ["/feedback/summarize", "/product-vision/generate"])
async def test_a_generated_text_is_not_available(productlift: Client, path: str) -> None:
    assert status_and_json(await productlift.post(path)) == NOT_AVAILABLE
    assert status_and_json(await productlift.post(path, json={"title": 1})) == NOT_AVAILABLE
    assert status_and_json(await productlift.of(None).post(path)) == (401, {"message": "Unauthenticated."})
