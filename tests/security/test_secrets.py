"""No key and no password where somebody else could read it: logs, answers, errors, process lists, the database."""

import os
import re
import socket
import sqlite3
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app.api.authentication import ApiKeyAuthenticator
from app.domain.portals.bootstrap import FirstPortal
from app.domain.users import api_keys
from app.settings import InvalidSettings, Settings
from tests.cli.conftest import Cli
from tests.support.commands import Earshot, Serving
from tests.support.database_dump import dump_database
from tests.support.factory import Factory
from tests.support.servers import in_own_loop

SERVER_SECRET = "the-servers-own-secret-0123456789-abcdefgh"
DATABASE_PASSWORD = "pw-of-the-database-4711"
USERS_PASSWORD = "pw-of-a-person-0815"
WRONG = [
    "tkn_admin_WRONGKEYWRONGKEYWRONGKEYWRONG1", "tkn_mod_WRONGKEYWRONGKEYWRONGKEYWRONG12", "77|" + "wrongkey" * 5,
    "a-key-of-no-known-shape-0123456789",
]  # fmt: skip


def everywhere(key: str) -> list[dict[str, Any]]:
    """Requests with a key in every place where a client, or a mistake, may put it."""
    bearer = {"authorization": f"Bearer {key}"}
    return [
        {"url": "/api/v1/posts", "headers": bearer},
        {"url": "/astuto/api/v1/posts", "headers": bearer},
        {"url": "/productlift/api/v1/posts", "headers": bearer},
        {"url": "/api/v1/posts", "headers": {"authorization": key}},
        {"url": "/api/v1/posts", "headers": {"authorization": f"Basic {key}"}},
        {"url": "/api/v1/posts", "headers": {"authorization": f"Bearer {key}, Bearer {key}"}},
        {"url": "/api/v1/posts", "headers": {"x-api-key": key, "cookie": f"key={key}", "user-agent": key}},
        {"url": "/api/v1/posts", "headers": {"referer": f"http://x/?key={key}", "x-request-id": key, "origin": key}},
        {"url": f"/api/v1/posts?api_key={key}&token={key}", "headers": bearer},
        {"url": f"/api/v1/posts/{key}", "headers": bearer},
        {"url": f"/api/v1/{key}", "headers": bearer},
        {"url": f"/{key}"},
        {"url": f"/p/{key}"},
        {"url": f"/files/{key}"},
        {"url": f"/posts/{key}?{key}"},
        {"url": f"/astuto/api/v1/docs?key={key}"},
        {"method": "POST", "url": "/api/v1/posts", "headers": bearer, "json": {"token": key, key: key}},
        {"method": "POST", "url": "/api/v1/posts", "headers": bearer, "content": f'{{"token": "{key}"'.encode()},
        {"method": "POST", "url": "/api/v1/posts", "headers": bearer, "data": {"token": key, "_method": key}},
        {"method": "POST", "url": "/api/v1/posts", "headers": bearer, "files": {"image": (key, key.encode())}},
        {"method": "PUT", "url": f"/api/v1/users/{key}", "headers": bearer, "json": {"password": key}},
        {"method": "PROPFIND", "url": f"/api/v1/posts?{key}", "headers": bearer},
    ]


def raw(serving: Serving, sent: bytes) -> bytes:
    """What the server says to bytes that are no request, until it hangs up."""
    with socket.create_connection(("127.0.0.1", serving.port), timeout=30) as wire:
        wire.sendall(sent)
        response = b""
        while piece := wire.recv(65536):
            response += piece
        return response


def break_tables(earshot: Earshot, url: str) -> None:
    """Take two tables away from below the running server, so that a request meets what nobody foresaw."""
    if url.startswith("postgresql"):

        async def drop() -> None:
            connection = await asyncpg.connect(url)
            await connection.execute("DROP TABLE votes, attachments CASCADE")
            await connection.close()

        in_own_loop(drop())
        return
    with sqlite3.connect(earshot.folder / "data" / "earshot.db", timeout=30) as connection:
        connection.execute("DROP TABLE votes")
        connection.execute("DROP TABLE attachments")


def stored_in(earshot: Earshot, url: str) -> str:
    """All that lies in the database and in the files beside it, as text."""
    lying = [path.read_bytes().decode("latin-1") for path in (earshot.folder / "data").rglob("*") if path.is_file()]
    if url.startswith("postgresql"):

        async def rows() -> str:
            connection = await asyncpg.connect(url)
            tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            found = [repr(await connection.fetch(f'SELECT * FROM "{table[0]}"')) for table in tables]
            await connection.close()
            return "".join(found)

        lying.append(str(in_own_loop(rows())))
    return "".join(lying)


def processes(serving: Serving) -> str:
    """The command lines of the server and of its workers, and the names of its threads, as any user sees them."""
    shown = []
    for pid in {serving.process.pid, *serving.workers()}:
        shown.append(Path(f"/proc/{pid}/cmdline").read_bytes().decode())
        shown += [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/comm")]
    return "".join(shown)


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_key_and_no_password_leaves_a_running_server(earshot: Earshot, form: str) -> None:
    url = earshot.settings.get("EARSHOT_DATABASE_URL", "sqlite")
    if url.startswith("postgresql"):
        url = url.replace("postgres@", f"postgres:{DATABASE_PASSWORD}@")
        earshot.settings["EARSHOT_DATABASE_URL"] = url
    settings = {"EARSHOT_LOG_FORMAT": form, "EARSHOT_SECRET_KEY": SERVER_SECRET, "EARSHOT_RATE_LIMITS": "off"}
    responses: list[bytes] = []
    with earshot.serving(**settings) as serving:
        theirs = re.findall(r"Bearer (\S+)'", serving.output)
        assert len(theirs) == 2
        with httpx.Client(base_url=serving.address, timeout=30) as client:

            def send_request(**request: Any) -> httpx.Response:
                response = client.request(**{"method": "GET", **request})
                # An id or an address that was asked for is named as it was sent: that goes back to who sent it.
                if request["url"] in ("/api/v1/posts", "/astuto/api/v1/posts", "/productlift/api/v1/posts"):
                    responses.append(repr((response.headers.raw, response.content)).encode())
                return response

            for key in (*theirs, *WRONG):
                for request in everywhere(key):
                    assert send_request(**request).status_code < 500, request
            productlift = {"authorization": f"Bearer {theirs[0]}"}
            person = {"email": "jane@example.com", "role": "member", "password": USERS_PASSWORD}
            made = send_request(method="POST", url="/api/v1/users", headers=productlift, json=person)
            assert made.status_code == 200
            responses.append(made.content)
            for key in (*theirs, *WRONG):
                responses.append(raw(serving, f"{key} {key}\r\n\r\n".encode()))
                responses.append(raw(serving, f"GET / HTTP/1.1\r\nX: {key * 2000}\r\n\r\n".encode()))
            shown = processes(serving)
            environment = Path(f"/proc/{serving.process.pid}/environ").read_text()
            break_tables(earshot, url)
            post = send_request(
                method="POST", url="/api/v1/posts", headers=productlift, json={"title": "Dark mode"}
            ).json()
            for key in theirs:
                crashed = [
                    send_request(url=f"/api/v1/{path}?token={key}", headers={"authorization": f"Bearer {key}"})
                    for path in ("votes", f"posts/{post['data']['id']}/votes")
                ]
                page = post["data"]["url"].partition(":")[2].partition("/p/")[2]
                # On a connection of its own, which the server closes behind the page that says so.
                crashed.append(httpx.get(f"{serving.address}/p/{page}?token={key}", headers={"cookie": f"key={key}"}))
                assert [response.status_code for response in crashed].count(500) == 2
                responses += [response.content for response in crashed]
        assert serving.end() == 0
        assert serving.process.stdout is not None
        told_later = serving.process.stdout.read()
    logged = serving.log.read_text()
    stored = stored_in(earshot, url)

    secrets = [*theirs, *WRONG, USERS_PASSWORD, SERVER_SECRET, DATABASE_PASSWORD]
    # What of a key is no secret is in the log, and it is a small part of it.
    assert api_keys.display_prefix(theirs[1]) in logged
    assert "unexpected" in logged
    secrets += [key[len(api_keys.display_prefix(key)) :] for key in theirs]
    places = {
        "the log": logged,
        "standard output, after the first lines": told_later,
        "answers": b"".join(responses).decode("latin-1"),
        "the database and the data directory": stored,
        "the process list": shown,
    }
    found = {place: [secret for secret in secrets if secret in text] for place, text in places.items()}
    assert {place: leaked for place, leaked in found.items() if leaked} == {}
    assert [key for key in theirs if key in environment] == []
    # The two keys, and nothing else that is secret, were told at the first start: each in a list, and in a line to try.
    assert [serving.output.count(key) for key in theirs] == [2, 2]
    assert [secret for secret in (SERVER_SECRET, DATABASE_PASSWORD) if secret in serving.output] == []


async def test_a_key_is_found_by_its_digest_alone(make: Factory, server: Any) -> None:
    """One look-up by a keyed digest: nothing compares the key letter by letter, so no time tells how much was right."""
    token = await make.key(make.owner, "astuto")
    rows = (await dump_database(server.database))["api_keys"]

    assert [row["digest"] for row in rows] == [api_keys.digest(token, make._secret)]
    assert token not in repr(rows)
    admissions = ApiKeyAuthenticator(server.database, make._secret)
    for near in (token[:-1], token + "x", token.swapcase(), token[:-1] + chr(ord(token[-1]) ^ 1), rows[0]["digest"]):
        assert await admissions.authenticate(near) is None
    # With another secret of the server the same key is nobody's: the digests alone are of no use to a thief.
    assert (
        await ApiKeyAuthenticator(server.database, b"another secret of the server 012345").authenticate(token) is None
    )
    assert await admissions.authenticate(token) is not None


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Commands in an empty folder, without any database."""
    for name in [name for name in os.environ if name.startswith("EARSHOT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return Cli(capsys, monkeypatch, FirstPortal(0, 0, {}))


BROKEN = [
    # Nobody listens there.
    f"postgresql://me:{DATABASE_PASSWORD}@127.0.0.1:1/earshot",
    f"postgresql://me@127.0.0.1:1/earshot?password={DATABASE_PASSWORD}",
    # Passwords with letters that mean something in an address.
    f"postgresql://me:{DATABASE_PASSWORD}/x@127.0.0.1:1/earshot",
    f"postgresql://me:4711/{DATABASE_PASSWORD}@127.0.0.1:1/earshot",
    f"postgresql://me:4711?{DATABASE_PASSWORD}@127.0.0.1:1/earshot",
    f"postgresql://me:4711#{DATABASE_PASSWORD}@127.0.0.1:1/earshot",
    f"postgresql://me:{DATABASE_PASSWORD}:{DATABASE_PASSWORD}@127.0.0.1:1/earshot",
    f"postgresql://me:[{DATABASE_PASSWORD}@127.0.0.1:1/earshot",
    f"postgresql://me:{DATABASE_PASSWORD}@127.0.0.1:port/earshot",
    f"postgresql://me:{DATABASE_PASSWORD}@127.0.0.1:1/earshot?sslmode=nonsense",
    f"postgresql://me:{DATABASE_PASSWORD}@127.0.0.1:1/earshot?port=x",
    f"mysql://me:{DATABASE_PASSWORD}@127.0.0.1/earshot",
    f"postgres:/me:{DATABASE_PASSWORD}@127.0.0.1/earshot",
]
COMMANDS = [
    ("settings",), ("settings", "--json"), ("doctor",), ("doctor", "--json"), ("migrate",), ("counters",),
    ("users", "list"), ("keys", "list"), ("keys", "create", "--user", "x@example.com", "--dialect", "astuto"),
]  # fmt: skip


@pytest.mark.parametrize("url", BROKEN)
def test_the_password_of_a_database_is_in_no_command_s_words(
    commands: Cli, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARSHOT_DATABASE_URL", url)
    for command in COMMANDS:
        done = commands.run(*command)

        assert done.code in (0, 1), command
        assert done.code == 0 or command == ("doctor", "--json") or done.err.count("\n") == 1 or command == ("doctor",)
        assert DATABASE_PASSWORD not in done.out + done.err, command
        assert "Traceback" not in done.err, command


@pytest.mark.parametrize("url", BROKEN[:4])
def test_the_password_of_a_database_is_in_no_word_of_a_start_that_fails(sqlite: Earshot, url: str) -> None:
    done = sqlite.run("serve", "--port", "0", EARSHOT_DATABASE_URL=url)

    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert DATABASE_PASSWORD not in done.err


@pytest.mark.parametrize(
    "setting",
    [
        ("redis_url", f"redis://:{DATABASE_PASSWORD}@127.0.0.1:1/0"),
        ("redis_url", f"redis://me:4711/{DATABASE_PASSWORD}@127.0.0.1:1/0"),
        ("redis_url", f"redis://me:{DATABASE_PASSWORD}/@127.0.0.1:1/0"),
        ("redis_url", f"http://me:{DATABASE_PASSWORD}@127.0.0.1:1/0"),
        ("storage_url", f"s3://me:{DATABASE_PASSWORD}@bucket?endpoint=http://127.0.0.1:1"),
        ("storage_url", f"ftp://me:{DATABASE_PASSWORD}@127.0.0.1/"),
        ("base_url", f"https://me:{DATABASE_PASSWORD}@feedback.example.com"),
        ("base_url", f"https://me:4711/{DATABASE_PASSWORD}@feedback.example.com"),
        ("secret_key", DATABASE_PASSWORD),
        ("secret_key", DATABASE_PASSWORD * 3),
        ("astuto_secret", DATABASE_PASSWORD),
    ],
)
def test_no_secret_of_a_setting_is_in_a_command_s_words(
    commands: Cli, setting: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, value = setting
    monkeypatch.setenv(f"EARSHOT_{name.upper()}", value)
    for command in (("settings",), ("settings", "--json"), ("doctor",), ("doctor", "--json"), ("users", "list")):
        done = commands.run(*command)

        assert DATABASE_PASSWORD not in done.out + done.err, command
        assert "Traceback" not in done.err, command


def test_a_public_address_with_a_password_is_refused_since_every_link_would_tell_it() -> None:
    for value in (f"https://me:{DATABASE_PASSWORD}@feedback.example.com", "https://me@feedback.example.com"):
        with pytest.raises(InvalidSettings) as refused:
            Settings.load(base_url=value)

        assert str(refused.value) == "EARSHOT_BASE_URL: must have no user and password: every link would tell them"


def test_no_command_takes_a_password_or_a_key_on_its_command_line(commands: Cli) -> None:
    """Everybody on the machine reads command lines in the process list; secrets come by standard input."""
    for command in (
        ("users", "create", "--email", "j@example.com", "--password", "open sesame"),
        ("users", "password", "owner@example.com", "open sesame"),
        ("keys", "adopt", "--user", "owner@example.com", "--dialect", "astuto", "--token", "x" * 40),
    ):
        assert commands.run(*command).code == 2, command
    for command, asked in ((("users", "create"), "--password-stdin"), (("keys", "adopt"), "--token-stdin")):
        assert asked in commands.run(*command, "--help").out
