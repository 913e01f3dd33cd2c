"""The rate limits of both dialects. docs/compatibility.md, section 5."""

import asyncio
import re
from collections.abc import Awaitable, Callable

import httpx
import pytest

from app.adapters.rate_limiter import RedisRateLimiter
from app.application import Application
from app.settings import Settings
from tests.api.conftest import NOON, Serve
from tests.conftest import TestClock
from tests.support import routes
from tests.support.clients import PEER, Client
from tests.support.factory import Factory

PRODUCTLIFT_429 = (429, b'{"message":"Too Many Attempts."}')
ASTUTO_429 = (429, b"Retry later\n")


def status_and_body(response: httpx.Response) -> tuple[int, bytes]:
    return response.status_code, response.content


def rate_limit_headers(response: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if "ratelimit" in name or name == "retry-after"}


async def get_status(
    server: Application,
    token: str | None = None,
    *,
    authorization: str | None = None,
    forwarded_for: str | None = None,
    base: str = "/api/v1",
    peer: str = PEER,
) -> int:
    """The status of a list of posts. `authorization` and `forwarded_for` are whole headers."""
    headers = {"authorization": authorization, "x-forwarded-for": forwarded_for}
    sent = {name: value for name, value in headers.items() if value is not None}
    return (await Client(server, token=token, base=base, peer=peer).get("/posts", headers=sent)).status_code


@pytest.fixture
def new_key(make: Factory) -> Callable[[str], Awaitable[str]]:
    """Creates a key of a dialect for a new administrator."""

    async def create(dialect: str) -> str:
        return await make.key(await make.user(role="admin"), dialect)

    return create


class TestProductLift:
    async def test_every_response_has_rate_limit_headers(
        self, serve: Serve, productlift: Client, clock: TestClock
    ) -> None:
        async with serve() as server, Client(server, token=productlift.token) as client:
            allowed = [await client.get("/posts") for _ in range(60)]
            clock.advance(seconds=13.4)
            rejected = [await client.get("/posts"), await client.post("/posts", json={"title": "Dark mode"})]
            clock.advance(seconds=46.5)
            last = await client.get("/posts")
            clock.advance(seconds=0.1)
            again = await client.get("/posts")

        assert [response.status_code for response in allowed] == [200] * 60
        assert [rate_limit_headers(response) for response in allowed] == [
            {"x-ratelimit-limit": "60", "x-ratelimit-remaining": str(left)} for left in range(59, -1, -1)
        ]
        ends = str(int(NOON.timestamp()) + 61)
        too_many = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": ends}
        for response in rejected:
            assert status_and_body(response) == PRODUCTLIFT_429
            assert rate_limit_headers(response) == too_many | {"retry-after": "47"}
            assert response.headers["content-type"] == "application/json"
            assert response.headers["access-control-allow-origin"] == "*"
        # A rejected request does not extend the window, and `retry-after` is never 0.
        assert status_and_body(last) == PRODUCTLIFT_429
        assert rate_limit_headers(last) == too_many | {"retry-after": "1"}
        assert again.status_code == 200
        assert rate_limit_headers(again) == {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "59"}

    async def test_error_responses_are_counted_and_have_rate_limit_headers(
        self, serve_on_store: Serve, productlift: Client
    ) -> None:
        async with serve_on_store() as server, Client(server, token=productlift.token) as client:
            counted = [
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

        assert counted == [
            (200, "60", "59"), (404, "60", "58"), (422, "60", "57"), (404, "60", "56"), (405, "60", "55"),
            (200, "60", "54"), (200, "60", "53"),
        ]  # fmt: skip

    async def test_each_token_has_one_counter_for_all_addresses(
        self, serve_on_store: Serve, new_key: Callable[[str], Awaitable[str]]
    ) -> None:
        tokens = [await new_key("productlift") for _ in range(2)]

        async with serve_on_store(limit_productlift="3/minute") as server:
            statuses = [await get_status(server, tokens[0], peer=peer) for peer in ("192.0.2.1", "192.0.2.2") * 2]
            statuses += [await get_status(server, tokens[1]) for _ in range(4)]

        assert statuses == [200, 200, 200, 429] * 2

    async def test_a_request_without_a_valid_token_is_counted_by_address(
        self, serve_on_store: Serve, productlift: Client, astuto: Client
    ) -> None:
        async with serve_on_store(limit_productlift="4/minute") as server:
            base = "/productlift/api/v1"
            tokens = (None, "1|wrong", astuto.token, "2|wrong", None)
            statuses = [await get_status(server, token, base=base) for token in tokens]
            elsewhere = await Client(server, token=None, base=base, peer="198.51.100.7").get("/posts")
            with_token = await Client(server, token=productlift.token).get("/posts")

        # The last of them is one too many; another address and a valid token have counters of their own.
        assert statuses == [401, 401, 401, 401, 429]
        assert (elsewhere.status_code, rate_limit_headers(elsewhere)["x-ratelimit-remaining"]) == (401, "3")
        assert (with_token.status_code, rate_limit_headers(with_token)["x-ratelimit-remaining"]) == (200, "3")

    async def test_all_header_forms_of_a_token_have_one_counter(
        self, serve_on_store: Serve, productlift: Client
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
        async with serve_on_store(limit_productlift=f"{len(taken)}/minute") as server:
            client = Client(server, token=None, base="/productlift/api/v1")

            async def send_request(spelled: str) -> tuple[int, str]:
                response = await client.get("/posts", headers={"authorization": spelled.format(productlift.token)})
                return response.status_code, response.headers["x-ratelimit-remaining"]

            by_token = [await send_request(one) for one in (*taken, taken[0])]
            by_address = [await send_request(one) for one in untaken]

        left = [str(len(taken) - 1 - number) for number in range(len(taken))]
        assert by_token == [*((200, number) for number in left), (429, "0")]
        assert by_address == [(401, number) for number in left[: len(untaken)]]

    async def test_preflight_requests_are_not_counted(self, serve_on_store: Serve, anyone: Client) -> None:
        async with serve_on_store(limit_productlift="1/minute") as server, Client(server, token=None) as client:
            preflight = {"origin": "https://app.example.org", "access-control-request-method": "GET"}
            statuses = [(await client.options("/posts", headers=preflight)).status_code for _ in range(3)]

        assert statuses == [204, 204, 204]


class TestAstuto:
    async def test_the_limit_is_100_requests_in_each_window(
        self, serve_on_store: Serve, astuto: Client, clock: TestClock
    ) -> None:
        async with serve_on_store() as server, Client(server, token=astuto.token) as client:
            allowed = [await client.get("/posts") for _ in range(100)]
            rejected = [await client.get("/posts"), await client.post("/posts", json={}), await client.get("/nothing")]
            clock.advance(seconds=49.4)
            last = await client.get("/posts")
            clock.advance(seconds=0.1)
            again = await client.get("/posts")

        assert {response.status_code for response in allowed} == {200}
        assert not [response for response in allowed if rate_limit_headers(response)]
        too_many = {"ratelimit-limit": "100", "ratelimit-remaining": "0", "ratelimit-reset": "50", "retry-after": "50"}
        for response in rejected:
            assert status_and_body(response) == ASTUTO_429
            assert rate_limit_headers(response) == too_many
            assert response.headers["content-type"] == "text/plain"
        assert status_and_body(last) == ASTUTO_429
        assert rate_limit_headers(last) == too_many | {"ratelimit-reset": "1", "retry-after": "1"}
        # The slots are the same for all clients, whenever the first request was.
        assert again.status_code == 200
        assert rate_limit_headers(again) == {}

    async def test_key_and_address_are_both_counted(
        self, serve_on_store: Serve, new_key: Callable[[str], Awaitable[str]]
    ) -> None:
        first, second = await new_key("astuto"), await new_key("astuto")

        async with serve_on_store(limit_astuto_key="3/5minutes", limit_astuto_ip="5/5minutes") as server:
            of_one_key = [await get_status(server, first, peer=peer) for peer in ("192.0.2.1",) * 4 + ("192.0.2.2",)]
            # Rejected requests count, too: this is the fifth from its address, the next is one too many.
            of_another = [
                await get_status(server, second, peer=peer) for peer in ("192.0.2.1", "192.0.2.1", "192.0.2.3")
            ]

        assert of_one_key == [200, 200, 200, 429, 429]
        assert of_another == [200, 429, 200]

    async def test_an_invalid_key_is_counted_before_it_is_rejected(self, serve_on_store: Serve, astuto: Client) -> None:
        async with serve_on_store(limit_astuto_key="2/5minutes", limit_astuto_ip="off") as server:
            wrong, right, missing = [
                [await get_status(server, authorization=one, base="/astuto/api/v1") for one in authorizations]
                for authorizations in (
                    ["Bearer wrong", "Basic wrong", "wrong"],
                    # The last word counts, whatever comes before it.
                    [f"Bearer {astuto.token}", f"Token {astuto.token}", astuto.token],
                    # Without a header there is no key to count.
                    [None] * 4,
                )
            ]

        assert wrong == [401, 401, 429]
        assert right == [200, 200, 429]
        assert missing == [401] * 4

    @pytest.mark.parametrize("base", ["/api/v1", "/astuto/api/v1"])
    async def test_all_header_forms_of_a_key_have_one_counter(
        self, serve_on_store: Serve, astuto: Client, base: str
    ) -> None:
        spelled = (
            "Bearer {}", "Bearer {}, n1", "Bearer {},n2", "Bearer {}; n3", "Bearer {};n4", "Bearer {}\tn5",
            "Bearer {}\t, n6", "Bearer   {}  , n7", "Bearer\t{} , n8", "  Bearer {}, n9  ", "Token {}, n10", "Token {}",
            'Bearer "{}"', 'Bearer "{}', 'Bearer {}"', 'Token "{}", n11', "Token token={}", 'Token token="{}"',
            'Bearer token="{}", nonce="n12"', "Bearer token={}; n13", "Bearer {}, Bearer n14", "Bearer {}, \xe9",
        )  # fmt: skip
        limits: dict[str, str] = {"limit_astuto_ip": "off", "limit_astuto_key": f"{len(spelled)}/5minutes"}
        async with serve_on_store(**limits) as server, Client(server, token=None, base=base) as client:

            async def send_request(*authorizations: str) -> int:
                lines = [(b"authorization", line.encode("latin-1")) for line in authorizations]
                return (await client.get("/posts", headers=lines)).status_code

            allowed = [await send_request(one.format(astuto.token)) for one in spelled]
            rejected = [await send_request(one.format(astuto.token)) for one in spelled]
            # Of several headers the last is used, for authentication and for the counter.
            several = [
                await send_request(f"Bearer n{number}", f"Bearer {astuto.token}, n{number}") for number in range(3)
            ]

        assert allowed == [200] * len(spelled)
        assert rejected == [429] * len(spelled)
        assert several == [429] * 3

    async def test_requests_with_unknown_keys_are_limited_by_address(
        self, serve_on_store: Serve, astuto: Client
    ) -> None:
        async with serve_on_store(limit_astuto_ip="3/5minutes") as server:
            statuses = [
                await get_status(server, authorization=f"Bearer wrong, n{number}", base="/astuto/api/v1")
                for number in range(5)
            ]

        assert statuses == [401] * 3 + [429] * 2

    async def test_unknown_paths_and_methods_are_counted(self, serve_on_store: Serve, astuto: Client) -> None:
        async with serve_on_store(limit_astuto_key="3/5minutes") as server:
            client = Client(server, token=astuto.token)
            requests = (("GET", "/nothing"), ("PATCH", "/posts"), ("GET", "/posts/987654"), ("GET", "/posts"))
            statuses = [(await client.request(method, path)).status_code for method, path in requests]

        assert statuses == [404, 404, 404, 429]

    async def test_each_limit_can_be_disabled(self, serve: Serve, astuto: Client) -> None:
        async with serve(limit_astuto_key="off", limit_astuto_ip="2/minute") as server:
            by_address = [await get_status(server, astuto.token) for _ in range(3)]
        async with serve(limit_astuto_key="off", limit_astuto_ip="off") as server:
            by_nothing = [await get_status(server, astuto.token) for _ in range(120)]

        assert by_address == [200, 200, 429]
        assert by_nothing == [200] * 120


async def test_all_limits_can_be_disabled(
    serve: Serve, settings: Settings, clock: TestClock, productlift: Client
) -> None:
    async with serve(limit_productlift="off") as server:
        without_one = await Client(server, token=productlift.token).get("/posts")

    responses = [await productlift.get("/posts") for _ in range(70)]

    assert rate_limit_headers(without_one) == {}
    assert {(response.status_code, *rate_limit_headers(response)) for response in responses} == {(200,)}


@pytest.mark.parametrize("dialect", ["astuto", "productlift"])
async def test_concurrent_requests_are_counted_exactly(serve_on_store: Serve, make: Factory, dialect: str) -> None:
    token = await make.key(make.owner, dialect)

    async with serve_on_store(limit_astuto_key="60/5minutes") as server, Client(server, token=token) as client:
        services = server.services
        if server.settings.redis_url is not None:
            # On a busy machine all of them together may take longer than a server waits for Redis.
            await services.rate_limiter.close()
            services.rate_limiter = RedisRateLimiter(server.settings.redis_url, timeout_seconds=60)
        responses = await asyncio.gather(*(client.get("/posts") for _ in range(100)))

    assert sorted(response.status_code for response in responses) == [200] * 60 + [429] * 40
    if dialect == "productlift":
        left = [int(response.headers["x-ratelimit-remaining"]) for response in responses if response.status_code == 200]
        assert sorted(left) == list(range(60))


async def test_a_forwarded_address_is_used_from_trusted_proxies_only(
    serve: Serve, make: Factory, anyone: Client
) -> None:
    async with serve(limit_productlift="1/minute", trusted_proxies=("192.0.2.1", "203.0.113.0/24")) as server:
        through_proxy = [
            await get_status(server, peer="192.0.2.1", forwarded_for=addresses)
            for addresses in (
                "198.51.100.1",
                "198.51.100.2",
                "198.51.100.1",
                # What a client wrote into the header itself is left of what the proxies added.
                "198.51.100.99, 198.51.100.1, 203.0.113.5",
                "198.51.100.1, 198.51.100.3",
            )
        ]
        directly = [
            await get_status(server, peer="198.51.100.50", forwarded_for=address)
            for address in ("198.51.100.60", "198.51.100.61")
        ]

    assert through_proxy == [401, 401, 429, 429, 401]
    assert directly == [401, 429]


@pytest.mark.parametrize(
    ("dialect", "limits", "with_key"),
    [
        ("astuto", {"limit_astuto_key": "1/5minutes", "limit_astuto_ip": "off"}, True),
        ("astuto", {"limit_astuto_key": "off", "limit_astuto_ip": "1/5minutes"}, True),
        ("productlift", {"limit_productlift": "1/minute"}, True),
        ("productlift", {"limit_productlift": "1/minute"}, False),
    ],
)
async def test_the_first_request_over_the_limit_is_rejected_at_every_route(
    serve: Serve, make: Factory, clock: TestClock, dialect: str, limits: dict[str, str], with_key: bool
) -> None:
    token = await make.key(make.owner, dialect) if with_key else None
    async with serve(**limits) as server, Client(server, token=token) as client:
        for route in routes.of_dialect(dialect):
            path = route.at(**dict.fromkeys(route.places, "987654"))
            clock.advance(minutes=5)

            allowed, rejected = [await client.request(route.method, path) for _ in range(2)]

            assert allowed.status_code in (200, 400, 401, 404, 422, route.status), route
            assert status_and_body(rejected) == (ASTUTO_429 if dialect == "astuto" else PRODUCTLIFT_429), route


async def test_every_page_except_health_is_rate_limited(serve: Serve) -> None:
    unlimited = set()
    async with serve(limit_pages="1/5minutes", limit_public_json="1/5minutes") as server:
        for number, page in enumerate(routes.page_paths(server)):
            client = Client(server, token=None, base="", peer=f"198.51.100.{number}")
            path = re.sub(r"\{[^}]*\}", "987654", page)
            if [(await client.get(path)).status_code for _ in range(2)][1] != 429:
                unlimited.add(page)

    assert unlimited == {"/health", "/health/ready"}
