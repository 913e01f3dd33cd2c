"""The databases of the benchmarks: filled once, stored in the cache, and copied for each run.

So a run always begins with the same rows, whatever an earlier one wrote.
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
    """Filled databases of one engine."""

    engine: str
    version: str

    def fresh(self, kind: Kind, amounts: Amounts) -> str:
        """The URL of a new copy of the filled database, which is filled first if the cache has none."""
        ...

    def close(self) -> None:
        """Delete the copies and stop the server that was started."""
        ...


class SqliteDatabases:
    """Files in the cache, copied into the folder of the run."""

    engine = "sqlite"

    def __init__(self, cache: Path, folder: Path, log: Callable[[str], None]) -> None:
        import sqlite3

        self.version = f"SQLite {sqlite3.sqlite_version}"
        self._cache, self._folder, self._log = cache, folder, log
        self._copies = 0

    def fresh(self, kind: Kind, amounts: Amounts) -> str:
        template = self._cache / f"{kind}-{seed.fingerprint(amounts)}.db"
        if not template.exists():
            self._log(f"filling SQLite for {kind}: {amounts}")
            unfinished = template.with_suffix(f".{os.getpid()}")
            unfinished.unlink(missing_ok=True)
            asyncio.run(FILL[kind](f"sqlite:///{unfinished}", amounts))
            unfinished.rename(template)
        self._copies += 1
        copy = self._folder / f"{kind}-{self._copies}.db"
        shutil.copyfile(template, copy)
        # Otherwise the copy would be written to the disk during the first rounds.
        with copy.open("rb") as file:
            os.fsync(file.fileno())
        return f"sqlite:///{copy}"

    def close(self) -> None:
        pass


class PostgresDatabases:
    """Template databases on a server: our own, or that of a URL."""

    engine = "postgresql"

    def __init__(self, address: str, own: "OwnPostgres | None", log: Callable[[str], None]) -> None:
        self._address, self._own, self._log = address, own, log
        self._copies: list[str] = []
        self.version = f"PostgreSQL {self._fetch_value('SHOW server_version')}"

    @classmethod
    def start(cls, cache: Path, log: Callable[[str], None]) -> "PostgresDatabases":
        """Start our own server. Exits with one line if there is no PostgreSQL."""
        source = find_postgres()
        if source is None:
            raise SystemExit("no PostgreSQL is installed; install one, or set --postgres-url")
        if isinstance(source, str):
            return cls(source, None, log)
        own = OwnPostgres(source, cache)
        return cls(own.address, own, log)

    def fresh(self, kind: Kind, amounts: Amounts) -> str:
        template = f"earshot_bench_{kind}_{seed.fingerprint(amounts)}"
        if not self._fetch_value(f"SELECT count(*) FROM pg_database WHERE datname = '{template}'"):
            self._log(f"filling PostgreSQL for {kind}: {amounts}")
            unfinished = f"earshot_bench_unfinished_{os.getpid()}"
            self._fetch_value(f"DROP DATABASE IF EXISTS {unfinished}")
            self._fetch_value(f"CREATE DATABASE {unfinished} TEMPLATE template0")
            asyncio.run(FILL[kind](self._url(unfinished), amounts))
            self._fetch_value(f"ALTER DATABASE {unfinished} RENAME TO {template}")
        copy = f"earshot_bench_run_{os.getpid()}_{len(self._copies)}"
        self._fetch_value(f"CREATE DATABASE {copy} TEMPLATE {template}")
        self._copies.append(copy)
        # Otherwise the copy would be written to the disk during the first rounds.
        self._fetch_value("CHECKPOINT")
        return self._url(copy)

    def close(self) -> None:
        for copy in self._copies:
            self._fetch_value(f"DROP DATABASE IF EXISTS {copy} WITH (FORCE)")
        if self._own is not None:
            self._own.close()

    def _url(self, database: str) -> str:
        return urlunsplit(urlsplit(self._address)._replace(path=f"/{database}"))

    def _fetch_value(self, statement: str) -> Any:
        async def fetch() -> Any:
            connection = await asyncpg.connect(self._address)
            try:
                return await connection.fetchval(statement)
            finally:
                await connection.close()

        return asyncio.run(fetch())


class OwnPostgres:
    """A server on one UNIX socket with its data in the cache and PostgreSQL's default durability.

    It has more memory and rarer checkpoints than by default, so that no checkpoint falls into a short run.
    """

    SETTINGS = ("shared_buffers=512MB", "max_wal_size=8GB", "checkpoint_timeout=30min", "listen_addresses=")

    def __init__(self, binaries: Path, cache: Path) -> None:
        self._identity = identity_for_servers()
        self._folder = make_folder("earshot-bench-", self._identity)
        self._binaries = reachable(binaries, self._folder, self._identity)
        # The server's user can't enter a home with mode 700; then the data are created each time.
        home = self._folder if self._identity and not open_to_all(cache) else cache
        self._data = home / f"postgresql-{binaries.parent.name}"
        if not (self._data / "PG_VERSION").exists():
            self._initialize()
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

    def _initialize(self) -> None:
        self._data.mkdir(exist_ok=True)
        if self._identity:
            os.chown(self._data, self._identity["user"], self._identity["group"])
        self._command("initdb", "-D", str(self._data), "-U", "postgres", "-A", "trust", "-E", "UTF8", *LOCALE)

    def _command(self, program: str, *arguments: str) -> None:
        # Into a file, not a pipe: the server inherits it and keeps it open, so that a reader would never end.
        output_file = self._folder / f"{program}.out"
        with output_file.open("wb") as output:
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
            text = output_file.read_text(errors="replace") + (log.read_text(errors="replace") if log.exists() else "")
            raise SystemExit(f"{program} failed with {done.returncode}: {text[-2000:]}")
