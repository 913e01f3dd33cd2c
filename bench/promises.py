"""What else Earshot promises about time and memory, each measured by itself against Earshot's own plain requests."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import quote

import orjson

from bench import processes, scenarios
from bench.client import Client, Request
from bench.databases import Databases
from bench.dataset import RARE, Amounts
from bench.load import Pressure, Server, compare
from bench.processes import Memory, Process
from tests.domain.search.titles import rewordings


@dataclass(frozen=True, slots=True)
class Setting:
    """Where and how long to measure."""

    databases: Databases
    folder: Path
    amounts: Amounts
    rounds: int
    pressure: Pressure

    def alone(self) -> Pressure:
        """One client, so that a wait is a cost."""
        return replace(self.pressure, connections=1)

    def earshot(self) -> Process:
        """Earshot on a fresh database of its own."""
        return processes.start_earshot(self.databases.fresh("earshot", self.amounts), self.folder)


def deep(setting: Setting) -> str:
    """The page nine tenths down, in costs of the first page; one client, so that a wait is a cost."""
    skip = setting.amounts.posts * 9 // 10
    newest, voted = "/posts?limit=20", "/posts?limit=20&order_by=votes_count"
    asked = {
        "astuto": (newest, {f"newest, offset {skip:,}": f"{newest}&offset={skip}"}),
        "productlift": (voted, {f"by votes, skip {skip:,}": f"{voted}&skip={skip}"}),
    }
    with setting.earshot() as earshot:
        return _costs(setting, earshot, asked, "the first page")


def filters(setting: Setting) -> str:
    """Lists narrowed to much and to little, and sorted in every way, in costs of the plain list."""
    plain = "/posts?limit=20"
    owner = setting.amounts.user(setting.amounts.users // 2)
    astuto = {
        "board": "board_id=1",
        "board with few posts": f"board_id={RARE['board']}",
        "author": f"user_id={owner}",
        "board and author": f"board_id=1&user_id={owner}",
    }
    productlift = {
        "tab": "tab=roadmap",
        "category": "category=1",
        "category with few posts": f"category={RARE['category']}",
        "section": "section=1",
        "section with few posts": f"section={RARE['section']}",
        "status": "status[]=1",
        "status with few posts": f"status[]={RARE['status']}",
        "two statuses": "status[]=1&status[]=2",
        "tab and category": "tab=roadmap&category=1",
        "tab and rare category": f"tab=roadmap&category={RARE['category']}",
        "category and section": "category=1&section=1",
        "tab, category and section": "tab=roadmap&category=1&section=1",
        "tab, by latest status change": "tab=roadmap&order_by=latest_status_change",
        "category, by votes": "category=1&order_by=votes_count",
        "rare category, by votes": f"category={RARE['category']}&order_by=votes_count",
        "status, by votes": "status[]=1&order_by=votes_count",
        "tab, by votes": "tab=roadmap&order_by=votes_count",
        **{f"all, by {order}": f"order_by={order}" for order in _ORDERS},
    }
    asked = {
        dialect: (plain, {name: f"{plain}&{query}" for name, query in queries.items()})
        for dialect, queries in (("astuto", astuto), ("productlift", productlift))
    }
    with setting.earshot() as earshot:
        return _costs(setting, earshot, asked, "the plain list")


_ORDERS = ("title", "updated_at", "votes_count", "comments_count", "latest_status_change", "order")


def duplicates(setting: Setting) -> str:
    """How often the search finds the post that was meant, and its cost in first pages."""
    pairs = rewordings()

    async def ask(server: Server) -> tuple[list[float], list[float], int, int]:
        waits: list[float] = []
        pages: list[float] = []
        found = broken = 0
        async with Client(server.url, server.headers) as client:
            for _ in range(setting.rounds):
                for pair in pairs:
                    answer = await client.ask(Request(f"/posts/search_duplicates?title={quote(pair.typed)}"))
                    broken += answer.status != 200
                    found += orjson.dumps(pair.title) in answer.body
                    waits.append(answer.wait)
                    pages.append((await client.ask(server.scenarios["list"])).wait)
        return waits, pages, found, broken

    with setting.earshot() as earshot:
        server = scenarios.earshot("productlift", earshot.url, scenarios.of_productlift(setting.amounts))
        waits, pages, found, broken = asyncio.run(ask(server))
    asked = len(waits)
    if broken:
        return f"INVALID: {broken} of {asked} searches were refused."
    return table_of(
        ["", "median ms", "p99 ms", "cost", "found"],
        [
            ["first page", f"{median(pages):.2f}", f"{_p99(pages):.2f}", "1.0", ""],
            [
                f"search among {setting.amounts.posts:,} titles",
                f"{median(waits):.2f}",
                f"{_p99(waits):.2f}",
                f"**{median(waits) / median(pages):.1f}**",
                f"{found * 100 // asked} of 100",
            ],
        ],
    )


def big(setting: Setting) -> str:
    """How long others wait while somebody reads all posts as one list, and how much memory that list takes."""
    whole = Request(f"/posts?limit={setting.amounts.posts}")

    with setting.earshot() as earshot:
        plain = scenarios.of_astuto(setting.amounts)
        server = scenarios.earshot("astuto", earshot.url, {**plain, "whole": whole})
        alone = asyncio.run(_waits(server, {"get": 4}, setting.pressure.seconds))["get"]
        before = earshot.memory()

        async def both() -> tuple[list[float], Memory, float]:
            reading = asyncio.create_task(asyncio.to_thread(setting.alone().load, server, "whole"))
            peak = asyncio.create_task(_peak(earshot, until=reading))
            beside = (await _waits(server, {"get": 4}, setting.pressure.seconds))["get"]
            return beside, await peak, (await reading).size

        beside, peak, size = asyncio.run(both())
    return table_of(
        ["get, 4 clients", "median ms", "p99 ms", "longest ms", "server's own MiB (resident)"],
        [
            ["alone", f"{median(alone):.2f}", f"{_p99(alone):.2f}", f"{max(alone):.1f}", str(before)],
            [
                f"beside a list of {setting.amounts.posts:,} posts ({size / 2**20:.0f} MiB), again and again",
                f"{median(beside):.2f}",
                f"{_p99(beside):.2f}",
                f"**{max(beside):.1f}**",
                f"{peak}, **+{peak.own - before.own:.0f}** (+{peak.resident - before.resident:.0f})",
            ],
        ],
    )


def mixed(setting: Setting) -> str:
    """Sixteen connections that read and write at once: the longest wait of each kind beside its median."""
    kinds = {"list": 4, "get": 6, "vote": 4, "create": 2}
    with setting.earshot() as earshot:
        server = scenarios.earshot("astuto", earshot.url, scenarios.of_astuto(setting.amounts))
        waits = asyncio.run(_waits(server, kinds, setting.pressure.seconds * setting.rounds))
    rows = []
    for kind, seen in waits.items():
        allowed = max(20 * median(seen), 100)
        rows.append(
            [
                kind,
                f"{len(seen):,}",
                f"{median(seen):.2f}",
                f"{_p99(seen):.2f}",
                f"**{max(seen):.1f}**",
                f"{allowed:.0f}",
            ]
        )
    return table_of(["16 connections", "requests", "median ms", "p99 ms", "longest ms", "promised ms"], rows)


def memory(setting: Setting) -> str:
    """Start to first answer on a database that exists, what a server at rest holds, and what requests add to it."""
    kinds = {"list": 4, "get": 4, "vote": 4, "create": 4}
    requests = min(20_000, setting.amounts.posts)
    url = setting.databases.fresh("earshot", setting.amounts)
    with processes.start_earshot(url, setting.folder):
        pass
    with processes.start_earshot(url, setting.folder) as earshot:
        seconds, resting = earshot.seconds_to_answer, earshot.memory()
        server = scenarios.earshot("astuto", earshot.url, scenarios.of_astuto(setting.amounts))
        # What the first requests of each kind fill, such as caches of the database, is there once and for all.
        asyncio.run(_waits(server, kinds, 60, most=requests // 10))
        warm = earshot.memory()
        asyncio.run(_waits(server, kinds, 600, most=requests))
        after = earshot.memory()
    return table_of(
        [
            "start to first answer s",
            "own (resident) MiB at rest",
            "warm",
            f"after {requests:,} mixed requests",
            "added",
        ],
        [[f"**{seconds:.2f}**", f"**{resting}**", str(warm), str(after), f"**{after.own - warm.own:+.1f}**"]],
    )


def growth(setting: Setting) -> str:
    """The first page of a portal with ten times the posts, in costs of the first page with one time."""
    larger = replace(setting.amounts, posts=setting.amounts.posts * 10, votes=setting.amounts.votes * 2)
    with (
        setting.earshot() as small,
        processes.start_earshot(setting.databases.fresh("earshot", larger), setting.folder) as large,
    ):
        lines = []
        for dialect, requests in scenarios.OF.items():
            first = {dialect: requests(setting.amounts)["list"]}
            servers = [
                scenarios.earshot(dialect, small.url, first, name=f"{setting.amounts.posts:,} posts"),
                scenarios.earshot(dialect, large.url, first, name=f"{larger.posts:,} posts"),
            ]
            pressure = setting.alone()
            lines += compare(servers, [dialect], rounds=setting.rounds, pressure=pressure)
    rows = [
        [each.scenario, each.server, f"{each.p50:.2f}", f"**{1 / each.ratio:.2f}**" if each.valid else "INVALID"]
        for each in lines
    ]
    return table_of(["first page", "portal", "median ms", "cost"], rows)


NAMED: Mapping[str, Callable[[Setting], str]] = {
    each.__name__: each for each in (deep, filters, duplicates, big, mixed, memory, growth)
}
"""The further measurements by name."""


def _costs(
    setting: Setting, earshot: Process, asked: Mapping[str, tuple[str, Mapping[str, str]]], baseline: str
) -> str:
    """For each dialect: other addresses in costs of a plain one, with a single client."""
    pressure = setting.alone()
    rows = []
    for dialect, (plain, others) in asked.items():
        addresses = {baseline: plain, **others}
        servers = [
            scenarios.earshot(dialect, earshot.url, {dialect: Request(path)}, name=name)
            for name, path in addresses.items()
        ]
        for each in compare(servers, [dialect], rounds=setting.rounds, pressure=pressure):
            cost = "INVALID"
            if each.valid:
                cost = f"**{1 / each.ratio:.2f}** ({1 / each.highest:.2f}-{1 / each.lowest:.2f})"
            rows.append([dialect, each.server, f"{each.p50:.2f}", f"{each.p99:.2f}", cost])
    return table_of(["", "list", "median ms", "p99 ms", f"cost ({baseline} = 1)"], rows)


async def _waits(
    server: Server, clients: Mapping[str, int], seconds: float, *, most: int = 10**9
) -> dict[str, list[float]]:
    """All waits of so many clients of each kind, who ask again and again. Refused requests end it."""
    waits: dict[str, list[float]] = {kind: [] for kind in clients}
    until, left = time.perf_counter() + seconds, most

    async def keep_asking(kind: str, number: int) -> None:
        nonlocal left
        async with Client(server.url, server.headers) as client:
            # One at the least, however late it is: of no waits nothing can be told.
            late = False
            while not late and left > 0:
                left -= 1
                asked = await client.ask(server.scenarios[kind], f"{time.time_ns()}-{number}")
                # A voter who has voted for the post already is refused, by chance and rightly.
                if asked.status >= 500 or (asked.status >= 400 and kind != "vote"):
                    raise SystemExit(f"{kind} answers {asked.status}: {asked.body[:500]!r}")
                waits[kind].append(asked.wait)
                late = time.perf_counter() >= until

    await asyncio.gather(*(keep_asking(kind, number) for kind in clients for number in range(clients[kind])))
    return waits


async def _peak(earshot: Process, *, until: "asyncio.Task[object]") -> Memory:
    most = earshot.memory()
    while not until.done():
        most = max(most, earshot.memory())
        await asyncio.sleep(0.1)
    return most


def _p99(waits: list[float]) -> float:
    return quantiles(waits, n=100)[-1] if len(waits) > 1 else waits[0]


def table_of(head: list[str], rows: list[list[str]]) -> str:
    """A table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
