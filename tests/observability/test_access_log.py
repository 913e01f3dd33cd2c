"""What is logged of a request: who asked what, never what was sent."""

import http.client
import json
import logging
import os
import pty
import re
from collections.abc import Iterator

import pytest
import structlog

from app.application import Application
from app.observability import logging as logs
from app.observability.logging import AccessLog
from tests.server.test_serve import key_of, until
from tests.support.clients import Client
from tests.support.commands import Earshot
from tests.support.factory import Factory


class CapturedLog(AccessLog):
    """An access log in memory."""

    def __init__(self, form: logs.Format = "json") -> None:
        self.pieces: list[bytes] = []
        super().__init__(form, self.pieces.append)

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
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", str(first.pop("at")))
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
