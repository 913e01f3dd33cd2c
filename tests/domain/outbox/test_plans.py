"""SQLite reaches the rows of the outbox by an index, without statistics, and not by reading all rows of a portal."""

import sqlite3
from types import ModuleType

import pytest

from app.application import Application
from app.domain.outbox import backlog, claims, deliveries, delivery_list, events, sweep
from app.domain.sql.statement import SQLITE, Statement
from app.domain.webhooks import calls, endpoints


def constants_of(module: ModuleType) -> dict[str, Statement]:
    """The statements of a module, without those for PostgreSQL only."""
    found = {f"{module.__name__}.{name}": each for name, each in vars(module).items() if isinstance(each, Statement)}
    return {name: each for name, each in found.items() if name.split(".")[-1] not in ("_CLOCK", "_TRY_LOCK")}


STATEMENTS = {
    **{
        name: each
        for module in (backlog, calls, claims, deliveries, endpoints, events, sweep)
        for name, each in constants_of(module).items()
    },
    "repetition": delivery_list._RETRY,
    "lock of what is repeated": delivery_list._LOCK,
    "claim of emails": claims._claim("email", False),
    "claim of calls": claims._claim("webhook", True),
    "claim of calls of deleted endpoints": claims._claim("webhook", False),
}
FIRST_BY_ID = ("app.domain.outbox.events._NEWEST", "app.domain.outbox.sweep._DELETE_EVENTS")
"""They read a limited number of rows in the order of the ids."""

OF_FEW_ROWS = ("ix_facts_waiting", "ix_facts_account", "ix_deliveries_order", "ix_deliveries_secret")
"""The condition of these indexes is that a row waits, or has a secret."""


@pytest.mark.only_on("sqlite")
async def test_no_statement_of_the_worker_reads_all_rows_of_a_portal(server: Application) -> None:
    walks: dict[str, list[str]] = {}
    with sqlite3.connect(server.settings.database_url.removeprefix("sqlite:///")) as connection:
        assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchall()
        for name, statement in STATEMENTS.items():
            compiled = statement.compiled(SQLITE)
            rows = connection.execute(f"EXPLAIN QUERY PLAN {compiled.text}", ["[1]"] * len(compiled.names))
            bad = [row[3] for row in rows if is_walk(row[3])]
            if bad and name not in FIRST_BY_ID:
                walks[name] = bad

    assert len(STATEMENTS) > 40
    assert walks == {}


def is_walk(step: str) -> bool:
    """Whether a step of a plan may read all deliveries or events, of a portal or of all."""
    if not step.startswith(("SCAN deliveries", "SCAN facts", "SEARCH deliveries", "SEARCH facts")):
        return False
    if any(f"INDEX {name}" in step for name in OF_FEW_ROWS):
        return False
    return step.startswith("SCAN") or "(portal_id=?)" in step
