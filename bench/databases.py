"""The databases under measurement: filled once and kept in the cache, and copied for each run.

A run therefore always begins with the same rows, whatever an earlier one wrote.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from bench import seed
from bench.dataset import Amounts
from tests.support.processes import Guard, identity_for_servers, make_folder, open_to_all
from tests.support.servers import LOCALE, START_SECONDS, find_postgres, reachable

Kind = Literal["earshot", "ceiling"]
FILL = {"earshot": seed.fill_earshot, "ceiling": seed.fill_ceiling}


class Databases(Protocol):
    """Gives out filled databases of one engine."""

    engine: str
    version: str

    def fresh(self, kind: Kind, amounts: Amounts) -> str:
        """The address of a new copy of the filled database; filled first when the cache has none."""
        ...

    def close(self) -> None:
        """Throw the copies away and end what was started."""
        ...


class SqliteDatabases:
    """Files in the cache, copied into the folder of the run."""

    engine = "sqlite"

    def __init__(self, cache: Path, folder: Path, say: Callable[[str], None]) -> None:
        import sqlite3

        self.version = f"SQLite {sqlite3.sqlite_version}"
        self._cache, self._folder, self._say = cache, folder, say
        self._copies = 0

    def fresh(self, kind: Kind, amounts: Amounts) -> str:
        filled = self._cache / f"{kind}-{seed.fingerprint(amounts)}.db"
        if not filled.exists():
            self._say(f"filling SQLite for {kind}: {amounts}")
            unfinished = filled.with_suffix(f".{os.getpid()}")
            unfinished.unlink(missing_ok=True)
            asyncio.run(FILL[kind](f"sqlite:///{unfinished}", amounts))
            unfinished.rename(filled)
        self._copies += 1
        copy = self._folder / f"{kind}-{self._copies}.db"
        shutil.copyfile(filled, copy)
        # Without it the copying itself would be written back to the disk during the first rounds.
        with copy.open("rb") as copied:
            os.fsync(copied.fileno())
        return f"sqlite:///{copy}"

    def close(self) -> None:
        pass


class PostgresDatabases:
    """Databases that are kept on a server as templates. The server is ours, or the one that an address names."""

    engine = "postgresql"

    def __init__(self, address: str, own: "OwnPostgres | None", say: Callable[[str], None]) -> None:
        self._address, self._own, self._say = address, own, say
        self._copies: list[str] = []
        self.version = f"PostgreSQL {self._ask('SHOW server_version')}"

    @classmethod
    def started(cls, cache: Path, say: Callable[[str], None]) -> "PostgresDatabases":
        """On a server of our own. Exits with one line when there is no PostgreSQL."""
        found = find_postgres()
        if found is None:
            raise SystemExit("no PostgreSQL is installed; install one, or name a server with --postgres-url")
        if isinstance(found, str):
            return cls(found, None, say)
        own = OwnPostgres(found, cache)
        return cls(own.address, own, say)

    def fresh(self, kind: Kind, amounts: Amounts) -> str:
        filled = f"earshot_bench_{kind}_{seed.fingerprint(amounts)}"
        if not self._ask(f"SELECT count(*) FROM pg_database WHERE datname = '{filled}'"):
            self._say(f"filling PostgreSQL for {kind}: {amounts}")
            unfinished = f"earshot_bench_unfinished_{os.getpid()}"
            self._ask(f"DROP DATABASE IF EXISTS {unfinished}")
            self._ask(f"CREATE DATABASE {unfinished} TEMPLATE template0")
            asyncio.run(FILL[kind](self._url(unfinished), amounts))
            self._ask(f"ALTER DATABASE {unfinished} RENAME TO {filled}")
        copy = f"earshot_bench_run_{os.getpid()}_{len(self._copies)}"
        self._ask(f"CREATE DATABASE {copy} TEMPLATE {filled}")
        self._copies.append(copy)
        # Without it the copying itself would be written back to the disk during the first rounds.
        self._ask("CHECKPOINT")
        return self._url(copy)

    def close(self) -> None:
        for copy in self._copies:
            self._ask(f"DROP DATABASE IF EXISTS {copy} WITH (FORCE)")
        if self._own is not None:
            self._own.close()

    def _url(self, database: str) -> str:
        return urlunsplit(urlsplit(self._address)._replace(path=f"/{database}"))

    def _ask(self, statement: str) -> Any:
        async def ask() -> Any:
            connection = await asyncpg.connect(self._address)
            try:
                return await connection.fetchval(statement)
            finally:
                await connection.close()

        return asyncio.run(ask())


class OwnPostgres:
    """A server on one UNIX socket whose data stay in the cache, as durable as PostgreSQL is unless told otherwise.

    More memory and rarer checkpoints than by default, so that a run of seconds does not meet one by chance.
    """

    SETTINGS = ("shared_buffers=512MB", "max_wal_size=8GB", "checkpoint_timeout=30min", "listen_addresses=")

    def __init__(self, binaries: Path, cache: Path) -> None:
        self._identity = identity_for_servers()
        self._folder = make_folder("earshot-bench-", self._identity)
        self._binaries = reachable(binaries, self._folder, self._identity)
        # Under a home with mode 700 the server's user can't enter, and the data are made anew each time.
        home = self._folder if self._identity and not open_to_all(cache) else cache
        self._data = home / f"postgresql-{binaries.parent.name}"
        if not (self._data / "PG_VERSION").exists():
            self._make()
        options = " ".join(f"-c {setting}" for setting in (*self.SETTINGS, f"unix_socket_directories={self._folder}"))
        log, wait = str(self._folder / "log"), str(START_SECONDS)
        self._command("pg_ctl", "-D", str(self._data), "-l", log, "-o", options, "-w", "-t", wait, "start")
        stop = '"$1" -D "$2" -m fast stop; rm -rf "$3"'
        pg_ctl = str(self._binaries / "pg_ctl")
        self._guard = Guard(stop, pg_ctl, str(self._data), str(self._folder), identity=self._identity)

    @property
    def address(self) -> str:
        return f"postgresql://postgres@/postgres?host={quote(str(self._folder), safe='/')}"

    def close(self) -> None:
        self._guard.release()

    def _make(self) -> None:
        self._data.mkdir(exist_ok=True)
        if self._identity:
            os.chown(self._data, self._identity["user"], self._identity["group"])
        self._command("initdb", "-D", str(self._data), "-U", "postgres", "-A", "trust", "-E", "UTF8", *LOCALE)

    def _command(self, program: str, *arguments: str) -> None:
        # Into a file, not a pipe: the server keeps what it inherits, and a reader would wait for ever.
        said = self._folder / f"{program}.out"
        with said.open("wb") as output:
            done = subprocess.run(
                [str(self._binaries / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._folder,
                check=False,
                **self._identity,
            )
        if done.returncode:
            log = self._folder / "log"
            words = said.read_text(errors="replace") + (log.read_text(errors="replace") if log.exists() else "")
            raise SystemExit(f"{program} gave up with {done.returncode}: {words[-2000:]}")
