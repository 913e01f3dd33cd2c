"""ProductLift's responses to requests that reach no endpoint. docs/contracts/productlift.md, sections 1, 2, 4."""

import pytest

from app.domain.users import users
from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory
from tests.support.productlift import unknown

UNAUTHENTICATED = (401, {"message": "Unauthenticated."})
NO_ROUTE = (404, {"message": ""})
UNSERVED = [
    ("GET", "/widgets/1/x"),
    ("GET", "/nothing"),
    ("GET", "/"),
    ("GET", "/posts/abcdef/votes/x/y"),
]


async def test_every_response_has_the_headers_of_the_dialect(make: Factory, productlift: Client) -> None:
    for path in ("/posts", "/posts/nosuch", "/nothing", "/posts?limit=0"):
        response = await productlift.get(path)
        assert response.headers["content-type"] == "application/json"
        assert response.headers["cache-control"] == "no-cache, private"
        assert response.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        "Bearer 1|nonsense",
        "Token {}",
        "bearer {}",
        "{}",
        "Bearer {}x",
    ],
)
async def test_a_request_without_a_valid_key_gets_only_a_401(
    header: str | None, make: Factory, productlift: Client
) -> None:
    post, token = await make.post(), productlift.token or ""
    headers = {} if header is None else {"authorization": header.format(token)}
    client = productlift.of(None, base="/productlift/api/v1")

    for verb, path in (("GET", "/posts"), ("GET", f"/posts/{post}"), ("DELETE", f"/posts/{post}"), ("GET", "/tabs/9")):
        assert status_and_json(await client.request(verb, path, headers=headers)) == UNAUTHENTICATED
    assert await make.value("SELECT count(*) FROM posts") == 1


async def test_the_key_of_a_blocked_administrator_is_invalid(make: Factory, productlift: Client) -> None:
    admin = await make.user(role="admin")
    theirs = productlift.of(await make.key(admin, "productlift"))
    assert (await theirs.get("/posts")).status_code == 200

    await make.act(lambda work: users.block(work, admin))
    make.server.services.authenticator.invalidate()
    assert status_and_json(await theirs.get("/posts")) == UNAUTHENTICATED

    await make.act(lambda work: users.unblock(work, admin))
    assert status_and_json(await theirs.get("/posts")) == UNAUTHENTICATED


@pytest.mark.parametrize(("verb", "path"), UNSERVED)
async def test_an_unsupported_route_returns_404_with_and_without_a_key(
    verb: str, path: str, productlift: Client
) -> None:
    without_key = productlift.of(None)

    assert status_and_json(await productlift.request(verb, path)) == NO_ROUTE
    assert status_and_json(await without_key.request(verb, path)) == NO_ROUTE


@pytest.mark.parametrize(
    ("verb", "path", "verbs"),
    [
        ("PUT", "/posts", "GET, HEAD, POST"),
        ("DELETE", "/portal", "GET, HEAD"),
        ("POST", "/posts/abcdef", "GET, HEAD, PUT, PATCH, DELETE"),
        ("GET", "/posts/abcdef/votes/x", "POST, DELETE"),
        ("GET", "/moderation/approve/post/1", "POST"),
        ("GET", "/posts/abcdef/anonymous_votes/x", "POST, DELETE"),
        ("PUT", "/posts/abcdef/anonymous_votes/x", "POST, DELETE"),
        ("POST", "/posts/abcdef/toggle-publish", "PUT"),
        ("GET", "/posts/abcdef/improve", "POST"),
        ("GET", "/feedback/summarize", "POST, PUT, PATCH, DELETE"),
        ("BREW", "/categories", "GET, HEAD, POST"),
    ],
)
async def test_a_method_that_is_not_allowed_returns_405_with_allow(
    verb: str, path: str, verbs: str, productlift: Client
) -> None:
    text = f"The {verb} method is not supported for this route. Supported methods: {verbs}."

    # A POST may stand for another method, which is in its body; the body is read only with a valid key.
    for client in (productlift,) if verb == "POST" else (productlift, productlift.of(None)):
        response = await client.request(verb, path)
        assert status_and_json(response) == (405, {"message": text})
        assert response.headers["allow"] == verbs


@pytest.mark.parametrize("path", ["/posts", "/categories", "/statuses", "/tabs/roadmap", "/posts/search_duplicates"])
async def test_a_trailing_slash_is_ignored(path: str, productlift: Client) -> None:
    assert status_and_json(await productlift.get(path + "/")) == status_and_json(await productlift.get(path))


async def test_a_literal_segment_takes_precedence_only_for_its_method(productlift: Client) -> None:
    post, user = unknown("Post", "search_duplicates"), unknown("User", "find_by_email")

    assert status_and_json(await productlift.patch("/posts/search_duplicates", json={})) == post
    assert status_and_json(await productlift.delete("/users/find_by_email")) == user
    wrong = await productlift.post("/posts/search_duplicates")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD, PUT, PATCH, DELETE")


@pytest.mark.parametrize("path", ["/posts", "/portal", "/posts/nosuch"])
async def test_head_returns_the_response_of_get_without_a_body(path: str, productlift: Client) -> None:
    head, get = await productlift.head(path), await productlift.get(path)

    assert (head.status_code, head.content) == (get.status_code, b"")
    assert {**head.headers, "x-request-id": ""} == {**get.headers, "x-request-id": ""}


async def test_a_preflight_request_is_accepted_from_any_origin(anyone: Client) -> None:
    headers = {"origin": "https://app.example.org", "access-control-request-method": "PATCH"}

    for path in ("/posts", "/nothing"):
        response = await anyone.options(path, headers=headers)
        assert response.status_code in (200, 204)
        assert response.headers["access-control-allow-origin"] == "*"
        assert response.headers["access-control-allow-methods"] == "GET, POST, PUT, PATCH, DELETE"
        assert response.headers["access-control-allow-headers"] == "authorization, content-type, accept"


async def test_a_body_that_is_too_large_is_rejected(make: Factory, productlift: Client) -> None:
    response = await productlift.post("/posts", json={"title": "ab", "description": "x" * 5 * 1024 * 1024})

    assert status_and_json(response) == (413, {"message": ""})
    assert await make.rows("SELECT id FROM posts") == []


@pytest.mark.parametrize("accept", [None, "*/*", "text/html", "application/xml"])
async def test_the_response_is_json_for_any_accept_header(accept: str | None, productlift: Client) -> None:
    headers = {} if accept is None else {"accept": accept}

    for path, status in (("/portal", 200), ("/nothing", 404), ("/posts/nosuch", 404)):
        response = await productlift.get(path, headers=headers)
        assert (response.status_code, response.headers["content-type"]) == (status, "application/json")
