"""Loads several servers in turn and compares them by ratios within a round, so that changes of the machine cancel out.

In every round each scenario runs against each server, and the order of servers alternates between rounds. A ratio is a
server's requests per second over the first server's in the same round; the result is the median, the lowest and the
highest of the rounds. A run with more than one error in a hundred responses is INVALID: the speed of an error page is
no result. `wrk` is used if it is installed. The built-in client needs much of a core, so that only its ratios count.

    python bench/load.py plan.json --rounds 5 --duration 3

The plan names the servers, the baseline first, and gives each its own requests for each scenario:

    {"ceiling": {"url": "http://127.0.0.1:9001", "headers": {"Authorization": "Bearer k"},
                 "scenarios": {"list": {"path": "/posts?limit=20"},
                               "vote": {"method": "POST", "path": "/posts/<1..1000>/votes",
                                        "body": {"user_id": "<1..500>"}}}},
     "earshot": {…}}

In paths and bodies `<1..500>` is a random number, `<1..500:12>` one of twelve digits, and `<n>` a unique number. A JSON
string that consists of `<1..500>` is sent as a number.
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

from bench.client import Client, Request, parse_template, to_lua

MAX_ERROR_SHARE: Final = 0.01


@dataclass(frozen=True, slots=True)
class Server:
    """A server under load. Several may share a URL and differ in their requests."""

    name: str
    url: str
    scenarios: Mapping[str, Request]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """The result of some seconds of load. Times are milliseconds, `errors` a share, `size` the bytes of a response."""

    rate: float
    p50: float
    p99: float
    longest: float
    errors: float
    size: float


@dataclass(frozen=True, slots=True)
class Pressure:
    """Connections and duration of a run."""

    seconds: float = 3
    connections: int = 16
    wrk: str | None = field(default_factory=lambda: shutil.which("wrk"))

    def load(self, server: Server, scenario: str) -> Run:
        """Load the server with the scenario's request."""
        request = server.scenarios[scenario]
        return self._by_wrk(server, request) if self.wrk else asyncio.run(self._by_client(server, request))

    def _by_wrk(self, server: Server, request: Request) -> Run:
        run = random.randrange(10**8)
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(_script(server, request, run))
            script.flush()
            options = ["-t", "1", "-c", str(self.connections), "-d", f"{max(1, round(self.seconds))}s"]
            command = [str(self.wrk), *options, "--timeout", "30s", "-s", script.name, server.url]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        results = [line.removeprefix("RESULT ") for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        if not results:
            raise SystemExit(f"wrk failed: {done.stderr}{done.stdout}")
        result = json.loads(results[0])
        count = max(1, result["count"])
        # A lost connection has no response, so it is counted separately.
        errors = (result["refused"] + result["broken"]) / (count + result["broken"]) if result["count"] else 1.0
        rate = result["count"] / result["microseconds"] * 1e6
        return Run(rate, result["p50"], result["p99"], result["longest"], errors, result["bytes"] / count)

    async def _by_client(self, server: Server, request: Request) -> Run:
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
            # As invalid as a run of errors only, as with `wrk`.
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
    path = parse_template(urlsplit(server.url).path + request.path)
    headers = ", ".join(f"[{json.dumps(k)}] = {json.dumps(v)}" for k, v in request.all_headers(server.headers).items())
    body = to_lua(parse_template(request.body_text()), run) if request.body is not None else "nil"
    return f"""
local threads = 0
function setup(made) made:set("thread", threads); threads = threads + 1 end
function init() math.randomseed({run} + thread * 7919); count = 0 end
local headers = {{ {headers} }}
function request()
  count = count + 1
  return wrk.format({json.dumps(request.method)}, {to_lua(path, run)}, headers, {body})
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
    """Send one request after the other on one connection, at least one, however late it is."""
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
class Line(Run):
    """The result of a server in a scenario over all rounds."""

    scenario: str
    server: str
    ratio: float
    lowest: float
    highest: float

    @property
    def valid(self) -> bool:
        return self.errors <= MAX_ERROR_SHARE


def compare(servers: Sequence[Server], scenarios: Iterable[str], *, rounds: int, pressure: Pressure) -> list[Line]:
    """Load every server with every scenario, `rounds` times. Ratios are relative to the first server."""
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
    """Summarize the rounds: medians, but the highest share of errors and the longest response time."""
    # A baseline without responses has an error share that makes the line invalid.
    ratios = [run.rate / (other.rate or math.inf) for run, other in zip(runs, baseline, strict=True)]
    return Line(
        scenario=scenario,
        server=server,
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
    """The lines as a Markdown table."""
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


def parse_plan(plan: Mapping[str, Any]) -> list[Server]:
    """The servers of a plan."""
    return [
        Server(
            name,
            entry["url"],
            {scenario: Request(**request) for scenario, request in entry["scenarios"].items()},
            entry.get("headers", {}),
        )
        for name, entry in plan.items()
    ]


def main() -> None:
    """Run a plan."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--duration", type=float, default=3, help="seconds of a run")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--builtin", action="store_true", help="do not use wrk")
    options = parser.parse_args()
    servers = parse_plan(json.loads(options.plan.read_text(encoding="utf-8")))
    pressure = Pressure(options.duration, options.connections)
    if options.builtin:
        pressure = Pressure(options.duration, options.connections, None)
    print(table(compare(servers, servers[0].scenarios, rounds=options.rounds, pressure=pressure)))


if __name__ == "__main__":
    main()
