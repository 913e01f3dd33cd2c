"""What is learnt from one Earshot beside another, or from looking into one: workers, its parts."""

import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from bench import processes, scenarios
from bench.load import Server, compare
from bench.processes import Process
from bench.promises import Setting, table_of
from tests.support.servers import find_redis, start_redis

SETTLE_SECONDS: Final = 30


def workers(setting: Setting) -> str:
    """Two workers in requests of one, limits counted in Redis by both; and the ceiling's, to show what can be shown."""
    if setting.databases.engine == "sqlite":
        raise SystemExit("several workers need PostgreSQL: --engine postgresql")
    with ExitStack() as running:
        binary = find_redis()
        if binary is None:
            raise SystemExit("several workers count their limits in Redis, which is missing here")
        redis = start_redis(binary)
        running.callback(redis.close)

        def started(count: int) -> tuple[Process, Process]:
            ceiling = processes.start_ceiling(
                setting.databases.fresh("ceiling", setting.amounts), setting.folder, workers=count, redis=redis.url
            )
            running.callback(ceiling.close)
            earshot = processes.start_earshot(
                setting.databases.fresh("earshot", setting.amounts), setting.folder, workers=count, redis=redis.url
            )
            running.callback(earshot.close)
            return ceiling, earshot

        one, two = ([*_servers(setting, *started(count))] for count in (1, 2))
        rows = []
        for alone, both in zip(one, two, strict=True):
            pair = [alone, Server(f"{both.name}, 2 workers", both.url, both.scenarios, both.headers)]
            for line in compare(pair, scenarios.HOT, rounds=setting.rounds, pressure=setting.pressure)[1::2]:
                ratio = f"**{line.ratio:.2f}** ({line.lowest:.2f}-{line.highest:.2f})" if line.valid else "INVALID"
                rows.append([line.scenario, alone.name, ratio])
    return table_of(["", "server", "two workers (one = 1)"], rows)


def _servers(setting: Setting, ceiling: Process, earshot: Process) -> list[Server]:
    return scenarios.servers(setting.amounts, ceiling_url=ceiling.url, earshot_url=earshot.url)


def parts(setting: Setting) -> str:
    """Where the server's own time goes in each hot request, in hundredths, and its microseconds a request."""
    told = setting.folder / "shares.json"
    watching = [sys.executable, str(Path(__file__).with_name("profile.py")), str(told)]
    found: dict[tuple[str, str], tuple[float, Mapping[str, int]]] = {}
    url = setting.databases.fresh("earshot", setting.amounts)
    with processes.start_earshot(url, setting.folder, command=watching) as earshot:
        for dialect, requests in scenarios.OF.items():
            server = scenarios.earshot(dialect, earshot.url, requests(setting.amounts))
            for scenario in scenarios.HOT:
                setting.pressure.load(server, scenario)
                _told(earshot.pid, told)
                before = cpu_seconds(earshot.pid)
                run = setting.pressure.load(server, scenario)
                spent = (cpu_seconds(earshot.pid) - before) / (run.rate * setting.pressure.seconds or math.inf)
                found[scenario, dialect] = (spent * 1e6 if run.rate else math.nan, _told(earshot.pid, told))
    names = sorted({part for _, seen in found.values() for part in seen}, key=_weight(found), reverse=True)
    rows = []
    for scenario in scenarios.HOT:
        for dialect in scenarios.OF:
            spent, seen = found[scenario, dialect]
            total = sum(seen.values()) or 1
            shares = [f"{100 * seen.get(name, 0) / total:.0f}" for name in names]
            rows.append([scenario, dialect, "INVALID" if math.isnan(spent) else f"{spent:.0f}", *shares])
    return table_of(["", "dialect", "µs a request", *names], rows)


def _weight(found: Mapping[tuple[str, str], tuple[float, Mapping[str, int]]]) -> Callable[[str], int]:
    return lambda part: sum(seen.get(part, 0) for _, seen in found.values())


def _told(pid: int, file: Path) -> Mapping[str, int]:
    """What the watching server has seen since it was last asked."""
    file.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR1)
    deadline = time.monotonic() + SETTLE_SECONDS
    while not file.exists():
        if time.monotonic() > deadline:
            raise SystemExit("the watching server does not tell what it saw")
        time.sleep(0.01)
    seen: Mapping[str, int] = json.loads(file.read_text())
    return seen


def cpu_seconds(pid: int) -> float:
    """What the process has used of the processors, its threads included; only Linux tells."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


NAMED: Mapping[str, Callable[[Setting], str]] = {each.__name__: each for each in (workers, parts)}
