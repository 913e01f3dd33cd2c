"""What is logged of a request: who asked what, never what was sent."""

import http.client
import json
import logging
import os
import pty
import re
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
import structlog

from app.application import Application
from app.http.request import RequestContext
from app.observability import logging as logs
from app.observability.logging import AccessLog
from app.settings import Settings
from tests.conftest import TestClock
from tests.server.test_serve import key_of, send_request, until
from tests.support.checkout import ROOT
from tests.support.clients import PEER, Client
from tests.support.commands import Earshot
from tests.support.extra_servers import running_application
from tests.support.factory import Factory


class CapturedLog(AccessLog):
    """An access log in memory."""

    def __init__(self, form: logs.Format = "json", *, client_ip: bool = True) -> None:
        self.pieces: list[bytes] = []
        super().__init__(form, self.pieces.append, client_ip=client_ip)

    @property
    def text(self) -> str:
        self.flush()
        return b"".join(self.pieces).decode()

    @property
    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def requests(server: Application) -> CapturedLog:
    """The requests of the server under test."""
    log = CapturedLog()
    server.add_observers(log)
    return log


async def test_a_request_is_logged_in_one_line(
    make: Factory, requests: CapturedLog, astuto: Client, anyone: Client
) -> None:
    post = await make.post(title="Said in private")

    response = await astuto.get(f"/posts/{post}?secret=hidden")
    await astuto.post("/posts", json={"title": "Said in private", "board_id": "none"})
    await anyone.of("1|a-wrong-key-with-a-secret").get("/posts")
    await astuto.get("/no/such/place")

    first, second, third, fourth = requests.lines
    assert first.pop("id") == response.headers["x-request-id"]
    at = str(first.pop("at"))
    page = (ROOT / "docs" / "operating" / "monitoring.md").read_text(encoding="utf-8")
    for time in (at, page.partition('{"at":"')[2].partition('"')[0]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", time)
    assert isinstance(first.pop("ms"), float)
    assert first == {
        "level": "info",
        "logger": "earshot.requests",
        "event": "request",
        "dialect": "astuto",
        "portal": make.portal,
        "key": str(astuto.token)[:16],
        "method": "GET",
        "route": "/posts/{id}",
        "status": 200,
    }
    assert (second["method"], second["route"], second["status"]) == ("POST", "/posts", 422)
    assert (third["dialect"], third["portal"], third["key"], third["status"]) == ("productlift", None, None, 401)
    assert (fourth["route"], fourth["status"]) == (None, 404)
    secrets = ("private", "hidden", "wrong-key", str(astuto.token))
    assert [secret for secret in secrets if secret in requests.text] == []


async def test_pages_are_logged_with_their_route_and_health_is_not_logged(
    make: Factory, requests: CapturedLog, anyone: Client
) -> None:
    at_root = anyone.of(None, base="")

    assert (await at_root.get("/posts/no-such-post")).status_code == 404
    assert (await at_root.get("/health")).status_code == 200

    (line,) = requests.lines
    assert (line["dialect"], line["method"], line["route"], line["status"]) == ("pages", "GET", "/posts/{slug}", 404)


async def test_log_lines_are_written_in_batches_of_at_most_4096_bytes(requests: CapturedLog, anyone: Client) -> None:
    for _ in range(60):
        await anyone.get("/posts")

    assert len(requests.lines) == 60
    assert 1 < len(requests.pieces) < 20
    assert max(map(len, requests.pieces)) <= 4096
    assert {piece[-1:] for piece in requests.pieces} == {b"\n"}


async def test_the_text_format_of_a_log_line_is_readable(server: Application, astuto: Client) -> None:
    log = CapturedLog("text")
    server.add_observers(log)

    await astuto.get("/boards")

    assert re.fullmatch(
        r"\d\d:\d\d:\d\d 200 +\d+\.\d\d ms  astuto      GET    /boards  portal 1 key tkn_admin_\w{6}  [0-9a-f-]{36}\n",
        log.text,
    )


async def test_the_line_of_a_refused_request_contains_address_and_reason(
    make: Factory, requests: CapturedLog, anyone: Client
) -> None:
    response = await anyone.of("1|a-wrong-key").get("/posts")

    (line,) = requests.lines
    assert list(line) == [
        "at", "level", "logger", "event", "id", "dialect", "portal", "key", "method", "route", "status", "ms",
        "client_ip", "reason",
    ]  # fmt: skip
    assert (line["id"], line["status"]) == (response.headers["x-request-id"], 401)
    assert (line["client_ip"], line["reason"]) == (PEER, "unknown_key")


async def test_refused_requests_for_pages_have_address_and_reason(
    make: Factory, settings: Settings, clock: TestClock
) -> None:
    log = CapturedLog()
    limits = {"rate_limits": True, "limit_pages": "4/minute"}
    async with running_application(settings, clock, **limits) as server, Client(server, token=None, base="") as client:
        server.add_observers(log)
        for path in ("/posts/no-such-post", "/files/no-such-file", "/no/such/page", "/", "/"):
            await client.get(path)

    assert [(line["status"], line.get("reason"), line.get("client_ip")) for line in log.lines] == [
        (404, "not_found", PEER),
        (404, "not_found", PEER),
        (404, "no_such_route", PEER),
        (200, None, None),
        (429, "rate_limit_ip", PEER),
    ]


@pytest.mark.parametrize("status", [200, 201, 204, 400, 403, 405, 413, 422, 499, 500, 503])
@pytest.mark.parametrize("form", ["json", "text"])
async def test_the_lines_of_other_statuses_have_neither_address_nor_reason(form: logs.Format, status: int) -> None:
    scope = {"method": "GET", "headers": [], "query_string": b""}
    request = RequestContext(scope, no_message, "/posts", client_ip=PEER, refusal="role_too_low", request_id="id-1")
    log = CapturedLog(form)

    log.for_dialect("astuto")(request, status, 0.00125)

    at = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"
    expected = {
        "json": rf'{{"at":"{at}","level":"info","logger":"earshot.requests","event":"request","id":"id-1",'
        rf'"dialect":"astuto","portal":null,"key":null,"method":"GET","route":null,"status":{status},"ms":1.25}}\n',
        "text": rf"\d\d:\d\d:\d\d {status}     1.25 ms  astuto      GET    \(no route\)  id-1\n",
    }
    assert re.fullmatch(expected[form], log.text)


async def no_message() -> MutableMapping[str, Any]:
    raise AssertionError("the body is not read")


@pytest.mark.parametrize("client_ip", [True, False], ids=["on", "off"])
async def test_the_text_format_of_a_refused_request_is_readable(
    server: Application, anyone: Client, client_ip: bool
) -> None:
    log = CapturedLog("text", client_ip=client_ip)
    server.add_observers(log)

    await anyone.of("1|a-wrong-key").get("/posts")

    address = "  client 192\\.0\\.2\\.1" if client_ip else ""
    assert re.fullmatch(
        rf"\d\d:\d\d:\d\d 401 +\d+\.\d\d ms  productlift GET    /posts{address}  reason unknown_key  [0-9a-f-]{{36}}\n",
        log.text,
    )


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("setting", [None, "on", "off"])
def test_the_setting_decides_whether_a_server_logs_addresses(sqlite: Earshot, setting: str | None, form: str) -> None:
    settings = {
        "EARSHOT_LOG_FORMAT": form,
        "EARSHOT_TRUSTED_PROXIES": "127.0.0.1",
        "EARSHOT_LIMIT_PRODUCTLIFT": "2/day",
        "EARSHOT_LIMIT_PAGES": "1/day",
    }
    if setting is not None:
        settings["EARSHOT_LOG_CLIENT_IP"] = setting
    forwarded = {"x-forwarded-for": "203.0.113.9"}
    with sqlite.serving(**settings) as serving:
        answers = [
            send_request(serving.port, key, path, **forwarded)
            for key, path in (
                ("1|wrong", "/api/v1/posts"),
                (key_of(serving, "Astuto"), "/api/v1/posts/999"),
                ("2|wrong", "/api/v1/no-such-path"),
                ("3|wrong", "/api/v1/posts"),
                ("3|wrong", "/docs"),
                ("3|wrong", "/docs"),
                (key_of(serving, "Astuto"), "/api/v1/posts"),
            )
        ]
        until(lambda: answers[-1][1]["x-request-id"] in serving.log.read_text())
        logged = serving.log.read_text()

    assert [status for status, _ in answers] == [401, 404, 404, 429, 200, 429, 200]
    assert ["x-earshot-hint" in headers for _, headers in answers] == [False, False, True, *[False] * 4]
    reasons = ["unknown_key", "not_found", "no_such_route", "rate_limit_ip", None, "rate_limit_ip", None]
    for (_, headers), reason in zip(answers, reasons, strict=True):
        (line,) = [line for line in logged.splitlines() if headers["x-request-id"] in line]
        if form == "json":
            assert json.loads(line).get("reason") == reason
            assert json.loads(line).get("client_ip") == ("203.0.113.9" if reason and setting != "off" else None)
        else:
            assert re.findall(r" reason (\w+)", line) == ([reason] if reason else [])
            assert re.findall(r" client (\S+)", line) == (["203.0.113.9"] if reason and setting != "off" else [])
    assert ("203.0.113.9" in logged) is (setting != "off")


@pytest.mark.parametrize("terminal", [True, False], ids=["on a terminal", "in a file"])
def test_the_log_format_depends_on_the_terminal(sqlite: Earshot, terminal: bool) -> None:
    """One line a request, of the form that suits where the log goes; no key, no password, nothing of a body."""
    ours, theirs = pty.openpty()
    with sqlite.serving(stderr=theirs if terminal else None) as serving:
        key = key_of(serving, "ProductLift")
        connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=30)
        connection.request(
            "POST",
            "/api/v1/users?note=in-the-query",
            body=json.dumps(
                {"name": "Of-the-body", "email": "jane@example.com", "password": "a-secret-word", "role": "member"}
            ),
            headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
        )
        response = connection.getresponse()
        body = json.loads(response.read())
        name = str(response.getheader("x-request-id"))
        connection.close()
        if terminal:
            logged = ""
            while f"{name}\r\n" not in logged:
                logged += os.read(ours, 4096).decode()
        else:
            until(lambda: name in serving.log.read_text())
            logged = serving.log.read_text()
    os.close(ours)
    os.close(theirs)

    (line,) = [one for one in logged.splitlines() if name in one]
    if terminal:
        assert re.fullmatch(
            r"\d\d:\d\d:\d\d 200 +\d+\.\d\d ms  productlift POST   /users"
            rf"  portal 1 key 1\|  {name}",
            line,
        ), line
    else:
        assert {key: value for key, value in json.loads(line).items() if key not in ("at", "ms", "key")} == {
            "level": "info",
            "logger": "earshot.requests",
            "event": "request",
            "id": name,
            "dialect": "productlift",
            "portal": 1,
            "method": "POST",
            "route": "/users",
            "status": 200,
        }
    assert "jane@example.com" in str(body)
    assert [secret for secret in (key, "secret-word", "Of-the-body", "jane@", "in-the-query") if secret in logged] == []


@pytest.fixture
def as_it_was() -> Iterator[None]:
    """Put the process's logging back after a test that configures it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    quiet = {name: logging.getLogger(name).level for name in ("uvicorn.error", "asyncio", "alembic")}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, was in quiet.items():
        logging.getLogger(name).setLevel(was)
    structlog.reset_defaults()


@pytest.mark.usefixtures("as_it_was")
@pytest.mark.parametrize("form", ["json", "text"])
def test_an_error_is_logged_with_its_traceback_without_its_message(
    form: logs.Format, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(form)
    secret = "what somebody typed"

    try:
        raise ValueError(secret)
    except ValueError as error:
        logging.getLogger("earshot.requests").error("unexpected %s", type(error).__name__, exc_info=error)
    structlog.get_logger("earshot.serving").error("a worker ended", code=9)

    logged = capsys.readouterr().err
    assert secret not in logged.replace("raise ValueError(secret)", "")
    assert "test_access_log.py" in logged
    assert "ValueError" in logged
    if form == "json":
        first, second = map(json.loads, logged.splitlines())
        assert (first["event"], first["level"], first["logger"]) == (
            "unexpected ValueError",
            "error",
            "earshot.requests",
        )
        assert (second["event"], second["code"]) == ("a worker ended", 9)


@pytest.mark.usefixtures("as_it_was")
def test_an_error_that_is_its_own_cause_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    one, other = ValueError("one"), KeyError("other")
    one.__cause__, other.__cause__ = one, one

    for error in (one, other):
        logging.getLogger("earshot.requests").error("unexpected", exc_info=error)

    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first["exception"] == "ValueError"
    assert second["exception"].split() == ["ValueError", "which", "led", "to", "KeyError"]
