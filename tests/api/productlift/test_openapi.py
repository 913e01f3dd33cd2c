"""The OpenAPI document of ProductLift's dialect: every route, what goes in, what comes out."""

import re
from typing import Any

import pytest

from tests.support.clients import Client

ROUTES = {
    "/categories": {"get", "post"},
    "/categories/{id}": {"put", "patch", "delete"},
    "/tabs": {"get"},
    "/tabs/{key}": {"get"},
    "/tabs/{key}/fetch": {"get"},
    "/portal": {"get"},
    "/posts": {"get", "post"},
    "/posts/search_duplicates": {"get"},
    "/posts/{post}": {"get", "put", "patch", "delete"},
    "/posts/{post}/votes": {"get"},
    "/posts/{post}/votes/{user}": {"post", "delete"},
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
    "/moderation/pending": {"get"},
    "/moderation/rejected": {"get"},
    "/moderation/approve/{type}/{id}": {"post"},
    "/moderation/reject/{type}/{id}": {"post"},
}
WITHOUT_INPUT = {"/posts/{post}/votes/{user}", "/moderation/approve/{type}/{id}", "/moderation/reject/{type}/{id}"}
ALWAYS = {"200", "401", "413", "429", "503"}
REFUSED: dict[tuple[str, str], set[str]] = {
    ("get", "/posts"): {"422"},
    ("get", "/posts/search_duplicates"): {"422"},
    ("get", "/users"): {"422"},
    ("get", "/users/find_by_email"): {"404", "422"},
    ("get", "/tabs/{key}/fetch"): {"404", "422"},
    ("post", "/categories"): {"422"},
    ("post", "/users"): {"422"},
    ("delete", "/categories/{id}"): {"404"},
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


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(verb, path, told) for path, verbs in document["paths"].items() for verb, told in verbs.items()]


async def test_every_route_is_told_and_no_other(document: dict[str, Any]) -> None:
    assert {path: set(verbs) for path, verbs in document["paths"].items()} == ROUTES
    names = [told["operationId"] for _, _, told in operations(document)]
    assert len(names) == len(set(names))


async def test_every_status_is_told(document: dict[str, Any]) -> None:
    for verb, path, told in operations(document):
        expected = REFUSED.get((verb, path))
        if expected is None:
            expected = {"404"} if "{" in path else set()
            if verb in ("post", "put", "patch") or (verb == "delete" and path.endswith(("{user}", "{status}"))):
                expected = {"404", "422"}
        assert set(told["responses"]) == ALWAYS | expected, (verb, path)


async def test_every_part_of_an_address_is_told(document: dict[str, Any]) -> None:
    for _, path, told in operations(document):
        parts = {each["name"] for each in told.get("parameters", []) if each["in"] == "path"}
        assert parts == set(re.findall(r"{(\w+)}", path))


async def test_what_goes_in_is_told_where_it_is_read(document: dict[str, Any]) -> None:
    for verb, path, told in operations(document):
        writes = verb in ("post", "put", "patch") and path not in WITHOUT_INPUT
        assert ("requestBody" in told) is writes, (verb, path)
        if writes:
            assert set(told["requestBody"]["content"]) == {
                "application/json",
                "application/x-www-form-urlencoded",
                "multipart/form-data",
            }
            required = told["requestBody"]["content"]["application/json"]["schema"].get("required", [])
            assert told["requestBody"]["required"] is bool(required)


async def test_the_parameters_of_a_list_are_told(document: dict[str, Any]) -> None:
    def query(path: str, verb: str = "get") -> dict[str, Any]:
        told = document["paths"][path][verb].get("parameters", [])
        return {each["name"]: each["schema"] for each in told if each["in"] == "query"}

    assert list(query("/posts")) == [
        "tab",
        "category",
        "section",
        "limit",
        "skip",
        "status",
        "order_by",
        "order_direction",
    ]
    assert query("/posts")["limit"] == {"type": "integer", "format": "int64", "minimum": 1, "maximum": 100}
    assert list(query("/tabs/{key}/fetch")) == list(query("/posts"))[1:]
    assert list(query("/users")) == ["limit", "skip"]
    assert list(query("/users/find_by_email")) == ["email"]
    assert list(query("/posts/search_duplicates")) == ["title", "description"]
    assert list(query("/users/{user}", "delete")) == ["delete_all_data"]


async def test_files_are_told_in_the_multipart_form_alone(document: dict[str, Any]) -> None:
    for verb, path in (("post", "/posts"), ("patch", "/posts/{post}"), ("put", "/posts/{post}")):
        content = document["paths"][path][verb]["requestBody"]["content"]
        for kind, told in content.items():
            assert ({"image", "attachment"} <= set(told["schema"]["properties"])) is (kind == "multipart/form-data")


async def test_what_may_be_null_says_so(document: dict[str, Any]) -> None:
    def nullable(model: str) -> set[str]:
        properties = document["components"]["schemas"][model]["properties"]
        return {name for name, told in properties.items() if {"type": "null"} in told.get("anyOf", [])}

    rated = {f"prioritization_{name}" for name in ("impact", "confidence", "ease", "reach")}
    assert nullable("Post") == {"author", "status", "section_id", "conversion", *rated}
    assert nullable("Vote") == {"voter"}
    assert nullable("Comment") == nullable("Section") == {"parent_id"}
    assert nullable("User") == nullable("Category") == nullable("Status") == nullable("TabWithStatuses") == set()
    for name, told in document["components"]["schemas"].items():
        if "properties" in told:
            assert set(told.get("required", [])) == set(told["properties"]), name
