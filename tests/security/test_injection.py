"""Input remains a value: in SQL statements, in headers and in log lines."""

import json
import re
import sqlite3
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support import routes
from tests.support.clients import Client
from tests.support.commands import Earshot
from tests.support.database_dump import changed, snapshot
from tests.support.factory import Factory
from tests.support.routes import DIALECTS, Route
from tests.support.sample_portal import NOWHERE, SamplePortal, address, inputs, place_of, populate, references

# None begins with a digit: a leading integer is an id, by the contract of Astuto.
SQL = [
    "'", "''", '"', "' OR '1'='1", "' OR 1=1 --", '" OR ""="', "') OR ('1'='1", "'; DROP TABLE posts; --",
    "x'; UPDATE users SET role='owner' --", "' UNION SELECT password_hash FROM users --", "'||(SELECT 'x')||'", "%",
    "%%", "_", "x%' ESCAPE '%", "\\", "\\'", "$1", "$$x$$", ":portal", ":id", "%(portal)s", "%s", "?", "{}", "{portal}",
    "E'\\x27'", "ʼ OR 1=1", "＇ OR 1=1", "x;SELECT pg_sleep(9)", "x AND randomblob(9)", "NULL", "id) OR (id",
]  # fmt: skip
HARMLESS = "zqzqzq"


def status_and_text(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.text


def with_value(response: tuple[int, str], value: str) -> tuple[int, str]:
    """The response to the harmless word, as it must be for another value."""
    return response[0], response[1].replace(HARMLESS, json.dumps(value, ensure_ascii=False)[1:-1])


async def send_request(client: Client, route: Route, path: str, sent: dict[str, Any]) -> httpx.Response:
    if route.method == "GET":
        return await client.get(path, params=sent)
    return await client.request(route.method, path, json=sent)


@pytest.fixture(params=DIALECTS)
async def portal_client(
    request: pytest.FixtureRequest, make: Factory, anyone: Client
) -> tuple[str, Client, SamplePortal]:
    row_ids = await populate(make, make.portal, make.owner)
    return request.param, anyone.of(await make.key(make.owner, request.param)), row_ids


async def test_sql_in_a_filter_or_id_is_handled_as_an_unknown_value(
    make: Factory, portal_client: tuple[str, Client, SamplePortal]
) -> None:
    dialect, client, row_ids = portal_client
    before = await snapshot(make.server.database)
    count = 0
    for route in routes.of_dialect(dialect):
        params = inputs(route, row_ids, leave_out=("password",))
        names = list(route.inputs) if route.method == "GET" else list(references(route))
        for name in names:
            others = (
                params
                if route.method != "GET"
                else {key: params[key] for key in params if key in ("title", "email", "query")}
            )
            # Below a row that does not exist, every request is rejected, so that nothing is written.
            path = address(route, row_ids if route.method == "GET" else NOWHERE)
            plain = status_and_text(await send_request(client, route, path, others | {name: HARMLESS}))
            if route.method != "GET" and plain[0] < 400:
                continue
            # A search needs two letters.
            for payload in [f"zz{payload}" for payload in SQL] if name in ("title", "query") else SQL:
                response = await send_request(client, route, path, others | {name: payload})
                assert status_and_text(response) == with_value(plain, payload), (route, name, payload)
                count += 1
        for place in [place for place in route.places if place_of(route, place)]:
            template = route.path.replace("{" + place + "}", "\0")
            ids = {other: getattr(row_ids, place_of(route, other) or "tab_url") for other in route.places}
            template = template.format(**ids | {"type": "post"})
            plain = status_and_text(await send_request(client, route, template.replace("\0", HARMLESS), params))
            assert plain[0] == 404, route
            for payload in (payload for payload in SQL if "/" not in payload):
                response = await send_request(client, route, template.replace("\0", quote(payload, safe="")), params)
                assert status_and_text(response) == with_value(plain, payload), (route, place, payload)
                count += 1
    assert changed(before, await snapshot(make.server.database)) == set()
    assert count > 1000


async def test_sql_in_a_text_is_stored_as_text(make: Factory, portal_client: tuple[str, Client, SamplePortal]) -> None:
    dialect, client, row_ids = portal_client
    for number, payload in enumerate(SQL):
        title = f"Dark {payload}"
        created = await client.post("/posts", json={"title": title, "description": payload, "board_id": row_ids.board})
        assert created.status_code < 300, payload
        post_id = created.json()["id"] if dialect == "astuto" else created.json()["data"]["id"]
        body = (await client.get(f"/posts/{post_id}")).json()
        post = body if dialect == "astuto" else body["data"]
        assert (post["title"], post["description"]) == (title, payload)
        email = {"email": f"sql{number}@example.com", "role": "member"}
        name = {"full_name" if dialect == "astuto" else "name": f"Jane {payload}"}
        assert (await client.post("/users", json={**email, **name})).status_code < 300, payload
    names = await make.rows("SELECT name FROM users WHERE email LIKE 'sql%' ORDER BY id")
    assert [row["name"] for row in names] == [f"Jane {payload}" for payload in SQL]
    assert await make.value("SELECT count(*) FROM users WHERE role = 'owner'") == 1


SPLITTERS = [
    "\r\nSet-Cookie: a=b",
    "\nX-Evil: 1",
    "\r\n\r\n<script>",
    "\x1b[31m",
    "\u2028X-Evil: 1",
    "\x85X-Evil: 1",
    "嘊嘍X-Evil: 1",
]


def assert_no_injected_header(response: httpx.Response, what: object) -> None:
    """No header comes from a client, and none contains a line break."""
    for name, value in response.headers.raw:
        assert name.lower() not in (b"set-cookie", b"x-evil"), what
        assert not re.search(rb"[\x00-\x1f\x7f]", value), what


async def test_a_client_can_not_inject_a_line_break_into_a_header(
    make: Factory, portal_client: tuple[str, Client, SamplePortal]
) -> None:
    dialect, client, _ = portal_client
    for splitter in SPLITTERS:
        escaped = quote(splitter, safe="")
        for route in routes.of_dialect(dialect):
            path = route.at(**dict.fromkeys(route.places, "x" + escaped))
            assert_no_injected_header(
                await client.request(route.method, f"{path}?title=xx{escaped}&{escaped}=1"), (route, splitter)
            )
        assert_no_injected_header(await client.post("/posts", json={"_method": f"PUT{splitter}"}), splitter)
        assert_no_injected_header(
            await client.get("/posts", headers={"if-none-match": '"x"', "x-request-id": "x"}), splitter
        )
        post = await make.post(title=f"Dark{splitter}mode")
        code = await make.code(post)
        pages = client.of(None, base="")
        for path in (
            f"/p/{code}", f"/p/x-{code}/edit", f"/p/{escaped}-{code}", f"/posts/{escaped}", f"/files/x{escaped}",
            f"/static/x{escaped}", f"/{escaped}",
        ):  # fmt: skip
            assert_no_injected_header(await pages.get(path), (path, splitter))
        redirect = await pages.get(f"/p/other-{code}")
        assert redirect.status_code == 302
        assert re.fullmatch(r"/p/[\w%-]+", redirect.headers["location"])


async def test_a_redirect_leads_only_to_a_post_of_the_portal(make: Factory, anyone: Client) -> None:
    await make.post(title="//evil.example.org/x")
    code = await make.value("SELECT code FROM posts")
    pages = anyone.of(None, base="")
    for named in (code, f"x-{code}", f"-{code}", f"%2F%2Fevil.example.org-{code}", f"%5Cevil.example.org-{code}"):
        redirect = await pages.get(f"/p/{named}", headers={"x-forwarded-host": "evil.example.org"})

        assert redirect.status_code in (302, 404), named
        assert re.fullmatch(rf"/p/[a-z0-9-]+-{code}", redirect.headers.get("location", f"/p/x-{code}")), named


LINE = re.compile(
    r"\d\d:\d\d:\d\d \d{3} +\d+\.\d\d ms  (productlift|astuto     |pages      ) [A-Z]+ +(/[\w{}/:.-]*|\(no route\))"
    r"(  portal \d+ key \S+)?(  client [0-9a-f.:]+  reason [a-z_]+)?(  [0-9a-f-]{36})?"
)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_client_can_not_inject_lines_into_the_log(sqlite: Earshot, form: str) -> None:
    forged = [
        "\n12:00:00 200 0.10 ms forged", '\r\n{"event":"forged"}', "\x1b[2J\x1b[31mforged", "\x9b31mforged",
        "\u202eforged", "%s %d %(forged)s {forged}", '","event":"forged',
    ]  # fmt: skip
    count = 0
    with sqlite.serving(EARSHOT_LOG_FORMAT=form, EARSHOT_RATE_LIMITS="off") as serving:
        keys = re.findall(r"Bearer (\S+)'", serving.output)
        with httpx.Client(base_url=serving.address, timeout=30) as client:
            for text in forged:
                escaped, printable = quote(text, safe=""), re.sub(r"[^ -~]", "", text)
                for key in keys:
                    bearer = {"authorization": f"Bearer {key}"}
                    for request in (
                        {"url": f"/api/v1/posts/{escaped}?{escaped}={escaped}", "headers": bearer},
                        {"url": f"/api/v1/{escaped}", "headers": bearer},
                        {"url": "/api/v1/posts", "headers": {"authorization": f"Bearer {printable}"}},
                        {"url": "/api/v1/posts", "headers": {**bearer, "user-agent": printable, "x-a": printable}},
                        {"url": f"/p/{escaped}"},
                        {"url": f"/{escaped}", "headers": {"host": "x", "referer": printable}},
                        {"url": "/api/v1/posts", "method": "POST", "headers": bearer,
                         "json": {"title": text, "description": text, "board_id": 1, "_method": text}},
                        {"url": "/api/v1/posts", "method": "POST", "headers": bearer,
                         "files": {"image": (printable, text.encode(), "image/png")}},
                    ):  # fmt: skip
                        assert client.request(**{"method": "GET", **request}).status_code < 500  # type: ignore[arg-type]
                        count += 1
            with sqlite3.connect(sqlite.folder / "data" / "earshot.db", timeout=30) as connection:
                connection.execute("DROP TABLE votes")
            for text in forged:
                crashed = client.get(
                    f"/astuto/api/v1/votes?post_id={quote(text)}", headers={"authorization": f"Bearer {keys[1]}"}
                )
                assert crashed.status_code == 500
        assert serving.end() == 0
    logged = serving.log.read_text()

    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\x80-\x9f\u202e]", logged)
    if form == "json":
        events = [json.loads(line) for line in logged.splitlines()]
        assert {event["event"].partition(",")[0] for event in events} == {
            "request",
            "unexpected OperationalError",
            "ended",
        }
        assert [event["event"] for event in events].count("request") == count + len(forged)
    else:
        assert "forged" not in logged
        lines = logged.splitlines()
        assert len([line for line in lines if LINE.fullmatch(line)]) == count + len(forged)
        assert len([line for line in lines if re.match(r"\d\d:\d\d:\d\d ", line)]) == count + len(forged)
