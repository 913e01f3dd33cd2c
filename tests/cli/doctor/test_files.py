"""The doctor's findings about the data directory, SQLite's file, their modes and their disk."""

import asyncio
import contextlib
import os
import pwd
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app.adapters.database.inspection import read_revision
from app.adapters.database.sqlite import connect
from app.cli.doctor import checks, environment
from app.cli.doctor.finding import Finding
from app.domain.errors import ServiceUnavailable
from app.settings import Settings
from tests.cli.conftest import Cli
from tests.cli.doctor.test_doctor import Environment, find_problem, find_well, write_secret
from tests.conftest import SECRET


def test_a_secret_readable_by_other_users_is_reported(cli: Cli, tmp_path: Path, monkeypatch: Environment) -> None:
    monkeypatch.delenv("EARSHOT_SECRET_KEY")
    path = write_secret(tmp_path, SECRET, mode=0o640)

    assert find_problem(cli, "data") == (f"{path} can be read by other users", f"chmod 600 {path}")
    path.chmod(0o600)
    assert find_well(cli, "data") == str(tmp_path / "data")


@pytest.fixture
def on_sqlite(sqlite_template: Path, tmp_path: Path) -> Settings:
    """The settings of a server on a SQLite file of its own."""
    path = tmp_path / "kept" / "earshot.db"
    path.parent.mkdir(mode=0o700)
    shutil.copy(sqlite_template, path)
    return Settings.load(database_url=f"sqlite:///{path}", data_dir=path.parent)


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_a_world_readable_database_file_is_reported(on_sqlite: Settings, suffix: str) -> None:
    database = on_sqlite.data_dir / "earshot.db"
    database.chmod(0o600)
    file = database.with_name(database.name + suffix)
    file.touch()
    file.chmod(0o644)

    in_private_folder = environment.check_data_dir(on_sqlite)
    database.parent.chmod(0o755)
    in_public_folder = environment.check_data_dir(on_sqlite)
    file.chmod(0o640)
    without_mode_for_others = environment.check_data_dir(on_sqlite)

    assert (in_private_folder.well, without_mode_for_others.well) == (True, True)
    assert in_public_folder == Finding(
        "data", False, f"{database} can be read by every user of this machine", f"chmod o= {database}*"
    )


def test_low_disk_space_is_reported(cli: Cli, tmp_path: Path) -> None:
    settings = Settings.load()

    little = environment.check_disk_space(settings, min_bytes=sys.maxsize)

    assert environment.check_disk_space(settings, min_bytes=1).well
    assert not little.well
    assert little.state.endswith(f" MB free at {tmp_path / 'data'}")
    assert little.remedy == "free space on that disk, or move the data to a larger one"


def test_a_wal_that_is_not_checkpointed_is_reported(on_sqlite: Settings) -> None:
    database = on_sqlite.data_dir / "earshot.db"
    with closing(connect(database)) as reader, closing(connect(database)) as writer:
        # A transaction that reads prevents that the log is copied into the file.
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM posts").fetchone()
        writer.execute("CREATE TABLE written (ahead)")
        size = database.with_name("earshot.db-wal").stat().st_size
        assert size > 0

        large = environment.check_wal_size(database, max_bytes=size - 1)
        small = environment.check_wal_size(database)

    assert (large.well, small.well) == (False, True)
    assert large.state == f"{database}-wal has 0 MB, and is not copied into the database"
    assert large.remedy == f"stop the process that reads {database} (`fuser -v` lists it), then restart the server"


def test_an_inaccessible_data_directory_is_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    (folder / "earshot.db").touch(mode=0o600)
    monkeypatch.chdir("/")
    monkeypatch.setenv("EARSHOT_DATA_DIR", str(folder))
    if os.geteuid() != 0:
        folder.chmod(0)
    # Files are judged by the effective user, whom only root may change.
    as_other_user = contextlib.nullcontext() if os.geteuid() != 0 else _effective_user(pwd.getpwnam("nobody").pw_uid)
    try:
        with as_other_user:
            findings = {finding.what: finding for finding in checks.examine()}
            with pytest.raises(ServiceUnavailable, match="check that it is a file, and that this user may write to it"):
                asyncio.run(read_revision(f"sqlite:///{folder}/earshot.db"))
    finally:
        folder.chmod(0o700)

    assert not findings["data"].well
    assert "because this user may not write to" in findings["data"].state
    assert "database" not in findings


@pytest.mark.parametrize("kind", ["file in place of the folder", "folder of another user", "folder below one"])
def test_an_unusable_folder_of_a_new_database_is_reported(kind: str) -> None:
    as_other_user = contextlib.nullcontext() if os.geteuid() != 0 else _effective_user(pwd.getpwnam("nobody").pw_uid)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o777)
        kept = place / "kept"
        if kind == "file in place of the folder":
            kept.touch()
            state, remedy = f"{kept} can't be used, because {kept} is no folder", "move this file away"
        else:
            kept.mkdir(mode=0o555)
            state, remedy = f"because this user may not write to {kept}", f"make this user the owner of {kept}"
        folder = kept / "new" if kind == "folder below one" else kept
        settings = Settings(  # type: ignore[call-arg]
            _env_file=None, database_url=f"sqlite:///{folder}/earshot.db", data_dir=place / "data"
        )
        with as_other_user:
            finding = checks._check_database(settings)
        kept.chmod(0o700)

    assert (finding.what, finding.well) == ("database", False)
    assert finding.state.startswith(f"the folder of the database {folder} ")
    assert finding.state.endswith(state)
    assert finding.remedy is not None
    assert finding.remedy.startswith(remedy)
    assert finding.remedy.endswith("or choose another folder with EARSHOT_DATABASE_URL")


def test_folders_below_one_that_cannot_be_searched_are_no_traceback() -> None:
    as_other_user = contextlib.nullcontext() if os.geteuid() != 0 else _effective_user(pwd.getpwnam("nobody").pw_uid)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        locked = folder / "locked"
        locked.mkdir(mode=0o700 if os.geteuid() == 0 else 0)
        settings = Settings(  # type: ignore[call-arg]
            _env_file=None,
            data_dir=locked / "data",
            storage_url=f"{locked}/up",
            database_url=f"sqlite:///{locked}/a.db",
        )
        with as_other_user:
            data, room = environment.check_data_dir(settings), environment.check_disk_space(settings, 0)
        locked.chmod(0o700)

    assert data.state.endswith(f"can't be created, because this user may not write to {locked}")
    assert (data.well, room.well) == (False, True)


@contextlib.contextmanager
def _effective_user(user: int) -> Iterator[None]:
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)
