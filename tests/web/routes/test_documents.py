"""The documents of both interfaces: valid, true to the routes, and readable without any other server."""

import hashlib
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.adapters.rate_limiter import RateLimit
from app.api.openapi import describe_rate_limit
from app.settings import Settings
from app.web.routes.assets import STATIC
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.extra_servers import running_application

DIALECTS = ("productlift", "astuto")
NOT_YET = re.compile(r"(?i)\b(webhooks?|notif\w+|sign in)\b")
VERBS = {"get", "post", "put", "patch", "delete"}
VENDORED = STATIC / "vendor" / "swagger-ui"


@pytest_asyncio.fixture(params=DIALECTS)
async def document(request: pytest.FixtureRequest, visitor: Client) -> dict[str, Any]:
    """The document of each dialect."""
    return await fetch_document(visitor, request.param)


async def fetch_document(visitor: Client, dialect: str) -> dict[str, Any]:
    response = await visitor.get(f"/{dialect}/api/v1/openapi.json")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    return dict(response.json())


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (verb, path, operation)
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
        if verb in VERBS
    ]


def test_a_document_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_openapi_documents_do_not_mention_missing_features(document: dict[str, Any]) -> None:
    texts = [document["info"]["description"], *(operation["description"] for _, _, operation in operations(document))]

    promised = [text for text in texts if NOT_YET.search(text) and not re.search(r"\byet\b", text)]

    assert promised == []


@pytest.mark.parametrize(("dialect", "title"), [("productlift", "ProductLift"), ("astuto", "Astuto")])
async def test_a_document_has_title_version_servers_and_authentication(
    visitor: Client, dialect: str, title: str
) -> None:
    document = await fetch_document(visitor, dialect)

    assert document["info"]["title"] == f"Earshot: {title}'s API"
    assert document["info"]["version"] == version("earshot")
    assert set(document["info"]) == {"title", "version", "description"}
    assert [server["url"] for server in document["servers"]] == [
        f"http://feedback.example.com/{dialect}/api/v1",
        "http://feedback.example.com/api/v1",
    ]
    (scheme,) = document["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert document["security"] == [{name: [] for name in document["components"]["securitySchemes"]}]
    for word in ("Authorization: Bearer", "curl ", f"--dialect {dialect}", "422"):
        assert word in document["info"]["description"]


def test_a_document_has_no_schemas_of_fastapi(document: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in json.dumps(document)
    assert not {"ValidationError", "HTTPValidationError"} & set(document["components"]["schemas"])
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))


def test_each_operation_is_described_with_its_path_parameters(document: dict[str, Any]) -> None:
    for verb, path, operation in operations(document):
        where = f"{verb} {path}"
        assert operation.get("description"), where
        named = {part["name"] for part in operation.get("parameters", []) if part["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path)), where
        assert {"401", "429"} <= set(operation["responses"]), where


async def test_a_document_states_the_rate_limits(settings: Settings, clock: TestClock, visitor: Client) -> None:
    limits = {"limit_productlift": "7/minute", "limit_astuto_key": "8/hour", "limit_astuto_ip": "9/5minutes"}
    async with (
        running_application(settings, clock, rate_limits=True, **limits) as server,
        Client(server, token=None, base="") as limited,
    ):
        productlift = (await fetch_document(limited, "productlift"))["info"]["description"]
        astuto = (await fetch_document(limited, "astuto"))["info"]["description"]
    unlimited = (await fetch_document(visitor, "productlift"))["info"]["description"]

    assert "7 requests a minute for each key" in productlift
    assert "8 requests an hour for each key, and 9 requests in 5 minutes for each address" in astuto
    assert "As many requests as they like for each key" in unlimited


@pytest.mark.parametrize(
    ("rate_limit", "description"),
    [
        (RateLimit(60, 60), "60 requests a minute"),
        (RateLimit(100, 300), "100 requests in 5 minutes"),
        (RateLimit(1000, 86400), "1 000 requests a day"),
        (RateLimit(5, 90), "5 requests in 90 seconds"),
        (None, "as many requests as they like"),
    ],
)
def test_a_rate_limit_is_described(rate_limit: RateLimit | None, description: str) -> None:
    assert describe_rate_limit(rate_limit) == description


async def test_the_astuto_document_is_also_served_at_the_path_of_its_tools(visitor: Client) -> None:
    response = await visitor.get("/api-docs/v1/swagger.yaml", headers={"origin": "https://elsewhere.example"})

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/yaml"
    assert response.headers["access-control-allow-origin"] == "*"
    assert yaml.safe_load(response.text)["info"] == (await fetch_document(visitor, "astuto"))["info"]


async def test_a_cached_document_returns_304(visitor: Client) -> None:
    for path in ("/productlift/api/v1/openapi.json", "/api-docs/v1/swagger.yaml"):
        first = await visitor.get(path)

        again = await visitor.get(path, headers={"if-none-match": first.headers["etag"]})

        assert (again.status_code, again.content) == (304, b"")


async def test_one_page_links_both_documents(visitor: Client) -> None:
    page = await visitor.get("/docs")

    links = re.findall(r'<a[^>]* href="([^"#]+)"', page.text)
    assert set(links) == {
        "/",
        "/docs",
        "/productlift/api/v1/docs",
        "/productlift/api/v1/openapi.json",
        "/astuto/api/v1/docs",
        "/astuto/api/v1/openapi.json",
        "/api-docs/v1/swagger.yaml",
    }
    for link in links:
        assert (await visitor.get(link)).status_code == 200


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_the_interactive_docs_load_resources_of_this_server_only(visitor: Client, dialect: str) -> None:
    page = await visitor.get(f"/{dialect}/api/v1/docs")

    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in page.headers["content-security-policy"]
    assert f'data-address="/{dialect}/api/v1/openapi.json"' in page.text
    for address in re.findall(r'(?:src|href)="(/static/[^"]*)"', page.text):
        assert (await visitor.get(address)).headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_other_methods_at_document_paths_are_handled_by_the_dialect(visitor: Client, dialect: str) -> None:
    response = await visitor.post(f"/{dialect}/api/v1/docs")

    assert (response.status_code, response.headers["content-type"].partition(";")[0]) == (404, "application/json")


def test_vendored_files_match_their_published_checksums() -> None:
    listed = dict(reversed(line.split("  ")) for line in (VENDORED / "SHA256SUMS").read_text().splitlines())

    actual = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in Path(VENDORED).iterdir()}

    del actual["SHA256SUMS"]
    assert actual == listed
    assert {"LICENSE", "NOTICE", "swagger-ui-bundle.js", "swagger-ui.css"} <= set(listed)
