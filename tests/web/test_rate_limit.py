"""The rate limit of pages: the last allowed and the first rejected request of each route."""

import math
import secrets
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.application import Application
from app.settings import Settings
from app.web.account_limit import AccountLimit
from app.web.rate_limit import MAX_ADDRESSES, PageRateLimit
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.extra_servers import running_application
from tests.support.factory import Factory
from tests.support.processes import free_port
from tests.support.servers import Redis

ROUTES = (
    "/",
    "/docs",
    "/productlift/api/v1/docs",
    "/productlift/api/v1/openapi.json",
    "/astuto/api/v1/docs",
    "/astuto/api/v1/openapi.json",
    "/api-docs/v1/swagger.yaml",
    "/static/tokens.css",
    "/files/abcdef",
    "/p/dark-mode-{code}",
    "/p/dark-mode-{code}/edit",
    "/p/dark-mode-{code}/delete",
    "/posts/dark-mode",
    "/roadmap",
    "/changelog",
    "/boards/feature-requests",
    "/t/roadmap",
    "/embedded_roadmap",
    "/feed.atom",
    "/sitemap.xml",
    "/robots.txt",
    "/widgets/00000000-0000-4000-8000-000000000000",
    "/widgets_sdk",
    "/invitation?token=x",
    "/password-reset",
    "/confirm-email",
    "/notifications?token=x",
    "/unsubscribe?token=x",
    "/nowhere",
)


@asynccontextmanager
async def limited_visitor(settings: Settings, clock: TestClock, **changed: Any) -> AsyncIterator[Client]:
    """A client of a server that allows three pages in a minute."""
    changed = {"rate_limits": True, "limit_pages": "3/minute", **changed}
    async with running_application(settings, clock, **changed) as server, Client(server, token=None, base="") as client:
        yield client


@pytest.mark.parametrize("route", ROUTES)
async def test_each_page_rejects_the_first_request_over_the_limit(
    settings: Settings, clock: TestClock, make: Factory, route: str
) -> None:
    path = route.format(code=await make.code(await make.post(title="Dark mode")))
    async with limited_visitor(settings, clock) as visitor:
        allowed = [(await visitor.get(path)).status_code for _ in range(3)]
        rejected = await visitor.get(path)

    assert len(set(allowed)) == 1
    assert allowed[0] in (200, 302, 404)
    assert rejected.status_code == 429
    assert 1 <= int(rejected.headers["retry-after"]) <= 60
    assert "<h1>A little slower, please</h1>" in rejected.text


async def test_all_pages_share_one_counter_per_address(settings: Settings, clock: TestClock, make: Factory) -> None:
    async with limited_visitor(settings, clock) as visitor:
        other = visitor.of(None, base="", peer="192.0.2.7")
        statuses = [(await visitor.get(path)).status_code for path in ("/", "/docs", "/nowhere", "/static/tokens.css")]
        others = (await other.get("/")).status_code

    assert statuses == [200, 200, 404, 429]
    assert others == 200


async def test_requests_are_allowed_after_the_window_ends(settings: Settings, clock: TestClock, make: Factory) -> None:
    async with limited_visitor(settings, clock, limit_pages="1/second") as visitor:
        statuses = [(await visitor.get("/")).status_code for _ in range(2)]
        response = await visitor.get("/")
        while response.status_code == 429:
            assert response.headers["retry-after"] == "1"
            response = await visitor.get("/")

    assert statuses == [200, 429]
    assert response.status_code == 200


@pytest.mark.parametrize("with_redis", [False, True])
async def test_the_number_of_page_counters_is_bounded(with_redis: bool) -> None:
    redis_url = f"redis://127.0.0.1:{free_port()}/0" if with_redis else None
    rate_limit = PageRateLimit("3/minute", redis_url=redis_url)
    storage = None
    for number in range(MAX_ADDRESSES + 100):
        count_client(rate_limit, f"2001:db8:{number:x}::1")
        storage = rate_limit.storage
        if number >= MAX_ADDRESSES - 1:
            assert len(storage.storage) == MAX_ADDRESSES

    assert storage is not None


async def test_health_is_never_counted(settings: Settings, clock: TestClock, make: Factory) -> None:
    async with limited_visitor(settings, clock) as visitor:
        statuses = [(await visitor.get(path)).status_code for path in ("/health", "/health/ready") * 4]

    assert statuses == [200] * 8


@pytest.mark.parametrize("off", [{"rate_limits": False}, {"limit_pages": "off"}])
async def test_the_rate_limit_of_pages_can_be_disabled(
    settings: Settings, clock: TestClock, make: Factory, off: dict[str, Any]
) -> None:
    async with limited_visitor(settings, clock, **off) as visitor:
        statuses = [(await visitor.get("/")).status_code for _ in range(20)]

    assert statuses == [200] * 20


async def test_a_rejected_view_is_not_counted(settings: Settings, clock: TestClock, make: Factory) -> None:
    await make.post(title="Dark mode")
    async with limited_visitor(settings, clock) as visitor:
        for _ in range(6):
            await visitor.get("/posts/dark-mode")

    assert await make.value("SELECT views_count FROM posts") == 3


async def test_the_address_forwarded_by_a_trusted_proxy_is_counted(
    settings: Settings, clock: TestClock, make: Factory
) -> None:
    async with limited_visitor(settings, clock, trusted_proxies="192.0.2.0/24") as visitor:
        from_one = [(await visitor.get("/", headers={"x-forwarded-for": "198.51.100.1"})).status_code for _ in range(4)]
        from_two = (await visitor.get("/", headers={"x-forwarded-for": "198.51.100.2"})).status_code
    async with limited_visitor(settings, clock) as visitor:
        untrusted = [
            (await visitor.get("/", headers={"x-forwarded-for": f"198.51.100.{n}"})).status_code for n in range(4)
        ]

    assert (from_one, from_two) == ([200, 200, 200, 429], 200)
    assert untrusted == [200, 200, 200, 429]


async def test_two_servers_with_one_redis_share_their_counters(
    settings: Settings, clock: TestClock, make: Factory, redis: Redis
) -> None:
    async with (
        limited_visitor(settings, clock, redis_url=redis.url) as one,
        limited_visitor(settings, clock, redis_url=redis.url) as two,
    ):
        # Redis outlives a test, so each run comes from an address of its own.
        peer = {"base": "", "peer": f"2001:db8:{secrets.token_hex(2)}::1"}
        one, two = one.of(None, **peer), two.of(None, **peer)
        responses = [await visitor.get("/") for visitor in (one, two, one, two)]

    assert [response.status_code for response in responses] == [200, 200, 200, 429]
    assert 1 <= int(responses[-1].headers["retry-after"]) <= 60


async def test_without_redis_a_server_counts_separately(settings: Settings, clock: TestClock, make: Factory) -> None:
    async with limited_visitor(settings, clock, redis_url=f"redis://127.0.0.1:{free_port()}/0") as visitor:
        statuses = [(await visitor.get("/")).status_code for _ in range(4)]

    assert statuses == [200, 200, 200, 429]


def test_concurrent_requests_are_all_counted_when_redis_is_lost() -> None:
    rate_limit = PageRateLimit("30/minute", redis_url=f"redis://127.0.0.1:{free_port()}/0")

    def count(_: int) -> None:
        rate_limit.count(
            Request({"type": "http", "path": "/", "earshot.request": SimpleNamespace(client_ip="192.0.2.1")})
        )

    with ThreadPoolExecutor(20) as threads:
        assert list(threads.map(count, range(20))) == [None] * 20


async def test_settings_of_slowapi_have_no_effect(
    settings: Settings, clock: TestClock, make: Factory, monkeypatch: pytest.MonkeyPatch, server: Application
) -> None:
    monkeypatch.setenv("RATELIMIT_ENABLED", "false")
    async with limited_visitor(settings, clock) as visitor:
        statuses = [(await visitor.get("/")).status_code for _ in range(4)]

    assert statuses == [200, 200, 200, 429]


FORMS = ("/invitation", "/password-reset", "/confirm-email", "/notifications")
TOKEN = {"token": "x"}


async def test_forms_have_a_stricter_limit_of_their_own(settings: Settings, clock: TestClock, make: Factory) -> None:
    async with limited_visitor(settings, clock, limit_pages="300/5minutes") as visitor:
        allowed = [(await visitor.post(path, data=TOKEN)).status_code for path in FORMS * 5]
        rejected = [await visitor.post(path, data=TOKEN) for path in FORMS]
        elsewhere = await visitor.of(None, base="", peer="192.0.2.7").post("/password-reset", data=TOKEN)
        shown = await visitor.get("/password-reset")

    assert allowed == [404] * 20
    assert [response.status_code for response in rejected] == [429] * 4
    seconds = int(rejected[0].headers["retry-after"])
    assert 1 <= seconds <= 300
    wait = "in a moment" if seconds <= 60 else f"in {math.ceil(seconds / 60)} minutes"
    assert f"Try again {wait}." in rejected[0].text
    assert (elsewhere.status_code, shown.status_code) == (404, 200)


async def test_forms_are_counted_as_pages_too(settings: Settings, clock: TestClock, make: Factory) -> None:
    async with limited_visitor(settings, clock) as visitor:
        statuses = [(await visitor.post("/confirm-email", data=TOKEN)).status_code for _ in range(4)]
        page = (await visitor.get("/")).status_code

    assert (statuses, page) == ([404, 404, 404, 429], 429)


async def test_a_mail_program_may_unsubscribe_many_users(settings: Settings, clock: TestClock, make: Factory) -> None:
    """All users of a mail service unsubscribe from its few addresses."""
    async with limited_visitor(settings, clock, limit_pages="300/5minutes") as visitor:
        statuses = [(await visitor.post("/unsubscribe", params=TOKEN)).status_code for _ in range(30)]

    assert statuses == [404] * 30


@pytest.mark.parametrize("off", [{"rate_limits": False}, {"limit_pages": "off"}])
async def test_without_a_limit_of_pages_forms_have_none(
    settings: Settings, clock: TestClock, make: Factory, off: dict[str, Any]
) -> None:
    async with limited_visitor(settings, clock, **off) as visitor:
        statuses = [(await visitor.post("/confirm-email", data=TOKEN)).status_code for _ in range(30)]

    assert statuses == [404] * 30


ACTIONS: dict[str, Any] = {
    "limit_pages": "300/5minutes",
    "limit_actions": "3/5minutes",
    "limit_actions_ip": "7/5minutes",
}


async def test_actions_are_counted_for_each_browser_and_for_the_address(
    settings: Settings, clock: TestClock, make: Factory
) -> None:
    async def act(browser: Client, times: int) -> list[int]:
        return [(await browser.post("/p/zzzzzz/vote", data={})).status_code for _ in range(times)]

    async with limited_visitor(settings, clock, **ACTIONS) as visitor:
        browsers = [visitor.of(None, base="") for _ in range(3)]
        for browser in browsers:
            # The page gives the browser its cookie.
            await browser.get("/login")
        statuses = [await act(browsers[0], 4), await act(browsers[1], 3), await act(browsers[2], 1)]
        elsewhere = await act(visitor.of(None, base="", peer="192.0.2.7"), 1)
        sign_in = await browsers[0].post("/login", data={})

    assert statuses == [[303, 303, 303, 429], [303, 303, 303], [429]]
    assert elsewhere == [303]
    # The forms of sign-in have their own limit, and actions use up nothing of it.
    assert sign_in.status_code == 422


async def test_another_cookie_for_each_request_does_not_evade_the_limit(
    settings: Settings, clock: TestClock, make: Factory
) -> None:
    async with limited_visitor(settings, clock, **ACTIONS) as visitor:
        statuses = []
        for number in range(8):
            visitor.cookies.set("earshot_device", "x" * 86, domain="feedback.example.com")
            cookie = {"cookie": f"earshot_session=token{number}"}
            statuses.append((await visitor.post("/p/zzzzzz/vote", data={}, headers=cookie)).status_code)

    assert statuses == [303] * 7 + [429]


@pytest.mark.parametrize("path", ["/submit", "/p/{code}/comments"])
async def test_a_form_over_the_limit_gives_its_text_back(
    settings: Settings, clock: TestClock, make: Factory, path: str
) -> None:
    path = path.format(code=await make.code(await make.post()))
    fields = {"title": "Dark <mode>", "body": "At\nnight", "csrf": "token"}
    async with limited_visitor(settings, clock, **ACTIONS | {"limit_actions": "1/5minutes"}) as visitor:
        await visitor.get("/login")
        await visitor.post("/p/zzzzzz/vote", data={})
        page = await visitor.post(path, data=fields)
        with_secret = await visitor.post(path, data={**fields, "password": "a-secret"})
        with_file = await visitor.post(path, data=fields, files={"images": ("a.png", b"x" * 5_000_000)})

    for shown in (page, with_file):
        assert shown.status_code == 429
        assert f'action="{path}"' in shown.text
        assert 'value="Dark &lt;mode&gt;"' in shown.text
        assert "At\nnight</textarea>" in shown.text
        assert 'name="csrf" value="token"' in shown.text
    assert "Choose the pictures again" in with_file.text
    assert with_secret.status_code == 429
    assert "<form" not in with_secret.text


async def test_an_ipv6_client_is_counted_by_its_network(settings: Settings, clock: TestClock, make: Factory) -> None:
    async with limited_visitor(settings, clock) as visitor:

        async def get(peer: str) -> int:
            return (await visitor.of(None, base="", peer=peer).get("/")).status_code

        statuses = [await get(f"2001:db8:0:1::{number:x}") for number in range(4)]
        others = [await get("2001:db8:0:2::1"), await get("::ffff:192.0.2.9")]

    assert statuses == [200, 200, 200, 429]
    assert others == [200, 200]


def count_client(rate_limit: PageRateLimit, client_ip: str) -> None:
    context = SimpleNamespace(client_ip=client_ip)
    rate_limit.count(Request({"type": "http", "path": "/", "earshot.request": context}))


def test_many_clients_do_not_reset_the_counters_of_others() -> None:
    rate_limit = PageRateLimit("3/minute", redis_url=None)
    for number in range(MAX_ADDRESSES - 1):
        count_client(rate_limit, f"2001:db8:{number:x}::1")
    for _ in range(3):
        count_client(rate_limit, "192.0.2.1")

    for number in range(1_000):
        count_client(rate_limit, f"2001:db9:{number:x}::1")

    with pytest.raises(HTTPException) as caught:
        count_client(rate_limit, "192.0.2.1")
    assert caught.value.status_code == 429


async def test_many_accounts_do_not_reset_the_count_of_another() -> None:
    account_limit = AccountLimit("2/15minutes", redis_url=None)
    storage = account_limit._limiters[-1].storage
    for number in range(MAX_ADDRESSES - 1):
        storage.incr(f"other {number}", 900)
    first = [await account_limit.count(1, "jane@example.com", browser="") for _ in range(2)]

    for number in range(20):
        await account_limit.count(1, f"user{number}@example.com", browser="")

    assert first == [None, None]
    assert await account_limit.count(1, "jane@example.com", browser="") is not None
