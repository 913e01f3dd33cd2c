"""The cookie by which the server knows a browser without a session."""

import httpx
import pytest

from app.application import Application
from app.domain.posts import devices
from app.domain.users import sign_in as domain_sign_in
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.extra_servers import running_application
from tests.support.factory import Factory
from tests.web.routes.portal.conftest import read_csrf
from tests.web.routes.portal.profile_forms import send

DEVICE = "earshot_device"
HTTPS = "https://feedback.example.com"


def with_cookie(visitor: Client, value: str, name: str = DEVICE, **where: str) -> Client:
    client = visitor.of(None, base="", **where)
    client.cookies.set(name, value, domain="feedback.example.com")
    return client


def set_names(response: httpx.Response) -> list[str]:
    return [header.partition("=")[0] for header in response.headers.get_list("set-cookie")]


async def allow_votes(make: Factory) -> str:
    await make.run("UPDATE portals SET allows_anonymous_votes = true")
    return await make.code(await make.post())


async def test_the_server_accepts_only_tokens_that_it_made(visitor: Client, make: Factory) -> None:
    code = await allow_votes(make)
    await visitor.get("/")
    own = visitor.cookies[DEVICE]
    assert set_names(await with_cookie(visitor, own).get("/")) == []

    forged = ("aaa", "a" * 86, own[:43], own[:-1] + ("A" if own[-1] != "A" else "B"), own + "A", own[43:] + own[:43])
    for value in forged:
        client = with_cookie(visitor, value)
        page = await client.get("/")
        assert set_names(page) == [DEVICE], value
        voting = with_cookie(visitor, value)
        csrf = await read_csrf(with_cookie(visitor, value), "/")
        response = await voting.post(f"/p/{code}/vote", data={"csrf": csrf})
        assert response.headers["location"].startswith("/login"), value
    assert await make.rows("SELECT id FROM votes") == []


async def test_two_servers_with_one_secret_accept_each_others_tokens(
    visitor: Client, server: Application, settings: Settings, clock: TestClock
) -> None:
    await visitor.get("/login")
    token = visitor.cookies[DEVICE]

    async with running_application(settings, clock) as other, Client(other, token=None, base="") as client:
        assert set_names(await with_cookie(client, token).get("/login")) == []
    async with (
        running_application(settings, clock, secret_key="another secret of 32 characters!") as other,
        Client(other, token=None, base="") as client,
    ):
        assert set_names(await with_cookie(client, token).get("/login")) == [DEVICE]


@pytest.mark.parametrize(
    ("host", "base_url", "name"),
    [
        ("http://feedback.example.com", None, "earshot_device"),
        (HTTPS, None, "__Host-earshot_device"),
        (HTTPS, f"{HTTPS}/ideas", "earshot_device"),
    ],
)
async def test_the_name_has_a_prefix_where_browsers_accept_it(
    settings: Settings, clock: TestClock, make: Factory, host: str, base_url: str | None, name: str
) -> None:
    async with (
        running_application(settings, clock, **({"base_url": base_url} if base_url else {})) as server,
        Client(server, token=None, base="", host=host) as client,
    ):
        page = await client.get("/login")
        again = await client.get("/login")

    [cookie] = page.headers.get_list("set-cookie")
    assert cookie.startswith(f"{name}=")
    assert f"Path=/{'ideas/' if base_url else ''}" in cookie.split("; ")
    assert ("Secure" in cookie.split("; ")) == host.startswith("https:")
    # At another path, a browser sends it, and this client does not.
    assert set_names(again) == ([name] if base_url else [])


async def test_a_proxy_with_tls_gives_the_name_its_prefix(settings: Settings, clock: TestClock, make: Factory) -> None:
    async with (
        running_application(settings, clock, trusted_proxies="192.0.2.0/24") as server,
        Client(server, token=None, base="") as client,
    ):
        proxied = {"x-forwarded-proto": "https"}
        page = await client.get("/login", headers=proxied)
        token = page.headers["set-cookie"].partition("=")[2].partition(";")[0]
        again = await client.get("/login", headers={**proxied, "cookie": f"__Host-earshot_device={token}"})
        # A neighbour's subdomain can set this name.
        planted = await client.get("/login", headers={**proxied, "cookie": f"earshot_device={token}"})

    assert [set_names(page), set_names(again), set_names(planted)] == [
        ["__Host-earshot_device"],
        [],
        ["__Host-earshot_device"],
    ]


async def test_the_token_is_another_after_each_sign_in_and_sign_out(visitor: Client, make: Factory) -> None:
    """The votes of the former one are the user's by then."""
    code = await allow_votes(make)
    user = await make.user()
    await send(visitor, f"/p/{code}/vote", "/", vote="yes")
    first = visitor.cookies[DEVICE]
    assert await make.value("SELECT anonymous_id FROM votes") == devices.anonymous_id(devices.digest(first))

    token = await make.act(lambda work: domain_sign_in.create_link(work, user))
    link = f"/sign-in/link?token={token}"
    assert (await send(visitor, "/sign-in/link", link, token=token)).status_code == 303
    assert DEVICE not in visitor.cookies
    assert await make.value("SELECT user_id FROM votes") == user
    visitor.cookies.set(DEVICE, first, domain="feedback.example.com", path="/")
    assert (await send(visitor, "/logout", "/")).status_code == 303

    assert DEVICE not in visitor.cookies
    await visitor.get("/")
    assert visitor.cookies[DEVICE] != first
