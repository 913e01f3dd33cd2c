"""`earshot migrate`, `settings`, `counters`, `doctor`, and what every command has in common."""

import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.database.revisions import HEAD
from app.server.startup import program_version
from app.settings import Settings
from tests.cli.conftest import Cli
from tests.cli.database import Rows
from tests.support.commands import Done
from tests.support.servers import Redis


def states(cli: Cli) -> dict[str, bool]:
    """Whether the doctor finds each part well."""
    done = cli.run("doctor", "--json")
    output = json.loads(done.out)
    assert output["well"] is (done.code == 0)
    return {finding["what"]: finding["well"] for finding in output["findings"]}


def parts() -> list[str]:
    """The parts that the doctor checks when there is a database with a portal."""
    on_sqlite = ["log"] if Settings.load().database.startswith("sqlite") else []
    inside = ["secret", "portals", "address", "counters", "sections", "clock", "outbox", "endpoints"]
    outside = ["Redis", "limits", "proxies", "metrics", "storage", "mail", "spans"]
    return ["settings", "data", "room", "database", *on_sqlite, *inside, *outside]


def test_correct_counters_are_reported(cli: Cli) -> None:
    assert cli.json("counters") == {"differences": [], "repaired": False}
    assert cli.run("counters").out == "all counters are right\n"


def test_wrong_counters_are_reported_and_repaired(cli: Cli, rows: Rows) -> None:
    rows("UPDATE users SET votes_count = 3")
    wrong = {"what": "user", "id": cli.first_portal.owner_id, "counter": "votes_count", "kept": 3, "counted": 0}

    done = cli.run("counters")

    assert (done.code, done.err) == (1, "earshot: 1 counter is wrong: repair with --repair\n")
    assert cli.json("counters", "--repair") == {"differences": [wrong], "repaired": True}
    assert cli.json("counters") == {"differences": [], "repaired": False}


def test_settings_are_listed_with_secrets_masked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_REDIS_URL", "redis://me:hidden@redis.example.com")

    settings = {setting["name"]: setting for setting in cli.json("settings")["settings"]}

    assert settings["EARSHOT_SECRET_KEY"]["value"] == "***"
    assert settings["EARSHOT_REDIS_URL"]["value"] == "redis://me:***@redis.example.com"
    assert (settings["EARSHOT_PORT"]["value"], settings["EARSHOT_PORT"]["source"]) == ("8000", "default")
    assert all(setting["meaning"] for setting in settings.values())
    assert "hidden" not in cli.run("settings").out


def test_migrating_an_up_to_date_database_changes_nothing(cli: Cli) -> None:
    assert cli.json("migrate")["revision"] == HEAD
    assert len(cli.json("users", "list")["users"]) == 1


def test_the_doctor_finds_no_problem(cli: Cli) -> None:
    assert states(cli) == dict.fromkeys(parts(), True)
    assert cli.run("doctor").code == 0


def test_the_doctor_reports_an_available_redis(cli: Cli, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_REDIS_URL", redis.url)

    assert states(cli)["Redis"] is True


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port that unused_port answers on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    yield int(port)


def test_the_doctor_prints_remedies(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, unused_port: int, tmp_path: Path
) -> None:
    (tmp_path / "not-a-folder").write_text("")
    monkeypatch.setenv("EARSHOT_REDIS_URL", f"redis://127.0.0.1:{unused_port}/0")
    monkeypatch.setenv("EARSHOT_STORAGE_URL", str(tmp_path / "not-a-folder"))
    monkeypatch.setenv("EARSHOT_PROT", "9000")
    cli.json("portals", "set", "host", "feedback.example.com")
    cli.json("portals", "create", "--title", "Ideas", "--host", "ideas.example.com")
    cli.json("portals", "set", "host", "none", "--portal", "1")

    wrong = ("settings", "portals", "Redis", "storage")
    assert states(cli) == dict.fromkeys(parts(), True) | dict.fromkeys(wrong, False)
    done = cli.run("doctor")
    assert done.err == "earshot: problems found in: settings, portals, Redis, storage\n"
    assert "EARSHOT_PROT is set, but is not a setting" in done.out
    assert "-> earshot portals set host feedback.example.com --portal 1" in done.out


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder and no settings."""
    monkeypatch.setenv("EARSHOT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("EARSHOT_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_command_does_not_create_the_database(empty_folder: Path, cli_without_portal: Cli) -> None:
    assert cli_without_portal.error("users", "list") == (
        f"there is no Earshot in the database yet (SQLite, {empty_folder}/data/earshot.db): start the server with "
        "`earshot serve`, or choose another with EARSHOT_DATABASE_URL or EARSHOT_DATA_DIR"
    )
    assert list(empty_folder.iterdir()) == []


def test_a_migrated_database_is_private_and_has_no_portal(empty_folder: Path, cli_without_portal: Cli) -> None:
    assert cli_without_portal.run("migrate").code == 0

    error = cli_without_portal.error("users", "list")

    assert error == "there is no portal yet: create one with `earshot portals create --title T`"
    data = empty_folder / "data"
    assert [path.name for path in data.iterdir()] == ["earshot.db"]
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "earshot.db").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["serve"],
        ["migrate"],
        ["settings"],
        ["counters"],
        ["doctor"],
        ["users"],
        ["users", "create"],
        ["users", "show"],
        ["users", "edit"],
        ["users", "delete"],
        ["users", "transfer-ownership"],
        ["keys", "adopt"],
        ["portals", "set"],
        ["portals", "delete"],
        ["statuses", "create"],
        ["posts", "list"],
        ["posts", "position"],
        ["follows", "add"],
    ],
    ids=" ".join,
)
def test_the_help_of_a_command_fits_in_a_line(command: list[str], cli_without_portal: Cli) -> None:
    done = cli_without_portal.run(*command, "--help")

    assert done.code == 0
    assert done.out.startswith("Usage: earshot ")
    assert max(map(len, done.out.splitlines())) <= 120


@pytest.mark.parametrize(
    "group",
    [
        *("", "portals", "users", "keys", "boards", "tabs", "statuses", "sections", "widgets", "webhooks"),
        *("posts", "comments", "votes", "follows", "mail", "outbox"),
    ],
)
def test_summaries_of_commands_are_not_truncated(group: str, cli_without_portal: Cli) -> None:
    help_text = cli_without_portal.run(*filter(None, [group]), "--help").out

    assert [line for line in help_text.partition("Commands:")[2].splitlines() if line.endswith("...")] == []


def test_the_version_is_printed(cli_without_portal: Cli) -> None:
    assert cli_without_portal.run("--version") == Done(0, f"Earshot {program_version()}\n", "")


def test_piped_output_is_not_truncated(empty_folder: Path, cli_without_portal: Cli) -> None:
    settings = cli_without_portal.run("settings").out

    assert "…" not in settings.replace("postgresql://…", "").replace("redis://…", "")
    assert "the secret of an Astuto installation whose keys stay valid here" in settings


def test_an_unknown_command_is_a_usage_error(cli_without_portal: Cli) -> None:
    assert cli_without_portal.usage_error("sevre").startswith("No such command 'sevre'")
