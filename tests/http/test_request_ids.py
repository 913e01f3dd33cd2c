"""The id of a request: in every response, in the log and in error reports; accepted from trusted proxies only."""

import logging
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.api.astuto.dialect import AstutoDialect
from app.api.dialect import DialectApp
from app.api.dispatch import Dispatch
from app.api.request import ApiRequest
from app.api.router import DialectRouter
from app.application import Application, create_app
from app.http.response import StreamedResponse
from app.settings import Settings
from tests.conftest import TestClock
from tests.observability.test_access_log import CapturedLog
from tests.support.clients import HOST, Client
from tests.support.extra_servers import running_application
from tests.support.factory import Factory

UUID4 = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
PROXY = "10.0.0.7"

PATHS = {
    "a list": ("GET", "/api/v1/posts", 200),
    "a post": ("POST", "/api/v1/posts", None),
    "an unknown address": ("GET", "/api/v1/nothing", 404),
    "a preflight": ("OPTIONS", "/api/v1/posts", None),
    "astuto by its prefix, no key of it": ("GET", "/astuto/api/v1/posts", None),
    "productlift by its prefix": ("GET", "/productlift/api/v1/posts", None),
    "a document to read": ("GET", "/docs", 200),
    "a document for programs": ("GET", "/astuto/api/v1/openapi.json", 200),
    "a page": ("GET", "/", 200),
    "no page": ("GET", "/posts/no-such-post", 404),
    "no route": ("GET", "/no/route", 404),
    "a wrong verb": ("DELETE", "/health", 405),
    "a file": ("GET", "/files/0123456789012345678901", 404),
    "whether it lives": ("GET", "/health", 200),
    "whether it can work": ("HEAD", "/health/ready", 200),
}


@pytest.mark.parametrize("dialect", ["astuto", "productlift"])
@pytest.mark.parametrize("what", PATHS)
async def test_every_response_has_the_request_id_of_the_log(
    server: Application, astuto: Client, productlift: Client, what: str, dialect: str
) -> None:
    requests = CapturedLog()
    server.add_observers(requests)
    method, path, status = PATHS[what]
    client = {"astuto": astuto, "productlift": productlift}[dialect]

    response = await client.of(client.token, base="").request(method, path)

    assert status in (None, response.status_code)
    (name,) = response.headers.get_list("x-request-id")
    assert UUID4.fullmatch(name)
    assert [line["id"] for line in requests.lines] == ([] if path.startswith("/health") else [name])


@pytest.mark.parametrize("dialect", ["astuto", "productlift"])
async def test_a_429_response_has_a_request_id(
    settings: Settings, clock: TestClock, make: Factory, dialect: str
) -> None:
    key = await make.key(make.owner, dialect)
    pace = {"limit_productlift": "1/minute", "limit_astuto_key": "1/minute"}
    async with (
        running_application(settings, clock, rate_limits=True, **pace) as limited,
        Client(limited, token=key) as client,
    ):
        responses = [await client.get("/posts") for _ in range(2)]

    assert [response.status_code for response in responses] == [200, 429]
    names = {response.headers["x-request-id"] for response in responses}
    assert len(names) == 2
    assert all(map(UUID4.fullmatch, names))


VALID_IDS = {
    "a UUID": "3b241101-e2bb-4255-8caf-4136c566a962",
    "nginx's": "444535f9378a3dfa1b8604bc9e05a303",
    "a load balancer's": "Root=1-67891233-abcdef012345678912345678",
    "the longest": "x" * 128,
}
INVALID_IDS = {
    "too long": b"x" * 129,
    "empty": b"",
    "a line of its own": b'a"} {"event":"forged',
    "colours for a terminal": b"\x1b[31mred",
    "not ASCII": "nämé".encode(),
    "a blank inside": b"one two",
}


@pytest.mark.parametrize("path", ["/astuto/api/v1/boards", "/productlift/api/v1/statuses", "/", "/health"])
@pytest.mark.parametrize("request_id", VALID_IDS.values(), ids=VALID_IDS)
async def test_a_request_id_is_kept_from_a_trusted_proxy_only(
    settings: Settings, clock: TestClock, make: Factory, path: str, request_id: str
) -> None:
    async with running_application(settings, clock, trusted_proxies="10.0.0.0/8") as behind:
        requests = CapturedLog()
        behind.add_observers(requests)
        async with Client(behind, token=None, base="", peer=PROXY) as proxy:
            headers = {"x-request-id": request_id, "x-forwarded-for": "203.0.113.9"}
            taken = await proxy.get(path, headers=headers)
            made = await proxy.of(None, base="", peer="203.0.113.9").get(path, headers=headers)

    assert taken.headers["x-request-id"] == request_id
    assert UUID4.fullmatch(made.headers["x-request-id"])
    if path != "/health":
        assert [line["id"] for line in requests.lines] == [request_id, made.headers["x-request-id"]]


@pytest.mark.parametrize("request_id", INVALID_IDS.values(), ids=INVALID_IDS)
async def test_an_invalid_request_id_is_replaced(
    settings: Settings, clock: TestClock, make: Factory, request_id: bytes
) -> None:
    async with (
        running_application(settings, clock, trusted_proxies=PROXY) as behind,
        Client(behind, token=None, base="", peer=PROXY) as proxy,
    ):
        response = await proxy.get("/astuto/api/v1/boards", headers=[(b"x-request-id", request_id)])

    assert UUID4.fullmatch(response.headers["x-request-id"])


async def test_request_ids_are_unique(anyone: Client) -> None:
    names = {(await anyone.get("/posts")).headers["x-request-id"] for _ in range(600)}

    assert len(names) == 600


async def test_an_error_during_a_streamed_response_is_logged(
    server: Application, astuto: Client, caplog: pytest.LogCaptureFixture
) -> None:
    router = DialectRouter()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"[1,"
        raise ConnectionError("the database went away")

    @router.get("/broken", response_model=None)
    async def broken(request: ApiRequest) -> StreamedResponse:
        return StreamedResponse(200, pieces())

    requests = CapturedLog()
    app = DialectApp(server.services, AstutoDialect(server.services, router))
    app.set_observer(requests.for_dialect("astuto"))
    dispatch: Any = Dispatch(server.services, {"astuto": app}, None)

    with caplog.at_level(logging.ERROR, "earshot.requests"), pytest.raises(ConnectionError):
        await Client(dispatch, token=astuto.token).get("/broken")

    (line,) = requests.lines
    (report,) = (record for record in caplog.records if record.name == "earshot.requests")
    assert (line["route"], line["status"]) == ("/broken", 200)
    assert report.getMessage() == f"unexpected ConnectionError, request {line['id']}"


@pytest.mark.parametrize(
    ("path", "token"),
    [
        ("/api/v1/posts", "tkn_admin_abc"),
        ("/productlift/api/v1/posts", "1|abc"),
        ("/api/v1/posts", None),
        ("/posts/dark-mode", None),
    ],
    ids=["astuto", "productlift", "without key", "page"],
)
async def test_an_error_is_logged_with_its_request_id(
    settings: Settings, clock: TestClock, caplog: pytest.LogCaptureFixture, path: str, token: str | None
) -> None:
    never_started = create_app(settings, clock=clock)
    requests = CapturedLog()
    never_started.add_observers(requests)
    headers = {} if token is None else {"authorization": f"Bearer {token}"}

    transport = httpx.ASGITransport(never_started, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url=HOST) as client:
        with caplog.at_level(logging.ERROR, "earshot.requests"):
            response = await client.get(path, headers=headers)

    assert response.status_code == 500
    name = response.headers["x-request-id"]
    (report,) = (record for record in caplog.records if record.name == "earshot.requests")
    assert re.fullmatch(rf"unexpected \w+, request {name}", report.getMessage())
    assert report.exc_info
    assert [(line["id"], line["status"]) for line in requests.lines] == [(name, 500)]
