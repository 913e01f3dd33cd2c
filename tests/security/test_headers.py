"""Headers that every response needs to be safe in browsers and caches, and headers that no response has."""

import re
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from tests.support import routes
from tests.support.clients import Client
from tests.support.commands import Earshot
from tests.support.factory import Factory
from tests.support.routes import DIALECTS
from tests.support.sample_portal import NOWHERE, address, inputs, populate

# Headers that identify the software, that store something in the client, or that belong to a proxy.
NEVER = {"server", "via", "x-powered-by", "x-runtime", "set-cookie", "strict-transport-security", "x-xss-protection"}

ASTUTO = {
    "x-frame-options": "SAMEORIGIN",
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
}
PRODUCTLIFT = {
    "cache-control": "no-cache, private",
    "access-control-allow-origin": "*",
    "x-content-type-options": "nosniff",
}
CACHE_CONTROL = {"astuto": r"max-age=0, private, must-revalidate|no-cache", "productlift": "no-cache, private"}


PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def assert_safe(response: httpx.Response, expected: Mapping[str, str | None], request: object) -> None:
    assert {name: response.headers.get(name) for name in expected} == expected, request
    # A page with a form for visitors knows the browser by this cookie.
    is_page = response.headers.get("content-type", "").startswith("text/html")
    is_known = [header.startswith("earshot_device=") for header in response.headers.get_list("set-cookie")]
    allowed = {"set-cookie"} if is_page and all(is_known) else set()
    assert NEVER & set(response.headers) - allowed == set(), request
    for name, value in response.headers.raw:
        assert b"\r" not in name + value, request
        assert b"\n" not in name + value, request


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_every_response_has_the_security_headers_of_its_dialect(
    make: Factory, anyone: Client, dialect: str
) -> None:
    row_ids = await populate(make, make.portal, make.owner)
    client = anyone.of(await make.key(make.owner, dialect), base=f"/{dialect}/api/v1")
    expected = {"astuto": ASTUTO, "productlift": PRODUCTLIFT}[dialect]
    allowed = {"access-control-allow-origin"} if dialect == "productlift" else set()
    for route in routes.of_dialect(dialect):
        for path, caller in (
            (address(route, row_ids), client),
            (address(route, NOWHERE), client),
            (address(route, row_ids), client.of(None, base=f"/{dialect}/api/v1")),
        ):
            params = inputs(route, row_ids, leave_out=("password",))
            headers = {"origin": "https://evil.example.org", "cookie": "session=1"}
            body: dict[str, Any] = {"params": params} if route.method == "GET" else {"json": params}
            response = await caller.request(route.method, path, headers=headers, **body)

            assert_safe(response, expected, (route, path))
            # The response to a key is for its client alone: no shared cache may store it.
            assert re.fullmatch(CACHE_CONTROL[dialect], response.headers["cache-control"]), (route, path)
            assert {name for name in response.headers if name.startswith("access-control-")} == allowed, (route, path)


PORTAL_POLICY = [
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' https: blob:",
    "connect-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
]  # fmt: skip
PLAIN_POLICY = [
    "default-src 'none'", "style-src 'self'", "img-src 'self' https:", "base-uri 'none'", "form-action 'none'",
    "frame-ancestors 'none'",
]  # fmt: skip
FORM_POLICY = [rule.replace("form-action 'none'", "form-action 'self'") for rule in PLAIN_POLICY]


@pytest.mark.parametrize(
    ("path", "policy"),
    [
        ("/docs", PLAIN_POLICY),
        *(
            (path, PORTAL_POLICY)
            for path in (
                *("/", "/roadmap", "/changelog", "/t/feedback", "/t/roadmap", "/t/changelog"),
                *("/boards/feature-requests", "/nothing", "/p/zzzzzz", "/posts/nothing", "/static/x"),
            )
        ),
    ],
)
async def test_every_page_has_a_content_security_policy_and_denies_frames(
    anyone: Client, path: str, policy: list[str], make: Factory
) -> None:
    response = await anyone.of(None, base="").get(path, headers={"cookie": "session=1"})

    # The address of a page that is not there may have a token, for example after a mistake in the path.
    referrer_policy = "strict-origin-when-cross-origin" if response.is_success else "no-referrer"
    expected = {
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": referrer_policy,
        "permissions-policy": PERMISSIONS if policy is PORTAL_POLICY else None,
    }
    assert response.headers["content-security-policy"].split("; ") == policy
    assert_safe(response, expected, path)


@pytest.mark.parametrize(
    "path", ["/feed.atom", "/boards/feature-requests.atom", "/roadmap.atom", "/changelog.atom", "/sitemap.xml"]
)
async def test_a_feed_that_a_browser_opens_runs_nothing(anyone: Client, make: Factory, path: str) -> None:
    response = await anyone.of(None, base="").get(path)

    assert response.status_code == 200
    assert response.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert_safe(response, {"x-content-type-options": "nosniff"}, path)


async def test_a_file_that_is_not_there_has_the_headers_of_files(anyone: Client) -> None:
    response = await anyone.of(None, base="").get("/files/nothing")

    assert response.status_code == 404
    assert_safe(response, {"x-content-type-options": "nosniff"}, "/files/nothing")


@pytest.mark.parametrize(
    ("path", "policy"),
    [
        *((path, PORTAL_POLICY) for path in ("/invitation", "/password-reset", "/confirm-email")),
        *((path, FORM_POLICY) for path in ("/notifications", "/unsubscribe")),
    ],
)
async def test_a_page_whose_address_has_a_token_is_not_stored_and_passes_on_no_address(
    anyone: Client, path: str, policy: list[str]
) -> None:
    visitor = anyone.of(None, base="")
    expected = {
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }

    for response in (await visitor.get(f"{path}?token=x"), await visitor.post(path, data={"token": "x"})):
        # A page of the portal with a form gives the browser a cookie, to which the form belongs.
        for cookie in response.headers.get_list("set-cookie"):
            assert policy is PORTAL_POLICY
            assert re.fullmatch(r"earshot_device=[\w-]{86}; HttpOnly; Max-Age=\d+; Path=/; SameSite=lax", cookie)
        response.headers.pop("set-cookie", None)
        assert_safe(response, expected, path)
        assert response.headers["content-security-policy"].split("; ") == policy


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_the_interactive_docs_run_only_scripts_of_this_server(anyone: Client, dialect: str) -> None:
    response = await anyone.of(None, base="").get(f"/{dialect}/api/v1/docs")

    policy = response.headers["content-security-policy"].split("; ")
    assert "script-src 'self'" in policy
    assert "connect-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not [rule for rule in policy if "unsafe" in rule or "http" in rule or "*" in rule]
    assert_safe(response, {"x-frame-options": "DENY", "x-content-type-options": "nosniff"}, dialect)


def test_responses_do_not_contain_the_name_of_the_server_software(sqlite: Earshot) -> None:
    with sqlite.serving() as serving, httpx.Client(base_url=serving.address) as client:
        for path in ("/", "/health", "/health/ready", "/api/v1/posts", "/astuto/api/v1/posts", "/nothing", "/files/x"):
            response = client.get(path)

            assert NEVER & set(response.headers) == set(), path
            assert "uvicorn" not in repr(response.headers.raw) + response.text.lower(), path
        # Nor do other methods reveal it.
        assert client.request("TRACE", "/").status_code == 405
        assert client.request("OPTIONS", "/").status_code == 405
        assert serving.end() == 0
