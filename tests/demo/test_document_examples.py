"""The examples of the OpenAPI documents, sent to the sample portal: as the pages fill them in, and with all filters."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import pytest

from app.adapters.database import utc_now
from app.adapters.database.migrations import migrate
from app.domain.portals.bootstrap import FirstPortal
from app.server.startup import make_first_portal
from app.settings import Settings
from tests.support.clients import Client
from tests.support.extra_servers import make_settings, running_application
from tests.support.servers import Postgres

JSON, FORM, MULTIPART = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"
IRREVERSIBLE = "It can not be undone, so its example identifies no row."
UNAVAILABLE = "The server does not have the function."
EXPECTED_ERRORS = {
    "productlift": {
        "DELETE /categories/{id}": (404, IRREVERSIBLE),
        "DELETE /feedback/{id}": (404, IRREVERSIBLE),
        "DELETE /groups/{group}": (404, IRREVERSIBLE),
        "DELETE /groups/{group}/users/{user}": (404, IRREVERSIBLE),
        "DELETE /posts/{post}": (404, IRREVERSIBLE),
        "DELETE /posts/{post}/comments/{comment}": (404, IRREVERSIBLE),
        "DELETE /posts/{post}/votes/{user}": (404, IRREVERSIBLE),
        "DELETE /posts/{post}/anonymous_votes/{anonymous_id}": (422, IRREVERSIBLE),
        "POST /posts/{post}/adjust": (501, UNAVAILABLE),
        "POST /posts/{post}/improve": (501, UNAVAILABLE),
        "POST /feedback/summarize": (501, UNAVAILABLE),
        "POST /product-vision/generate": (501, UNAVAILABLE),
        "DELETE /sections/{section}": (404, IRREVERSIBLE),
        "DELETE /statuses/{status}": (404, IRREVERSIBLE),
        "DELETE /tags/{tag}": (404, IRREVERSIBLE),
        "DELETE /users/{user}": (404, IRREVERSIBLE),
    },
    "astuto": {
        "DELETE /comments/{id}": (404, IRREVERSIBLE),
        "DELETE /posts/{id}": (404, IRREVERSIBLE),
        "DELETE /votes/{id}": (404, IRREVERSIBLE),
        "PUT /users/{id}/block": (404, IRREVERSIBLE),
    },
}
"""The operations whose examples do not succeed: the status, and the reason."""


class Sample(NamedTuple):
    """A server's settings on a sample portal, which no other test uses, and its keys."""

    settings: Settings
    portal: FirstPortal


def make_sample_portal(url: str, folder: Path) -> FirstPortal:
    """The portal of a first start with `--demo`, in an empty database."""
    asyncio.run(migrate(url))
    portal = asyncio.run(make_first_portal(make_settings(url, folder / "data"), demo=True))
    assert portal is not None
    return portal


@pytest.fixture(scope="module")
def template(
    engine: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, FirstPortal]]:
    """A sample portal to be copied."""
    folder = tmp_path_factory.mktemp("template")
    postgres: Postgres | None = None
    url = f"sqlite:///{folder / 'earshot.db'}"
    if engine == "postgresql":
        postgres = request.getfixturevalue("postgres")
        url = postgres.create("document_examples")
    yield folder, make_sample_portal(url, folder)
    if postgres is not None:
        postgres.drop("document_examples")


@pytest.fixture
def sample(
    engine: str, request: pytest.FixtureRequest, template: tuple[Path, FirstPortal], tmp_path: Path
) -> Iterator[Sample]:
    """A copy of the sample portal."""
    folder, portal = template
    shutil.copytree(folder, tmp_path / "sample")
    if engine == "sqlite":
        yield Sample(make_settings(f"sqlite:///{tmp_path / 'sample' / 'earshot.db'}", tmp_path / "sample/data"), portal)
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    url = postgres.create("document_examples_copy", template="document_examples")
    yield Sample(make_settings(url, tmp_path / "sample/data"), portal)
    postgres.drop("document_examples_copy")


def to_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def to_texts(value: Any) -> list[str]:
    return [to_text(item) for item in (value if isinstance(value, list) else [value])]


def fill_in_form(schema: dict[str, Any]) -> dict[str, list[str]]:
    """The inputs of a form that are sent: those of files are empty, and an empty input is not sent."""
    inputs = schema["properties"].items()
    return {name: to_texts(each["examples"][0]) for name, each in inputs if "examples" in each}


def make_request(path: str, operation: dict[str, Any], media_type: str, *, with_optional_query: bool) -> dict[str, Any]:
    """The request of an operation with its examples, as keywords of `httpx.AsyncClient.request`."""
    query: list[tuple[str, str]] = []
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(to_text(parameter["example"]), safe=""))
        elif parameter["required"]:
            query.append((parameter["name"], to_text(parameter["example"])))
        elif with_optional_query:
            (example,) = parameter["schema"]["examples"]
            query += [(parameter["name"], text) for text in to_texts(example)]
    request: dict[str, Any] = {"url": path, "params": query}
    if "requestBody" not in operation:
        return request
    body = operation["requestBody"]["content"][media_type]
    if media_type == JSON:
        return {**request, "content": json.dumps(body["example"]), "headers": {"content-type": JSON}}
    fields = fill_in_form(body["schema"])
    if media_type == FORM:
        return {**request, "data": fields}
    return {**request, "files": [(name, (None, text)) for name, texts in fields.items() for text in texts]}


def describe_failure(response: httpx.Response, expected_error: int | None) -> str | None:
    is_expected = response.is_success if expected_error is None else response.status_code == expected_error
    if not is_expected:
        return f"{response.status_code} {response.text[:200]}"
    if response.request.method == "GET":
        payload = response.json()
        rows = payload.get("data", payload) if isinstance(payload, dict) else payload
        return None if rows else "It returns nothing."
    return None


@pytest.mark.parametrize(
    ("media_type", "with_optional_query"),
    [(JSON, False), (JSON, True), (FORM, False), (MULTIPART, False)],
    ids=["json", "json and all of the query", "form", "multipart"],
)
@pytest.mark.parametrize("dialect", ["productlift", "astuto"])
async def test_every_example_succeeds_or_fails_as_documented(
    sample: Sample, dialect: str, media_type: str, with_optional_query: bool
) -> None:
    expected_errors = EXPECTED_ERRORS[dialect]
    failures: dict[str, str] = {}
    executed = set()
    async with (
        running_application(sample.settings, utc_now) as server,
        Client(server, token=sample.portal.keys[dialect], base=f"/{dialect}/api/v1") as client,
    ):
        document = (await client.get("/openapi.json")).json()
        for path, item in document["paths"].items():
            for method, operation in item.items():
                name = f"{method.upper()} {path}"

                request = make_request(path, operation, media_type, with_optional_query=with_optional_query)
                response = await client.request(method.upper(), **request)

                executed.add(name)
                assert str(response.status_code) in operation["responses"], name
                failure = describe_failure(response, expected_errors.get(name, (None, ""))[0])
                if failure is not None:
                    failures[name] = failure

    assert failures == {}
    assert set(expected_errors) < executed
    assert len(executed) > 25
