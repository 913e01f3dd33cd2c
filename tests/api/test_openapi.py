"""The content of the OpenAPI documents: examples, descriptions, limits, operation ids, and Astuto's own names."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest_asyncio
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.adapters.storage.signed_urls import MIN_HOURS
from app.api.productlift.routes.posts import MAX_ATTACHMENT_KILOBYTES, MAX_IMAGE_KILOBYTES
from app.domain.portals.boards import MAX_DESCRIPTION
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.extra_servers import running_application

DOCUMENTS = ("/productlift/api/v1/openapi.json", "/astuto/api/v1/openapi.json", "/api-docs/v1/swagger.yaml")
OPERATION_IDS = Path(__file__).with_name("operation_ids.json")
ASTUTO_SCHEMAS = {"Board", "Comment", "Errors", "Id", "Post", "PostStatus", "User", "Vote"}
DESTROYS_NOTHING = "The example identifies none, so that it destroys nothing."
FILES = {"image", "attachment"}
"""Fields that have no example: a browser sends the file that its user chooses."""


@pytest_asyncio.fixture
async def documents(anyone: Client) -> dict[str, Any]:
    """The document at each of its paths."""
    return {path: await fetch_document(anyone, path) for path in DOCUMENTS}


async def fetch_document(client: Client, path: str) -> dict[str, Any]:
    response = await client.of(None, base="").get(path)
    assert response.status_code == 200
    return dict(yaml.safe_load(response.text) if path.endswith(".yaml") else response.json())


def list_operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def list_parameters(documents: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{path} {name} {parameter['name']}", parameter)
        for path, document in documents.items()
        for name, operation in list_operations(document).items()
        for parameter in operation.get("parameters", [])
    ]


def list_examples(parameter: dict[str, Any]) -> list[Any]:
    """The example that an interactive page fills in, or else those that it does not."""
    return [parameter["example"]] if "example" in parameter else parameter["schema"].get("examples", [])


def list_bodies(documents: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{path} {name} {media_type}", body)
        for path, document in documents.items()
        for name, operation in list_operations(document).items()
        for media_type, body in operation.get("requestBody", {}).get("content", {}).items()
    ]


def find_fields(node: Any, path: str = "") -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The place, name and schema of each field of each object in a part of a document."""
    if isinstance(node, list):
        for item in node:
            yield from find_fields(item, path)
    if not isinstance(node, dict):
        return
    if "properties" in node and node.get("type") == "object":
        for name, schema in node["properties"].items():
            yield f"{path}.{name}", name, schema
    for key, value in node.items():
        yield from find_fields(value, f"{path}/{key}")


def find_violations(schema: dict[str, Any], value: Any) -> list[str]:
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [error.message for error in validator.iter_errors(value)]


def test_each_document_is_valid(documents: dict[str, Any]) -> None:
    for path, document in documents.items():
        assert list(OpenAPIV31SpecValidator(document).iter_errors()) == [], path


def test_every_parameter_and_body_has_an_example_and_every_field_a_description(documents: dict[str, Any]) -> None:
    parameters, bodies, fields = list_parameters(documents), list_bodies(documents), list(find_fields(documents))

    missing = [name for name, each in parameters if list_examples(each) in ([], [None]) or not each.get("description")]
    missing += [name for name, body in bodies if not body.get("example")]
    missing += [place for place, _, schema in fields if not schema.get("description")]
    # A page fills in an input of a form that has no example with a text such as `string`.
    inputs = list(find_fields({name: body["schema"] for name, body in bodies}))
    missing += [place for place, name, schema in inputs if "examples" not in schema and name not in FILES]

    assert missing == []
    assert (len(parameters), len(bodies)) > (100, 100)
    assert {"title", "votes_count", "errors"} <= {name for _, name, _ in fields}


def test_only_required_parameters_are_filled_in(documents: dict[str, Any]) -> None:
    """With an example in an optional filter, a list of any other portal than the sample portal would be empty."""
    parameters = list_parameters(documents)
    optional = {name for name, each in parameters if not each["required"]}

    filled_in = {name for name, each in parameters if "example" in each or "examples" in each}

    assert filled_in == {name for name, _ in parameters} - optional
    assert len(optional) > 20
    assert f"{DOCUMENTS[0]} GET /posts tab" in optional
    assert f"{DOCUMENTS[1]} GET /posts board_id" in optional


def test_every_example_matches_its_schema(documents: dict[str, Any]) -> None:
    violations = {
        name: find_violations(each["schema"], example)
        for name, each in list_parameters(documents)
        for example in list_examples(each)
    }
    violations |= {name: find_violations(body["schema"], body["example"]) for name, body in list_bodies(documents)}
    violations |= {
        place: find_violations(schema, example)
        for place, _, schema in find_fields(documents)
        for example in schema.get("examples", [])
    }

    assert {name: messages for name, messages in violations.items() if messages} == {}
    assert len(violations) > 300


def test_an_irreversible_operation_has_an_example_that_identifies_nothing(documents: dict[str, Any]) -> None:
    irreversible = {
        f"{path} {name}": [parameter for parameter in operation.get("parameters", []) if parameter["in"] == "path"]
        for path, document in documents.items()
        for name, operation in list_operations(document).items()
        if name.startswith("DELETE ") or name.endswith("/block")
    }

    # A portal has one product vision, which no parameter identifies.
    assert irreversible.pop("/productlift/api/v1/openapi.json DELETE /product-vision") == []
    assert len(irreversible) == 12 + 4 + 4
    for name, (*_, last) in irreversible.items():
        assert last["example"] in (0, "0", "00000000-0000-0000-0000-000000000000"), name
        assert last["description"].endswith(DESTROYS_NOTHING), name
    bulk = {
        name: list(find_fields(operation["requestBody"], name))
        for name, operation in list_operations(documents[DOCUMENTS[0]]).items()
        if name in ("POST /users/bulk-block", "POST /users/bulk-delete")
    }
    assert len(bulk) == 2
    for fields in bulk.values():
        (schema, *_) = (schema for _, name, schema in fields if name == "user_ids")
        assert schema["examples"] == [["00000000-0000-0000-0000-000000000000"]]
        assert schema["description"].endswith(DESTROYS_NOTHING)


def test_the_operation_ids_are_stable(documents: dict[str, Any]) -> None:
    """Generated clients have methods of these names."""
    ids = {
        path: {name: operation["operationId"] for name, operation in list_operations(document).items()}
        for path, document in documents.items()
    }

    assert ids == json.loads(OPERATION_IDS.read_text())
    for path in ids:
        assert len(set(ids[path].values())) == len(ids[path])


def test_astutos_own_document_has_its_own_paths_and_the_same_operations(documents: dict[str, Any]) -> None:
    _, document, own = documents.values()

    assert own["paths"] == {f"/api/v1{path}": item for path, item in document["paths"].items()}
    assert [server["url"] for server in own["servers"]] == [
        "http://feedback.example.com",
        "http://feedback.example.com/astuto",
    ]
    assert {**own, "paths": None, "servers": None} == {**document, "paths": None, "servers": None}


def test_the_schemas_have_the_names_of_astutos_document(documents: dict[str, Any]) -> None:
    document = documents["/api-docs/v1/swagger.yaml"]

    assert set(document["components"]["schemas"]) == ASTUTO_SCHEMAS
    post = document["components"]["schemas"]["Post"]["properties"]
    assert {name: post[name]["$ref"].rpartition("/")[2] for name in ("board", "post_status", "user")} == {
        "board": "Board",
        "post_status": "PostStatus",
        "user": "User",
    }
    show_post = document["paths"]["/api/v1/posts/{id}"]["get"]["responses"]["200"]["content"]["application/json"]
    assert show_post["schema"] == {"$ref": "#/components/schemas/Post"}


def test_fields_state_their_limits(documents: dict[str, Any]) -> None:
    productlift, astuto, _ = documents.values()

    form = productlift["paths"]["/posts"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    board = astuto["paths"]["/boards"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    image_main = productlift["components"]["schemas"]["Post"]["properties"]["image_main"]
    assert f"at most {MAX_IMAGE_KILOBYTES} KiB" in form["properties"]["image"]["description"]
    assert f"at most {MAX_ATTACHMENT_KILOBYTES} KiB" in form["properties"]["attachment"]["description"]
    assert f"At most {MAX_DESCRIPTION} characters" in board["properties"]["description"]["description"]
    assert f"expires after {MIN_HOURS} to {MIN_HOURS + 1} hours" in image_main["description"]


async def test_responses_state_the_limits_of_the_server(settings: Settings, clock: TestClock, anyone: Client) -> None:
    limits = {"limit_productlift": "7/minute", "limit_astuto_key": "8/hour", "limit_astuto_ip": "9/5minutes"}
    stated: dict[str, set[str]] = {path: set() for path in DOCUMENTS}
    unlimited: dict[str, set[str]] = {path: set() for path in DOCUMENTS}
    async with (
        running_application(settings, clock, rate_limits=True, **limits) as server,
        Client(server, token=None, base="") as limited,
    ):
        for path in DOCUMENTS:
            for operation in list_operations(await fetch_document(limited, path)).values():
                stated[path].add(operation["responses"]["429"]["description"])
    for path in DOCUMENTS:
        document = await fetch_document(anyone, path)
        for operation in list_operations(document).values():
            unlimited[path].add(operation["responses"]["429"]["description"])
            assert "28 MiB" in operation["responses"]["413"]["description"]
        assert "`Retry-After`" not in document["info"]["description"]

    productlift = "Too many requests: the limit is 7 requests a minute for each key, and for each address without a "
    astuto = "Too many requests: the limit is 8 requests an hour for each key, and 9 requests in 5 minutes for each "
    assert [*stated.values()] == [{f"{productlift}valid one"}, {f"{astuto}address"}, {f"{astuto}address"}]
    assert [*unlimited.values()] == [{"This server has no rate limit"}] * 3
