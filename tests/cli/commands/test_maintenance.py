"""`earshot migrate`, `settings`, `counters`, `doctor`, and what every command has in common."""

import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.database.revisions import HEAD
from app.cli import run
from app.server.startup import program_version
from app.settings import Settings
from tests.cli.conftest import COMMANDS, Cli
from tests.cli.database import Rows
from tests.support.servers import Redis


def states(cli: Cli) -> dict[str, bool]:
    """What the doctor finds well and what not, whatever code it ends with."""
    done = cli.run("doctor", "--json")
    told = json.loads(done.out)
    assert told["well"] is (done.code == 0)
    return {finding["what"]: finding["well"] for finding in told["findings"]}


def parts() -> list[str]:
    """What the doctor looks at where there is a database with a portal."""
    on_sqlite = ["log"] if Settings.load().database.startswith("sqlite") else []
    inside = ["secret", "portals", "address", "counters", "sections", "clock"]
    outside = ["Redis", "limits", "proxies", "metrics", "storage", "spans"]
    return ["settings", "data", "room", "database", *on_sqlite, *inside, *outside]


def test_counters_that_are_right_are_told_to_be(cli: Cli) -> None:
    assert cli.json("counters") == {"differences": [], "repaired": False}
    assert cli.run("counters").out == "all counters are right\n"


def test_wrong_counters_are_told_and_put_right(cli: Cli, rows: Rows) -> None:
    rows("UPDATE users SET votes_count = 3")
    wrong = {"what": "user", "id": cli.begun.owner_id, "counter": "votes_count", "kept": 3, "counted": 0}

    done = cli.run("counters")

    assert (done.code, done.err) == (
        1,
        "earshot: 1 counter is wrong: repair with --repair\n",
    )
    assert cli.json("counters", "--repair") == {"differences": [wrong], "repaired": True}
    assert cli.json("counters") == {"differences": [], "repaired": False}


def test_settings_are_listed_with_secrets_masked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_REDIS_URL", "redis://me:hidden@redis.example.com")

    told = {one["name"]: one for one in cli.json("settings")["settings"]}

    assert told["EARSHOT_SECRET_KEY"]["value"] == "***"
    assert told["EARSHOT_REDIS_URL"]["value"] == "redis://me:***@redis.example.com"
    assert (told["EARSHOT_PORT"]["value"], told["EARSHOT_PORT"]["source"]) == ("8000", "default")
    assert all(one["meaning"] for one in told.values())
    assert "hidden" not in cli.run("settings").out


def test_a_database_that_is_up_to_date_stays_as_it_is(cli: Cli) -> None:
    told = cli.json("migrate")

    assert told["revision"] == HEAD
    assert len(cli.json("users", "list")["users"]) == 1


def test_the_doctor_finds_all_well(cli: Cli) -> None:
    assert states(cli) == dict.fromkeys(parts(), True)
    assert cli.run("doctor").code == 0


def test_the_doctor_finds_redis_when_it_answers(cli: Cli, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_REDIS_URL", redis.url)

    assert states(cli)["Redis"] is True


@pytest.fixture
def nobody() -> Iterator[int]:
    """A port that nobody answers on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    yield int(port)


def test_the_doctor_says_what_to_do(cli: Cli, monkeypatch: pytest.MonkeyPatch, nobody: int, tmp_path: Path) -> None:
    (tmp_path / "not-a-folder").write_text("")
    monkeypatch.setenv("EARSHOT_REDIS_URL", f"redis://127.0.0.1:{nobody}/0")
    monkeypatch.setenv("EARSHOT_STORAGE_URL", str(tmp_path / "not-a-folder"))
    monkeypatch.setenv("EARSHOT_PROT", "9000")
    cli.json("portals", "set", "host", "feedback.example.com")
    cli.json("portals", "create", "--title", "Ideas", "--host", "ideas.example.com")
    cli.json("portals", "set", "host", "none", "--portal", "1")

    wrong = ("settings", "portals", "Redis", "storage")
    assert states(cli) == dict.fromkeys(parts(), True) | dict.fromkeys(wrong, False)
    done = cli.run("doctor")
    assert done.err == "earshot: something is wrong with: settings, portals, Redis, storage\n"
    assert "EARSHOT_PROT is set, but is not a setting" in done.out
    assert "-> earshot portals set host feedback.example.com --portal 1" in done.out


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder and no settings."""
    monkeypatch.setenv("EARSHOT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("EARSHOT_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as end:
        run(COMMANDS, arguments)
    code = end.value.code
    told = capsys.readouterr()
    return (code if isinstance(code, int) else 0), told.err if code else told.out


def test_a_command_makes_no_database_by_looking_for_one(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "users", "list") == (
        1,
        f"earshot: there is no Earshot in the database yet (SQLite, {alone}/data/earshot.db): start the server with "
        "`earshot serve`, or choose another with EARSHOT_DATABASE_URL or EARSHOT_DATA_DIR\n",
    )
    assert list(alone.iterdir()) == []


def test_a_migrated_database_without_a_portal_is_told(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "migrate")[0] == 0

    assert said(capsys, "users", "list") == (
        1,
        "earshot: there is no portal yet: create one with `earshot portals create --title T`\n",
    )
    assert [path.name for path in (alone / "data").iterdir()] == ["earshot.db"]


def test_the_doctor_sees_a_damaged_file(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "migrate")
    path = alone / "data" / "earshot.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\x99" * 20_000 + whole[28_192:])

    assert said(capsys, "doctor") == (1, "earshot: something is wrong with: database\n")


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
        ["keys", "adopt"],
        ["portals", "set"],
        ["statuses", "create"],
        ["posts", "position"],
        ["follows", "add"],
    ],
    ids=" ".join,
)
def test_help_teaches_with_examples(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, told = said(capsys, *command, "--help")

    assert code == 0
    assert told.startswith("Usage: earshot ")
    assert max(map(len, told.splitlines())) <= 120


@pytest.mark.parametrize(
    "group",
    ["", "portals", "users", "keys", "boards", "tabs", "statuses", "sections", "posts", "comments", "votes", "follows"],
)
def test_no_summary_is_cut(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, told = said(capsys, *filter(None, [group]), "--help")

    assert [line for line in told.partition("Commands:")[2].splitlines() if line.endswith("...")] == []


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "--version") == (0, f"Earshot {program_version()}\n")


def test_what_is_piped_is_not_cut(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, told = said(capsys, "settings")

    assert "…" not in told.replace("postgresql://…", "").replace("redis://…", "")
    assert "the secret of an Astuto installation whose keys live on here" in told


def test_a_migrated_file_is_for_its_owner_alone(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "migrate")[0] == 0

    data = alone / "data"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "earshot.db").stat().st_mode) == 0o600


def test_an_unknown_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    code, told = said(capsys, "sevre")

    assert code == 2
    assert "No such command 'sevre'" in told
