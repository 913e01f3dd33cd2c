"""What the log says while the server can't answer: the cause, once, however many ask."""

import logging
from pathlib import Path

import pytest

from app.application import create_app
from app.settings import Settings
from tests.conftest import SECRET
from tests.support.clients import Client
from tests.support.requirements import need
from tests.support.servers import Postgres


async def test_a_database_that_is_away_is_logged_once_and_not_for_each_request(
    postgres: Postgres, postgres_database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    need("a PostgreSQL of the tests' own", postgres.ours, "it is stopped and started again")
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        database_url=postgres_database,
        data_dir=tmp_path,
        secret_key=SECRET,
        rate_limits=False,
    )
    server = create_app(settings)
    await server.start()
    async with Client(server, token="1|whoever") as client:
        postgres.stop()
        try:
            with caplog.at_level(logging.WARNING, logger="earshot.requests"):
                statuses = [(await client.get("/posts")).status_code for _ in range(3)]
        finally:
            postgres.start()
    await server.stop()

    assert statuses == [503, 503, 503]
    told = [record.getMessage() for record in caplog.records if record.name == "earshot.requests"]
    assert 1 <= len(told) == len(set(told)) <= 2
    assert all(line.startswith(f"answering 503, because of {server.database.describe()} ") for line in told)
    assert SECRET not in caplog.text
