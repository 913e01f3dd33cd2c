"""Fills an empty database with the benchmark's rows: Earshot's own schema, or the ceiling's.

Rows are inserted in bulk, without the rules. Then the counters are corrected, so that the
database is like that of a portal after years of requests.

    python bench/seed.py --database sqlite:///earshot.db --posts 2000 --votes 10000 --comments 4000 --users 500
    python bench/seed.py --database postgresql://… --ceiling
"""

import argparse
import asyncio
import hashlib
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import asyncpg

from app.adapters.database import NO_PORTAL, PortalContext, create_database
from app.adapters.database.migrations import migrate
from app.adapters.database.sqlite import connect
from app.background import index_new_posts
from app.domain.counters import post_counters
from app.domain.permissions import OPERATOR
from app.domain.portals import portals
from app.domain.sql.timestamps import to_sqlite
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import api_keys, key_formats, users
from bench import ceiling, dataset
from bench.dataset import Amounts, Table

SECRET = "benchmarks sign with this 0123456789"
KEYS = {
    "astuto": "tkn_admin_bench11111111111111111111111111",
    "productlift": "1|bench0000000000000000000000000000000000000",
}
ROOT = Path(__file__).resolve().parents[1]

_EXACT = """
    update users set
      posts_count = (select count(*) from posts where user_id = users.id),
      votes_count = (select count(*) from votes where user_id = users.id),
      comments_count = (select count(*) from comments where user_id = users.id)
"""


def fingerprint(amounts: Amounts) -> str:
    """A digest of everything that the filled database depends on: the amounts, the schema, the rows."""
    digest = hashlib.sha256(str(amounts).encode())
    for source in (*sorted((ROOT / "migrations").rglob("*.py")), *(ROOT / "tests/domain/search").glob("*")):
        if source.is_file():
            digest.update(source.read_bytes())
    for module in (ceiling, dataset):
        digest.update(Path(module.__file__).read_bytes())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()[:12]


async def fill_earshot(url: str, amounts: Amounts) -> None:
    """Migrate the empty database, create its portal and two keys, and fill it."""
    await migrate(url)
    database = create_database(url)
    await database.open()
    try:
        await database.write(_first_portal, NO_PORTAL)
        await _insert(url, lambda at: dataset.of_earshot(amounts, at), after=[_EXACT])
        inside = PortalContext(dataset.PORTAL, OPERATOR)
        await database.write(post_counters.repair, inside)
        await index_new_posts(database, pause=0)
    finally:
        await database.close()
    await _settle(url)


async def fill_ceiling(url: str, amounts: Amounts) -> None:
    """Create the ceiling's tables and fill them."""
    types = ceiling.SQLITE if url.startswith("sqlite") else ceiling.POSTGRESQL
    tables = [f"create table {name} ({columns.format(**types)})" for name, columns in ceiling.TABLES.items()]
    hashed = ceiling.digest(ceiling.KEY.encode())
    await _insert(url, lambda at: dataset.of_ceiling(amounts, at, hashed), before=tables, after=ceiling.INDEXES)
    await _settle(url)


def _first_portal(work: UnitOfWork) -> None:
    work.portal_id = portals.create(work, title="Feedback")
    owner = users.create(work, email="owner@example.com", name="Owner", role="owner")
    for dialect, token in KEYS.items():
        digest, prefix = key_formats.digest(token, SECRET.encode()), key_formats.display_prefix(token)
        api_keys.import_key(work, user_id=owner, dialect=dialect, digest_=digest, prefix=prefix)


async def _insert(
    url: str,
    tables: Callable[[dataset.TimestampAdapter], Iterable[Table]],
    *,
    before: Iterable[str] = (),
    after: Iterable[str] = (),
) -> None:
    if url.startswith("sqlite"):
        _insert_sqlite(url, tables(to_sqlite), before, after)
    else:
        await _insert_postgresql(url, tables(lambda timestamp: timestamp), before, after)


def _insert_sqlite(url: str, tables: Iterable[Table], before: Iterable[str], after: Iterable[str]) -> None:
    raw = connect(Path(url.removeprefix("sqlite:///")))
    # An interrupted run loses nothing: its file is not used.
    raw.execute("pragma synchronous = off")
    raw.execute("pragma foreign_keys = off")
    raw.execute("begin")
    for statement in before:
        raw.execute(statement)
    for table, columns, values in tables:
        width = len(columns) or len(raw.execute(f"pragma table_info({table})").fetchall())
        column_list = f"({', '.join(columns)})" if columns else ""
        raw.executemany(f"insert into {table} {column_list} values ({', '.join('?' * width)})", values)
    for statement in after:
        raw.execute(statement)
    raw.execute("commit")
    raw.close()


async def _insert_postgresql(url: str, tables: Iterable[Table], before: Iterable[str], after: Iterable[str]) -> None:
    raw = await asyncpg.connect(url)
    try:
        for statement in before:
            await raw.execute(statement)
        for table, columns, values in tables:
            await raw.copy_records_to_table(table, columns=columns or None, records=values)
            if table != "post_categories":
                sequence = f"pg_get_serial_sequence('{table}', 'id')"
                await raw.execute(f"select setval({sequence}, (select max(id) from {table}))")
        for statement in after:
            await raw.execute(statement)
    finally:
        await raw.close()


async def _settle(url: str) -> None:
    """Update the statistics and write the log back, as after a time without requests."""
    if url.startswith("sqlite"):
        raw = sqlite3.connect(url.removeprefix("sqlite:///"))
        raw.execute("analyze")
        raw.execute("pragma wal_checkpoint(truncate)")
        raw.close()
        return
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("vacuum (analyze, freeze)")
        # An ordinary role may not; then PostgreSQL writes the rows back at its next checkpoint.
        with suppress(asyncpg.InsufficientPrivilegeError):
            await connection.execute("checkpoint")
    finally:
        await connection.close()


def amount_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the amounts."""
    for each in fields(Amounts):
        parser.add_argument(f"--{each.name}", type=int, default=each.default, help=f"{each.default:,} by default")


def amounts_of(options: Any) -> Amounts:
    """The amounts of the options."""
    return Amounts(**{each.name: getattr(options, each.name) for each in fields(Amounts)})


def main() -> None:
    """Fill the database of the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", required=True, help="sqlite:///path or postgresql://…, empty")
    parser.add_argument("--ceiling", action="store_true", help="the ceiling's schema instead of Earshot's")
    amount_options(parser)
    options = parser.parse_args()
    fill = fill_ceiling if options.ceiling else fill_earshot
    asyncio.run(fill(options.database, amounts_of(options)))


if __name__ == "__main__":
    main()
