"""How often clients may ask. docs/compatibility.md, section 5."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from redis import Redis as RedisClient

from app.adapters.rate_limiter import MemoryRateLimiter
from app.application import Application
from app.settings import Settings
from tests.conftest import TestClock
from tests.support import routes
from tests.support.clients import Client
from tests.support.extra_servers import running_application
from tests.support.factory import Factory
from tests.support.servers import Redis

# 250.5 seconds into a slot of 300, which are aligned to the epoch.
NOON = datetime(2026, 3, 1, 12, 4, 10, 500_000, tzinfo=UTC)
PRODUCTLIFT_429 = (429, b'{"message":"Too Many Attempts."}')
ASTUTO_429 = (429, b"Retry later\n")

Limited = Callable[..., AbstractAsyncContextManager[Application]]


def said(response: httpx.Response) -> tuple[int, bytes]:
    return response.status_code, response.content


def pace_headers(response: httpx.Response) -> dict[str, str]:
    """Whatever the answer tells of limits."""
    return {name: value for name, value in response.headers.items() if "ratelimit" in name or name == "retry-after"}


def forget_all(redis: Redis) -> None:
    """Begin with a Redis that has counted nothing."""
    with RedisClient.from_url(redis.url) as client:
        client.flushall()


@pytest.fixture
def limited(settings: Settings, clock: TestClock, make: Factory) -> Limited:
    """A server with the default limits, or with those given, at a stopped clock."""
    clock.set(NOON)
    return lambda **changed: running_application(settings, clock, rate_limits=True, **changed)


@pytest.fixture(params=["memory", "redis"])
async def counted(request: pytest.FixtureRequest, limited: Limited) -> Limited:
    """The same, counting in this process or in Redis."""
    if request.param == "memory":
        return limited
    redis: Redis = request.getfixturevalue("redis")
    forget_all(redis)
    return lambda **changed: limited(redis_url=redis.url, **changed)


@pytest.fixture
async def keys_of(make: Factory) -> AsyncIterator[Callable[[str], Any]]:
    """New keys of a dialect, each of another administrator."""

    async def key(dialect: str) -> str:
        return await make.key(await make.user(role="admin"), dialect)

    yield key


class TestProductLift:
    async def test_every_answer_tells_what_is_left_and_the_first_too_many_how_long_to_wait(
        self, limited: Limited, productlift: Client, clock: TestClock
    ) -> None:
        async with limited() as server, Client(server, token=productlift.token) as client:
            allowed = [await client.get("/posts") for _ in range(60)]
            clock.advance(seconds=13.4)
            refused = [await client.get("/posts"), await client.post("/posts", json={"title": "Dark mode"})]
            clock.advance(seconds=46.5)
            last = await client.get("/posts")
            clock.advance(seconds=0.1)
            again = await client.get("/posts")

        assert [response.status_code for response in allowed] == [200] * 60
        assert [pace_headers(response) for response in allowed] == [
            {"x-ratelimit-limit": "60", "x-ratelimit-remaining": str(left)} for left in range(59, -1, -1)
        ]
        ends = str(int(NOON.timestamp()) + 61)
        too_many = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": ends}
        for response in refused:
            assert said(response) == PRODUCTLIFT_429
            assert pace_headers(response) == too_many | {"retry-after": "47"}
            assert response.headers["content-type"] == "application/json"
            assert response.headers["access-control-allow-origin"] == "*"
        # A refused request does not make the window longer, and nobody is told to wait for no time at all.
        assert said(last) == PRODUCTLIFT_429
        assert pace_headers(last) == too_many | {"retry-after": "1"}
        assert again.status_code == 200
        assert pace_headers(again) == {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "59"}

    async def test_refusals_are_counted_and_tell_it_too(self, counted: Limited, productlift: Client) -> None:
        async with counted() as server, Client(server, token=productlift.token) as client:
            told = [
                (response.status_code, response.headers["x-ratelimit-limit"], response.headers["x-ratelimit-remaining"])
                for response in [
                    await client.get("/posts"),
                    await client.get("/posts/zzzzzz"),
                    await client.post("/posts"),
                    await client.get("/nothing"),
                    await client.delete("/posts"),
                    await client.of(client.token, base="/productlift/api/v1").get("/posts"),
                    await client.head("/posts"),
                ]
            ]

        assert told == [
            (200, "60", "59"), (404, "60", "58"), (422, "60", "57"), (404, "60", "56"), (405, "60", "55"),
            (200, "60", "54"), (200, "60", "53"),
        ]  # fmt: skip

    async def test_every_token_has_its_own_bucket_whatever_address_it_comes_from(
        self, counted: Limited, keys_of: Callable[[str], Any]
    ) -> None:
        tokens = [await keys_of("productlift") for _ in range(2)]

        async with counted(limit_productlift="3/minute") as server:
            first, second = (Client(server, token=token) for token in tokens)
            elsewhere = Client(server, token=tokens[0], peer="198.51.100.7")
            statuses = [
                (await client.get("/posts")).status_code
                for client in (first, elsewhere, first, first, elsewhere, second, second, second, second)
            ]

        assert statuses == [200, 200, 200, 429, 429, 200, 200, 200, 429]

    async def test_without_a_valid_token_the_address_is_counted(
        self, counted: Limited, productlift: Client, astuto: Client
    ) -> None:
        async with counted(limit_productlift="4/minute") as server:
            base = "/productlift/api/v1"
            here = [
                Client(server, token=token, base=base) for token in (None, "1|wrong", astuto.token, "2|wrong", None)
            ]
            statuses = [(await client.get("/posts")).status_code for client in here]
            elsewhere = await Client(server, token=None, base=base, peer="198.51.100.7").get("/posts")
            with_token = await Client(server, token=productlift.token).get("/posts")

        # The last of them is one too many, while neither another address nor a valid token has used any.
        assert statuses == [401, 401, 401, 401, 429]
        assert (elsewhere.status_code, pace_headers(elsewhere)["x-ratelimit-remaining"]) == (401, "3")
        assert (with_token.status_code, pace_headers(with_token)["x-ratelimit-remaining"]) == (200, "3")

    async def test_all_spellings_of_a_token_are_counted_together_or_by_the_address(
        self, counted: Limited, productlift: Client
    ) -> None:
        taken = [
            *(f"Bearer {{}}, n{number}" for number in range(3)), "Bearer {}; n", "Bearer {}\tn", 'Bearer "{}"',
            "Bearer token={}", 'Bearer token="{}", n', "Bearer   {}",
        ]  # fmt: skip
        untaken = [
            "Token {}",
            "Token token={}",
            "Bearer\t{}",
            "bearer {}",
            "{}",
            "Basic {}",
            " Bearer {}",
            "Token {}, n",
        ]
        async with counted(limit_productlift=f"{len(taken)}/minute") as server:
            client = Client(server, token=None, base="/productlift/api/v1")

            async def send_request(spelled: str) -> tuple[int, str]:
                response = await client.get("/posts", headers={"authorization": spelled.format(productlift.token)})
                return response.status_code, response.headers["x-ratelimit-remaining"]

            by_token = [await send_request(one) for one in (*taken, taken[0])]
            by_address = [await send_request(one) for one in untaken]

        left = [str(len(taken) - 1 - number) for number in range(len(taken))]
        assert by_token == [*((200, number) for number in left), (429, "0")]
        assert by_address == [(401, number) for number in left[: len(untaken)]]

    async def test_preflights_are_not_counted(self, counted: Limited, anyone: Client) -> None:
        async with counted(limit_productlift="1/minute") as server, Client(server, token=None) as client:
            preflight = {"origin": "https://app.example.org", "access-control-request-method": "GET"}
            statuses = [(await client.options("/posts", headers=preflight)).status_code for _ in range(3)]

        assert statuses == [204, 204, 204]


class TestAstuto:
    async def test_a_hundred_in_a_slot_and_no_more_until_the_next(
        self, counted: Limited, astuto: Client, clock: TestClock
    ) -> None:
        async with counted() as server, Client(server, token=astuto.token) as client:
            allowed = [await client.get("/posts") for _ in range(100)]
            refused = [await client.get("/posts"), await client.post("/posts", json={}), await client.get("/nothing")]
            clock.advance(seconds=49.4)
            last = await client.get("/posts")
            clock.advance(seconds=0.1)
            again = await client.get("/posts")

        assert {response.status_code for response in allowed} == {200}
        assert not [response for response in allowed if pace_headers(response)]
        too_many = {"ratelimit-limit": "100", "ratelimit-remaining": "0", "ratelimit-reset": "50", "retry-after": "50"}
        for response in refused:
            assert said(response) == ASTUTO_429
            assert pace_headers(response) == too_many
            assert response.headers["content-type"] == "text/plain"
        assert said(last) == ASTUTO_429
        assert pace_headers(last) == too_many | {"ratelimit-reset": "1", "retry-after": "1"}
        # The slots are the same for everybody, however long ago the first request was.
        assert again.status_code == 200
        assert pace_headers(again) == {}

    async def test_key_and_address_are_counted_at_the_same_time(
        self, counted: Limited, keys_of: Callable[[str], Any]
    ) -> None:
        first, second = await keys_of("astuto"), await keys_of("astuto")

        async with counted(limit_astuto_key="3/5minutes", limit_astuto_ip="5/5minutes") as server:

            async def send_request(token: str, peer: str) -> int:
                return (await Client(server, token=token, peer=peer).get("/posts")).status_code

            used_up = [await send_request(first, "192.0.2.1") for _ in range(4)]
            from_elsewhere = await send_request(first, "192.0.2.2")
            # Refused requests count, too: this is the fifth from its address, the next is one too many.
            others = [
                await send_request(second, "192.0.2.1"),
                await send_request(second, "192.0.2.1"),
                await send_request(second, "192.0.2.3"),
            ]

        assert used_up == [200, 200, 200, 429]
        assert from_elsewhere == 429
        assert others == [200, 429, 200]

    async def test_a_key_is_counted_before_it_is_looked_at(self, counted: Limited, astuto: Client) -> None:
        async with counted(limit_astuto_key="2/5minutes", limit_astuto_ip="off") as server:
            plain = Client(server, token=None, base="/astuto/api/v1")

            async def send_request(authorization: str | None) -> int:
                headers = {} if authorization is None else {"authorization": authorization}
                return (await plain.get("/posts", headers=headers)).status_code

            wrong = [await send_request("Bearer wrong"), await send_request("Basic wrong"), await send_request("wrong")]
            # The last word is what counts, whatever comes before it; without a header there is no key to count.
            right = [
                await send_request(f"Bearer {astuto.token}"),
                await send_request(f"Token {astuto.token}"),
                await send_request(astuto.token),
            ]
            none = [await send_request(None) for _ in range(4)]

        assert wrong == [401, 401, 429]
        assert right == [200, 200, 429]
        assert none == [401] * 4

    async def test_words_behind_a_key_do_not_count_for_it(self, counted: Limited, astuto: Client) -> None:
        async with counted(limit_astuto_ip="off") as server, Client(server, token=None) as client:

            async def send_request(authorization: str) -> int:
                return (await client.get("/posts", headers={"authorization": authorization})).status_code

            statuses = [await send_request(f"Bearer {astuto.token}, n{number}") for number in range(130)]
            plain = await send_request(f"Bearer {astuto.token}")

        assert statuses == [200] * 100 + [429] * 30
        assert plain == 429

    @pytest.mark.parametrize("base", ["/api/v1", "/astuto/api/v1"])
    async def test_all_spellings_of_a_key_are_counted_together(
        self, counted: Limited, astuto: Client, base: str
    ) -> None:
        spelled = (
            "Bearer {}", "Bearer {}, n1", "Bearer {},n2", "Bearer {}; n3", "Bearer {};n4", "Bearer {}\tn5",
            "Bearer {}\t, n6", "Bearer   {}  , n7", "Bearer\t{} , n8", "  Bearer {}, n9  ", "Token {}, n10", "Token {}",
            'Bearer "{}"', 'Bearer "{}', 'Bearer {}"', 'Token "{}", n11', "Token token={}", 'Token token="{}"',
            'Bearer token="{}", nonce="n12"', "Bearer token={}; n13", "Bearer {}, Bearer n14", "Bearer {}, \xe9",
        )  # fmt: skip
        given: dict[str, str] = {"limit_astuto_ip": "off", "limit_astuto_key": f"{len(spelled)}/5minutes"}
        async with counted(**given) as server, Client(server, token=None, base=base) as client:

            async def send_request(*authorizations: str) -> int:
                lines = [(b"authorization", line.encode("latin-1")) for line in authorizations]
                return (await client.get("/posts", headers=lines)).status_code

            allowed = [await send_request(one.format(astuto.token)) for one in spelled]
            refused = [await send_request(one.format(astuto.token)) for one in spelled]
            # Of several headers the last is read, to admit and to count.
            several = [
                await send_request(f"Bearer n{number}", f"Bearer {astuto.token}, n{number}") for number in range(3)
            ]

        assert allowed == [200] * len(spelled)
        assert refused == [429] * len(spelled)
        assert several == [429] * 3

    async def test_unknown_keys_are_bounded_by_their_address(self, counted: Limited, astuto: Client) -> None:
        async with counted(limit_astuto_ip="3/5minutes") as server:
            client = Client(server, token=None, base="/astuto/api/v1")
            statuses = [
                (await client.get("/posts", headers={"authorization": f"Bearer wrong, n{number}"})).status_code
                for number in range(5)
            ]

        assert statuses == [401] * 3 + [429] * 2

    async def test_unknown_addresses_and_verbs_are_counted(self, counted: Limited, astuto: Client) -> None:
        async with counted(limit_astuto_key="3/5minutes") as server, Client(server, token=astuto.token) as client:
            statuses = [
                (await client.get("/nothing")).status_code,
                (await client.patch("/posts")).status_code,
                (await client.get("/posts/987654")).status_code,
                (await client.get("/posts")).status_code,
            ]

        assert statuses == [404, 404, 404, 429]

    async def test_each_number_can_be_switched_off(self, limited: Limited, astuto: Client) -> None:
        async with limited(limit_astuto_key="off", limit_astuto_ip="2/minute") as server:
            client = Client(server, token=astuto.token)
            by_address = [(await client.get("/posts")).status_code for _ in range(3)]
        async with limited(limit_astuto_key="off", limit_astuto_ip="off") as server:
            client = Client(server, token=astuto.token)
            by_nothing = [(await client.get("/posts")).status_code for _ in range(120)]

        assert by_address == [200, 200, 429]
        assert by_nothing == [200] * 120


async def test_limits_can_be_switched_off_altogether(
    limited: Limited, settings: Settings, clock: TestClock, productlift: Client
) -> None:
    async with limited(limit_productlift="off") as server:
        without_one = await Client(server, token=productlift.token).get("/posts")

    responses = [await productlift.get("/posts") for _ in range(70)]

    assert pace_headers(without_one) == {}
    assert {(response.status_code, *pace_headers(response)) for response in responses} == {(200,)}


@pytest.mark.parametrize("dialect", ["astuto", "productlift"])
async def test_a_hundred_at_once_are_counted_exactly(
    counted: Limited, make: Factory, dialect: str, request: pytest.FixtureRequest
) -> None:
    token = await make.key(make.owner, dialect)
    # A busy machine may need longer for all of them than a request waits for Redis.
    lanes = asyncio.Semaphore(16 if "redis" in request.node.name else 100)

    async def send_request() -> httpx.Response:
        async with lanes:
            return await client.get("/posts")

    async with counted(limit_astuto_key="60/5minutes") as server, Client(server, token=token) as client:
        responses = await asyncio.gather(*(send_request() for _ in range(100)))

    assert sorted(response.status_code for response in responses) == [200] * 60 + [429] * 40
    if dialect == "productlift":
        left = [int(response.headers["x-ratelimit-remaining"]) for response in responses if response.status_code == 200]
        assert sorted(left) == list(range(60))


async def test_an_address_from_a_header_counts_from_trusted_proxies_only(
    limited: Limited, make: Factory, anyone: Client
) -> None:
    async with limited(limit_productlift="1/minute", trusted_proxies=("192.0.2.1", "203.0.113.0/24")) as server:

        async def send_request(peer: str, forwarded: str) -> int:
            client = Client(server, token=None, peer=peer)
            return (await client.get("/posts", headers={"x-forwarded-for": forwarded})).status_code

        through_proxy = [
            await send_request("192.0.2.1", "198.51.100.1"),
            await send_request("192.0.2.1", "198.51.100.2"),
            await send_request("192.0.2.1", "198.51.100.1"),
            # What a client wrote into the header itself stands left of what our proxies saw.
            await send_request("192.0.2.1", "198.51.100.99, 198.51.100.1, 203.0.113.5"),
            await send_request("192.0.2.1", "198.51.100.1, 198.51.100.3"),
        ]
        directly = [
            await send_request("198.51.100.50", "198.51.100.60"),
            await send_request("198.51.100.50", "198.51.100.61"),
        ]

    assert through_proxy == [401, 401, 429, 429, 401]
    assert directly == [401, 429]


@pytest.mark.parametrize("limit", ["limit_astuto_key", "limit_astuto_ip"])
async def test_the_first_request_too_many_is_refused_at_every_route_of_astuto(
    limited: Limited, astuto: Client, clock: TestClock, limit: str
) -> None:
    other = {"limit_astuto_key": "limit_astuto_ip", "limit_astuto_ip": "limit_astuto_key"}[limit]
    async with limited(**{limit: "1/5minutes", other: "off"}) as server:
        await _assert_limited_everywhere(Client(server, token=astuto.token), "astuto", clock, ASTUTO_429)


@pytest.mark.parametrize("with_key", [True, False])
async def test_the_first_request_too_many_is_refused_at_every_route_of_productlift(
    limited: Limited, productlift: Client, clock: TestClock, with_key: bool
) -> None:
    async with limited(limit_productlift="1/minute") as server:
        client = Client(server, token=productlift.token if with_key else None)
        await _assert_limited_everywhere(client, "productlift", clock, PRODUCTLIFT_429)


async def _assert_limited_everywhere(
    client: Client, dialect: str, clock: TestClock, refusal: tuple[int, bytes]
) -> None:
    for route in routes.of_dialect(dialect):
        path = route.at(**dict.fromkeys(route.places, "987654"))
        clock.advance(minutes=5)

        allowed, refused = await client.request(route.method, path), await client.request(route.method, path)

        assert allowed.status_code in (200, 400, 401, 404, 422), route
        assert said(refused) == refusal, route


async def test_the_first_request_too_many_is_refused_at_every_page(limited: Limited) -> None:
    async with limited(limit_pages="1/5minutes") as server:
        routers = [included.original_router for included in server._pages.routes]
        pages = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
        free = set()
        for number, page in enumerate(pages):
            path = re.sub(r"\{[^}]*\}", "987654", page.path)
            client = Client(server, token=None, base="", peer=f"198.51.100.{number}")

            allowed, refused = await client.get(path), await client.get(path)

            assert allowed.status_code in (200, 302, 304, 307, 404, 503), page.path
            if refused.status_code == allowed.status_code:
                free.add(page.path)
                continue
            assert refused.status_code == 429, page.path
            assert refused.headers["content-type"] == "text/html; charset=utf-8", page.path
            assert 1 <= int(refused.headers["retry-after"]) <= 300, page.path
        client = Client(server, token=None, base="")
        unknown = [(await client.get("/nothing")).status_code for _ in range(2)]

    # Whoever watches over the server asks as often as it likes.
    assert free == {"/health", "/health/ready"}
    assert len(pages) > 8
    assert unknown == [404, 429]


class TestRedis:
    async def test_servers_that_share_it_count_together(
        self, limited: Limited, redis: Redis, productlift: Client, astuto: Client
    ) -> None:
        forget_all(redis)
        given = {"redis_url": redis.url, "limit_productlift": "7/minute", "limit_astuto_key": "7/5minutes"}

        async with limited(**given) as one, limited(**given) as other:
            for token in (productlift.token, astuto.token):
                clients = [Client(server, token=token) for server in (one, other)]
                statuses = [(await clients[turn % 2].get("/posts")).status_code for turn in range(9)]
                assert statuses == [200] * 7 + [429] * 2

    async def test_counters_go_with_their_window_and_carry_no_key(
        self, limited: Limited, redis: Redis, productlift: Client, astuto: Client
    ) -> None:
        forget_all(redis)

        async with limited(redis_url=redis.url) as server:
            for token in (productlift.token, astuto.token, None):
                await Client(server, token=token).get("/posts")

        with RedisClient.from_url(redis.url) as kept:
            left = {name.decode(): kept.pttl(name) for name in kept.scan_iter()}
        # A token and an address with ProductLift, a key and an address with Astuto: nothing is counted twice.
        assert len(left) == 4
        for name, milliseconds in left.items():
            assert name.startswith("earshot:")
            assert 0 < milliseconds <= (300_000 if ":a" in name else 60_000)
            assert not [token for token in (productlift.token, astuto.token) if str(token) in name]

    async def test_the_window_of_productlift_ends_by_redis_s_own_clock(
        self, limited: Limited, redis: Redis, productlift: Client
    ) -> None:
        forget_all(redis)

        async with limited(redis_url=redis.url, limit_productlift="2/second") as server:
            client = Client(server, token=productlift.token)
            allowed = [await client.get("/posts") for _ in range(2)]
            refused = await client.get("/posts")
            while refused.status_code == 429:
                assert refused.headers["retry-after"] == "1"
                refused = await client.get("/posts")

        assert [response.headers["x-ratelimit-remaining"] for response in (*allowed, refused)] == ["1", "0", "1"]

    @pytest.mark.parametrize("way", ["stop", "pause"])
    async def test_while_it_is_away_each_process_counts_for_itself(
        self, limited: Limited, redis: Redis, productlift: Client, caplog: pytest.LogCaptureFixture, way: str
    ) -> None:
        forget_all(redis)
        given = {"redis_url": redis.url, "limit_productlift": "3/minute"}

        async with limited(**given) as server:
            client = Client(server, token=productlift.token)
            before = await client.get("/posts")
            assert server.services.rate_limiter.fallbacks == 0
            getattr(redis, way)()
            try:
                with caplog.at_level(logging.WARNING, "earshot.limits"):
                    during = [await client.get("/posts") for _ in range(5)]
                assert server.services.rate_limiter.fallbacks == 5
            finally:
                {"stop": redis.start, "pause": redis.resume}[way]()
            # Redis is left alone for a moment after it failed; then requests are counted there again.
            while True:
                # The look at Redis goes on beside the requests, which here never come through a socket.
                await asyncio.sleep(0.01)
                fallbacks = server.services.rate_limiter.fallbacks
                await client.get("/posts")
                if server.services.rate_limiter.fallbacks == fallbacks:
                    break
            forget_all(redis)
            after = [await client.get("/posts") for _ in range(5)]

        assert before.status_code == 200
        assert [response.status_code for response in during] == [200, 200, 200, 429, 429]
        assert "Redis does not answer" in caplog.text
        assert (productlift.token or "") not in caplog.text
        assert server.services.rate_limiter.fallbacks == fallbacks
        assert [response.status_code for response in after] == [200, 200, 200, 429, 429]
        assert [response.headers["x-ratelimit-remaining"] for response in after] == ["2", "1", "0", "0", "0"]


class TestMemory:
    def test_is_bounded_and_lets_ended_windows_go_first(self) -> None:
        counters = MemoryRateLimiter(max_counters=10)
        for number in range(5):
            counters.hit_sync(f"ended {number}", 10, now=0.0)
        for number in range(5):
            counters.hit_sync(f"running {number}", 60, now=0.0)

        counters.hit_sync("new", 60, now=20.0)

        assert [counters.hit_sync(f"running {number}", 60, now=20.0).hits for number in range(5)] == [2] * 5
        assert counters.hit_sync("new", 60, now=20.0).hits == 2
        assert counters.hit_sync("ended 0", 10, now=20.0).hits == 1

    def test_full_of_running_windows_lets_the_newest_of_the_fewest_requests_go(self) -> None:
        counters = MemoryRateLimiter(max_counters=10)
        for number in range(10):
            counters.hit_sync(f"{number}", 60, now=0.0)
        counters.hit_sync("9", 60, now=0.0)

        counters.hit_sync("new", 60, now=1.0)

        assert [counters.hit_sync(f"{number}", 60, now=1.0).hits for number in (*range(8), 9)] == [2] * 8 + [3]
        assert counters.hit_sync("8", 60, now=1.0).hits == 1

    def test_invented_keys_push_out_invented_keys_and_no_address(self) -> None:
        counters = MemoryRateLimiter(max_counters=100)
        counters.hit_sync("ai:192.0.2.1", 60, now=0.0)

        for number in range(1000):
            counters.hit_sync(f"ak:{number}", 300, now=0.1)

        assert counters.hit_sync("ai:192.0.2.1", 60, now=0.2).hits == 2

    def test_invented_keys_push_out_no_key_that_is_used(self) -> None:
        counters = MemoryRateLimiter(max_counters=1000)
        for _ in range(2):
            counters.hit_sync("ak:used", 300, now=0.0)

        for number in range(10_000):
            counters.hit_sync(f"ak:{number}", 300, now=0.1)

        assert counters.hit_sync("ak:used", 300, now=0.2).hits == 3

    def test_stays_within_its_bound_whatever_comes(self) -> None:
        counters = MemoryRateLimiter(max_counters=100)

        for number in range(1000):
            counters.hit_sync(f"address {number}", 60, now=number / 100)
            assert len(counters._counters) <= 100
