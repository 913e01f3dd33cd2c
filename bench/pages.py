"""The cost of pages beside that of a list of twenty posts of the API, and of filters and orders beside a plain page."""

import asyncio
from collections.abc import Callable, Mapping
from statistics import median
from typing import Final

from app.adapters.database import PortalContext, create_database
from app.domain.identifiers import slugify
from app.domain.permissions import OPERATOR
from app.domain.posts.visible_posts import MAX_LISTED, PAGE_POSTS
from app.domain.users import sessions
from bench import dataset, processes, scenarios
from bench.client import Client, Request
from bench.comparisons import cpu_seconds
from bench.dataset import OWNER, PORTAL, RARE, Amounts
from bench.load import Run, Server
from bench.promises import Setting, markdown_table

LISTS: Final = tuple(scenarios.OF)
PLAIN: Final = "newest posts"
"""The page with which filters and orders are compared."""
PAGES: Final = {
    "home page": "/",
    PLAIN: "/?sort=newest",
    "top posts": "/?sort=top",
    "newest posts, last page": f"/?sort=newest&page={MAX_LISTED // PAGE_POSTS}",
    "board": "/boards/board-3",
    "board with few posts": f"/boards/board-{RARE['board']}?sort=top",
    "status": "/?status=2",
    "category": "/?category=5&sort=top",
    "category with few posts": f"/?category={RARE['category']}&sort=top",
    "board and rare status": f"/boards/board-3?status={RARE['status']}&sort=top",
    "board, status and category": "/boards/board-3?status=2&category=5&sort=top",
    "status and category, last page": f"/?status=2&category=5&sort=top&page={MAX_LISTED // PAGE_POSTS}",
    "search": "/?q=dark+mode",
    "search with a filter": "/?q=dark+mode&status=2",
    "page of a post": "/posts/{slug}",
    "roadmap": "/roadmap",
    "changelog": "/changelog",
}
OF_TEAM: Final = {
    "home page, of the team": "/",
    "board, status and category, of the team": "/boards/board-3?status=2&category=5&sort=top",
    "own votes": "/?mine=voted&sort=top",
}
"""Pages of a signed-in member of the team."""


def pages(setting: Setting) -> str:
    """Kilobytes, milliseconds of the server's processor and of waiting, in lists of twenty and in plain pages."""
    database = setting.databases.fresh("earshot", setting.amounts)
    requests = _list_requests(setting.amounts, asyncio.run(_sign_in(database)))
    runs: dict[str, list[tuple[float, Run]]] = {}
    with processes.start_earshot(database, setting.folder) as earshot:
        site = Server("pages", earshot.url.removesuffix("/api/v1"), requests)
        lists = {name: scenarios.earshot(name, earshot.url, of(setting.amounts)) for name, of in scenarios.OF.items()}
        # Without votes of the last days no post would be trending.
        setting.pressure.load(lists["astuto"], "vote")
        asyncio.run(_require_pages(site))
        measured = [
            *((name, server, "list") for name, server in lists.items()),
            *((name, site, name) for name in requests),
        ]
        for turn in range(setting.rounds + 1):
            for name, server, scenario in measured:
                before = cpu_seconds(earshot.pid)
                run = setting.with_one_client().load(server, scenario)
                spent = cpu_seconds(earshot.pid) - before
                # The first round is the warm-up.
                if turn:
                    runs.setdefault(name, []).append((_milliseconds(spent, run, setting.pressure.seconds), run))
    head = ["", "kB", "ms of CPU", *(f"in lists of {name}" for name in LISTS), "median ms", "in plain pages"]
    return markdown_table(head, [_describe(name, runs) for name in runs])


def _describe(name: str, runs: Mapping[str, list[tuple[float, Run]]]) -> list[str]:
    """The row of a page or a list."""
    costs = [cost for cost, _ in runs[name]]
    waits = [run.p50 for _, run in runs[name]]
    ratios = [_divide(costs, [cost for cost, _ in runs[each]]) for each in LISTS]
    is_valid = not any(run.errors for _, run in runs[name])
    label = f"list of {name}" if name in LISTS else name
    return [
        label,
        f"{median(run.size for _, run in runs[name]) / 1000:.1f}",
        f"{median(costs):.2f}",
        *(f"{ratio:.1f}" if is_valid else "INVALID" for ratio in ratios),
        f"{median(waits):.2f}",
        "" if name in LISTS else f"{_divide(waits, [run.p50 for _, run in runs[PLAIN]]):.1f}",
    ]


def _list_requests(amounts: Amounts, token: str) -> dict[str, Request]:
    """The request of each page, as a browser sends it."""
    headers = {"Accept-Encoding": "gzip"}
    post = next(dataset.drafts(amounts))
    slug = f"{slugify(post.title)}-{post.id}"
    of_team = {**headers, "Cookie": f"earshot_session={token}"}
    return {
        **{name: Request(path.format(slug=slug), headers=headers) for name, path in PAGES.items()},
        **{name: Request(path, headers=of_team) for name, path in OF_TEAM.items()},
    }


async def _sign_in(url: str) -> str:
    """The token of a session of the owner."""
    database = create_database(url)
    await database.open()
    try:
        return await database.write(
            lambda work: sessions.create(work, user_id=OWNER, method="link", user_agent=""),
            PortalContext(PORTAL, OPERATOR),
        )
    finally:
        await database.close()


async def _require_pages(site: Server) -> None:
    """Exit unless each response is a page, and no redirect, which would be cheap."""
    async with Client(site.url, {}) as client:
        for name, request in site.scenarios.items():
            status = (await client.ask(request)).status
            if status != 200:
                raise SystemExit(f"{name}: {request.path} answers {status}")


def _milliseconds(spent: float, run: Run, seconds: float) -> float:
    return spent * 1000 / max(1.0, run.rate * seconds)


def _divide(values: list[float], others: list[float]) -> float:
    return median(value / max(other, 1e-3) for value, other in zip(values, others, strict=True))


NAMED: Mapping[str, Callable[[Setting], str]] = {"pages": pages}
"""The measurement by its name."""
