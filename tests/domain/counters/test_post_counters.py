"""The stored counters equal a recount, whatever is done through either API."""

import pytest

from app.domain.counters import audit, post_counters
from app.domain.posts import moderation
from tests.support.clients import Client
from tests.support.expected_counters import counter_mismatches
from tests.support.factory import Factory
from tests.support.random_requests import RequestGenerator
from tests.support.sample_portal import populate

REQUESTS = 250


@pytest.mark.parametrize("seed", range(3))
async def test_random_requests_keep_every_counter_equal_to_a_recount(
    make: Factory, astuto: Client, productlift: Client, seed: int
) -> None:
    for _ in range(2):
        await populate(make, make.portal, make.owner)
    chance, clients = RequestGenerator(seed, make), {"astuto": astuto, "productlift": productlift}
    done: list[str] = []
    for number in range(REQUESTS):
        if number % 10 == 0:
            for post in (await make.rows("SELECT id FROM posts ORDER BY id"))[number // 10 :: 7]:
                await make.act(lambda work, post=post: moderation.set(work, post["id"], "pending"))
        await chance.refresh()
        request = chance.request()

        response = await clients[request.dialect].request(request.method, request.path, json=request.params)

        assert response.status_code < 500, (request, response.text)
        done.append(f"{response.status_code} {request}")
        if response.status_code < 300:
            assert await counter_mismatches(make) == [], done[-1]
    # The rules of repair must agree with this, and the acts must have done something.
    assert await make.act(post_counters.find_mismatches) == []
    assert await make.act(audit.find_mismatches) == []
    assert sum(line.startswith("2") for line in done) > REQUESTS // 2, done
