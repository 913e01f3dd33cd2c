"""The cost of mail and webhook calls: for requests with and without delivery, and of the queue of deliveries."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import pairwise
from statistics import median
from typing import Final

import httpx
import uvloop

from app.adapters.database import NO_PORTAL, create_database
from app.domain.outbox import backlog
from app.outbox.worker import MAX_CONCURRENT_IN_LANE
from bench import dataset, outbox_rows, processes, scenarios
from bench.client import Client, Request
from bench.load import Line, Server, compare
from bench.promises import Setting, markdown_table
from bench.receivers import Receiver

MIN_RATE: Final = 0.9
MAX_LATENCY: Final = 1.25
MIN_DELIVERY_RATE: Final = 0.2
REQUESTS_PER_SECOND: Final = 20
MAX_DUE: Final = 10_000
MAX_WAIT_SECONDS: Final = 120.0
"""How long the outbox may take to deliver everything."""
WRITES: Final = ("create", "vote")
OFF: Final = {"EARSHOT_OUTBOX": "off"}
ALLOWED: Final = {"EARSHOT_OUTBOUND_ALLOW": "127.0.0.1"}


def outbox(setting: Setting) -> str:
    """Creates and votes of ProductLift's API with endpoints and followers, and the rate of a queue of due calls."""
    latencies, received = measure_latencies(setting)
    rows = [*measure_rates(setting), *latencies, measure_queue(setting)]
    return f"{markdown_table(['', 'without', 'with', 'ratio (rounds)', 'promised'], rows)}\n\n{received}"


def measure_rates(setting: Setting) -> list[list[str]]:
    """The rate with three endpoints and fifty followers of each post, relative to that without; none delivers."""
    with ExitStack() as running:
        servers = []
        for name in ("without", "with"):
            url = setting.databases.fresh("earshot", setting.amounts)
            if name == "with":
                asyncio.run(outbox_rows.act(url, partial(outbox_rows.add_recipients, receiver_port=1)))
            servers.append(_start_server(setting, running, url, name, OFF))
        lines = compare(servers, WRITES, rounds=setting.rounds, pressure=setting.pressure)
    return [_rate_row(without, with_) for without, with_ in pairwise(lines) if without.scenario == with_.scenario]


def _rate_row(without: Line, with_: Line) -> list[str]:
    ratio = f"**{with_.ratio:.2f}** ({with_.lowest:.2f}-{with_.highest:.2f})" if with_.valid else "INVALID"
    name = f"{with_.scenario}s a second: with endpoints and followers"
    return [name, f"{without.rate:.0f}", f"{with_.rate:.0f}", ratio, f"at least {MIN_RATE:.2f}"]


def measure_latencies(setting: Setting) -> tuple[list[list[str]], str]:
    """The median latency at REQUESTS_PER_SECOND with delivery, relative to that without; and what was delivered."""
    with ExitStack() as running:
        calls, emails = (Receiver(kind, setting.folder) for kind in ("http", "smtp"))
        running.callback(calls.close)
        running.callback(emails.close)
        mail = {"EARSHOT_SMTP_URL": f"smtp://127.0.0.1:{emails.port}", "EARSHOT_MAIL_FROM": "feedback@example.com"}
        servers = []
        for name, switch in (("without", OFF), ("with", {})):
            url = setting.databases.fresh("earshot", setting.amounts)
            asyncio.run(outbox_rows.act(url, partial(outbox_rows.add_recipients, receiver_port=calls.port)))
            servers.append(_start_server(setting, running, url, name, {**ALLOWED, **mail, **switch}))
        rounds: list[dict[str, dict[str, list[float]]]] = []
        # The first is for the caches.
        for turn in range(setting.rounds + 1):
            waits = {}
            for server in servers[::-1] if turn % 2 else servers:
                waits[server.name] = asyncio.run(_send_paced(server, turn, setting.pressure.seconds))
                if server.name == "with":
                    asyncio.run(_await_delivery(url))
            rounds.append(waits)
    received = f"Received at {REQUESTS_PER_SECOND} requests a second: {calls.received.total} calls and "
    return [latency_row(kind, rounds[1:]) for kind in WRITES], f"{received}{emails.received.total} emails."


def latency_row(kind: str, rounds: Sequence[Mapping[str, Mapping[str, Sequence[float]]]]) -> list[str]:
    """The row of a kind of request. Of each round, server and kind, `rounds` has the response times in milliseconds."""
    without, with_ = ([each[name][kind] for each in rounds] for name in ("without", "with"))
    ratios = [median(after) / median(before) for before, after in zip(without, with_, strict=True)]
    return [
        f"median ms of a {kind}: with delivery",
        *(f"{median(wait for waits in each for wait in waits):.2f}" for each in (without, with_)),
        f"**{median(ratios):.2f}** ({min(ratios):.2f}-{max(ratios):.2f})",
        f"at most {MAX_LATENCY:.2f}",
    ]


async def _send_paced(server: Server, turn: int, seconds: float) -> dict[str, list[float]]:
    """The response times of the writes, which are sent alternately at equal intervals.

    At the beginning the status of a post changes, of which its followers are told.
    """
    waits: dict[str, list[float]] = {kind: [] for kind in WRITES}
    interval = len(WRITES) / REQUESTS_PER_SECOND
    began = time.perf_counter()

    async def send(kind: str, offset: float) -> None:
        async with Client(server.url, server.headers) as client:
            # At least one, however short the time is.
            for number in range(max(1, round(seconds / interval))):
                await asyncio.sleep(began + offset + number * interval - time.perf_counter())
                result = await client.ask(server.scenarios[kind], f"{time.time_ns()}")
                # By chance a user votes twice for a post, which is rightly rejected.
                if result.status >= 500 or (result.status >= 400 and kind != "vote"):
                    raise SystemExit(f"{kind} answers {result.status}: {result.body[:500]!r}")
                waits[kind].append(result.wait)

    async with Client(server.url, server.headers) as client:
        change = Request(f"/posts/{turn + 1}", "PUT", {"status_id": dataset.SOMEDAY})
        result = await client.ask(change)
        if result.status != 200:
            raise SystemExit(f"a change of a status answers {result.status}: {result.body[:500]!r}")
    await asyncio.gather(*(send(kind, index / REQUESTS_PER_SECOND) for index, kind in enumerate(WRITES)))
    return waits


def measure_queue(setting: Setting) -> list[str]:
    """The rate at which due calls are delivered, relative to a client that posts the same bodies."""
    url = setting.databases.fresh("earshot", setting.amounts)
    count = min(MAX_DUE, setting.amounts.posts)
    with Receiver("http", setting.folder) as receiver:
        add = partial(outbox_rows.add_due_calls, count=count, receiver_port=receiver.port)
        bodies = asyncio.run(outbox_rows.act(url, add))
        # Half of the bodies before and half after, because the speed of the machine may change.
        seconds_alone = _measure_client(setting, bodies[::2])
        with processes.start_outbox(url, setting.folder, ALLOWED):
            ended_at = asyncio.run(_await_delivery(url))
        seconds_alone += _measure_client(setting, bodies[1::2])
    if receiver.received.total != count or receiver.received.began_at is None:
        raise SystemExit(f"the outbox made {receiver.received.total} of {count} calls")
    rate, alone = count / (ended_at - receiver.received.began_at), count / seconds_alone
    return [
        f"calls a second of {count:,} due ones: with the outbox",
        f"{alone:.0f}",
        f"{rate:.0f}",
        f"**{rate / alone:.2f}**",
        f"at least {MIN_DELIVERY_RATE:.2f}",
    ]


def _measure_client(setting: Setting, bodies: Sequence[bytes]) -> float:
    """The seconds in which a client posts the bodies to a receiver, by as many tasks as a lane of the outbox has."""
    with Receiver("http", setting.folder) as receiver, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_post_all(f"http://127.0.0.1:{receiver.port}/", bodies))


async def _post_all(url: str, bodies: Sequence[bytes]) -> float:
    waiting = iter(bodies)

    async def post(client: httpx.AsyncClient) -> None:
        for body in waiting:
            response = await client.post(url, content=body, headers={"Content-Type": "application/json"})
            response.raise_for_status()

    limits = httpx.Limits(max_connections=MAX_CONCURRENT_IN_LANE)
    async with httpx.AsyncClient(limits=limits, trust_env=False) as client:
        began = time.perf_counter()
        await asyncio.gather(*(post(client) for _ in range(MAX_CONCURRENT_IN_LANE)))
        return time.perf_counter() - began


async def _await_delivery(url: str) -> float:
    """Wait until nothing is pending, and return when that was seen, by the monotonic clock."""
    database = create_database(url)
    await database.open()
    try:
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while time.monotonic() < deadline:
            state = await database.read(backlog.measure, NO_PORTAL)
            if not state.events and not any(state.pending.values()):
                return time.monotonic()
            await asyncio.sleep(0.05)
    finally:
        await database.close()
    raise SystemExit(f"the outbox did not deliver everything within {MAX_WAIT_SECONDS:.0f} seconds: {state}")


def _start_server(setting: Setting, running: ExitStack, url: str, name: str, more: Mapping[str, str]) -> Server:
    earshot = running.enter_context(processes.start_earshot(url, setting.folder, more_settings=more))
    amounts = replace(setting.amounts, posts=min(outbox_rows.MAX_FOLLOWED_POSTS, setting.amounts.posts))
    return scenarios.earshot("productlift", earshot.url, scenarios.of_productlift(amounts), name=name)


NAMED: Mapping[str, Callable[[Setting], str]] = {"outbox": outbox}
"""The measurement by its name."""
