"""The benchmarks of Earshot: one command that fills databases, starts servers, loads them and tells ratios.

    ./manage bench --engine sqlite                    list, get, vote and create in both dialects beside the ceiling
    ./manage bench --engine postgresql --workers 2    the same with two workers each, limits counted in Redis
    ./manage bench --engine sqlite --only deep,filters
    ./manage bench --engine sqlite --quick            little of everything, to see that it works

Filled databases are kept in .cache/bench and copied for each run; remove the folder to be rid of them.
`--write` puts the tables into docs/performance.md, with the command, the date and the machine.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from pathlib import Path

from bench import comparisons, idle_connections, processes, promises, report, scenarios
from bench.databases import Databases, PostgresDatabases, SqliteDatabases
from bench.dataset import Amounts
from bench.load import Pressure, compare, table
from bench.promises import Setting
from bench.report import Measured
from tests.support.servers import find_redis, start_redis

CACHE = report.ROOT / ".cache" / "bench"
FURTHER = {**promises.NAMED, **comparisons.NAMED, **idle_connections.NAMED}
LITTLE = Amounts(posts=2_000, votes=10_000, comments=4_000, users=5_000)


def main(arguments: list[str] | None = None) -> None:
    """Measure what the options ask for, and print it."""
    given = sys.argv[1:] if arguments is None else arguments
    asked = _options().parse_args(given)
    amounts = _amounts(asked)
    rounds = asked.rounds or (1 if asked.quick else 5)
    seconds = asked.duration or (1 if asked.quick else 3)
    wrk = None if asked.builtin else shutil.which("wrk")
    names = asked.only.split(",") if asked.only else ["hot"]
    unknown = set(names) - {"hot", *FURTHER}
    if unknown:
        raise SystemExit(f"--only knows hot, {', '.join(FURTHER)}; not {', '.join(sorted(unknown))}")
    suffix = f" {asked.workers} workers" if asked.workers > 1 else ""
    places = {name: f"{name} {asked.engine}{suffix if name == 'hot' else ''}" for name in names}
    if asked.write:
        report.require(places.values())
    with _opened(asked) as (databases, folder):
        setting = Setting(databases, folder, amounts, rounds, Pressure(seconds, asked.connections, wrk))
        for name in names:
            _say(f"measuring {name} on {databases.version}")
            found = hot(setting, asked.workers) if name == "hot" else FURTHER[name](setting)
            print(f"\n## {name}, {databases.version}\n\n{found}\n", flush=True)
            if asked.write:
                command = " ".join(["./manage bench", *(each for each in given if each != "--write")])
                client = "wrk" if wrk else "built-in client"
                report.write(Measured(places[name], found, command, str(amounts), databases.version, client))


def hot(setting: Setting, workers: int) -> str:
    """The four requests that matter most, in both dialects, beside the ceiling."""
    with ExitStack() as running:
        redis = ""
        if workers > 1:
            binary = find_redis()
            if binary is None:
                raise SystemExit("several workers count their limits in Redis, which is missing here")
            shared = start_redis(binary)
            running.callback(shared.close)
            redis = shared.url
        started = {"workers": workers, "redis": redis}
        ceiling = processes.start_ceiling(
            setting.databases.fresh("ceiling", setting.amounts), setting.folder, **started
        )
        running.callback(ceiling.close)
        earshot = processes.start_earshot(
            setting.databases.fresh("earshot", setting.amounts), setting.folder, **started
        )
        running.callback(earshot.close)
        servers = scenarios.servers(setting.amounts, ceiling_url=ceiling.url, earshot_url=earshot.url)
        return table(compare(servers, scenarios.HOT, rounds=setting.rounds, pressure=setting.pressure))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./manage bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--only", default="", help=f"names with commas: hot, {', '.join(FURTHER)}")
    parser.add_argument("--rounds", type=int, help="5 unless told")
    parser.add_argument("--duration", type=float, help="seconds of each run, 3 unless told")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--workers", type=int, default=1, help="processes of each server")
    parser.add_argument("--quick", action="store_true", help="small amounts, one round of a second")
    parser.add_argument("--builtin", action="store_true", help="do without wrk")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/performance.md")
    parser.add_argument("--postgres-url", help="a server that may create databases, instead of one of our own")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where filled databases are kept")
    for each in fields(Amounts):
        parser.add_argument(f"--{each.name}", type=int, help=f"{each.default:,} unless told")
    return parser


def _amounts(asked: argparse.Namespace) -> Amounts:
    usual = LITTLE if asked.quick else Amounts()
    told = {each.name: getattr(asked, each.name) for each in fields(Amounts)}
    return Amounts(**{name: getattr(usual, name) if value is None else value for name, value in told.items()})


@contextmanager
def _opened(asked: argparse.Namespace) -> Iterator[tuple[Databases, Path]]:
    asked.cache.mkdir(parents=True, exist_ok=True)
    databases: Databases
    # Beside the cache, for both need a disk: what lies in memory would flatter the writes.
    with tempfile.TemporaryDirectory(prefix="run-", dir=asked.cache) as name:
        folder = Path(name)
        if asked.engine == "sqlite":
            databases = SqliteDatabases(asked.cache, folder, _say)
        elif asked.postgres_url:
            databases = PostgresDatabases(asked.postgres_url, None, _say)
        else:
            databases = PostgresDatabases.started(asked.cache, _say)
        try:
            yield databases, folder
        finally:
            databases.close()


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
