"""Idle and slow connections, and their effect on other clients.

    python bench/idle_connections.py URL KEY

opens 200 idle connections, half of them without a request, half after a response, and 50 slow ones, half with slow
headers and half with a slow body, a byte a second each. Connections that the server closes are replaced. It prints
`held` once all are open, and at SIGTERM, as JSON, the lowest number of open ones since, the number of replaced ones,
and its share of a processor, which must not affect the other clients.
"""

import asyncio
import json
import math
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple
from urllib.parse import urlsplit

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import scenarios
from bench.comparisons import cpu_seconds
from bench.load import MAX_ERROR_SHARE, Run, Server
from bench.processes import Process
from bench.promises import Setting, markdown_table
from bench.seed import KEYS

SILENT: Final = 100
KEPT: Final = 100
HEADS: Final = 25
BODIES: Final = 25
ALL: Final = SILENT + KEPT + HEADS + BODIES
BETWEEN_BYTES: Final = 1.0
BODY_BYTES: Final = 1_000_000
"""More than a slow body sends during a measurement."""


def crowd(setting: Setting) -> str:
    """The four hot requests, with and without 200 idle and 50 slow connections."""
    runs: _Runs = {}
    held: list[Mapping[str, float]] = []
    with setting.earshot() as earshot:
        servers = [
            scenarios.earshot(dialect, earshot.url, requests(setting.amounts))
            for dialect, requests in scenarios.OF.items()
        ]
        _load_all(setting, earshot, servers, beside=False, into={})
        for turn in range(setting.rounds):
            for beside in (True, False) if turn % 2 else (False, True):
                with _held(earshot.url, KEYS["astuto"], held) if beside else nullcontext():
                    _load_all(setting, earshot, servers, beside=beside, into=runs)
    rows = [
        _row(scenario, server.name, runs[scenario, server.name, False], runs[scenario, server.name, True])
        for scenario in scenarios.HOT
        for server in servers
    ]
    columns = ("requests/s", "p99 ms", "own µs a request")
    head = ["", "dialect", *(column for each in columns for column in (f"{each} alone", "beside", "ratio (rounds)"))]
    min_open, replaced = min(each["min_open"] for each in held), sum(each["replaced"] for each in held)
    processor = max(each["processor"] for each in held)
    return (
        f"{markdown_table([*head, 'errors'], rows)}\n\n"
        f"At least {min_open} of {ALL} were open; {replaced} that the server closed were replaced; "
        f"the connections used {processor:.1%} of a processor."
    )


class _Result(NamedTuple):
    """One run, and the server's own CPU time, which other processes do not affect."""

    run: Run
    own: float


_Runs = dict[tuple[str, str, bool], list[_Result]]


def _load_all(setting: Setting, earshot: Process, servers: list[Server], *, beside: bool, into: _Runs) -> None:
    for scenario in scenarios.HOT:
        for server in servers:
            before = cpu_seconds(earshot.pid)
            run = setting.pressure.load(server, scenario)
            # A run without requests has an error share that makes its row invalid.
            own = (cpu_seconds(earshot.pid) - before) / (run.rate * setting.pressure.seconds or math.inf) * 1e6
            into.setdefault((scenario, server.name, beside), []).append(_Result(run, own))


def _row(scenario: str, dialect: str, alone: list[_Result], beside: list[_Result]) -> list[str]:
    errors = max(each.run.errors for each in (*alone, *beside))
    cells = []
    for value in (lambda result: result.run.rate, lambda result: result.run.p99, lambda result: result.own):
        before, after = ([value(each) for each in result] for result in (alone, beside))
        ratios = [there / (here or math.inf) for here, there in zip(before, after, strict=True)]
        ratio = f"**{median(ratios):.2f}** ({min(ratios):.2f}-{max(ratios):.2f})"
        cells += [f"{median(before):.4g}", f"{median(after):.4g}", ratio if errors <= MAX_ERROR_SHARE else "INVALID"]
    return [scenario, dialect, *cells, f"{errors:.2%}"]


@contextmanager
def _held(url: str, key: str, reports: list[Mapping[str, float]]) -> Iterator[None]:
    """Keep the connections open, and store the report of their end."""
    command = [sys.executable, __file__, url, key]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            if process.stdout.readline() != "held\n":
                raise SystemExit("the connections could not be opened")
            yield
        finally:
            process.terminate()
        reports.append(json.loads(process.stdout.read()))


NAMED: Mapping[str, Callable[[Setting], str]] = {"crowd": crowd}
"""The measurement by its name."""


@dataclass(frozen=True, slots=True)
class _Part:
    """The kind of a connection: its first bytes, whether they get a response, and whether it continues slowly."""

    opening: bytes
    has_response: bool = False
    is_slow: bool = False


def _parts(url: str, key: str) -> list[_Part]:
    address = urlsplit(url)
    request = f"/posts HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {key}\r\n"
    get, post = f"GET {address.path}{request}".encode(), f"POST {address.path}{request}".encode()
    body_headers = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % BODY_BYTES
    return [
        *[_Part(b"")] * SILENT,
        *[_Part(get + b"\r\n", has_response=True)] * KEPT,
        *[_Part(get + b"X-Slow: ", is_slow=True)] * HEADS,
        *[_Part(post + body_headers, is_slow=True)] * BODIES,
    ]


class _IdleConnections:
    """The connections, and their counters."""

    def __init__(self) -> None:
        self.open = self.min_open = self.replaced = 0
        self.complete = asyncio.Event()

    async def keep(self, url: str, part: _Part) -> None:
        """Keep one connection of this kind open."""
        address = urlsplit(url)
        # Not all at the same time: neither now nor when the server closes them after a timeout.
        await asyncio.sleep(random.random() * BETWEEN_BYTES)
        while True:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            began = time.monotonic()
            writer.write(part.opening)
            with suppress(OSError, EOFError):
                if part.has_response:
                    await reader.readuntil(b"\r\n\r\n")
                self._count_open()
                await _until_closed(reader, writer, is_slow=part.is_slow)
            writer.close()
            self.open -= 1
            self.min_open = min(self.min_open, self.open)
            self.replaced += 1
            if time.monotonic() - began < BETWEEN_BYTES:
                raise SystemExit(f"the server closed a connection at once: {part.opening[:40]!r}")

    def _count_open(self) -> None:
        self.open += 1
        if self.open == ALL and not self.complete.is_set():
            self.min_open = ALL
            self.complete.set()


async def _until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_slow: bool) -> None:
    while True:
        try:
            async with asyncio.timeout(BETWEEN_BYTES if is_slow else None):
                if not await reader.read(65536):
                    return
        except TimeoutError:
            writer.write(b"a")


async def _hold(url: str, key: str) -> None:
    connections, ended = _IdleConnections(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(connections.keep(url, part)) for part in _parts(url, key)]
        await connections.complete.wait()
        print("held", flush=True)
        began, used = time.monotonic(), time.process_time()
        await ended.wait()
        processor = (time.process_time() - used) / (time.monotonic() - began)
        print(
            json.dumps({"min_open": connections.min_open, "replaced": connections.replaced, "processor": processor}),
            flush=True,
        )
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    asyncio.run(_hold(*sys.argv[1:]))
