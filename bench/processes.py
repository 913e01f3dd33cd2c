"""Starts and stops the servers under load, and reads their memory."""

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, Self
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from bench import ceiling
from bench.seed import KEYS, SECRET
from tests.support.processes import free_port

START_SECONDS: Final = 60
BOUNDLESS: Final = "100000000"
"""Rate limits are counted, and no client reaches them."""


class Memory(NamedTuple):
    """MiB of a server: its own, and with mapped files, which the system can reclaim."""

    own: float
    resident: float

    def __str__(self) -> str:
        return f"{self.own:.0f} ({self.resident:.0f})"


class BackgroundProcess:
    """A process that runs until it is closed. Its output is in a file of the folder."""

    def __init__(self, name: str, command: list[str], *, folder: Path, **settings: str) -> None:
        self._log = folder / f"{name}.log"
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,  # No `.env` there.
                env={**_env(), **settings},
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the process by SIGTERM, and after a timeout by SIGKILL."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """The id of the started process."""
        return self._process.pid

    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def read_log(self) -> str:
        """The output of the process so far."""
        return self._log.read_text(errors="replace")

    def memory(self) -> "Memory":
        """The memory of the process and its workers; only on Linux."""
        usages = [_memory(process) for process in _process_tree(self._process.pid)]
        return Memory(sum(each.own for each in usages), sum(each.resident for each in usages))


class Process(BackgroundProcess):
    """A server, its URL, and the time from its start to its first response."""

    def __init__(self, name: str, command: list[str], *, url: str, token: str, folder: Path, **settings: str) -> None:
        self.url = url
        began = time.perf_counter()
        super().__init__(name, command, folder=folder, **settings)
        try:
            self._await_answer(name, token)
        except BaseException:
            self.close()
            raise
        self.seconds_to_answer = time.perf_counter() - began

    def _await_answer(self, name: str, token: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if not self.is_running():
                break
            request = Request(f"{self.url}/posts?limit=1", headers={"Authorization": f"Bearer {token}"})
            try:
                with urlopen(request, timeout=10) as response:
                    response.read()
                    return
            except HTTPError as error:
                raise SystemExit(f"{name} rejects its key with {error.code}: {error.read()[:500]!r}") from None
            except (URLError, OSError):
                time.sleep(0.005)
        raise SystemExit(f"{name} did not start: {self.read_log()[-2000:]}")


def start_ceiling(database: str, folder: Path, *, workers: int = 1, redis: str = "") -> Process:
    """Start the ceiling on this database."""
    port = free_port()
    command = [sys.executable, ceiling.__file__, "--database", database, "--port", str(port)]
    command += ["--workers", str(workers), "--redis", redis]
    return Process("ceiling", command, url=f"http://127.0.0.1:{port}", token=ceiling.KEY, folder=folder)


def start_earshot(
    database: str,
    folder: Path,
    *,
    workers: int = 1,
    redis: str = "",
    command: list[str] | None = None,
    more_settings: Mapping[str, str] | None = None,
) -> Process:
    """Start Earshot by `earshot serve` or another command, with rate limits that are never reached."""
    port = free_port()
    settings = {
        **_common_settings(database, folder, port),
        "EARSHOT_LIMIT_PRODUCTLIFT": f"{BOUNDLESS}/minute",
        "EARSHOT_LIMIT_ASTUTO_KEY": f"{BOUNDLESS}/5minutes",
        "EARSHOT_LIMIT_ASTUTO_IP": f"{BOUNDLESS}/5minutes",
        "EARSHOT_LIMIT_PAGES": f"{BOUNDLESS}/5minutes",
        # All clients of a benchmark have one address.
        "EARSHOT_CONNECTIONS_PER_IP": "100000",
        "EARSHOT_WORKERS": str(workers),
        "EARSHOT_REDIS_URL": redis,
        "EARSHOT_PORT": str(port),
        **(more_settings or {}),
    }
    url = f"http://127.0.0.1:{port}/api/v1"
    return Process(
        "earshot", command or _serve_command(port, workers), url=url, token=KEYS["astuto"], folder=folder, **settings
    )


def start_outbox(database: str, folder: Path, more_settings: Mapping[str, str]) -> BackgroundProcess:
    """Start `earshot outbox run`."""
    settings = {**_common_settings(database, folder, 0), **more_settings}
    return BackgroundProcess("outbox", [str(_find_command()), "outbox", "run"], folder=folder, **settings)


def _common_settings(database: str, folder: Path, number: int) -> dict[str, str]:
    return {
        "EARSHOT_DATABASE_URL": database,
        "EARSHOT_DATA_DIR": str(folder / f"data-{number}"),
        "EARSHOT_SECRET_KEY": SECRET,
    }


def _find_command() -> Path:
    return Path(sys.executable).with_name("earshot")


def _serve_command(port: int, workers: int) -> list[str]:
    command = importlib.util.find_spec("app.cli")
    if command is not None and command.origin is not None:
        return [str(_find_command()), "serve"]
    options = ["--port", str(port), "--workers", str(workers), "--loop", "uvloop", "--http", "httptools"]
    return [sys.executable, "-m", "uvicorn", "app.main:app", *options, "--no-access-log", "--log-level", "warning"]


def _env() -> dict[str, str]:
    """The environment without variables that change the servers, or make Python compile them at every start."""
    prefixes = ("EARSHOT_", "CEILING_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}


def _process_tree(process: int) -> list[int]:
    processes = [process]
    for parent in processes:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            processes.extend(map(int, task.read_text().split()))
    return processes


def _memory(process: int) -> Memory:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    own, resident = (int(fields[name].split()[0]) / 1024 for name in ("RssAnon", "VmRSS"))
    return Memory(own, resident)
