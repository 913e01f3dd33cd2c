"""Further promises about time and memory, each measured separately and relative to Earshot's own plain requests."""

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
    """The databases and the duration of a measurement."""

    databases: Databases
    folder: Path
    amounts: Amounts
    rounds: int
    pressure: Pressure

    def with_one_client(self) -> Pressure:
        """One client, so that the response time is the cost."""
        return replace(self.pressure, connections=1)

    def earshot(self) -> Process:
        """Start Earshot on a new copy of the database."""
        return processes.start_earshot(self.databases.fresh("earshot", self.amounts), self.folder)


def deep(setting: Setting) -> str:
    """The page at nine tenths of the list, relative to the first page, with one client."""
    skip = setting.amounts.posts * 9 // 10
    newest, voted = "/posts?limit=20", "/posts?limit=20&order_by=votes_count"
    paths = {
        "astuto": (newest, {f"newest, offset {skip:,}": f"{newest}&offset={skip}"}),
        "productlift": (voted, {f"by votes, skip {skip:,}": f"{voted}&skip={skip}"}),
    }
    with setting.earshot() as earshot:
        return _costs(setting, earshot, paths, "the first page")


def filters(setting: Setting) -> str:
    """Lists with filters of many and of few results, and in every order, relative to the plain list."""
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
    paths = {
        dialect: (plain, {name: f"{plain}&{query}" for name, query in queries.items()})
        for dialect, queries in (("astuto", astuto), ("productlift", productlift))
    }
    with setting.earshot() as earshot:
        return _costs(setting, earshot, paths, "the plain list")


_ORDERS = ("title", "updated_at", "votes_count", "comments_count", "latest_status_change", "order")


def duplicates(setting: Setting) -> str:
    """How often the search finds the original post, and its cost relative to the first page."""
    pairs = rewordings()

    async def measure(server: Server) -> tuple[list[float], list[float], int, int]:
        waits: list[float] = []
        pages: list[float] = []
        hits = errors = 0
        async with Client(server.url, server.headers) as client:
            for _ in range(setting.rounds):
                for pair in pairs:
                    response = await client.ask(Request(f"/posts/search_duplicates?title={quote(pair.typed)}"))
                    errors += response.status != 200
                    hits += orjson.dumps(pair.title) in response.body
                    waits.append(response.wait)
                    pages.append((await client.ask(server.scenarios["list"])).wait)
        return waits, pages, hits, errors

    with setting.earshot() as earshot:
        server = scenarios.earshot("productlift", earshot.url, scenarios.of_productlift(setting.amounts))
        waits, pages, hits, errors = asyncio.run(measure(server))
    searches = len(waits)
    if errors:
        return f"INVALID: {errors} of {searches} searches failed."
    return markdown_table(
        ["", "median ms", "p99 ms", "cost", "found"],
        [
            ["first page", f"{median(pages):.2f}", f"{_p99(pages):.2f}", "1.0", ""],
            [
                f"search among {setting.amounts.posts:,} titles",
                f"{median(waits):.2f}",
                f"{_p99(waits):.2f}",
                f"**{median(waits) / median(pages):.1f}**",
                f"{hits * 100 // searches} of 100",
            ],
        ],
    )


SEARCHES = {
    "rare words": "calendar invoices csv",
    "common words": "dark mode",
    "common words, deep": "dark mode&skip=50000",
    "common words, of a tab": "dark mode&tab=feedback",
    "the beginning of a word": "dark mo",
    "misspelled": "exprot csv",
    "misspelled, common": "notifcation",
    "five words, misspelled": "export pdf reprot mobile app",
}
"""Queries by what they measure. A common word is in three of four descriptions."""


def search(setting: Setting) -> str:
    """The search by title and description relative to the first page, with one client."""
    first = "/posts?limit=20&skip=0&order_by=votes_count&order_direction=desc"
    paths = {name: f"/posts/search?limit=20&query={query.replace(' ', '%20')}" for name, query in SEARCHES.items()}
    with setting.earshot() as earshot:
        return _costs(setting, earshot, {"productlift": (first, paths)}, "the first page")


def big(setting: Setting) -> str:
    """The response time of other clients while one reads all posts as one list, and the memory of that list."""
    whole = Request(f"/posts?limit={setting.amounts.posts}")

    with setting.earshot() as earshot:
        plain = scenarios.of_astuto(setting.amounts)
        server = scenarios.earshot("astuto", earshot.url, {**plain, "whole": whole})
        alone = asyncio.run(_waits(server, {"get": 4}, setting.pressure.seconds))["get"]
        before = earshot.memory()

        async def both() -> tuple[list[float], Memory, float]:
            reading = asyncio.create_task(asyncio.to_thread(setting.with_one_client().load, server, "whole"))
            peak = asyncio.create_task(_peak(earshot, until=reading))
            beside = (await _waits(server, {"get": 4}, setting.pressure.seconds))["get"]
            return beside, await peak, (await reading).size

        beside, peak, size = asyncio.run(both())
    return markdown_table(
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
    """Sixteen connections that read and write concurrently: the longest response time of each kind and its median."""
    kinds = {"list": 4, "get": 6, "vote": 4, "create": 2}
    with setting.earshot() as earshot:
        server = scenarios.earshot("astuto", earshot.url, scenarios.of_astuto(setting.amounts))
        waits = asyncio.run(_waits(server, kinds, setting.pressure.seconds * setting.rounds))
    rows = []
    for kind, times in waits.items():
        allowed = max(20 * median(times), 100)
        rows.append(
            [
                kind,
                f"{len(times):,}",
                f"{median(times):.2f}",
                f"{_p99(times):.2f}",
                f"**{max(times):.1f}**",
                f"{allowed:.0f}",
            ]
        )
    return markdown_table(["16 connections", "requests", "median ms", "p99 ms", "longest ms", "promised ms"], rows)


def memory(setting: Setting) -> str:
    """The time to the first response on an existing database, the memory at rest, and what requests add to it."""
    kinds = {"list": 4, "get": 4, "vote": 4, "create": 4}
    requests = min(20_000, setting.amounts.posts)
    url = setting.databases.fresh("earshot", setting.amounts)
    with processes.start_earshot(url, setting.folder):
        pass
    with processes.start_earshot(url, setting.folder) as earshot:
        seconds, resting = earshot.seconds_to_answer, earshot.memory()
        server = scenarios.earshot("astuto", earshot.url, scenarios.of_astuto(setting.amounts))
        # The first requests of each kind fill caches, such as those of the database, which do not grow later.
        asyncio.run(_waits(server, kinds, 60, max_requests=requests // 10))
        warm = earshot.memory()
        asyncio.run(_waits(server, kinds, 600, max_requests=requests))
        after = earshot.memory()
    return markdown_table(
        [
            "start to first response s",
            "own (resident) MiB at rest",
            "warm",
            f"after {requests:,} mixed requests",
            "added",
        ],
        [[f"**{seconds:.2f}**", f"**{resting}**", str(warm), str(after), f"**{after.own - warm.own:+.1f}**"]],
    )


def growth(setting: Setting) -> str:
    """The first page of a portal with ten times the posts, relative to the first page with one time."""
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
            pressure = setting.with_one_client()
            lines += compare(servers, [dialect], rounds=setting.rounds, pressure=pressure)
    rows = [
        [each.scenario, each.server, f"{each.p50:.2f}", f"**{1 / each.ratio:.2f}**" if each.valid else "INVALID"]
        for each in lines
    ]
    return markdown_table(["first page", "portal", "median ms", "cost"], rows)


NAMED: Mapping[str, Callable[[Setting], str]] = {
    each.__name__: each for each in (deep, filters, duplicates, search, big, mixed, memory, growth)
}
"""The measurements by name."""


def _costs(
    setting: Setting, earshot: Process, paths: Mapping[str, tuple[str, Mapping[str, str]]], baseline: str
) -> str:
    """For each dialect: the cost of other paths relative to a plain one, with one client."""
    pressure = setting.with_one_client()
    rows = []
    for dialect, (plain, others) in paths.items():
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
    return markdown_table(["", "list", "median ms", "p99 ms", f"cost ({baseline} = 1)"], rows)


async def _waits(
    server: Server, clients: Mapping[str, int], seconds: float, *, max_requests: int = 10**9
) -> dict[str, list[float]]:
    """All response times of these numbers of clients, which send requests continuously. An error ends it."""
    waits: dict[str, list[float]] = {kind: [] for kind in clients}
    until, left = time.perf_counter() + seconds, max_requests

    async def send_requests(kind: str, number: int) -> None:
        nonlocal left
        async with Client(server.url, server.headers) as client:
            # At least one, however late it is: without a response time there is no result.
            late = False
            while not late and left > 0:
                left -= 1
                result = await client.ask(server.scenarios[kind], f"{time.time_ns()}-{number}")
                # By chance a user votes twice for a post, which is rightly rejected.
                if result.status >= 500 or (result.status >= 400 and kind != "vote"):
                    raise SystemExit(f"{kind} answers {result.status}: {result.body[:500]!r}")
                waits[kind].append(result.wait)
                late = time.perf_counter() >= until

    await asyncio.gather(*(send_requests(kind, number) for kind in clients for number in range(clients[kind])))
    return waits


async def _peak(earshot: Process, *, until: "asyncio.Task[object]") -> Memory:
    peak = earshot.memory()
    while not until.done():
        peak = max(peak, earshot.memory())
        await asyncio.sleep(0.1)
    return peak


def _p99(waits: list[float]) -> float:
    return quantiles(waits, n=100)[-1] if len(waits) > 1 else waits[0]


def markdown_table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
