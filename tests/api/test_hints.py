"""The header `x-earshot-hint` and the reason in the log, for unknown paths and unreadable JSON."""

import httpx
import pytest

from app.application import Application
from app.settings import Settings
from tests.api.test_refusals import HINT, JSON_TYPE, reasons
from tests.conftest import TestClock
from tests.observability.test_access_log import CapturedLog
from tests.support.clients import PEER, Client
from tests.support.extra_servers import running_application
from tests.support.factory import Factory
from tests.support.live_server import serve_in_thread


@pytest.fixture
def log(server: Application) -> CapturedLog:
    """The requests of the server under test."""
    captured = CapturedLog()
    server.add_observers(captured)
    return captured


@pytest.mark.parametrize("key", [True, False], ids=["with a key", "without a key"])
@pytest.mark.parametrize(
    ("dialect", "method", "path", "reason", "hint"),
    [
        (
            "astuto", "GET", "/no/such/path", "no_such_route",
            "Astuto's API has no such path; /astuto/api/v1/docs lists its paths.",
        ),
        (
            "productlift", "GET", "/no/such/path", "no_such_route",
            "ProductLift's API has no such path; /productlift/api/v1/docs lists its paths.",
        ),
        ("astuto", "DELETE", "/boards", "no_such_route", "Astuto's API has this path only for GET, POST."),
        (
            "astuto", "GET", "/tabs", "other_dialect_route",
            "This path belongs to ProductLift's API; send the request to /productlift/api/v1 with a key of that API.",
        ),
        (
            "astuto", "DELETE", "/tabs", "other_dialect_route",
            "This path belongs to ProductLift's API; send the request to /productlift/api/v1 with a key of that API.",
        ),
        (
            "productlift", "GET", "/boards", "other_dialect_route",
            "This path belongs to Astuto's API; send the request to /astuto/api/v1 with a key of that API.",
        ),
    ],
)  # fmt: skip
async def test_a_path_without_a_route_is_logged_and_explained(
    log: CapturedLog, anyone: Client, astuto: Client, productlift: Client,
    key: bool, dialect: str, method: str, path: str, reason: str, hint: str,
) -> None:  # fmt: skip
    token = {"astuto": astuto, "productlift": productlift}[dialect].token if key else None

    response = await anyone.of(token, base=f"/{dialect}/api/v1").request(method, path)

    (line,) = log.lines
    assert (response.status_code, response.headers[HINT]) == (404, hint)
    assert (line["route"], line["client_ip"], line["reason"]) == (None, PEER, reason)


async def test_a_form_with_another_method_is_explained_by_that_method(log: CapturedLog, astuto: Client) -> None:
    response = await astuto.post("/boards", data={"_method": "delete"})

    assert (response.status_code, response.headers[HINT]) == (404, "Astuto's API has this path only for GET, POST.")
    assert reasons(log) == ["no_such_route"]


async def test_hints_name_the_public_path(
    make: Factory, settings: Settings, clock: TestClock, productlift: Client
) -> None:
    async with running_application(settings, clock, base_url="https://example.com/feedback") as server:
        client = Client(server, token=productlift.token, base="/feedback/api/v1")
        route = await client.get("/boards")
        key = await client.of(client.token, base="/feedback/astuto/api/v1").get("/posts")

    assert "to /feedback/astuto/api/v1 with" in route.headers[HINT]
    assert key.headers[HINT].endswith("send the request to /feedback/productlift/api/v1.")


async def test_unreadable_json_is_explained_with_its_position(
    make: Factory, log: CapturedLog, astuto: Client, productlift: Client
) -> None:
    body = '{"title": "h\u00e9llo",\n "board_id": }'.encode()
    hint = "The body cannot be read as JSON: error at line 2, column 14."

    ours = await astuto.post("/posts", content=body, headers=JSON_TYPE)
    theirs = await productlift.post("/posts", content=body, headers=JSON_TYPE)
    with_query = await productlift.post("/posts?title=Dark+mode", content=body, headers=JSON_TYPE)
    missing = await productlift.post("/posts/zzzzzz", content=body, headers=JSON_TYPE)

    wrong = "Some parameters are wrong in the request. Please check the documentation."
    assert (ours.status_code, ours.json(), ours.headers[HINT]) == (400, {"errors": [wrong]}, hint)
    # ProductLift ignores such a body, so the response is that to an empty one.
    empty = await productlift.post("/posts")
    assert (theirs.status_code, theirs.content) == (empty.status_code, empty.content) == (422, empty.content)
    assert theirs.headers[HINT] == hint
    assert HINT not in empty.headers
    assert (with_query.status_code, with_query.json()["data"]["title"]) == (200, "Dark mode")
    assert with_query.headers[HINT] == hint
    assert [(line["status"], line.get("reason")) for line in log.lines] == [
        (400, None), (422, None), (200, None), (missing.status_code, reasons(log)[3]), (422, None),
    ]  # fmt: skip


JSON_TYPE_HINT = (
    'The body looks like JSON, but was not read as JSON; send it with the header "Content-Type: application/json".'
)
FORM = "application/x-www-form-urlencoded"
UNREAD_TYPES = {
    "astuto": (FORM, None, "text/plain", "multipart/form-data", "multipart/form-data; boundary=x", "text/json"),
    "productlift": (FORM, None, "text/plain", "multipart/form-data", "multipart/form-data; boundary=x", "text/xml"),
}
INVALID = {"astuto": 400, "productlift": 422}


def of_type(content_type: str | None) -> dict[str, str]:
    return {} if content_type is None else {"content-type": content_type}


@pytest.mark.parametrize("dialect", ["astuto", "productlift"])
async def test_json_of_another_type_is_explained_by_a_real_server(
    make: Factory, settings: Settings, dialect: str
) -> None:
    key = await make.key(make.owner, dialect)
    headers = {"authorization": f"Bearer {key}"}
    with serve_in_thread(settings) as address:
        async with httpx.AsyncClient(base_url=f"{address}/{dialect}/api/v1", headers=headers) as client:
            empty = await client.post("/posts")
            for content_type in UNREAD_TYPES[dialect]:
                for body in (b'{"title": "Dark mode", "board_id": 1}', b' \r\n[{"title": "Dark mode"}]'):
                    response = await client.post("/posts", content=body, headers=of_type(content_type))

                    found = (response.status_code, response.json().keys(), response.headers.get(HINT))
                    assert found == (INVALID[dialect], empty.json().keys(), JSON_TYPE_HINT), content_type

    assert empty.status_code == INVALID[dialect]
    assert HINT not in empty.headers
    assert await make.value("SELECT count(*) FROM posts") == 0


async def test_json_of_another_type_is_explained_whichever_error_it_causes(
    make: Factory, astuto: Client, productlift: Client
) -> None:
    headers = of_type(FORM)

    malformed = await astuto.post("/posts", content=b'{"title": "Up to 50% off"}', headers=headers)
    too_short = await astuto.post("/posts?title=a&board_id=1", content=b'{"title": "Dark mode"}', headers=headers)
    too_long = await productlift.post(f"/posts?title={'a' * 256}", content=b'{"title": "Dark mode"}', headers=headers)

    assert [each.status_code for each in (malformed, too_short, too_long)] == [400, 422, 422]
    assert [each.headers.get(HINT) for each in (malformed, too_short, too_long)] == [JSON_TYPE_HINT] * 3


async def test_other_bodies_and_responses_have_no_hint_about_the_type(
    make: Factory, astuto: Client, productlift: Client
) -> None:
    body = b'{"title": "Dark mode"}'
    unread = {"content": body, "headers": of_type(FORM)}

    responses = {
        "a form": await productlift.post("/posts", content=b"name={}", headers=of_type(FORM)),
        "plain text": await astuto.post("/posts", content=b"Dark mode", headers=of_type("text/plain")),
        "json": await astuto.post("/posts", content=body, headers=of_type("application/json; charset=utf-8")),
        "another type of json": await productlift.post("/posts", content=b"{}", headers=of_type("text/json")),
        "success": await productlift.post("/posts?title=Dark+mode", **unread),
        "no post": await astuto.put("/posts/999", **unread),
        "no key": await astuto.of(None).post("/posts", **unread),
    }

    assert {name: response.status_code for name, response in responses.items()} == {
        "a form": 422, "plain text": 400, "json": 422, "another type of json": 422,
        "success": 200, "no post": 404, "no key": 401,
    }  # fmt: skip
    assert {response.headers.get(HINT) for response in responses.values()} == {None}


async def test_a_successful_response_has_no_hint_and_its_line_no_reason(
    make: Factory, log: CapturedLog, astuto: Client, productlift: Client
) -> None:
    responses = [
        await astuto.get("/posts"),
        await astuto.post("/posts", json={"title": "Dark mode", "board_id": 1}),
        await productlift.get("/posts"),
        await productlift.post("/posts", json={}),
        await productlift.request("PUT", "/posts"),
        await productlift.options("/posts"),
    ]

    assert [response.status_code for response in responses] == [200, 201, 200, 422, 405, 204]
    assert [HINT in response.headers for response in responses] == [False] * 6
    assert [{"client_ip", "reason"} & line.keys() for line in log.lines] == [set()] * 6
