"""The client's address and the portal of a request: headers that a client invents change neither."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from app.application import Application
from app.domain.portals import portals
from app.http.proxies import MAX_HOPS
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.clients import Client, status_and_json
from tests.support.extra_servers import running_application
from tests.support.factory import Factory
from tests.support.live_server import serve_in_thread

PROXIES = "10.0.0.0/8,192.0.2.10,2001:db8:1::/48"
PROXY, STRANGER, CLIENT = "192.0.2.10", "203.0.113.66", "198.51.100.7"
FOR = "x-forwarded-for"


@pytest_asyncio.fixture
async def limited_server(make: Factory, settings: Settings, clock: TestClock) -> AsyncIterator[Application]:
    """A server behind proxies that allows each address one request a minute."""
    more = {"rate_limits": True, "limit_productlift": "1/minute", "trusted_proxies": PROXIES}
    async with running_application(settings, clock, **more) as server:
        yield server


async def is_allowed(server: Application, peer: str, headers: list[tuple[str, str]]) -> bool:
    """Whether a request from the address is within the rate limit, which counts addresses if there is no key."""
    response = await Client(server, token=None, peer=peer).get("/posts", headers=headers)
    assert response.status_code in (401, 429)
    return response.status_code == 401


@pytest.mark.parametrize(
    ("peer", "lines", "client"),
    [
        # A peer that is no trusted proxy is the client itself, whatever its headers contain.
        (STRANGER, [(FOR, CLIENT)], STRANGER),
        (STRANGER, [(FOR, "10.0.0.1")], STRANGER),
        (STRANGER, [(FOR, f"{CLIENT}, {PROXY}")], STRANGER),
        (STRANGER, [("forwarded", f"for={CLIENT}"), ("x-real-ip", CLIENT), ("cf-connecting-ip", CLIENT)], STRANGER),
        ("2001:db8:2::1", [(FOR, CLIENT)], "2001:db8:2::1"),
        # A proxy appends its client's address; what the client sent before it does not count.
        (PROXY, [(FOR, CLIENT)], CLIENT),
        (PROXY, [(FOR, f"8.8.8.8, {CLIENT}")], CLIENT),
        (PROXY, [(FOR, f"10.0.0.1, 8.8.8.8,{CLIENT}")], CLIENT),
        (PROXY, [(FOR, f"10.0.0.1, {CLIENT}, 10.9.9.9 , 10.0.0.1")], CLIENT),
        (PROXY, [(FOR, f",, {CLIENT} ,,")], CLIENT),
        (PROXY, [], PROXY),
        (PROXY, [(FOR, "")], PROXY),
        (PROXY, [(FOR, "10.1.2.3")], "10.1.2.3"),
        (PROXY, [("forwarded", f"for={CLIENT}"), ("x-real-ip", CLIENT)], PROXY),
        # Several lines are one list in their order, for proxies that add their own line.
        (PROXY, [(FOR, "8.8.8.8"), (FOR, CLIENT), (FOR, "10.0.0.1")], CLIENT),
        (PROXY, [(FOR, f"8.8.8.8, {CLIENT}"), (FOR, "10.0.0.1")], CLIENT),
        # With a port, as some load balancers add it, each connection is from the same client.
        (PROXY, [(FOR, f"{CLIENT}:50123")], CLIENT),
        (PROXY, [(FOR, "[2001:db8:2::1]:50123")], "2001:db8:2::1"),
        (PROXY, [(FOR, "[2001:db8:2::1]")], "2001:db8:2::1"),
        # Spellings of the same address are the same client.
        (PROXY, [(FOR, "2001:DB8:2:0:0:0:0:1")], "2001:db8:2::1"),
        (PROXY, [(FOR, f"::ffff:{CLIENT}")], CLIENT),
        ("2001:db8:1::5", [(FOR, "2001:db8:2::1")], "2001:db8:2::1"),
        # On a socket for both protocols, clients by IPv4 have addresses of IPv6.
        (f"::ffff:{PROXY}", [(FOR, CLIENT)], CLIENT),
        (f"::ffff:{STRANGER}", [(FOR, CLIENT)], STRANGER),
        # An invalid address does not count: the proxy that forwarded it is the client.
        (PROXY, [(FOR, "unknown")], PROXY),
        (PROXY, [(FOR, "_hidden")], PROXY),
        (PROXY, [(FOR, "x" * 5000)], PROXY),
        (PROXY, [(FOR, f"{CLIENT}, 1.2.3.4.5")], PROXY),
        (PROXY, [(FOR, f"{CLIENT}, 10.0.0.1\x1b[31m")], PROXY),
        (PROXY, [(FOR, "fe80::1%made-up")], PROXY),
        (PROXY, [(FOR, "1.2.3.4:99999999")], PROXY),
        (PROXY, [(FOR, f"{CLIENT}, garbage, 10.0.0.1")], "10.0.0.1"),
    ],
)
async def test_the_client_address_is_read_from_trusted_proxies_only(
    limited_server: Application, peer: str, lines: list[tuple[str, str]], client: str
) -> None:
    assert await is_allowed(limited_server, client, [])

    assert not await is_allowed(limited_server, peer, lines), "counted for another address"
    assert await is_allowed(limited_server, "192.0.2.77", []), "counted for all addresses"


async def test_forwarded_addresses_are_ignored_without_trusted_proxies(
    make: Factory, settings: Settings, clock: TestClock
) -> None:
    async with running_application(settings, clock, rate_limits=True, limit_productlift="1/minute") as server:
        assert await is_allowed(server, PROXY, [(FOR, CLIENT)])
        assert not await is_allowed(server, PROXY, [(FOR, "198.51.100.8")])


@pytest.mark.parametrize(
    "scheme", ["javascript", "https://evil.example.com/?", "", "ftp", "HTTPS://", "https\x1b", "data:"]
)
async def test_links_begin_with_http_or_https_for_any_forwarded_scheme(
    make: Factory, settings: Settings, clock: TestClock, productlift: Client, scheme: str
) -> None:
    await make.post(title="Dark mode")
    code = await make.value("SELECT code FROM posts")
    async with running_application(settings, clock, trusted_proxies=PROXIES) as server:
        behind = Client(server, token=productlift.token, peer=PROXY)
        post = (await behind.get("/posts", headers={"x-forwarded-proto": scheme})).json()["data"][0]
        secure = (await behind.get("/posts", headers={"x-forwarded-proto": "https"})).json()["data"][0]

    assert post["url"] == f"http://feedback.example.com/p/dark-mode-{code}"
    assert secure["url"] == f"https://feedback.example.com/p/dark-mode-{code}"


async def test_the_last_of_several_forwarded_schemes_is_used(
    make: Factory, settings: Settings, clock: TestClock, productlift: Client
) -> None:
    """A proxy that adds its value to what is there leaves the client's before it."""
    await make.post(title="Dark mode")
    async with running_application(settings, clock, trusted_proxies=PROXIES) as server:
        behind = Client(server, token=productlift.token, peer=PROXY)
        for lines, scheme in (
            (["https, http"], "http"),
            (["http,HTTPS "], "https"),
            (["https", "http"], "http"),
            (["https, javascript"], "http"),
        ):
            headers = [("x-forwarded-proto", line) for line in lines]
            post = (await behind.get("/posts", headers=headers)).json()["data"][0]

            assert post["url"].partition("://")[0] == scheme, lines


async def test_only_the_last_32_forwarded_addresses_are_read(limited_server: Application) -> None:
    """As long as a head may be, it would take the server some tenths of a second."""
    proxies = ", 10.0.0.1"

    assert await is_allowed(limited_server, CLIENT, [])
    assert not await is_allowed(limited_server, PROXY, [(FOR, CLIENT + proxies * MAX_HOPS)])
    assert await is_allowed(limited_server, PROXY, [(FOR, CLIENT + proxies * (MAX_HOPS + 1))])
    assert not await is_allowed(limited_server, "10.0.0.1", []), "not counted for the last address that was read"


HOSTS = [
    "", ".", "..", "one.example.com.evil.example.org", "evil.example.org", "one.example.com:80:80", "one.example.com@x",
    "two.example.com@one.example.com", "one.example.com/", "one.example.com#", "one.example.com\\", "http://one.example.com",
    "one.example.com,two.example.com", "one.example.com two.example.com", "xone.example.com", "ONE.example.com.",
    "[::1]", "[one.example.com]", "127.0.0.1", "localhost", "one.example.com:port", "%6fne.example.com",
    "one.example.com\x1f", "оne.example.com".encode().decode("latin-1"), "x" * 300,
]  # fmt: skip


@pytest.mark.parametrize("dialect", ["astuto", "productlift"])
async def test_with_several_portals_an_unknown_host_gets_401_and_no_page(
    make: Factory, anyone: Client, dialect: str
) -> None:
    await make.act(lambda work: portals.update_setting(work, setting="host", value="one.example.com"))
    await make.new_portal("Other", host="two.example.com", email="owner@example.com")
    client = anyone.of(await make.key(make.owner, dialect))
    good = [await client.get("/posts", headers={"host": host}) for host in ("one.example.com", "ONE.Example.com:8443")]

    assert [response.status_code for response in good] == [200, 200]
    denied = status_and_json(await client.get("/posts", headers={"host": "two.example.com"}))
    assert denied[0] == 401
    for host in HOSTS:
        raw = [(b"host", host.encode("latin-1")), (b"authorization", f"Bearer {client.token}".encode())]
        response = await anyone.of(None, base="").get(f"/{dialect}/api/v1/posts", headers=raw)
        assert status_and_json(response) == denied, host
        # A page knows of no portal there either.
        page = await anyone.of(None, base="").get("/p/abcdef", headers=raw[:1])
        assert page.status_code == 404, host


async def test_an_invalid_host_appears_in_no_link(make: Factory, productlift: Client) -> None:
    await make.post(title="Dark mode")
    code = await make.value("SELECT code FROM posts")
    key = ("authorization", f"Bearer {productlift.token}")
    for host in ('x"><script>', "a b", "evil.example.org/path?", "user:password@evil.example.org", "x\x1b[31m"):
        response = await productlift.of(None).get("/posts", headers=[key, ("host", host)])

        assert response.json()["data"][0]["url"] == f"http://localhost/p/dark-mode-{code}", host


async def test_several_host_headers_are_handled_as_none(make: Factory, anyone: Client) -> None:
    await make.act(lambda work: portals.update_setting(work, setting="host", value="one.example.com"))
    await make.new_portal("Other", host="two.example.com", email="owner@example.com")
    post = await make.post(title="Dark mode")
    page, key = f"/p/dark-mode-{await make.code(post)}", await make.key(make.owner, "astuto")
    visitor = anyone.of(None, base="")
    for hosts, status in ((("one",), 200), (("one", "two"), 404), (("two", "one"), 404), (("one", "one"), 404)):
        # httpx would send one line of several.
        lines = [(b"host", f"{host}.example.com".encode()) for host in hosts]
        page_response = await visitor.get(page, headers=lines)
        keyed = await visitor.get("/api/v1/posts", headers=[*lines, (b"authorization", f"Bearer {key}".encode())])

        assert (page_response.status_code, keyed.status_code) == (status, 200 if status == 200 else 401), hosts
    # Other headers may be sent twice.
    assert (await visitor.get(page, headers=[lines[0], (b"accept", b"a/b"), (b"accept", b"c/d")])).status_code == 200


async def test_an_absolute_url_in_the_request_line_selects_no_other_portal(make: Factory, settings: Settings) -> None:
    """`GET http://two.example.com/… HTTP/1.1`, as a proxy is asked, and two Host lines, over a real socket."""
    await make.act(lambda work: portals.update_setting(work, setting="host", value="one.example.com"))
    portal, owner = await make.new_portal("Other", host="two.example.com", email="owner@example.com")
    await make.post(title="Of the first")
    await make.post(title="Of the second", portal=portal, author=owner)
    key = await make.key(make.owner, "astuto")
    theirs = await make.key(owner, "astuto", portal=portal)

    with serve_in_thread(settings) as url:
        address = url.removeprefix("http://").split(":")

        async def send_request(target: str, key: str, *hosts: str) -> str:
            reader, writer = await asyncio.open_connection(address[0], int(address[1]))
            lines = [f"GET {target} HTTP/1.1", *(f"Host: {host}" for host in hosts), f"Authorization: Bearer {key}"]
            writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode())
            response = (await reader.read()).decode()
            writer.close()
            await writer.wait_closed()
            return response

        own = await send_request("/api/v1/posts", key, "one.example.com")
        assert own.startswith("HTTP/1.1 200 ")
        assert "Of the first" in own
        for target in ("http://two.example.com/api/v1/posts", "http://one.example.com/api/v1/posts", "/api/v1/posts"):
            for hosts in (("one.example.com",), ("two.example.com",), ("one.example.com", "two.example.com"), ()):
                for whose, title in ((key, "Of the second"), (theirs, "Of the first")):
                    assert title not in await send_request(target, whose, *hosts), (target, hosts)
