"""The doctor reports a backlog of the outbox, and endpoints that fail."""

import pytest

from app.outbox.webhooks.payload import CallPayload
from tests.cli.conftest import Cli
from tests.cli.database import Rows
from tests.cli.doctor.test_doctor import find_problem, find_well

LATE = "2026-01-01 00:00:00"
LATER = "2999-01-01 00:00:00"


def add_endpoint(rows: Rows, description: str, *, failures: int, disabled_at: str | None = None) -> None:
    rows(
        "INSERT INTO webhooks (portal_id, dialect, description, url, events, failures_in_row, created_at, updated_at) "
        f"VALUES (1, 'productlift', :description, 'sealed', '[]', :failures, '{LATE}', '{LATE}') RETURNING id",
        description=description,
        failures=failures,
    )
    if disabled_at:
        rows(
            f"UPDATE webhooks SET disabled_at = '{disabled_at}', is_enabled = false "
            "WHERE description = :description RETURNING id",
            description=description,
        )


def add_delivery(rows: Rows, channel: str, webhook: int | None, *, state: str = "pending") -> None:
    rows(
        "INSERT INTO deliveries (portal_id, uuid, channel, kind, webhook_id, state, due_at, created_at) VALUES "
        f"(1, :uuid, '{channel}', 'x', {webhook or 'NULL'}, '{state}', '{LATE}', '{LATE}') RETURNING id",
        uuid=f"{channel}{webhook}{state}",
    )


@pytest.mark.parametrize(
    ("switch", "remedy"),
    [
        ("on", "start the server with `earshot serve`; if it runs, its log says why it does not deliver"),
        ("off", "EARSHOT_OUTBOX is off: start a process with `earshot outbox run`, or remove the setting"),
    ],
)
def test_events_that_no_process_takes_up_are_reported(
    switch: str, remedy: str, cli: Cli, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARSHOT_OUTBOX", switch)
    assert find_well(cli, "outbox") == "nothing is late"
    rows(f"UPDATE facts SET created_at = '{LATE}' RETURNING id")

    assert find_problem(cli, "outbox") == ("no process has taken up events since 2026-01-01T00:00:00Z", remedy)

    rows(f"UPDATE facts SET expanded_at = '{LATE}' RETURNING id")
    assert find_well(cli, "outbox") == "nothing is late"


def test_deliveries_that_no_process_sends_are_reported_except_emails_without_a_mail_server(
    cli: Cli, rows: Rows
) -> None:
    add_endpoint(rows, "CRM", failures=0)
    add_delivery(rows, "email", None)
    add_delivery(rows, "webhook", 1, state="failed")
    assert find_well(cli, "outbox") == "nothing is late"
    add_delivery(rows, "webhook", 1)

    state, _ = find_problem(cli, "outbox")

    assert state == "no process has sent what has been due since 2026-01-01T00:00:00Z"


def test_endpoints_that_fail_or_were_switched_off_are_reported(cli: Cli, rows: Rows) -> None:
    add_endpoint(rows, "Well", failures=0)
    assert find_well(cli, "endpoints") == "none fails"
    add_endpoint(rows, "Failing", failures=2)
    assert find_problem(cli, "endpoints") == (
        "webhook endpoints fail: webhook 2 (Failing)",
        "earshot webhooks log 2 --portal 1 shows why",
    )

    rows("UPDATE webhooks SET failures_in_row = 0 RETURNING id")
    add_delivery(rows, "webhook", 2)
    rows(f"UPDATE deliveries SET attempts = 1, error = '500', due_at = '{LATER}' RETURNING id")
    assert find_well(cli, "endpoints") == "none fails"
    rows("UPDATE deliveries SET attempts = 2 RETURNING id")
    assert find_problem(cli, "endpoints")[0] == "webhook endpoints fail: webhook 2 (Failing)"
    # It was repeated, and has failed once since.
    rows("UPDATE deliveries SET attempts = 3, earlier_attempts = 2 RETURNING id")
    assert find_well(cli, "endpoints") == "none fails"
    rows("UPDATE deliveries SET attempts = 4 RETURNING id")

    rows("UPDATE webhooks SET is_enabled = false RETURNING id")
    add_endpoint(rows, "Off", failures=5, disabled_at=LATE)

    assert find_problem(cli, "endpoints") == (
        "webhook endpoints fail: webhook 3 (Off), switched off",
        "earshot webhooks log 3 --portal 1 shows why; when it works again: earshot webhooks enable 3 --portal 1",
    )


def test_an_endpoint_whose_last_call_could_not_be_rendered_is_reported(cli: Cli, rows: Rows) -> None:
    add_endpoint(rows, "Chat", failures=0)
    for state in ("failed", "delivered", "pending", "cancelled"):
        add_delivery(rows, "webhook", 1, state=state)
        rows(f"UPDATE deliveries SET uuid = '{state}', due_at = '{LATER}' WHERE state = '{state}'")
    rows("UPDATE deliveries SET payload = :payload", payload=CallPayload(None, error="it is not JSON").to_json())
    assert find_well(cli, "endpoints") == "none fails"

    rows("DELETE FROM deliveries WHERE state = 'delivered'")

    assert find_problem(cli, "endpoints") == (
        "webhook endpoints fail: webhook 1 (Chat), whose last call could not be rendered",
        "earshot webhooks log 1 --portal 1 shows why",
    )
    rows("UPDATE deliveries SET payload = :payload", payload=CallPayload("{}").to_json())
    assert find_well(cli, "endpoints") == "none fails"


def test_emails_that_failed_for_good_in_the_last_days_are_counted(cli: Cli, rows: Rows) -> None:
    add_endpoint(rows, "CRM", failures=0)
    add_delivery(rows, "email", None, state="failed")
    add_delivery(rows, "email", None, state="cancelled")
    add_delivery(rows, "webhook", 1, state="failed")
    rows(f"UPDATE deliveries SET finished_at = '{LATE}'")
    assert find_well(cli, "outbox") == "nothing is late"

    rows(f"UPDATE deliveries SET finished_at = '{LATER}'")

    assert find_well(cli, "outbox") == (
        "nothing is late; 1 email failed for good in the last 3 days "
        "(earshot outbox list --state failed --channel email)"
    )
