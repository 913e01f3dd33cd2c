"""The processor time of pages, beside that of a list of twenty posts of the API."""

from collections.abc import Callable, Mapping
from statistics import median
from typing import Final

from bench import dataset, scenarios
from bench.client import Request
from bench.comparisons import cpu_seconds
from bench.load import Run, Server
from bench.promises import Setting, markdown_table

MAX_RATIO: Final = 5
LISTS: Final = tuple(scenarios.OF)


def pages(setting: Setting) -> str:
    """Milliseconds of the server's processor for a request, as a browser sends it, and in lists of twenty."""
    code = dataset.code(setting.amounts.posts // 2)
    headers = {"Accept-Encoding": "gzip"}
    requests = {
        "home page": Request("/", headers=headers),
        "home page, newest": Request("/?sort=newest", headers=headers),
        "page of a post": Request(f"/p/{code}", headers=headers),
        "roadmap": Request("/roadmap", headers=headers),
    }
    costs: dict[str, list[float]] = {}
    is_valid = dict.fromkeys((*LISTS, *requests), True)
    with setting.earshot() as earshot:
        site = Server("pages", earshot.url.removesuffix("/api/v1"), requests)
        measured = [
            *(
                (name, scenarios.earshot(name, earshot.url, of(setting.amounts)), "list")
                for name, of in scenarios.OF.items()
            ),
            *((name, site, name) for name in requests),
        ]
        for turn in range(setting.rounds + 1):
            for name, server, scenario in measured:
                before = cpu_seconds(earshot.pid)
                run = setting.pressure.load(server, scenario)
                spent = cpu_seconds(earshot.pid) - before
                is_valid[name] &= not run.errors
                # The first round is the warm-up.
                if turn:
                    costs.setdefault(name, []).append(_milliseconds(spent, run, setting.pressure.seconds))
    rows = []
    for name, values in costs.items():
        ratios = [f"{median(_divide(values, costs[each])):.1f}" if is_valid[name] else "INVALID" for each in LISTS]
        rows.append([name if name not in LISTS else f"list of {name}", f"{median(values):.2f}", *ratios])
    return markdown_table(["", "ms of CPU", *(f"in lists of {name}" for name in LISTS)], rows)


def _milliseconds(spent: float, run: Run, seconds: float) -> float:
    return spent * 1000 / max(1.0, run.rate * seconds)


def _divide(values: list[float], others: list[float]) -> list[float]:
    return [value / max(other, 1e-3) for value, other in zip(values, others, strict=True)]


NAMED: Mapping[str, Callable[[Setting], str]] = {"pages": pages}
"""The measurement by its name."""
