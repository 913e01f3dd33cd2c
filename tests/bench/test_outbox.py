"""The measurement of the outbox, and the receivers of what it sends."""

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from bench import outbox, run, seed
from bench.dataset import Amounts
from bench.receivers import Receiver
from tests.support.servers import Postgres
from tests.support.sql import script

AMOUNTS = Amounts(posts=100, votes=200, comments=100, users=5000)
TINY = [f"--{name}={getattr(AMOUNTS, name)}" for name in ("posts", "votes", "comments", "users")]


@pytest.fixture
def engine_options(engine: str, request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """The options of the engine. On PostgreSQL the filled database is deleted after the test."""
    if engine == "sqlite":
        yield ["--engine", "sqlite"]
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    url = postgres.create("bench")
    yield ["--engine", "postgresql", "--postgres-url", url]
    script(url, f'DROP DATABASE IF EXISTS "earshot_bench_earshot_{seed.fingerprint(AMOUNTS)}"')
    postgres.drop("bench")


def test_the_cost_of_the_outbox_is_reported(
    engine_options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--quick", "--only", "outbox", "--builtin", "--duration", "0.1", "--cache", str(tmp_path)]
    run.main([*options, *engine_options, *TINY])

    output = capsys.readouterr().out
    rows = [line.strip("| ").split(" | ") for line in output.splitlines() if line.startswith("| ")][2:]
    assert [(row[0], row[-1]) for row in rows] == [
        ("creates a second: with endpoints and followers", "at least 0.90"),
        ("votes a second: with endpoints and followers", "at least 0.90"),
        ("median ms of a create: with delivery", "at most 1.25"),
        ("median ms of a vote: with delivery", "at most 1.25"),
        ("calls a second of 100 due ones: with the outbox", "at least 0.20"),
    ]
    assert all(float(number) > 0 for row in rows for number in row[1:3])
    assert "INVALID" not in output
    # Two rounds, each with a create, a vote and a change of a status: three calls each, an email to the moderator and
    # one to each follower. One endpoint is told of the new user, too.
    assert "Received at 20 requests a second: 19 calls and 102 emails." in output


def test_a_ratio_of_latencies_is_the_median_of_the_ratios_of_the_medians_within_rounds() -> None:
    rounds = [
        {"without": {"vote": [1.0, 2.0, 9.0]}, "with": {"vote": [3.0]}},
        {"without": {"vote": [4.0]}, "with": {"vote": [4.0]}},
        {"without": {"vote": [2.0]}, "with": {"vote": [5.0]}},
    ]

    row = outbox.latency_row("vote", rounds)

    assert row[1:] == ["2.00", "4.00", "**1.50** (1.00-2.50)", "at most 1.25"]


def test_the_receiver_counts_requests_that_arrive_in_parts_and_together(tmp_path: Path) -> None:
    with Receiver("http", tmp_path) as receiver:
        url = f"http://127.0.0.1:{receiver.port}/"
        with httpx.Client(trust_env=False) as client:
            responses = [client.post(url, content=b"x" * 300_000), client.post(url, content=b"")]
            client.get(url)

    assert [response.text for response in responses] == ["ok", "ok"]
    assert receiver.received.total == 3
    assert receiver.received.began_at is not None


def test_the_sink_counts_emails(tmp_path: Path) -> None:
    message = EmailMessage()
    message.set_content("Hello")

    with Receiver("smtp", tmp_path) as sink, smtplib.SMTP("127.0.0.1", sink.port) as client:
        for _ in range(2):
            client.send_message(message, from_addr="a@example.com", to_addrs=["b@example.com"])

    assert sink.received.total == 2


def test_a_receiver_that_can_not_start_ends_the_measurement(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="the fax receiver did not start"):
        Receiver("fax", tmp_path)
