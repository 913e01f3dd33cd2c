"""`EARSHOT_BASE_URL` with a path: requests work with and without it, and links contain it once."""

import re
from collections.abc import AsyncIterator, MutableMapping
from typing import Any
from urllib.parse import unquote

import httpx
import pytest_asyncio

from app.application import Application
from app.domain.portals import portals
from app.public_url import OWN_PATHS, PublicUrl
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.extra_servers import running_application
from tests.support.factory import Factory
from tests.support.routes import page_paths

PUBLIC = "https://example.com/feedback"


@pytest_asyncio.fixture
async def below(make: Factory, settings: Settings, clock: TestClock) -> AsyncIterator[Application]:
    """A server below a path."""
    async with running_application(settings, clock, base_url=PUBLIC) as server:
        yield server


async def send_request(
    server: Application, path: str, token: str | None = None, *, with_raw_path: bool = True
) -> httpx.Response:
    """Send exactly this path; httpx would normalize it."""
    sent: list[MutableMapping[str, Any]] = []
    headers = [(b"host", b"feedback.example.com")]
    if token is not None:
        headers.append((b"authorization", f"Bearer {token}".encode()))

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": unquote(path), "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers,
        "client": ("192.0.2.1", 40000), "server": ("127.0.0.1", 8000),
    }  # fmt: skip
    if not with_raw_path:
        del scope["raw_path"]
    await server(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], content=body)


async def answers(server: Application, paths: list[str], token: str | None = None) -> dict[str, tuple[int, bytes]]:
    return {
        path: ((response := await send_request(server, path, token)).status_code, response.content) for path in paths
    }


def unmask(page: httpx.Response) -> str:
    """The text without the tokens of forms, which differ in each response."""
    return re.sub(r'name="csrf" value="[^"]+"', "", page.text)


async def test_every_route_responds_with_and_without_the_path_prefix(
    below: Application, make: Factory, astuto: Client, productlift: Client
) -> None:
    post = await make.post(title="Dark mode")
    code = await make.code(post)
    for token, dialect in ((astuto.token, "/astuto"), (productlift.token, "/productlift")):
        for path in ("/api/v1/posts", f"{dialect}/api/v1/posts", f"{dialect}/api/v1/posts/{post}", "/api/v1/nothing"):
            plain = await send_request(below, path, token)
            with_path = await send_request(below, "/feedback" + path, token)

            assert plain.status_code == (404 if path == "/api/v1/nothing" else 200), path
            assert (with_path.status_code, with_path.content) == (plain.status_code, plain.content), path
    for path in (
        "/", "/docs", "/astuto/api/v1/docs", "/productlift/api/v1/openapi.json", "/api-docs/v1/swagger.yaml",
        f"/p/dark-mode-{code}", "/posts/dark-mode", f"/p/{code}", f"/p/{code}/edit", "/static/tokens.css", "/health",
        "/health/ready", "/files/nothing", "/nothing",
    ):  # fmt: skip
        plain, with_path = await send_request(below, path), await send_request(below, "/feedback" + path)

        assert (with_path.status_code, unmask(with_path)) == (plain.status_code, unmask(plain)), path
        assert plain.status_code != 404 or path.endswith("nothing"), path
        assert with_path.headers.get("location") == plain.headers.get("location"), path
    home = await send_request(below, "/feedback")
    assert (home.status_code, unmask(home)) == (200, unmask(await send_request(below, "/")))


async def test_only_the_exact_path_prefix_is_removed_and_only_once(below: Application, astuto: Client) -> None:
    """`/feedback/feedback/…` alone can't be distinguished from a path of which a proxy removed one of two."""
    for path in (
        "/feedbackx/api/v1/posts", "/feedback.api/v1/posts", "/feedback;x/api/v1/posts", "/Feedback/api/v1/posts",
        "/feedback/feedback/api/v1/posts", "/feedback/../api/v1/posts", "/feedback/%2e%2e/api/v1/posts",
        "/x/../feedback/api/v1/posts", "/./feedback/api/v1/posts", "/feedback/./api/v1/posts",
        "/feedback%2Fapi/v1/posts", "/%2Ffeedback/api/v1/posts", "/%2fapi/v1/posts", "/feedback/%2Fapi/v1/posts",
        "/feedback/%2e%2e/%2e%2e/etc/passwd",
        "/feedback\\api/v1/posts", "/%66eedback/api/v1/posts", "/feedback%00/api/v1/posts", "/feedback/;/api/v1/posts",
    ):  # fmt: skip
        response = await send_request(below, path, astuto.token)

        assert (response.status_code, response.headers["content-type"]) == (404, "text/html; charset=utf-8"), path


async def test_a_request_without_raw_path_is_served(server: Application, below: Application, astuto: Client) -> None:
    """`raw_path` is optional in ASGI."""
    for there, path in (
        (server, "/api/v1/posts"), (server, "//api/v1/posts"), (below, "/feedback/api/v1/posts"),
        (below, "//feedback//api/v1/posts"),
    ):  # fmt: skip
        response = await send_request(there, path, astuto.token, with_raw_path=False)

        assert (response.status_code, response.content) == (200, b"[]"), path


async def test_percent_encoded_letters_in_a_path_are_decoded(below: Application, make: Factory, astuto: Client) -> None:
    """A rule of a proxy must decode the path, as docs/operating/proxies.md says."""
    code = await make.code(await make.post(title="Dark mode"))

    assert (await send_request(below, "/%61pi/v1/posts", astuto.token)).json()[0]["title"] == "Dark mode"
    for path in (f"/p/dark-mode-{code}", f"/%70/dark%2Dmode-{code}", f"/p%2Fdark-mode-{code}"):
        assert "<h1>Dark mode</h1>" in (await send_request(below, path)).text, path


async def test_links_and_redirects_have_the_path_prefix_once(
    below: Application, make: Factory, productlift: Client, astuto: Client
) -> None:
    made = await Client(below, token=productlift.token).post(
        "/posts", data={"title": "Dark mode"}, files={"image": ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")}
    )
    post = made.json()["data"]
    page = f"/feedback/p/dark-mode-{post['id']}"

    assert post["url"] == f"https://example.com{page}"
    assert post["url_edit"] == f"https://example.com{page}/edit"
    assert re.fullmatch(r"https://example\.com/feedback/files/\w+\.svg", post["image_main"])
    assert await make.value("SELECT base_url FROM facts ORDER BY id DESC LIMIT 1") == PUBLIC
    for before in ("", "/feedback", "/", "/feedback/", "//feedback/", "//"):
        for path in (f"/p/{post['id']}", f"/p/{post['id']}/edit", f"/p/old-{post['id']}"):
            response = await send_request(below, before + path)

            assert (response.status_code, response.headers["location"]) == (302, page), before + path
        payload = await send_request(below, f"{before}/p/dark-mode-{post['id']}")
        assert f'<link rel="canonical" href="https://example.com{page}">' in payload.text
        assert f'src="{post["image_main"].removeprefix("https://example.com")}"' in payload.text


async def test_several_portals_share_the_path_prefix_on_their_hosts(
    make: Factory, settings: Settings, clock: TestClock
) -> None:
    await make.act(lambda work: portals.update_setting(work, setting="host", value="one.example.com"))
    portal, owner = await make.new_portal("Second", host="two.example.com", email="two@example.com")
    post = await make.post(title="Dark mode", portal=portal, author=owner)
    key = await make.key(owner, "productlift", portal=portal)
    for public, link in (
        ("https://one.example.com/feedback", "https://two.example.com/feedback"),
        ("https://one.example.com:8443/a/b/", "https://two.example.com:8443/a/b"),
        ("http://[::1]:8000/feedback", "http://two.example.com:8000/feedback"),
        ("http://[2001:db8::1]", "http://two.example.com"),
        ("https://one.example.com:443", "https://two.example.com:443"),
    ):
        async with running_application(settings, clock, base_url=public) as server:
            client = Client(server, token=key, host="http://two.example.com")
            payload = (await client.get("/posts")).json()["data"][0]

            assert payload["url"] == f"{link}/p/dark-mode-{await make.code(post)}", public


async def test_several_leading_slashes_are_handled_as_one(
    server: Application, below: Application, make: Factory, astuto: Client, productlift: Client
) -> None:
    code = await make.code(await make.post(title="Dark mode"))
    for slashes in ("//", "///", "/" * 50):
        for token, dialect in ((astuto.token, "astuto"), (productlift.token, "productlift")):
            for path in ("api/v1/posts", f"{dialect}/api/v1/posts", "api/v1/nothing", "api/v1"):
                plain = await answers(server, ["/" + path], token)
                assert list((await answers(server, [slashes + path], token)).values()) == list(plain.values()), path
                plain = await answers(below, ["/" + path], token)
                doubled = [
                    f"{slashes}feedback/{path}",
                    f"/feedback{slashes}{path}",
                    f"{slashes}feedback{slashes}{path}",
                ]
                assert set((await answers(below, doubled, token)).values()) == set(plain.values()), path
        for path in ("", "docs", f"p/dark-mode-{code}", "static/tokens.css", "health", "astuto/api/v1/docs"):
            assert (await send_request(server, slashes + path)).status_code == 200, slashes + path
            assert (await send_request(below, f"{slashes}feedback{slashes}{path}")).status_code == 200, slashes + path


async def test_a_path_that_begins_with_slashes_never_redirects_to_another_host(
    server: Application, below: Application, make: Factory
) -> None:
    code = await make.code(await make.post(title="Dark mode"))
    for there, before in ((server, ""), (below, "/feedback")):
        for host in ("//evil.example", "///evil.example", "/\\evil.example", "//evil.example%2f..", "/%2Fevil.example"):
            for path in (f"{host}/p/{code}", f"{before}{host}/p/{code}", f"{before}{host}", host, f"{host}/%2e%2e"):
                response = await send_request(there, path)

                assert (response.status_code, "location" in response.headers) == (404, False), path
                assert "evil" not in response.text, path
        response = await send_request(there, f"{before}//p/{code}")
        assert response.headers["location"] == f"{before}/p/dark-mode-{code}"


async def test_the_paths_of_the_server_are_rejected_in_the_base_url(server: Application) -> None:
    paths = page_paths(server)

    assert len(paths) > 10
    assert {"api", "astuto", "productlift", *(path.split("/")[1] for path in paths)} - {""} == OWN_PATHS


async def test_a_host_that_is_too_long_for_a_link_is_ignored(productlift: Client, make: Factory) -> None:
    """The base URL of an event is stored in a column of 255 characters."""
    for length in (240, 241, 253):
        host = f"{'a' * length}:65535"
        made = await productlift.post("/posts", json={"title": f"By a host of {length}"}, headers={"host": host})

        assert made.status_code == 200
        stored = await make.value("SELECT base_url FROM facts ORDER BY id DESC LIMIT 1")
        assert stored == (f"http://{host}" if length == 240 else "http://localhost")


def test_a_link_begins_with_the_path_of_the_public_url() -> None:
    for url, link in (
        (None, "/docs"),
        ("https://example.com", "/docs"),
        (PUBLIC, "/feedback/docs"),
        ("https://example.com:8443/a/b", "/a/b/docs"),
    ):
        assert PublicUrl(url).link("/docs") == link
