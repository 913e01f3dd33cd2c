"""Webhooks and calls for the tests of `earshot webhooks`."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.cli.conftest import Cli
from tests.cli.database import Rows

URL = "https://hooks.example.com/earshot"


def create(cli: Cli, *arguments: str, dialect: str = "productlift", stdin: str = "") -> Any:
    return cli.json("webhooks", "create", "--dialect", dialect, "--url", URL, *arguments, stdin=stdin)


def add_calls(rows: Rows) -> None:
    """Calls 1 to 4: delivered, failed, pending; and failed two days ago at another webhook. And an email."""
    payload = json.dumps({"body": '{"event":"x"}', "content_type": "application/json", "url": None})
    now = datetime.now(UTC)
    for number, (webhook, state, age) in enumerate(
        [(1, "delivered", 1), (1, "failed", 1), (1, "pending", 1), (2, "failed", 48), (None, "failed", 1)], 1
    ):
        moment = (now - timedelta(hours=age)).strftime("%Y-%m-%d %H:%M:%S.%f")
        finished = "NULL" if state == "pending" else f"'{moment}'"
        rows(
            "INSERT INTO deliveries (portal_id, uuid, channel, kind, webhook_id, state, due_at, created_at, attempts,"
            " payload, response_status, response_body, error, duration_ms, attempted_at, finished_at, claim)"
            f" VALUES (1, 'uuid-{number}', '{'email' if webhook is None else 'webhook'}', 'vote.created',"
            f" {webhook or 'NULL'}, '{state}', '{moment}', '{moment}', 3, '{payload}', 500, 'Oops', 'it broke', 12,"
            f" '{moment}', {finished}, NULL)"
        )
