"""The databases of the benchmarks: filled once, stored in the cache, and copied for each run.

So a run always begins with the same rows, whatever an earlier one wrote.
"""

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from bench import seed
from bench.dataset import Amounts
from tests.support.servers import PostgresProcess, find_postgres

Kind = Literal["earshot", "ceiling"]
FILL = {"earshot": seed.fill_earshot, "ceiling": seed.fill_ceiling}
SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "8GB", "checkpoint_timeout": "30min"}
"""More memory and rarer checkpoints than PostgreSQL's default, so that no checkpoint falls into a short run.

Durability is the default.
"""


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

    def __init__(self, address: str, own: PostgresProcess | None, log: Callable[[str], None]) -> None:
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
        own = PostgresProcess(source, SETTINGS, home=cache)
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
