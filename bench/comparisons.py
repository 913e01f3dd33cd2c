"""Measurements that compare two servers, or profile one: workers, and the parts of the server's own time."""

import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from typing import Final

from bench import processes, scenarios
from bench.load import Server, compare
from bench.promises import Setting, markdown_table
from tests.support.servers import Redis, find_redis

SETTLE_SECONDS: Final = 30


def workers(setting: Setting) -> str:
    """The rate of two workers relative to one, with limits in Redis, for Earshot and for the ceiling."""
    _require_postgresql(setting)
    with ExitStack() as running:
        redis = start_redis(running)
        one, two = (start_servers(setting, running, workers=count, redis=redis) for count in (1, 2))
        rows = []
        for single, double in zip(one, two, strict=True):
            pair = [single, Server(f"{double.name}, 2 workers", double.url, double.scenarios, double.headers)]
            for line in compare(pair, scenarios.HOT, rounds=setting.rounds, pressure=setting.pressure)[1::2]:
                ratio = f"**{line.ratio:.2f}** ({line.lowest:.2f}-{line.highest:.2f})" if line.valid else "INVALID"
                rows.append([line.scenario, single.name, ratio])
    return markdown_table(["", "server", "two workers (one = 1)"], rows)


def _require_postgresql(setting: Setting) -> None:
    if setting.databases.engine == "sqlite":
        raise SystemExit("several workers need PostgreSQL: --engine postgresql")


def start_redis(running: ExitStack) -> str:
    """Start a Redis for the rate limits of several workers; return its URL."""
    binary = find_redis()
    if binary is None:
        raise SystemExit("several workers need Redis for their rate limits, and no Redis is installed")
    return running.enter_context(closing(Redis(binary))).url


def start_servers(setting: Setting, running: ExitStack, *, workers: int, redis: str = "") -> list[Server]:
    """Start the ceiling and Earshot, each on a new copy of its database."""
    databases, amounts, folder = setting.databases, setting.amounts, setting.folder
    ceiling, earshot = (
        running.enter_context(start(databases.fresh(kind, amounts), folder, workers=workers, redis=redis))
        for kind, start in (("ceiling", processes.start_ceiling), ("earshot", processes.start_earshot))
    )
    return scenarios.servers(amounts, ceiling_url=ceiling.url, earshot_url=earshot.url)


def create(setting: Setting) -> str:
    """Creates in votes of the same run: two workers on PostgreSQL, limits counted in Redis."""
    _require_postgresql(setting)
    rows = []
    with ExitStack() as running:
        url = setting.databases.fresh("earshot", setting.amounts)
        redis = start_redis(running)
        earshot = running.enter_context(processes.start_earshot(url, setting.folder, workers=2, redis=redis))
        for dialect, requests in scenarios.OF.items():
            server = scenarios.earshot(dialect, earshot.url, requests(setting.amounts))
            runs = [
                [setting.pressure.load(server, scenario) for scenario in ("vote", "create")]
                for _ in range(setting.rounds)
            ]
            ratios = sorted(create.rate / vote.rate for vote, create in runs)
            rates = [f"{median(run.rate for run in each):.0f}" for each in zip(*runs, strict=True)]
            rows.append([dialect, *rates, f"**{median(ratios):.2f}** ({ratios[0]:.2f}-{ratios[-1]:.2f})"])
    return markdown_table(["", "votes/s", "creates/s", "create (vote = 1)"], rows)


def parts(setting: Setting) -> str:
    """The parts of the server's own time in each hot request, in percent, and its microseconds a request."""
    file = setting.folder / "shares.json"
    command = [sys.executable, str(Path(__file__).with_name("profile.py")), str(file)]
    profiles: dict[tuple[str, str], tuple[float, Mapping[str, int]]] = {}
    url = setting.databases.fresh("earshot", setting.amounts)
    with processes.start_earshot(url, setting.folder, command=command) as earshot:
        for dialect, requests in scenarios.OF.items():
            server = scenarios.earshot(dialect, earshot.url, requests(setting.amounts))
            for scenario in scenarios.HOT:
                setting.pressure.load(server, scenario)
                _read_samples(earshot.pid, file)
                before = cpu_seconds(earshot.pid)
                run = setting.pressure.load(server, scenario)
                spent = (cpu_seconds(earshot.pid) - before) / (run.rate * setting.pressure.seconds or math.inf)
                profiles[scenario, dialect] = (spent * 1e6 if run.rate else math.nan, _read_samples(earshot.pid, file))
    names = sorted({part for _, samples in profiles.values() for part in samples}, key=_weight(profiles), reverse=True)
    rows = []
    for scenario in scenarios.HOT:
        for dialect in scenarios.OF:
            spent, samples = profiles[scenario, dialect]
            total = sum(samples.values()) or 1
            shares = [f"{100 * samples.get(name, 0) / total:.0f}" for name in names]
            rows.append([scenario, dialect, "INVALID" if math.isnan(spent) else f"{spent:.0f}", *shares])
    return markdown_table(["", "dialect", "µs a request", *names], rows)


def _weight(profiles: Mapping[tuple[str, str], tuple[float, Mapping[str, int]]]) -> Callable[[str], int]:
    return lambda part: sum(samples.get(part, 0) for _, samples in profiles.values())


def _read_samples(pid: int, file: Path) -> Mapping[str, int]:
    """The samples of the profiled server since the last call."""
    file.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR1)
    deadline = time.monotonic() + SETTLE_SECONDS
    while not file.exists():
        if time.monotonic() > deadline:
            raise SystemExit("the profiled server did not write its samples")
        time.sleep(0.01)
    samples: Mapping[str, int] = json.loads(file.read_text())
    return samples


def cpu_seconds(pid: int) -> float:
    """The CPU time of the process with its threads; only on Linux."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


NAMED: Mapping[str, Callable[[Setting], str]] = {each.__name__: each for each in (workers, create, parts)}
