"""The OpenAPI document of ProductLift's dialect: routes, parameters, request bodies and responses."""

import re
from typing import Any

import pytest

from tests.support.clients import Client

ROUTES = {
    "/categories": {"get", "post"},
    "/categories/{id}": {"put", "patch", "delete"},
    "/tags": {"get", "post"},
    "/tags/{tag}": {"put", "patch", "delete"},
    "/groups": {"get", "post"},
    "/groups/{group}": {"get", "put", "patch", "delete"},
    "/groups/{group}/users": {"get"},
    "/groups/{group}/users/{user}": {"post", "delete"},
    "/tabs": {"get"},
    "/tabs/{key}": {"get"},
    "/tabs/{key}/fetch": {"get"},
    "/portal": {"get"},
    "/widgets": {"get"},
    "/widgets/{widget}": {"get"},
    "/posts": {"get", "post"},
    "/posts/search": {"get"},
    "/posts/search_duplicates": {"get"},
    "/posts/{post}": {"get", "put", "patch", "delete"},
    "/posts/{post}/votes": {"get"},
    "/posts/{post}/votes/{user}": {"post", "delete"},
    "/posts/all": {"get"},
    "/posts/{post}/anonymous_votes/{anonymous_id}": {"post", "delete"},
    "/posts/{post}/toggle-publish": {"put"},
    "/posts/{post}/adjust": {"post"},
    "/posts/{post}/improve": {"post"},
    "/feedback/summarize": {"post"},
    "/product-vision/generate": {"post"},
    "/posts/{post}/comments": {"get", "post"},
    "/posts/{post}/comments/{comment}": {"put", "patch", "delete"},
    "/statuses": {"get", "post"},
    "/statuses/{status}": {"put", "patch", "delete"},
    "/sections": {"get", "post"},
    "/sections/{section}": {"put", "patch", "delete"},
    "/sections/{section}/children": {"get"},
    "/users": {"get", "post"},
    "/users/find_by_email": {"get"},
    "/users/{user}": {"get", "put", "patch", "delete"},
    "/users/groups-filter": {"get"},
    "/users/plan-types": {"get"},
    "/users/segment-metadata-keys": {"get"},
    "/users/bulk-block": {"post"},
    "/users/bulk-unblock": {"post"},
    "/users/bulk-delete": {"post"},
    "/feedback": {"get", "post"},
    "/feedback/{id}": {"put", "patch", "delete"},
    "/product-vision": {"get", "post", "delete"},
    "/moderation/pending": {"get"},
    "/moderation/rejected": {"get"},
    "/moderation/approve/{type}/{id}": {"post"},
    "/moderation/reject/{type}/{id}": {"post"},
}
UNAVAILABLE = {
    "/posts/{post}/adjust", "/posts/{post}/improve", "/feedback/summarize", "/product-vision/generate",
}  # fmt: skip
"""Routes that respond with 501."""
WITHOUT_INPUT = UNAVAILABLE | {
    "/posts/{post}/votes/{user}",
    "/posts/{post}/anonymous_votes/{anonymous_id}",
    "/groups/{group}/users/{user}",
    "/moderation/approve/{type}/{id}",
    "/moderation/reject/{type}/{id}",
    "/posts/{post}/toggle-publish",
}
ALWAYS = {"401", "413", "429", "503"}
ERRORS: dict[tuple[str, str], set[str]] = {
    ("get", "/posts"): {"422"},
    ("get", "/posts/search"): {"422"},
    ("get", "/posts/search_duplicates"): {"422"},
    ("get", "/users"): {"422"},
    ("get", "/users/find_by_email"): {"404", "422"},
    ("get", "/tabs/{key}/fetch"): {"404", "422"},
    ("get", "/groups/{group}/users"): {"404", "422"},
    ("post", "/categories"): {"422"},
    ("post", "/groups"): {"422"},
    ("post", "/groups/{group}/users/{user}"): {"404"},
    ("post", "/tags"): {"422"},
    ("post", "/users"): {"422"},
    ("post", "/users/bulk-block"): {"422"},
    ("post", "/users/bulk-unblock"): {"422"},
    ("post", "/users/bulk-delete"): {"422"},
    ("get", "/feedback"): {"422"},
    ("delete", "/feedback/{id}"): {"404"},
    ("post", "/product-vision"): {"422"},
    ("get", "/posts/all"): {"404", "422"},
    ("put", "/posts/{post}/toggle-publish"): {"404"},
    ("delete", "/posts/{post}/anonymous_votes/{anonymous_id}"): {"404", "422"},
    ("delete", "/categories/{id}"): {"404"},
    ("delete", "/groups/{group}/users/{user}"): {"404"},
    ("delete", "/sections/{section}"): {"404"},
    ("delete", "/posts/{post}"): {"404"},
    ("delete", "/posts/{post}/comments/{comment}"): {"404"},
}


@pytest.fixture
async def document(anyone: Client) -> dict[str, Any]:
    response = await anyone.of(None, base="/productlift/api/v1").get("/openapi.json")
    assert response.status_code == 200
    result: dict[str, Any] = response.json()
    return result


def list_operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(verb, path, operation) for path, verbs in document["paths"].items() for verb, operation in verbs.items()]


async def test_every_route_is_documented_and_no_other(document: dict[str, Any]) -> None:
    assert {path: set(verbs) for path, verbs in document["paths"].items()} == ROUTES
    names = [operation["operationId"] for _, _, operation in list_operations(document)]
    assert len(names) == len(set(names))


async def test_every_status_is_documented(document: dict[str, Any]) -> None:
    for verb, path, operation in list_operations(document):
        expected = ERRORS.get((verb, path))
        if expected is None:
            expected = {"404"} if "{" in path else set()
            if verb in ("post", "put", "patch") or (verb == "delete" and path.endswith(("{user}", "{status}"))):
                expected = {"404", "422"}
        outcome = "200"
        if path in UNAVAILABLE:
            outcome, expected = "501", expected & {"404"} if "{" in path else set()
        assert set(operation["responses"]) == {outcome} | ALWAYS | expected, (verb, path)


async def test_every_path_parameter_is_documented(document: dict[str, Any]) -> None:
    for _, path, operation in list_operations(document):
        parts = {each["name"] for each in operation.get("parameters", []) if each["in"] == "path"}
        assert parts == set(re.findall(r"{(\w+)}", path))


async def test_every_request_body_is_documented(document: dict[str, Any]) -> None:
    for verb, path, operation in list_operations(document):
        writes = verb in ("post", "put", "patch") and path not in WITHOUT_INPUT
        assert ("requestBody" in operation) is writes, (verb, path)
        if writes:
            assert set(operation["requestBody"]["content"]) == {
                "application/json",
                "application/x-www-form-urlencoded",
                "multipart/form-data",
            }
            required = operation["requestBody"]["content"]["application/json"]["schema"].get("required", [])
            assert operation["requestBody"]["required"] is bool(required)


async def test_the_parameters_of_a_list_are_documented(document: dict[str, Any]) -> None:
    def get_query(path: str, verb: str = "get") -> dict[str, Any]:
        parameters = document["paths"][path][verb].get("parameters", [])
        return {each["name"]: each["schema"] for each in parameters if each["in"] == "query"}

    assert list(get_query("/posts")) == [
        "tab",
        "category",
        "section",
        "tag_id",
        "title",
        "limit",
        "skip",
        "status",
        "order_by",
        "order_direction",
    ]
    assert get_query("/posts")["limit"] == {
        "type": "integer", "format": "int64", "minimum": 1, "maximum": 100, "examples": [10]
    }  # fmt: skip
    assert list(get_query("/tabs/{key}/fetch")) == list(get_query("/posts"))[1:]
    assert list(get_query("/users")) == ["limit", "skip"]
    assert list(get_query("/users/find_by_email")) == ["email"]
    assert list(get_query("/feedback")) == ["status", "limit", "skip"]
    assert list(get_query("/posts/search_duplicates")) == ["title", "description"]
    assert list(get_query("/posts/all")) == ["tab"]
    assert list(get_query("/posts/search")) == ["query", "tab", "limit", "skip"]
    assert list(get_query("/users/{user}", "delete")) == ["delete_all_data"]


async def test_only_the_multipart_form_has_files(document: dict[str, Any]) -> None:
    for verb, path in (("post", "/posts"), ("patch", "/posts/{post}"), ("put", "/posts/{post}")):
        content = document["paths"][path][verb]["requestBody"]["content"]
        for media_type, body in content.items():
            assert ({"image", "attachment"} <= set(body["schema"]["properties"])) is (
                media_type == "multipart/form-data"
            )


async def test_fields_that_may_be_null_are_nullable(document: dict[str, Any]) -> None:
    def list_nullable(model: str) -> set[str]:
        properties = document["components"]["schemas"][model]["properties"]
        return {name for name, schema in properties.items() if {"type": "null"} in schema.get("anyOf", [])}

    rated = {f"prioritization_{name}" for name in ("impact", "confidence", "ease", "reach")}
    assert list_nullable("Post") == {"author", "status", "section_id", "conversion", *rated, "category"}
    assert list_nullable("Vote") == {"voter"}
    assert list_nullable("Feedback") == {"user", "post_id"}
    assert list_nullable("ProductVisionData") == {"data"}
    assert list_nullable("Portal") == {"invite_message"}
    assert list_nullable("Comment") == list_nullable("Section") == {"parent_id"}
    assert (
        list_nullable("User")
        == list_nullable("Category")
        == list_nullable("Status")
        == list_nullable("TabWithStatuses")
        == set()
    )
    for name, schema in document["components"]["schemas"].items():
        if "properties" in schema:
            assert set(schema.get("required", [])) == set(schema["properties"]), name
