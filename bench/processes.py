"""Starts and ends the servers under load, and looks at what they hold."""

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple, Self
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from bench import ceiling
from bench.seed import KEYS, SECRET
from tests.support.processes import free_port

START_SECONDS: Final = 60
BOUNDLESS: Final = "100000000"
"""Limits are on and counted, and nobody ever reaches them."""


class Memory(NamedTuple):
    """MiB of a server: its own, and with the pages of files that it has mapped, which the system takes back at need."""

    own: float
    resident: float

    def __str__(self) -> str:
        return f"{self.own:.0f} ({self.resident:.0f})"


class Process:
    """A server, its address, and how long it took from its start to its first answer."""

    def __init__(self, name: str, command: list[str], *, url: str, token: str, folder: Path, **settings: str) -> None:
        self.url = url
        self._log = folder / f"{name}.log"
        began = time.perf_counter()
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,  # No `.env` there.
                env={**_surroundings(), **settings},
            )
        try:
            self._await_answer(name, token)
        except BaseException:
            self.close()
            raise
        self.seconds_to_answer = time.perf_counter() - began

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the server, kindly at first."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """Of the process that was started."""
        return self._process.pid

    def memory(self) -> "Memory":
        """What the server and its workers hold at this moment; only Linux tells."""
        held = [_memory(process) for process in _family(self._process.pid)]
        return Memory(sum(each.own for each in held), sum(each.resident for each in held))

    def _await_answer(self, name: str, token: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            asked = Request(f"{self.url}/posts?limit=1", headers={"Authorization": f"Bearer {token}"})
            try:
                with urlopen(asked, timeout=10) as answer:
                    answer.read()
                    return
            except HTTPError as refused:
                raise SystemExit(f"{name} answers {refused.code} to its key: {refused.read()[:500]!r}") from None
            except (URLError, OSError):
                time.sleep(0.005)
        raise SystemExit(f"{name} did not start: {self._log.read_text(errors='replace')[-2000:]}")


def start_ceiling(database: str, folder: Path, *, workers: int = 1, redis: str = "") -> Process:
    """The ceiling on a database of its own."""
    port = free_port()
    command = [sys.executable, ceiling.__file__, "--database", database, "--port", str(port)]
    command += ["--workers", str(workers), "--redis", redis]
    return Process("ceiling", command, url=f"http://127.0.0.1:{port}", token=ceiling.KEY, folder=folder)


def start_earshot(
    database: str, folder: Path, *, workers: int = 1, redis: str = "", command: list[str] | None = None
) -> Process:
    """Earshot as `earshot serve` starts it, or as another command does, all limits on and out of reach."""
    port = free_port()
    settings = {
        "EARSHOT_DATABASE_URL": database,
        "EARSHOT_DATA_DIR": str(folder / f"data-{port}"),
        "EARSHOT_SECRET_KEY": SECRET,
        "EARSHOT_LIMIT_PRODUCTLIFT": f"{BOUNDLESS}/minute",
        "EARSHOT_LIMIT_ASTUTO_KEY": f"{BOUNDLESS}/5minutes",
        "EARSHOT_LIMIT_ASTUTO_IP": f"{BOUNDLESS}/5minutes",
        "EARSHOT_LIMIT_PAGES": f"{BOUNDLESS}/5minutes",
        # All clients of a benchmark have one address.
        "EARSHOT_CONNECTIONS_PER_IP": "100000",
        "EARSHOT_WORKERS": str(workers),
        "EARSHOT_REDIS_URL": redis,
        "EARSHOT_PORT": str(port),
    }
    url = f"http://127.0.0.1:{port}/api/v1"
    return Process(
        "earshot", command or _serving(port, workers), url=url, token=KEYS["astuto"], folder=folder, **settings
    )


def _serving(port: int, workers: int) -> list[str]:
    command = importlib.util.find_spec("app.cli")
    if command is not None and command.origin is not None:
        return [str(Path(sys.executable).with_name("earshot")), "serve"]
    options = ["--port", str(port), "--workers", str(workers), "--loop", "uvloop", "--http", "httptools"]
    return [sys.executable, "-m", "uvicorn", "app.main:app", *options, "--no-access-log", "--log-level", "warning"]


def _surroundings() -> dict[str, str]:
    """The environment without what would change the servers, or have Python compile them at every start."""
    ours = ("EARSHOT_", "CEILING_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _family(process: int) -> list[int]:
    found = [process]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            found.extend(map(int, task.read_text().split()))
    return found


def _memory(process: int) -> Memory:
    told = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    own, resident = (int(told[name].split()[0]) / 1024 for name in ("RssAnon", "VmRSS"))
    return Memory(own, resident)
