"""Whatever letters a password in an address has: no piece of it is output, and none is taken for a host."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click
import pytest
import typer
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from app.adapters.database import create_database
from app.adapters.smtp_server import SmtpServer
from app.adapters.storage import storage_from_url
from app.adapters.storage.base import InvalidStorageUrl
from app.cli import build_app
from app.settings import InvalidSettings, Settings
from tests.cli.conftest import Cli
from tests.support.commands import Earshot

PIECES: Final = ("zqvkxw", "jwqzpf", "kxzvqj")
"""Parts of the passwords; no other output contains them."""
SPECIAL: Final = st.text("@/?#:%&= []\\'\"+;,!$~<>é", min_size=1, max_size=3)
PASSWORDS: Final = st.builds(
    lambda first, one, second, two, third: first.join(("", PIECES[0])) + one + PIECES[1] + two + PIECES[2] + third,
    st.sampled_from(("", "@", "/", "#")),
    SPECIAL,
    SPECIAL,
    SPECIAL,
    st.sampled_from(("", "@", "/", "?", " ")),
)
ADDRESSES: Final = {
    "database_url": "postgresql://me:{}@127.0.0.1:1/earshot",
    "redis_url": "redis://me:{}@127.0.0.1:1/0",
    "otlp_url": "http://me:{}@127.0.0.1:1",
    "smtp_url": "smtp://me:{}@127.0.0.1:1",
    "storage_url": "s3://me:{}@bucket?endpoint=http://127.0.0.1:1",
}
PARAMETERS: Final = {
    "role": "admin",
    "state": "approved",
    "dialect": "astuto",
    "setting": "title",
    "url": "feedback",
    "email": "jane@example.com",
}
"""What is written for a parameter that a command needs; for all others a number does."""

OPTIONS: Final = {
    ("keys", "adopt"): ["--token-stdin"],
    ("users", "password"): ["--password-stdin"],
    ("boards", "edit"): ["--name", "1"],
    ("tabs", "edit"): ["--name", "1"],
    ("statuses", "edit"): ["--name", "1"],
    ("sections", "edit"): ["--title", "1"],
    ("webhooks", "create"): ["--url", "https://example.com/"],
    ("webhooks", "edit"): ["--description", "1"],
}

NO_DEADLINE: Final = examples(
    deadline=None, database=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def iterate_commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[list[str]]:
    """A call of each command that gets as far as the settings."""
    if isinstance(command, click.Group) or hasattr(command, "commands"):
        for name, below in command.commands.items():
            yield from iterate_commands(below, (*path, name))
        return
    call = list(path)
    for parameter in command.params:
        if parameter.required:
            option = [parameter.opts[0]] if parameter.param_type_name == "option" else []
            call += [*option, PARAMETERS.get(parameter.name, "1")]
    yield [*call, *OPTIONS.get(tuple(path), [])]


PROCESSES: Final = (["serve", "--port", "0"], ["outbox", "run"])
"""The commands that configure the signals and the log of their process: they run in one of their own."""
COMMANDS: Final = [
    call
    for call in iterate_commands(typer.main.get_command(build_app()))
    if all(call != process[: len(call)] for process in PROCESSES)
]

looked_up: list[str] = []


def _record_lookup(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.getaddrinfo":
        looked_up.append(str(arguments[0]))
    elif event == "socket.connect":
        looked_up.append(str(arguments[1]))


sys.addaudithook(_record_lookup)


def find_pieces(text: str) -> list[str]:
    return [piece for piece in PIECES if piece in text.lower()]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@examples(NO_DEADLINE, max_examples=8)
@given(password=PASSWORDS)
@example(password="aaa@zqvkxw/jwqzpf")
@example(password="zqvkxw@jwqzpf")
def test_no_command_prints_or_resolves_part_of_a_database_password(
    command: list[str], commands: Cli, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARSHOT_DATABASE_URL", ADDRESSES["database_url"].format(password))
    looked_up.clear()

    done = commands.run(*command, stdin="x" * 40)

    assert done.code in ((0, 1) if command == ["settings"] else (1,)), done.err
    assert find_pieces(done.out + done.err) == []
    assert "Traceback" not in done.err
    assert find_pieces("".join(looked_up)) == []


@pytest.mark.parametrize("name", [name for name in ADDRESSES if name not in ("database_url", "storage_url")])
@examples(NO_DEADLINE, max_examples=40)
@given(password=PASSWORDS)
@example(password="@zqvkxw\\jwqzpf:kxzvqj")
def test_no_command_prints_or_resolves_part_of_another_password(
    name: str, commands: Cli, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"EARSHOT_{name.upper()}", ADDRESSES[name].format(password))
    monkeypatch.setenv("EARSHOT_MAIL_FROM", "feedback@example.com")
    looked_up.clear()

    for command in (["doctor"], ["settings"], ["users", "list"]):
        done = commands.run(*command)

        assert done.code in (0, 1), command
        assert find_pieces(done.out + done.err) == [], command
        assert "Traceback" not in done.err, command
    assert find_pieces("".join(looked_up)) == []


@examples(NO_DEADLINE, max_examples=100)
@given(password=PASSWORDS)
def test_the_secret_of_a_bucket_is_neither_printed_nor_used_as_a_name(
    commands: Cli, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = ADDRESSES["storage_url"].format(password)
    monkeypatch.setenv("EARSHOT_STORAGE_URL", url)

    done = commands.run("settings")
    try:
        output = repr(storage_from_url(url, Path("data")))
        assert "bucket bucket at http://127.0.0.1:1" in output
    except InvalidStorageUrl as error:
        output = str(error)

    assert find_pieces(done.out + done.err + output) == []


@pytest.mark.parametrize("url", ["s3:/me:{}@bucket", "s3:me:{}@bucket", "S3:///me:{}@bucket", "s3//me:{}@bucket"])
def test_an_invalid_bucket_url_is_reported_without_its_secret(
    url: str, commands: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARSHOT_STORAGE_URL", url.format(PIECES[0]))

    done = commands.run("settings")

    assert find_pieces(done.out + done.err) == []


@pytest.mark.parametrize("name", ADDRESSES)
@examples(NO_DEADLINE, max_examples=100)
@given(password=PASSWORDS)
def test_an_escaped_password_is_accepted_and_keeps_the_host(name: str, password: str) -> None:
    escaped, bare = (ADDRESSES[name].format(form) for form in (quote(password, safe=""), password))

    assert getattr(Settings.load(**{name: escaped}, mail_from="feedback@example.com"), name) == escaped
    if name == "smtp_url":
        assert SmtpServer.parse(escaped).password == password
    if name == "database_url":
        assert create_database(escaped).describe() == "PostgreSQL, 127.0.0.1:1/earshot"
        try:
            Settings.load(**{name: bare})
        except InvalidSettings as error:
            assert find_pieces(str(error)) == []
        else:
            assert create_database(bare).describe() == "PostgreSQL, 127.0.0.1:1/earshot"
            # The driver ends the password at the first, everybody else at the last.
            assert "@" not in password


@pytest.mark.parametrize(
    "password", ["aaa@SEC/RET", "aaa@SEC?RET", "aaa@SEC#RET", "aaa@SEC@RET", "a/b@c", "@/", "a b@c/d"]
)
def test_an_unescaped_at_sign_in_a_password_is_rejected(password: str) -> None:
    with pytest.raises(InvalidSettings) as error:
        Settings.load(database_url=f"postgresql://earshot:{password}@127.0.0.1:5499/earshot")

    assert (error.value.state, error.value.remedy) == (
        "EARSHOT_DATABASE_URL=postgresql://earshot:***@127.0.0.1:5499/earshot (from --database-url): "
        "its host and port can't be parsed",
        "in user and password write : / ? # @ as %3A %2F %3F %23 %40",
    )


@pytest.mark.parametrize("query", ["password=zqvkxw&jwqzpf", "password=zqvkxw&&jwqzpf", "zqvkxw"])
def test_an_invalid_query_of_a_url_is_not_printed(query: str, commands: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_DATABASE_URL", f"postgresql://me@127.0.0.1:1/earshot?{query}")

    for command in (["doctor"], ["settings"], ["migrate"], ["users", "list"]):
        done = commands.run(*command)

        assert done.code == 1
        assert find_pieces(done.out + done.err) == []


@pytest.mark.parametrize("command", PROCESSES, ids=" ".join)
@pytest.mark.parametrize("password", ["zqvkxw@jwqzpf/kxzvqj", "zqvkxw jwqzpf"])
def test_a_failed_start_prints_no_part_of_a_database_password(
    sqlite: Earshot, password: str, command: list[str]
) -> None:
    url = ADDRESSES["database_url"].format(password)

    done = sqlite.run(*command, EARSHOT_DATABASE_URL=url)

    assert (done.code, done.out, done.err.count("\n")) == (1, "", 2)
    assert find_pieces(done.err) == []
