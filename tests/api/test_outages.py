"""The log of a server whose database is unavailable."""

import logging

import pytest

from app.application import Application
from tests.conftest import SECRET
from tests.support.clients import Client


async def test_an_unavailable_database_is_logged_once(
    server_without_database: Application, caplog: pytest.LogCaptureFixture
) -> None:
    async with Client(server_without_database, token="1|whoever") as client:
        with caplog.at_level(logging.WARNING, logger="earshot.requests"):
            statuses = [(await client.get("/posts")).status_code for _ in range(3)]

    assert statuses == [503, 503, 503]
    messages = [record.getMessage() for record in caplog.records if record.name == "earshot.requests"]
    assert 1 <= len(messages) == len(set(messages)) <= 2
    cause = server_without_database.database.describe()
    assert all(message.startswith(f"responding with 503 because of {cause} ") for message in messages)
    assert SECRET not in caplog.text
