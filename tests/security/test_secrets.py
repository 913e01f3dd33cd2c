"""No key and no password in logs, responses, errors, process lists or the database."""

import re
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.authentication import ApiKeyAuthenticator
from app.domain.users import key_formats
from app.settings import InvalidSettings, Settings
from tests.cli.conftest import Cli
from tests.support.commands import Earshot, Serving
from tests.support.database_dump import dump_database
from tests.support.factory import Factory
from tests.support.sql import rows, script

SERVER_SECRET = "the-servers-own-secret-0123456789-abcdefgh"
DATABASE_PASSWORD = "pw-of-the-database-4711"
USERS_PASSWORD = "pw-of-a-user-0815"
WRONG_KEYS = [
    "tkn_admin_WRONGKEYWRONGKEYWRONGKEYWRONG1", "tkn_mod_WRONGKEYWRONGKEYWRONGKEYWRONG12", "77|" + "wrongkey" * 5,
    "a-key-of-no-known-shape-0123456789",
]  # fmt: skip


TOKEN_PAGES = ("/invitation", "/password-reset", "/confirm-email", "/notifications", "/unsubscribe")


def requests_with_key(key: str) -> list[dict[str, Any]]:
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
        *({"url": f"{page}?token={key}"} for page in TOKEN_PAGES),
        *({"method": "POST", "url": page, "data": {"token": key, "password": key}} for page in TOKEN_PAGES),
        {"method": "POST", "url": "/api/v1/posts", "headers": bearer, "json": {"token": key, key: key}},
        {"method": "POST", "url": "/api/v1/posts", "headers": bearer, "content": f'{{"token": "{key}"'.encode()},
        {"method": "POST", "url": "/api/v1/posts", "headers": bearer, "data": {"token": key, "_method": key}},
        {"method": "POST", "url": "/api/v1/posts", "headers": bearer, "files": {"image": (key, key.encode())}},
        {"method": "PUT", "url": f"/api/v1/users/{key}", "headers": bearer, "json": {"password": key}},
        {"method": "PROPFIND", "url": f"/api/v1/posts?{key}", "headers": bearer},
    ]


def send_raw(serving: Serving, content: bytes) -> bytes:
    """Send bytes that are no request; return the response."""
    with socket.create_connection(("127.0.0.1", serving.port), timeout=30) as wire:
        wire.sendall(content)
        return b"".join(iter(lambda: wire.recv(65536), b""))


def break_tables(earshot: Earshot, url: str) -> None:
    """Drop two tables of a running server, so that requests fail with an unexpected error."""
    if url.startswith("postgresql"):
        script(url, "DROP TABLE votes, attachments CASCADE")
        return
    script(f"sqlite:///{earshot.folder / 'data' / 'earshot.db'}", "DROP TABLE votes; DROP TABLE attachments")


def read_stored(earshot: Earshot, url: str) -> str:
    """The content of the database and of the data directory, as text."""
    contents = [path.read_bytes().decode("latin-1") for path in (earshot.folder / "data").rglob("*") if path.is_file()]
    if url.startswith("postgresql"):
        tables = rows(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        contents += [repr(rows(url, f'SELECT * FROM "{name}"')) for (name,) in tables]
    return "".join(contents)


def list_processes(serving: Serving) -> str:
    """The command lines of the server and of its workers, and the names of its threads, as any user sees them."""
    lines = []
    for pid in {serving.process.pid, *serving.workers()}:
        lines.append(Path(f"/proc/{pid}/cmdline").read_bytes().decode())
        lines += [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/comm")]
    return "".join(lines)


@pytest.mark.parametrize("form", ["text", "json"])
def test_keys_and_passwords_appear_in_no_output_of_a_server(earshot: Earshot, form: str) -> None:
    url = earshot.settings.get("EARSHOT_DATABASE_URL", "sqlite")
    if url.startswith("postgresql"):
        url = url.replace("postgres@", f"postgres:{DATABASE_PASSWORD}@")
        earshot.settings["EARSHOT_DATABASE_URL"] = url
    settings = {"EARSHOT_LOG_FORMAT": form, "EARSHOT_SECRET_KEY": SERVER_SECRET, "EARSHOT_RATE_LIMITS": "off"}
    responses: list[bytes] = []
    with earshot.serving(**settings) as serving:
        keys = re.findall(r"Bearer (\S+)'", serving.output)
        assert len(keys) == 2
        with httpx.Client(base_url=serving.address, timeout=30) as client:

            def send_request(**request: Any) -> httpx.Response:
                response = client.request(**{"method": "GET", **request})
                # Messages repeat an unknown id or path, which goes back to the client that sent it.
                if request["url"] in ("/api/v1/posts", "/astuto/api/v1/posts", "/productlift/api/v1/posts"):
                    responses.append(repr((response.headers.raw, response.content)).encode())
                return response

            for key in (*keys, *WRONG_KEYS):
                for request in requests_with_key(key):
                    assert send_request(**request).status_code < 500, request
            productlift = {"authorization": f"Bearer {keys[0]}"}
            user = {"email": "jane@example.com", "role": "member", "password": USERS_PASSWORD}
            created = send_request(method="POST", url="/api/v1/users", headers=productlift, json=user)
            assert created.status_code == 200
            responses.append(created.content)
            for key in (*keys, *WRONG_KEYS):
                responses.append(send_raw(serving, f"{key} {key}\r\n\r\n".encode()))
                responses.append(send_raw(serving, f"GET / HTTP/1.1\r\nX: {key * 2000}\r\n\r\n".encode()))
            processes = list_processes(serving)
            environment = Path(f"/proc/{serving.process.pid}/environ").read_text()
            break_tables(earshot, url)
            post = send_request(
                method="POST", url="/api/v1/posts", headers=productlift, json={"title": "Dark mode"}
            ).json()
            for key in keys:
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
        later_output = serving.process.stdout.read()
    logged = serving.log.read_text()
    stored = read_stored(earshot, url)

    secrets = [*keys, *WRONG_KEYS, USERS_PASSWORD, SERVER_SECRET, DATABASE_PASSWORD]
    # The log has the part of a key that is no secret.
    assert key_formats.display_prefix(keys[1]) in logged
    assert "unexpected" in logged
    secrets += [key[len(key_formats.display_prefix(key)) :] for key in keys]
    places = {
        "the log": logged,
        "standard output, after the first lines": later_output,
        "answers": b"".join(responses).decode("latin-1"),
        "the database and the data directory": stored,
        "the process list": processes,
    }
    assert [(place, secret) for place, text in places.items() for secret in secrets if secret in text] == []
    assert [key for key in keys if key in environment] == []
    # The first start prints the two keys, each in a list and in a sample command, and no other secret.
    assert [serving.output.count(key) for key in keys] == [2, 2]
    assert [secret for secret in (SERVER_SECRET, DATABASE_PASSWORD) if secret in serving.output] == []


async def test_a_key_is_found_by_its_digest_only(make: Factory, server: Any) -> None:
    """The key is looked up by a keyed digest, so that the duration does not reveal how much of a key is right."""
    token = await make.key(make.owner, "astuto")
    rows = (await dump_database(server.database))["api_keys"]

    assert [row["digest"] for row in rows] == [key_formats.digest(token, make._secret)]
    assert token not in repr(rows)
    authenticator = ApiKeyAuthenticator(server.database, make._secret)
    for similar in (token[:-1], token + "x", token.swapcase(), token[:-1] + chr(ord(token[-1]) ^ 1), rows[0]["digest"]):
        assert await authenticator.authenticate(similar) is None
    # With another server secret the key is unknown: digests alone are of no use to a thief.
    other = ApiKeyAuthenticator(server.database, b"another secret of the server 012345")
    assert await other.authenticate(token) is None
    assert await authenticator.authenticate(token) is not None


BROKEN = [
    # No server listens there.
    f"postgresql://me:{DATABASE_PASSWORD}@127.0.0.1:1/earshot",
    f"postgresql://me@127.0.0.1:1/earshot?password={DATABASE_PASSWORD}",
    # Passwords with characters that have a meaning in a URL.
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
def test_the_database_password_is_in_no_output_of_a_command(
    commands: Cli, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARSHOT_DATABASE_URL", url)
    for command in COMMANDS:
        done = commands.run(*command)

        assert done.code in (0, 1), command
        assert done.code == 0 or command == ("doctor", "--json") or done.err.count("\n") == 2 or command == ("doctor",)
        assert DATABASE_PASSWORD not in done.out + done.err, command
        assert "Traceback" not in done.err, command


@pytest.mark.parametrize("url", BROKEN[:4])
def test_the_database_password_is_in_no_output_of_a_failed_start(sqlite: Earshot, url: str) -> None:
    done = sqlite.run("serve", "--port", "0", EARSHOT_DATABASE_URL=url)

    assert (done.code, done.out, done.err.count("\n")) == (1, "", 2)
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
def test_secrets_in_settings_are_in_no_output_of_a_command(
    commands: Cli, setting: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, value = setting
    monkeypatch.setenv(f"EARSHOT_{name.upper()}", value)
    for command in (("settings",), ("settings", "--json"), ("doctor",), ("doctor", "--json"), ("users", "list")):
        done = commands.run(*command)

        assert DATABASE_PASSWORD not in done.out + done.err, command
        assert "Traceback" not in done.err, command


def test_a_public_url_with_a_password_is_rejected() -> None:
    for value, shown in (
        (f"https://me:{DATABASE_PASSWORD}@feedback.example.com", "https://me:***@feedback.example.com"),
        ("https://me@feedback.example.com", "https://me@feedback.example.com"),
    ):
        with pytest.raises(InvalidSettings) as error:
            Settings.load(base_url=value)

        assert str(error.value) == (
            f"EARSHOT_BASE_URL={shown} (from --base-url): must have no user and password, because "
            "every link would contain them: remove all before the @, and the @"
        )


def test_no_command_accepts_a_password_or_key_as_an_argument(commands: Cli) -> None:
    """Everybody on the machine reads command lines in the process list; secrets come by standard input."""
    for command in (
        ("users", "create", "--email", "j@example.com", "--password", "open sesame"),
        ("users", "password", "owner@example.com", "open sesame"),
        ("keys", "adopt", "--user", "owner@example.com", "--dialect", "astuto", "--token", "x" * 40),
    ):
        assert commands.run(*command).code == 2, command
    for command, option in ((("users", "create"), "--password-stdin"), (("keys", "adopt"), "--token-stdin")):
        assert option in commands.run(*command, "--help").out
