"""No setting trades durability or checks for speed."""

from sqlalchemy import text

from app.adapters.database import NO_PORTAL
from app.domain.sql.statement import Statement
from tests.support.factory import Factory

SQLITE = {"PRAGMA journal_mode": "wal", "PRAGMA synchronous": 1, "PRAGMA foreign_keys": 1}
"""1 is NORMAL."""
POSTGRESQL = ("synchronous_commit", "session_replication_role", "full_page_writes", "fsync")
OURS = {"client", "session"}


async def test_no_setting_disables_durable_commits_or_checks(make: Factory, engine: str) -> None:
    async def fetch_setting(query: str) -> object:
        statement = Statement(text(query), across_portals=True)
        return await make.server.database.write(lambda work: work.fetch_value(statement), NO_PORTAL)

    if engine == "sqlite":
        assert {query: await fetch_setting(query) for query in SQLITE} == SQLITE
        return
    # What the operator's server says, and nothing of ours.
    sources = {
        name: await fetch_setting(f"SELECT source FROM pg_settings WHERE name = '{name}'") for name in POSTGRESQL
    }
    assert None not in sources.values()
    assert not OURS & set(sources.values()), sources
