"""A start that is refused changes nothing, says why in one line and what to do in the next, and has no traceback."""

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest

from app.adapters.database.migrations import downgrade
from tests.faults.test_crash_recovery import url_of
from tests.server.test_banner import start_and_end
from tests.server.test_rejected_starts import error_of, files
from tests.server.test_startup_secret import OTHER, WRONG_SECRET
from tests.support.commands import Earshot
from tests.support.sql import rows


def tree(folder: Path) -> dict[str, bytes | None]:
    """The contents of the folder: bytes of files, None for folders."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture
def restricted(sqlite: Earshot, monkeypatch: pytest.MonkeyPatch) -> Earshot:
    """The command as a user who heeds the modes of files, also where the tests run as root."""
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("needs setpriv of util-linux, because root may write to every folder")
        rights = "-dac_override,-dac_read_search"
        monkeypatch.setattr(
            sqlite, "command", ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}", *sqlite.command]
        )
    return sqlite


@pytest.mark.parametrize(
    ("name", "place", "setting", "options"),
    [
        ("the data directory", "data", "EARSHOT_DATA_DIR", ()),
        ("the folder of the database", "kept", "EARSHOT_DATABASE_URL", ()),
        ("the folder of uploads", "files", "EARSHOT_STORAGE_URL", ()),
        ("the folder of uploads", "data/uploads", "EARSHOT_STORAGE_URL", ("--demo",)),
    ],
)
@pytest.mark.parametrize("depth", ["", "new/folder"])
def test_a_folder_without_the_right_to_write_is_reported_before_a_change(
    restricted: Earshot, name: str, place: str, setting: str, options: tuple[str, ...], depth: str
) -> None:
    parent = restricted.folder / place
    parent.mkdir(parents=True)
    folder = parent / depth
    settings = {
        "EARSHOT_DATA_DIR": {"EARSHOT_DATA_DIR": str(folder)},
        "EARSHOT_DATABASE_URL": {"EARSHOT_DATABASE_URL": f"sqlite:///{folder}/earshot.db"},
        "EARSHOT_STORAGE_URL": {} if options else {"EARSHOT_STORAGE_URL": str(folder)},
    }[setting]
    if options and depth:
        settings = {
            "EARSHOT_DATA_DIR": str(parent),
            "EARSHOT_DATABASE_URL": f"sqlite:///{restricted.folder}/earshot.db",
        }
        (parent / "uploads").mkdir()
        parent = folder = parent / "uploads"
    before = tree(restricted.folder)
    parent.chmod(0o500)
    try:
        done = restricted.run("serve", "--port", "0", *options, **settings)
    finally:
        parent.chmod(0o700)

    effect = "can't be used" if folder == parent else "can't be created"
    assert error_of(done) == (
        f"{name} {folder} {effect}, because this user may not write to {parent}: "
        f"make this user the owner of {parent}, or choose another folder with {setting}"
    )
    assert tree(restricted.folder) == before


def test_an_old_database_is_not_migrated_with_another_secret(earshot: Earshot) -> None:
    start_and_end(earshot)
    asyncio.run(downgrade(url_of(earshot), revision="0004"))

    assert error_of(earshot.run("serve", "--port", "0", EARSHOT_SECRET_KEY=OTHER)) == WRONG_SECRET

    assert rows(url_of(earshot), "SELECT version_num FROM alembic_version") == [("0004",)]
    start_and_end(earshot)


def test_a_missing_secret_is_not_replaced_if_the_database_knows_its_fingerprint(sqlite: Earshot) -> None:
    start_and_end(sqlite)
    sqlite.run("secret", "accept", EARSHOT_SECRET_KEY=OTHER)
    secret = sqlite.folder / "data" / "secret.key"
    secret.unlink()

    done = sqlite.run("serve", "--port", "0")

    assert error_of(done).startswith("the database has 0 keys, and the secret that they were created with is missing: ")
    assert not secret.exists()


@pytest.mark.parametrize("setting", ["EARSHOT_DATA_DIR", "EARSHOT_DATABASE_URL", "EARSHOT_STORAGE_URL"])
def test_a_name_that_is_too_long_is_reported(sqlite: Earshot, setting: str) -> None:
    name = "x" * 300
    value = f"sqlite:///{sqlite.folder}/{name}" if setting == "EARSHOT_DATABASE_URL" else f"{sqlite.folder}/{name}"

    done = sqlite.run("serve", "--port", "0", **{setting: value})

    assert "(File name too long)" in error_of(done)
    assert not (sqlite.folder / "data" / "secret.key").exists()
    assert not (sqlite.folder / "data" / "earshot.db").exists()


@pytest.mark.parametrize("secret", [b"\xff\xfe", b"\n"])
def test_a_damaged_secret_is_reported_before_a_change(sqlite: Earshot, secret: bytes) -> None:
    path = sqlite.folder / "data" / "secret.key"
    path.parent.mkdir()
    path.write_bytes(secret)

    message = error_of(sqlite.run("serve", "--port", "0"))

    assert message.startswith(
        f"the secret {path} is {'damaged' if secret.strip() else 'empty'}: restore it from a backup"
    )
    assert files(path.parent)["secret.key"] == secret
    assert not (path.parent / "earshot.db").exists()


def test_a_start_without_the_client_of_postgresql_reports_what_to_install(sqlite: Earshot) -> None:
    without = "import sys; sys.modules['asyncpg'] = None; from app.cli import main; main()"
    sqlite.command = [sys.executable, "-c", without]

    done = sqlite.run("serve", "--port", "0", EARSHOT_DATABASE_URL="postgresql://me:hidden@127.0.0.1/none")

    assert error_of(done) == (
        "EARSHOT_DATABASE_URL=postgresql://me:***@127.0.0.1/none (from the environment): "
        "the client of PostgreSQL is not installed: pip install asyncpg"
    )
    assert files(sqlite.folder) == {}
