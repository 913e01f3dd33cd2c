"""Loads several servers in turn and compares them: ratios within a round, so that the machine's moods cancel out.

In every round each scenario runs against each server, in an order that turns around from round to round. A ratio is a
server's requests per second over the first server's in the same round; what is told is the median over the rounds and
the lowest and highest. A run with more than one error in a hundred answers is INVALID, for the speed of an error page
is no result. `wrk` is used where it is installed; the built-in client eats much of a core, so then only ratios count.

    python bench/load.py plan.json --rounds 5 --duration 3

The plan names the servers, the baseline first, and gives each its own requests for each scenario:

    {"ceiling": {"url": "http://127.0.0.1:9001", "headers": {"Authorization": "Bearer k"},
                 "scenarios": {"list": {"path": "/posts?limit=20"},
                               "vote": {"method": "POST", "path": "/posts/<1..1000>/votes",
                                        "body": {"user_id": "<1..500>"}}}},
     "earshot": {…}}

In paths and bodies `<1..500>` is a random number, `<1..500:12>` one of twelve digits, and `<n>` is another number each
time. A text in a JSON body that is nothing but `<1..500>` is sent as a number.
"""

import argparse
import asyncio
import json
import math
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from bench.client import Client, Request, in_lua, template

MOST_ERRORS: Final = 0.01


@dataclass(frozen=True, slots=True)
class Server:
    """A server under load; some servers may share an address and differ in what they are asked."""

    name: str
    url: str
    scenarios: Mapping[str, Request]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """What one server did in some seconds. Times are milliseconds, `errors` a share, `size` bytes an answer."""

    rate: float
    p50: float
    p99: float
    longest: float
    errors: float
    size: float


@dataclass(frozen=True, slots=True)
class Pressure:
    """How hard and how long."""

    seconds: float = 3
    connections: int = 16
    wrk: str | None = field(default_factory=lambda: shutil.which("wrk"))

    def load(self, server: Server, scenario: str) -> Run:
        """Load the server with the scenario's request."""
        request = server.scenarios[scenario]
        return self._by_wrk(server, request) if self.wrk else asyncio.run(self._by_hand(server, request))

    def _by_wrk(self, server: Server, request: Request) -> Run:
        run = random.randrange(10**8)
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(_script(server, request, run))
            script.flush()
            options = ["-t", "1", "-c", str(self.connections), "-d", f"{max(1, round(self.seconds))}s"]
            command = [str(self.wrk), *options, "--timeout", "30s", "-s", script.name, server.url]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        told = [line.removeprefix("RESULT ") for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        if not told:
            raise SystemExit(f"wrk failed: {done.stderr}{done.stdout}")
        seen = json.loads(told[0])
        count = max(1, seen["count"])
        # A broken connection ends its request, so it is counted apart from the answers.
        errors = (seen["refused"] + seen["broken"]) / (count + seen["broken"]) if seen["count"] else 1.0
        rate = seen["count"] / seen["microseconds"] * 1e6
        return Run(rate, seen["p50"], seen["p99"], seen["longest"], errors, seen["bytes"] / count)

    async def _by_hand(self, server: Server, request: Request) -> Run:
        waits: list[float] = []
        tally = {"errors": 0, "bytes": 0}
        began = time.perf_counter()
        clients = (
            _client(server, request, began + self.seconds, waits, tally, number) for number in range(self.connections)
        )
        await asyncio.gather(*clients)
        took = time.perf_counter() - began
        count = len(waits)
        if not count:
            # As invalid as a run of errors alone; `wrk` is judged in the same way.
            return Run(0, 0, 0, 0, 1, 0)
        return Run(
            count / took,
            statistics.median(waits),
            sorted(waits)[int(count * 0.99)],
            max(waits),
            tally["errors"] / count,
            tally["bytes"] / count,
        )


def _script(server: Server, request: Request, run: int) -> str:
    path = template(urlsplit(server.url).path + request.path)
    headers = ", ".join(f"[{json.dumps(k)}] = {json.dumps(v)}" for k, v in request.all_headers(server.headers).items())
    body = in_lua(template(request.body_text()), run) if request.body is not None else "nil"
    return f"""
local threads = 0
function setup(made) made:set("thread", threads); threads = threads + 1 end
function init() math.randomseed({run} + thread * 7919); count = 0 end
local headers = {{ {headers} }}
function request()
  count = count + 1
  return wrk.format({json.dumps(request.method)}, {in_lua(path, run)}, headers, {body})
end
function done(summary, waits)
  local failed = summary.errors
  print(string.format(
    'RESULT {{"count": %d, "microseconds": %d, "refused": %d, "broken": %d, "bytes": %d, ' ..
    '"p50": %f, "p99": %f, "longest": %f}}',
    summary.requests, summary.duration, failed.status,
    failed.connect + failed.read + failed.write + failed.timeout, summary.bytes,
    waits:percentile(50) / 1000, waits:percentile(99) / 1000, waits.max / 1000))
end
"""


async def _client(
    server: Server, request: Request, until: float, waits: list[float], tally: dict[str, int], number: int
) -> None:
    """Ask one request after the other on a connection of its own, and one at the least, however late it is."""
    run = f"{random.randrange(10**8)}-{number}"
    async with Client(server.url, server.headers) as client:
        while True:
            status, size, wait, _ = await client.ask(request, f"{run}-{len(waits)}")
            tally["errors"] += status >= 400
            tally["bytes"] += size
            waits.append(wait)
            if time.perf_counter() >= until:
                return


@dataclass(frozen=True, slots=True)
class Line:
    """How a server did in a scenario over all rounds."""

    scenario: str
    server: str
    rate: float
    p50: float
    p99: float
    longest: float
    errors: float
    size: float
    ratio: float
    lowest: float
    highest: float

    @property
    def valid(self) -> bool:
        return self.errors <= MOST_ERRORS


def compare(servers: Sequence[Server], scenarios: Iterable[str], *, rounds: int, pressure: Pressure) -> list[Line]:
    """Load every server with every scenario, `rounds` times. Ratios are to the first server."""
    scenarios = list(scenarios)
    runs: dict[tuple[str, str], list[Run]] = {}
    warm_up = replace(pressure, seconds=min(1, pressure.seconds))
    for scenario in scenarios:
        for server in servers:
            warm_up.load(server, scenario)
    for turn in range(rounds):
        for scenario in scenarios:
            for server in servers[::-1] if turn % 2 else servers:
                runs.setdefault((scenario, server.name), []).append(pressure.load(server, scenario))
    return [
        line(scenario, server.name, runs[scenario, server.name], runs[scenario, servers[0].name])
        for scenario in scenarios
        for server in servers
    ]


def line(scenario: str, server: str, runs: Sequence[Run], baseline: Sequence[Run]) -> Line:
    """Sum the rounds up: medians, but the worst share of errors and the longest wait."""
    # A baseline that answered nothing has errors enough to make the line invalid.
    ratios = [run.rate / (other.rate or math.inf) for run, other in zip(runs, baseline, strict=True)]
    return Line(
        scenario,
        server,
        rate=statistics.median(run.rate for run in runs),
        p50=statistics.median(run.p50 for run in runs),
        p99=statistics.median(run.p99 for run in runs),
        longest=max(run.longest for run in runs),
        errors=max(run.errors for run in (*runs, *baseline)),
        size=statistics.median(run.size for run in runs),
        ratio=statistics.median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
    )


def table(lines: Iterable[Line]) -> str:
    """The lines as a table of Markdown."""
    rows = [
        "| | server | requests/s | p50 ms | p99 ms | longest ms | errors | bytes | ratio (rounds) |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for each in lines:
        ratio = f"**{each.ratio:.2f}** ({each.lowest:.2f}-{each.highest:.2f})" if each.valid else "INVALID"
        rows.append(
            f"| {each.scenario} | {each.server} | {each.rate:.0f} | {each.p50:.2f} | {each.p99:.2f} | "
            f"{each.longest:.0f} | {each.errors:.2%} | {each.size:.0f} | {ratio} |"
        )
    return "\n".join(rows)


def planned(plan: Mapping[str, Any]) -> list[Server]:
    """The servers that a plan names."""
    return [
        Server(
            name,
            told["url"],
            {scenario: Request(**request) for scenario, request in told["scenarios"].items()},
            told.get("headers", {}),
        )
        for name, told in plan.items()
    ]


def main() -> None:
    """Carry out a plan."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--duration", type=float, default=3, help="seconds of a run")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--builtin", action="store_true", help="do without wrk")
    asked = parser.parse_args()
    servers = planned(json.loads(asked.plan.read_text(encoding="utf-8")))
    pressure = Pressure(asked.duration, asked.connections)
    if asked.builtin:
        pressure = Pressure(asked.duration, asked.connections, None)
    print(table(compare(servers, servers[0].scenarios, rounds=asked.rounds, pressure=pressure)))


if __name__ == "__main__":
    main()
