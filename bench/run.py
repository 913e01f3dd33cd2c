"""The benchmarks of Earshot: one command that fills databases, starts servers, loads them and prints ratios.

    ./manage bench --engine sqlite                    list, get, vote and create in both dialects and the ceiling
    ./manage bench --engine postgresql --workers 2    the same with two workers each, rate limits in Redis
    ./manage bench --engine sqlite --only deep,filters
    ./manage bench --engine sqlite --quick            small amounts, to check that it works

Filled databases are stored in .cache/bench and copied for each run; delete the folder to remove them.
`--write` writes the tables into docs/performance.md, with the command, the date and the machine.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from pathlib import Path

from bench import comparisons, idle_connections, outbox, pages, promises, report, scenarios
from bench.databases import Databases, PostgresDatabases, SqliteDatabases
from bench.dataset import Amounts
from bench.load import Pressure, compare, table
from bench.promises import Setting
from bench.report import Measurement

CACHE = report.ROOT / ".cache" / "bench"
MEASUREMENTS = {**promises.NAMED, **comparisons.NAMED, **idle_connections.NAMED, **outbox.NAMED, **pages.NAMED}
QUICK_AMOUNTS = Amounts(posts=2_000, votes=10_000, comments=4_000, users=5_000)


def main(arguments: list[str] | None = None) -> None:
    """Run the measurements of the options, and print them."""
    words = sys.argv[1:] if arguments is None else arguments
    options = _options().parse_args(words)
    amounts = _amounts(options)
    rounds = options.rounds or (1 if options.quick else 5)
    seconds = options.duration or (1 if options.quick else 3)
    wrk = None if options.builtin else shutil.which("wrk")
    names = options.only.split(",") if options.only else ["hot"]
    unknown = set(names) - {"hot", *MEASUREMENTS}
    if unknown:
        raise SystemExit(f"--only knows hot, {', '.join(MEASUREMENTS)}; not {', '.join(sorted(unknown))}")
    suffix = f" {options.workers} workers" if options.workers > 1 else ""
    places = {name: f"{name} {options.engine}{suffix if name == 'hot' else ''}" for name in names}
    if options.write:
        report.require(places.values())
    with _opened(options) as (databases, folder):
        setting = Setting(databases, folder, amounts, rounds, Pressure(seconds, options.connections, wrk))
        for name in names:
            _log(f"measuring {name} on {databases.version}")
            result = hot(setting, options.workers) if name == "hot" else MEASUREMENTS[name](setting)
            print(f"\n## {name}, {databases.version}\n\n{result}\n", flush=True)
            if options.write:
                command = " ".join(["./manage bench", *(each for each in words if each != "--write")])
                client = "wrk" if wrk else "built-in client"
                report.write(Measurement(places[name], result, command, str(amounts), databases.version, client))


def hot(setting: Setting, workers: int) -> str:
    """The four hot requests, in both dialects and of the ceiling."""
    with ExitStack() as running:
        redis = comparisons.start_redis(running) if workers > 1 else ""
        servers = comparisons.start_servers(setting, running, workers=workers, redis=redis)
        return table(compare(servers, scenarios.HOT, rounds=setting.rounds, pressure=setting.pressure))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./manage bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--only", default="", help=f"names with commas: hot, {', '.join(MEASUREMENTS)}")
    parser.add_argument("--rounds", type=int, help="default 5")
    parser.add_argument("--duration", type=float, help="seconds of each run, default 3")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--workers", type=int, default=1, help="processes of each server")
    parser.add_argument("--quick", action="store_true", help="small amounts, one round of a second")
    parser.add_argument("--builtin", action="store_true", help="do not use wrk")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/performance.md")
    parser.add_argument("--postgres-url", help="a server on which databases may be created, instead of our own")
    parser.add_argument("--cache", type=Path, default=CACHE, help="the folder of filled databases")
    for each in fields(Amounts):
        parser.add_argument(f"--{each.name}", type=int, help=f"{each.default:,} by default")
    return parser


def _amounts(options: argparse.Namespace) -> Amounts:
    defaults = QUICK_AMOUNTS if options.quick else Amounts()
    values = {each.name: getattr(options, each.name) for each in fields(Amounts)}
    return Amounts(**{name: getattr(defaults, name) if value is None else value for name, value in values.items()})


@contextmanager
def _opened(options: argparse.Namespace) -> Iterator[tuple[Databases, Path]]:
    options.cache.mkdir(parents=True, exist_ok=True)
    databases: Databases
    # Beside the cache, because both need a disk: writes to a folder in memory would be too fast.
    with tempfile.TemporaryDirectory(prefix="run-", dir=options.cache) as name:
        folder = Path(name)
        if options.engine == "sqlite":
            databases = SqliteDatabases(options.cache, folder, _log)
        elif options.postgres_url:
            databases = PostgresDatabases(options.postgres_url, None, _log)
        else:
            databases = PostgresDatabases.start(options.cache, _log)
        try:
            yield databases, folder
        finally:
            databases.close()


def _log(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
