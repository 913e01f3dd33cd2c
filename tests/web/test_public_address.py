"""The address that the pages and documents show: that of the request, or of `EARSHOT_BASE_URL`."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
import yaml

from app.application import Application
from app.domain.portals import portals
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.clients import PEER, Client
from tests.support.extra_servers import running_application
from tests.support.factory import Factory

PUBLIC = "https://example.com/feedback"
DOCUMENTS = {
    "/productlift/api/v1/openapi.json": "productlift",
    "/astuto/api/v1/openapi.json": "astuto",
    "/api-docs/v1/swagger.yaml": "astuto",
}
CURL_URL = re.compile(r"https?://[^\s'<]+")


@pytest.fixture
def visitor(anyone: Client, make: Factory) -> Client:
    """A client without a key, at the root path of a server with one portal."""
    return anyone.of(None, base="")


@pytest_asyncio.fixture
async def below(make: Factory, settings: Settings, clock: TestClock) -> AsyncIterator[Application]:
    """A server with a public URL below a path."""
    async with running_application(settings, clock, base_url=PUBLIC) as server:
        yield server


async def assert_address(client: httpx.AsyncClient, address: str, **headers: str) -> None:
    """Both documents and the pages show this address, and no other."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    for path in DOCUMENTS:
        response = await client.get(path, headers=sent)
        document = yaml.safe_load(response.text)
        # The shared address, and with it every other server, begins with the address; see test_documents.py.
        urls = [server["url"] for server in document["servers"]]
        assert {url.partition("/api/v1")[0].removesuffix(f"/{DOCUMENTS[path]}") for url in urls} == {address}, path
        curls = CURL_URL.findall(document["info"]["description"])
        assert len(curls) == 2, path
        assert [url.partition("?")[0] for url in curls] == [f"{address}/api/v1/posts"] * 2, path
        assert "origin.invalid" not in response.text
    page = (await client.get("/docs", headers=sent)).text
    assert re.findall(r"curl [^<]*? (\S+)</code>", page) == [f"{address}/api/v1/posts"] * 2
    assert [url for url in CURL_URL.findall(page) if not url.startswith(f"{address}/")] == []


async def test_documents_and_pages_show_host_and_port_of_the_request(visitor: Client) -> None:
    for address in ("http://feedback.example.com", "http://127.0.0.1:8000", "http://[::1]:8000"):
        await assert_address(visitor.of(None, base="", host=address), address)


async def test_a_trusted_proxy_determines_scheme_and_host(
    make: Factory, settings: Settings, clock: TestClock, visitor: Client
) -> None:
    forwarded = {"x_forwarded_proto": "https", "x_forwarded_host": "ideas.example.com:8443"}
    async with running_application(settings, clock, trusted_proxies=(f"{PEER}/32",), forwarded_host=True) as server:
        trusted = Client(server, token=None, base="")

        await assert_address(trusted, "https://ideas.example.com:8443", **forwarded)
        await assert_address(trusted.of(None, base="", peer="192.0.2.2"), "http://feedback.example.com", **forwarded)
    await assert_address(visitor, "http://feedback.example.com", **forwarded)


async def test_the_base_url_is_shown_whatever_host_a_request_has(below: Application) -> None:
    for host in ("https://example.com", "http://127.0.0.1:8000", "http://evil.example.org"):
        for base in ("", "/feedback"):
            await assert_address(Client(below, token=None, base=base, host=host), PUBLIC)


async def test_each_portal_shows_its_own_host_in_the_base_url(below: Application, make: Factory) -> None:
    await make.act(lambda work: portals.update_setting(work, setting="host", value="one.example.com"))
    await make.new_portal("Second", host="two.example.com", email="second@example.com")

    for host in ("one.example.com", "two.example.com"):
        await assert_address(Client(below, token=None, base="", host=f"http://{host}:8000"), f"https://{host}/feedback")
    await assert_address(Client(below, token=None, base="", host="http://three.example.com"), PUBLIC)


@pytest.mark.parametrize(
    "host",
    ["evil.example.org/path", "evil.example.org'; rm -rf", 'evil"><script>', "user@evil.example.org", "evil:80:80", ""],
)
async def test_an_invalid_host_is_not_shown(visitor: Client, below: Application, host: str) -> None:
    await assert_address(visitor, "http://localhost", host=host)
    await assert_address(Client(below, token=None, base=""), PUBLIC, host=host)


async def test_a_cached_document_is_valid_for_its_address_only(visitor: Client) -> None:
    other = visitor.of(None, base="", host="http://127.0.0.1:8000")
    for path in DOCUMENTS:
        etag = (await visitor.get(path)).headers["etag"]

        assert (await visitor.get(path, headers={"if-none-match": etag})).status_code == 304
        response = await other.get(path, headers={"if-none-match": etag})
        assert (response.status_code, "http://127.0.0.1:8000/api/v1" in response.text) == (200, True)
