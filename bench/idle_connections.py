"""Connections that ask for nothing or take for ever: what others lose by them.

    python bench/idle_connections.py URL KEY

is the crowd itself: it holds 200 idle connections, half of them silent from the beginning, half kept after an answer,
and 50 dribbling ones, half with a head and half with a body, each a byte a second. Those that the server closes are
replaced. It says `held` once all are there, and at SIGTERM, as JSON, how many it held at the least since, how many it
replaced, and how much of a processor it used: it must not be its own work that others wait for.
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
from bench.load import MOST_ERRORS, Run, Server
from bench.processes import Process
from bench.promises import Setting, table_of
from bench.seed import KEYS

SILENT: Final = 100
KEPT: Final = 100
HEADS: Final = 25
BODIES: Final = 25
ALL: Final = SILENT + KEPT + HEADS + BODIES
BETWEEN_BYTES: Final = 1.0
BODY_BYTES: Final = 1_000_000
"""More than any body has dribbled by the end of a measurement."""


def crowd(setting: Setting) -> str:
    """The four hot requests, with and without 200 idle and 50 dribbling connections held open beside them."""
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
    told = ("requests/s", "p99 ms", "own µs a request")
    head = ["", "dialect", *(column for each in told for column in (f"{each} alone", "beside", "ratio (rounds)"))]
    least, replaced = min(each["least"] for each in held), sum(each["replaced"] for each in held)
    return (
        f"{table_of([*head, 'errors'], rows)}\n\nHeld at the least {least} of {ALL}; {replaced} that the server closed "
        f"were replaced; the crowd itself used {max(each['processor'] for each in held):.1%} of a processor."
    )


class _Seen(NamedTuple):
    """What was measured of one run, and what it cost the server of the processor, which others' work does not touch."""

    run: Run
    own: float


_Runs = dict[tuple[str, str, bool], list[_Seen]]


def _load_all(setting: Setting, earshot: Process, servers: list[Server], *, beside: bool, into: _Runs) -> None:
    for scenario in scenarios.HOT:
        for server in servers:
            before = cpu_seconds(earshot.pid)
            run = setting.pressure.load(server, scenario)
            # A run without requests has errors enough to make its row invalid.
            own = (cpu_seconds(earshot.pid) - before) / (run.rate * setting.pressure.seconds or math.inf) * 1e6
            into.setdefault((scenario, server.name, beside), []).append(_Seen(run, own))


def _row(scenario: str, dialect: str, alone: list[_Seen], beside: list[_Seen]) -> list[str]:
    errors = max(each.run.errors for each in (*alone, *beside))
    cells = []
    for value in (lambda seen: seen.run.rate, lambda seen: seen.run.p99, lambda seen: seen.own):
        before, after = ([value(each) for each in seen] for seen in (alone, beside))
        ratios = [there / (here or math.inf) for here, there in zip(before, after, strict=True)]
        ratio = f"**{median(ratios):.2f}** ({min(ratios):.2f}-{max(ratios):.2f})"
        cells += [f"{median(before):.4g}", f"{median(after):.4g}", ratio if errors <= MOST_ERRORS else "INVALID"]
    return [scenario, dialect, *cells, f"{errors:.2%}"]


@contextmanager
def _held(url: str, key: str, told: list[Mapping[str, float]]) -> Iterator[None]:
    """Hold the crowd, and note what it tells at its end."""
    command = [sys.executable, __file__, url, key]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            if process.stdout.readline() != "held\n":
                raise SystemExit("the crowd of connections did not come together")
            yield
        finally:
            process.terminate()
        told.append(json.loads(process.stdout.read()))


NAMED: Mapping[str, Callable[[Setting], str]] = {"crowd": crowd}
"""The measurement by its name."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What a connection does: what it sends first, whether it is answered that, and whether it dribbles on."""

    opening: bytes
    answered: bool = False
    dribbles: bool = False


def _parts(url: str, key: str) -> list[_Part]:
    address = urlsplit(url)
    asked = f"/posts HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {key}\r\n"
    get, post = f"GET {address.path}{asked}".encode(), f"POST {address.path}{asked}".encode()
    typed = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % BODY_BYTES
    return [
        *[_Part(b"")] * SILENT,
        *[_Part(get + b"\r\n", answered=True)] * KEPT,
        *[_Part(get + b"X-Slow: ", dribbles=True)] * HEADS,
        *[_Part(post + typed, dribbles=True)] * BODIES,
    ]


class _Crowd:
    """The connections, and what is counted of them."""

    def __init__(self) -> None:
        self.open = self.least = self.replaced = 0
        self.complete = asyncio.Event()

    async def keep(self, url: str, part: _Part) -> None:
        """Play the part on one connection after the other."""
        address = urlsplit(url)
        # Not all in the same moment: neither now nor when the server closes them after so many seconds.
        await asyncio.sleep(random.random() * BETWEEN_BYTES)
        while True:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            began = time.monotonic()
            writer.write(part.opening)
            with suppress(OSError, EOFError):
                if part.answered:
                    await reader.readuntil(b"\r\n\r\n")
                self._came()
                await _until_closed(reader, writer, dribbles=part.dribbles)
            writer.close()
            self.open -= 1
            self.least = min(self.least, self.open)
            self.replaced += 1
            if time.monotonic() - began < BETWEEN_BYTES:
                raise SystemExit(f"the server closed a connection at once: {part.opening[:40]!r}")

    def _came(self) -> None:
        self.open += 1
        if self.open == ALL and not self.complete.is_set():
            self.least = ALL
            self.complete.set()


async def _until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, dribbles: bool) -> None:
    while True:
        try:
            async with asyncio.timeout(BETWEEN_BYTES if dribbles else None):
                if not await reader.read(65536):
                    return
        except TimeoutError:
            writer.write(b"a")


async def _come(url: str, key: str) -> None:
    crowd, ended = _Crowd(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(crowd.keep(url, part)) for part in _parts(url, key)]
        await crowd.complete.wait()
        print("held", flush=True)
        began, used = time.monotonic(), time.process_time()
        await ended.wait()
        processor = (time.process_time() - used) / (time.monotonic() - began)
        print(json.dumps({"least": crowd.least, "replaced": crowd.replaced, "processor": processor}), flush=True)
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    asyncio.run(_come(*sys.argv[1:]))
