"""The document of Astuto's dialect is true: every route, parameter, status and member stands in it, and no other."""

from typing import Any

import pytest

from tests.api.astuto.test_dialect import EXPECTED_ROUTES
from tests.support.clients import Client
from tests.support.factory import Factory

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture
async def document(anyone: Client) -> dict[str, Any]:
    response = await anyone.get("/astuto/api/v1/openapi.json", follow_redirects=True)
    if response.status_code == 404:
        response = await anyone.of(None, base="").get("/astuto/api/v1/openapi.json")
    assert response.status_code == 200
    return dict(response.json())


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


async def test_the_openapi_document_has_exactly_the_routes(document: dict[str, Any]) -> None:
    assert set(operations(document)) == EXPECTED_ROUTES


async def test_every_path_parameter_is_described(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        in_path = [one["name"] for one in operation.get("parameters", []) if one["in"] == "path"]
        assert in_path == (["id"] if "{id}" in name else []), name


async def test_the_pagination_and_filters_of_lists_are_described(document: dict[str, Any]) -> None:
    described = {
        name: {one["name"]: one["schema"].get("default") for one in operation["parameters"]}
        for name, operation in operations(document).items()
        if name in ("GET /posts", "GET /comments", "GET /votes", "GET /users")
    }

    assert described == {
        "GET /posts": {"limit": 20, "offset": 0, "board_id": None, "user_id": None},
        "GET /comments": {"limit": 100, "offset": 0, "post_id": None},
        "GET /votes": {"limit": 100, "offset": 0, "post_id": None},
        "GET /users": {"limit": 100, "offset": 0},
    }


async def test_request_bodies_are_described_as_json_and_as_forms(document: dict[str, Any]) -> None:
    bodies = {}
    for name, operation in operations(document).items():
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]
            assert list(content) == ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"]
            schema = content["application/json"]["schema"]
            bodies[name] = (sorted(schema["properties"]), schema.get("required", []))

    edit = (["description", "title"], [])
    assert bodies == {
        "POST /boards": (["description", "name", "slug"], ["name"]),
        "POST /posts": (["board_id", "description", "impersonated_user_id", "title"], ["title", "board_id"]),
        "PUT /posts/{id}": edit,
        "PATCH /posts/{id}": edit,
        "PUT /posts/{id}/update_board": (["board_id"], ["board_id"]),
        "PUT /posts/{id}/update_status": (["impersonated_user_id", "post_status_id"], []),
        "POST /comments": (
            ["body", "impersonated_user_id", "is_post_update", "parent_id", "post_id"],
            ["body", "post_id"],
        ),
        "PUT /comments/{id}": (["body"], []),
        "PATCH /comments/{id}": (["body"], []),
        "POST /users": (["email", "full_name"], ["email"]),
        "POST /votes": (["impersonated_user_id", "post_id"], ["post_id"]),
    }


async def test_the_status_codes_of_each_route_are_described(document: dict[str, Any]) -> None:
    always = {"400", "401", "413", "429", "503"}
    for name, operation in operations(document).items():
        expected = set(always)
        expected |= {"201"} if name.startswith("POST") else {"200"}
        expected |= {"304"} if name.startswith("GET") else set()
        expected |= {"404"} if "{id}" in name or name.endswith("get_by_email") else set()
        if name.startswith(("POST", "PATCH")) or name in ("PUT /posts/{id}", "PUT /comments/{id}"):
            expected |= {"422"}
        if name.endswith(("/approve", "/reject")):
            expected |= {"422"}
        if name == "POST /users":
            expected |= {"200"}
        assert set(operation["responses"]) == expected, name


async def test_the_schemas_have_the_members_of_responses_in_order(
    make: Factory, astuto: Client, document: dict[str, Any]
) -> None:
    post = await make.post(status="Planned", votes_by=[make.owner])
    comment = await make.comment(post)
    vote = await make.value("SELECT id FROM votes")
    schemas = document["components"]["schemas"]
    examples = {
        "/boards/{id}": f"/boards/{make.boards['Bug Reports']}",
        "/posts/{id}": f"/posts/{post}",
        "/comments/{id}": f"/comments/{comment}",
        "/votes/{id}": f"/votes/{vote}",
        "/users/{id}": f"/users/{make.owner}",
    }

    def get_properties(schema: dict[str, Any]) -> dict[str, Any]:
        return dict(schemas[schema["$ref"].rpartition("/")[2]]["properties"])

    for path, example in examples.items():
        schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        properties, sent = get_properties(schema), (await astuto.get(example)).json()
        assert list(properties) == list(sent)
        for name, value in sent.items():
            if isinstance(value, dict):
                # The same resource, but with its members in another order.
                assert set(get_properties(properties[name])) == set(value)
    optional = set(schemas["Post"]["properties"]) - set(schemas["Post"]["required"])
    assert optional == {"post_status", "user"}
