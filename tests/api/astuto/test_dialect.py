"""What holds on every route of Astuto's dialect: addresses, verbs, keys, headers. docs/contracts/astuto.md, 1."""

import re
from typing import Any

import httpx
import pytest

from tests.support.clients import Client
from tests.support.factory import Factory
from tests.support.routes import Route, of_dialect

NO_ROUTE = '{"status":404,"error":"Not Found"}'
DENIED = '{"errors":["Access denied."]}'
WRONG = '{"errors":["Some parameters are wrong in the request. Please check the documentation."]}'
ROUTES = of_dialect("astuto")
RESOURCE_NAMES = {"boards": "Board", "posts": "Post", "comments": "Comment", "users": "User", "votes": "Like"}

EXPECTED_ROUTES = {
    "GET /boards", "POST /boards", "GET /boards/{id}", "GET /post_statuses",
    "GET /posts", "POST /posts", "GET /posts/{id}", "PUT /posts/{id}", "PATCH /posts/{id}", "DELETE /posts/{id}",
    "PUT /posts/{id}/update_board", "PUT /posts/{id}/update_status",
    "PUT /posts/{id}/approve", "PUT /posts/{id}/reject",
    "GET /comments", "POST /comments", "GET /comments/{id}", "PUT /comments/{id}", "PATCH /comments/{id}",
    "DELETE /comments/{id}", "PUT /comments/{id}/mark_as_post_update", "PUT /comments/{id}/unmark_as_post_update",
    "GET /users", "POST /users", "GET /users/{id}", "GET /users/get_by_email", "PUT /users/{id}/block",
    "GET /votes", "POST /votes", "GET /votes/{id}", "DELETE /votes/{id}",
}  # fmt: skip


def test_the_dialect_has_exactly_the_expected_routes() -> None:
    assert {f"{route.method} {route.path}" for route in ROUTES} == EXPECTED_ROUTES


@pytest.mark.parametrize("suffix", ["/", "//", ".json", ".xml", ".json/"])
async def test_a_trailing_slash_or_format_is_ignored(make: Factory, astuto: Client, suffix: str) -> None:
    post = await make.post()
    user = await make.user(email="jane@example.com")

    for path in ("/boards", "/boards/bug-reports", f"/posts/{post}", f"/users/{user}"):
        plain, decorated = await astuto.get(path), await astuto.get(path + suffix)
        assert (decorated.status_code, decorated.content) == (200, plain.content), path
        assert decorated.headers["content-type"] == "application/json; charset=utf-8"
    by_email = await astuto.get(f"/users/get_by_email{suffix}", params={"email": "jane@example.com"})
    assert by_email.json()["id"] == user
    assert (await astuto.put(f"/posts/{post}/update_status{suffix}")).json() == {"id": post}


async def test_the_format_is_removed_from_the_id(make: Factory, astuto: Client) -> None:
    responses = [await astuto.get(path) for path in ("/users/user@t.com", "/boards/no.json", "/posts/77.xml/")]

    assert [response.json()["errors"] for response in responses] == [
        ["User with id user@t not found"],
        ["Board with id no not found"],
        ["Post with id 77 not found"],
    ]


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/png", "*/*", ""])
async def test_the_accept_header_is_ignored(astuto: Client, accept: str) -> None:
    known = await astuto.get("/boards", headers={"accept": accept})
    unknown = await astuto.get("/nothing", headers={"accept": accept})

    assert (known.status_code, known.headers["content-type"]) == (200, "application/json; charset=utf-8")
    assert (unknown.status_code, unknown.text) == (404, NO_ROUTE)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/posts/{id}/update_board"),
        ("PATCH", "/posts/{id}/update_status"),
        ("PATCH", "/posts/{id}/approve"),
        ("PATCH", "/posts/{id}/reject"),
        ("PATCH", "/comments/{id}/mark_as_post_update"),
        ("PATCH", "/comments/{id}/unmark_as_post_update"),
        ("PATCH", "/users/{id}/block"),
        ("PUT", "/boards/{id}"),
        ("DELETE", "/boards/{id}"),
        ("POST", "/post_statuses"),
        ("GET", "/post_statuses/{id}"),
        ("PUT", "/votes/{id}"),
        ("PUT", "/users/{id}"),
        ("DELETE", "/users/{id}"),
        ("PUT", "/users/{id}/unblock"),
        ("GET", "/posts/{id}/comments"),
        ("GET", "/posts/{id}/follows"),
        ("GET", "/webhooks"),
        ("GET", "/me"),
        ("GET", "/"),
        ("GET", ""),
        ("GET", "/nothing/at/all"),
        ("GET", "/posts/{id}/approve"),
        ("TRACE", "/posts"),
        ("PROPFIND", "/posts"),
    ],
)
async def test_an_unknown_route_returns_404_with_and_without_a_key(
    make: Factory, astuto: Client, anyone: Client, method: str, path: str
) -> None:
    post = await make.post()
    stranger = anyone.of(None, base="/astuto/api/v1")

    responses = [await client.request(method, path.format(id=post)) for client in (astuto, stranger)]

    for response in responses:
        assert (response.status_code, response.text) == (404, NO_ROUTE)
        assert response.headers["content-type"] == "application/json; charset=utf-8"
        assert "allow" not in response.headers


@pytest.mark.parametrize("segment", ["4711", "-1", "abc", "me", "dark-mode", "0", "99999999999999999999", "jane doe"])
@pytest.mark.parametrize("route", [route for route in ROUTES if "{id}" in route.path], ids=str)
async def test_an_unknown_id_is_reported_as_sent_before_any_other_error(
    make: Factory, astuto: Client, route: Route, segment: str
) -> None:
    await make.comment(await make.post(title="Dark mode"))

    response = await astuto.send_json(
        route.method, route.at(id=segment), {"title": "", "body": "", "impersonated_user_id": 4711}
    )

    name = RESOURCE_NAMES[route.path.split("/")[1]]
    assert (response.status_code, response.json()) == (404, {"errors": [f"{name} with id {segment} not found"]})


@pytest.mark.parametrize("route", [route for route in ROUTES if route.method == "GET"], ids=str)
async def test_head_returns_the_headers_of_get_without_a_body(make: Factory, astuto: Client, route: Route) -> None:
    post = await make.post(votes_by=[make.owner])
    rows = {
        "boards": make.boards["Bug Reports"],
        "posts": post,
        "comments": await make.comment(post),
        "users": make.owner,
        "votes": await make.value("SELECT id FROM votes"),
    }
    path = route.at(id=rows.get(route.path.split("/")[1], 0))

    got = await astuto.get(path, params={"email": "owner@example.com"})
    head = await astuto.head(path, params={"email": "owner@example.com"})

    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers, "x-request-id": ""} == {**got.headers, "x-request-id": ""}


@pytest.mark.parametrize(
    "header",
    [
        "Bearer {}", "Token {}", "Bearer    {}", "Bearer\t{}", "  Bearer {}  ", 'Bearer "{}"', "Bearer token={}",
        'Token token="{}"', "Bearer {}, foo=bar", "Token {}; x",
    ],
)  # fmt: skip
async def test_a_key_is_accepted_in_every_supported_header_form(astuto: Client, anyone: Client, header: str) -> None:
    response = await anyone.get("/boards", headers={"authorization": header.format(astuto.token)})

    assert response.status_code == 200


@pytest.mark.parametrize("header", ["{}", "bearer {}", "BEARER {}", "token {}", "Basic {}", "Bearer", "Bearer x{}", ""])
async def test_a_key_is_rejected_in_any_other_form(astuto: Client, anyone: Client, header: str) -> None:
    stranger = anyone.of(None, base="/astuto/api/v1")

    response = await stranger.get(
        "/boards", params={"key": astuto.token}, headers={"authorization": header.format(astuto.token)}
    )

    assert (response.status_code, response.text) == (401, DENIED)


async def test_a_key_is_case_sensitive(astuto: Client, anyone: Client) -> None:
    assert astuto.token is not None
    response = await anyone.of(astuto.token.swapcase(), base="/astuto/api/v1").get("/boards")

    assert (response.status_code, response.text) == (401, DENIED)


@pytest.mark.parametrize("route", ROUTES, ids=str)
async def test_every_route_requires_a_key_even_with_an_invalid_body(
    make: Factory, anyone: Client, route: Route
) -> None:
    stranger = anyone.of("tkn_admin_AAAAAAbbbbbbbbbbbbbbbbbbbbbbbb")

    response = await stranger.request(
        route.method, route.at(id=1), content=b'{"broken', headers={"content-type": "application/json"}
    )

    assert (response.status_code, response.text) == (401, DENIED)
    assert response.headers["www-authenticate"] == 'Bearer realm="Application"'
    assert response.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("route", ROUTES, ids=str)
@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b'{"broken', "application/json"),
        (b'{"title": "a\\u0000b"}', "application/json; charset=utf-8"),
        (b"title=a%00b", "application/x-www-form-urlencoded"),
        (b"title=%zz", "application/x-www-form-urlencoded"),
        (b'{"title": "\xff"}', "application/json"),
    ],
)
async def test_every_route_rejects_an_unreadable_body(
    astuto: Client, route: Route, content: bytes, content_type: str
) -> None:
    response = await astuto.request(
        route.method, route.at(id=1), content=content, headers={"content-type": content_type}
    )

    assert (response.status_code, response.text) == (400, WRONG)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"[1]", "application/json"),
        (b'"title"', "application/json"),
        (b"null", "application/json"),
        (b"", "application/json"),
        (b'{"title": "Dark mode"}', "text/plain"),
        (b"<title>Dark mode</title>", "application/xml"),
    ],
)
async def test_a_body_that_is_not_an_object_has_no_parameters(
    make: Factory, astuto: Client, content: bytes, content_type: str
) -> None:
    post = await make.post(title="Old title")

    response = await astuto.put(f"/posts/{post}", content=content, headers={"content-type": content_type})

    assert (response.status_code, response.json()) == (200, {"id": post})
    assert await make.value("SELECT title FROM posts") == "Old title"


async def test_the_query_overrides_the_body_and_the_path_overrides_both(make: Factory, astuto: Client) -> None:
    other, post = await make.post(title="Other"), await make.post(title="Old title")

    response = await astuto.put(f"/posts/{post}?title=From+the+query&id={other}", json={"title": "Body", "id": other})

    assert response.json() == {"id": post}
    assert await make.rows("SELECT title FROM posts ORDER BY id") == [{"title": "Other"}, {"title": "From the query"}]


@pytest.mark.parametrize("form", ["data", "files"])
async def test_forms_are_parsed_like_json(make: Factory, astuto: Client, form: str) -> None:
    fields = {"title": "Dark mode", "board_id": str(make.boards["Bug Reports"])}
    sent = fields if form == "data" else {name: (None, value) for name, value in fields.items()}

    response = await astuto.request("POST", "/posts", **{form: sent})  # type: ignore[arg-type]

    assert response.status_code == 201
    assert await make.value("SELECT title FROM posts") == "Dark mode"


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"data": {"_method": "delete"}}, 200),
        ({"data": {"_method": "DELETE"}, "headers": {"x-http-method-override": "PUT"}}, 200),
        ({"headers": {"x-http-method-override": "DELETE"}}, 200),
        ({"headers": {"x-http-method-override": "delete"}, "json": {}}, 200),
        ({"json": {"_method": "delete"}}, 404),
        ({"params": {"_method": "delete"}}, 404),
        ({"params": {"_method": "delete"}, "data": {"title": "x"}}, 404),
        ({"data": {"_method": "post"}}, 404),
        ({"data": {"_method": "nonsense"}}, 404),
        ({}, 404),
    ],
)
async def test_a_post_request_may_override_its_method(
    make: Factory, astuto: Client, how: dict[str, Any], status: int
) -> None:
    post = await make.post()

    response = await astuto.request("POST", f"/posts/{post}", **how)

    assert response.status_code == status
    assert len(await make.rows("SELECT id FROM posts")) == (0 if status == 200 else 1)
    if status == 404:
        assert response.text == NO_ROUTE


async def test_an_overridden_method_without_a_route_returns_404(make: Factory, astuto: Client) -> None:
    post = await make.post()

    response = await astuto.post("/posts", data={"_method": "delete", "title": "Dark mode"})
    patched = await astuto.post(f"/posts/{post}/approve", headers={"x-http-method-override": "PATCH"})

    assert [(one.status_code, one.text) for one in (response, patched)] == [(404, NO_ROUTE)] * 2


async def test_only_a_post_request_may_override_its_method(make: Factory, astuto: Client) -> None:
    post = await make.post()

    response = await astuto.get(f"/posts/{post}", headers={"x-http-method-override": "DELETE"})

    assert response.json()["id"] == post


async def test_a_response_to_get_has_an_etag_and_304_on_a_match(make: Factory, astuto: Client) -> None:
    post = await make.post()

    first = await astuto.get(f"/posts/{post}")
    tag = first.headers["etag"]
    sent = [tag, f'"other", {tag}', tag.removeprefix("W/"), "*"]
    again = [await astuto.get(f"/posts/{post}", headers={"if-none-match": tags}) for tags in sent]
    await make.run("UPDATE posts SET title = 'Changed'")
    changed = await astuto.get(f"/posts/{post}", headers={"if-none-match": tag})
    missing = await astuto.get("/posts/4711", headers={"if-none-match": "*"})

    assert re.fullmatch('W/"[0-9a-f]{32}"', tag)
    assert first.headers["cache-control"] == "max-age=0, private, must-revalidate"
    assert [(response.status_code, response.content, response.headers["etag"]) for response in again] == [
        (304, b"", tag)
    ] * 4
    assert (changed.status_code, missing.status_code) == (200, 404)
    assert changed.headers["etag"] != tag


def _common_headers(response: httpx.Response) -> dict[str, str | None]:
    names = ("x-frame-options", "x-content-type-options", "referrer-policy", "x-runtime", "access-control-allow-origin")
    return {name: response.headers.get(name) for name in names}


async def test_every_response_has_the_same_headers(make: Factory, astuto: Client) -> None:
    responses = [
        await astuto.get("/boards"),
        await astuto.post("/boards", json={"name": "Ideas"}),
        await astuto.get("/boards/none"),
        await astuto.get("/nothing"),
        await astuto.of("tkn_admin_none").get("/boards"),
        await astuto.post("/posts", content=b"{", headers={"content-type": "application/json"}),
    ]

    assert [response.status_code for response in responses] == [200, 201, 404, 404, 401, 400]
    for response in responses:
        assert _common_headers(response) == {
            "x-frame-options": "SAMEORIGIN",
            "x-content-type-options": "nosniff",
            "referrer-policy": "strict-origin-when-cross-origin",
            "x-runtime": None,
            "access-control-allow-origin": None,
        }
        assert re.fullmatch("[0-9a-f-]{36}", response.headers["x-request-id"])
        assert not [name for name in response.headers if "ratelimit" in name]


async def test_a_preflight_request_grants_no_access(anyone: Client) -> None:
    stranger = anyone.of(None, base="/astuto/api/v1")
    headers = {"origin": "https://x.example", "access-control-request-method": "POST"}

    response = await stranger.request("OPTIONS", "/posts", headers=headers)

    assert (response.status_code, response.content) == (200, b"")
    assert not [name for name in response.headers if name.startswith("access-control-")]


async def test_errors_are_an_object_with_one_member_in_english(astuto: Client) -> None:
    response = await astuto.post("/users", json={}, headers={"accept-language": "de"})

    assert list(response.json()) == ["errors"]
    assert response.json()["errors"][0] == "Full name cannot be blank"
