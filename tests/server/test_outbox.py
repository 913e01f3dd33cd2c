"""The server delivers itself unless EARSHOT_OUTBOX is off; a change stores one row for its event in either case."""

import re
import socket

import pytest

from tests.faults.test_crash_recovery import url_of
from tests.faults.test_killed_outbox import Receiver
from tests.observability.test_metrics import Labels, at, metrics_at, metrics_of, post
from tests.server.test_serve import key_of, until
from tests.support.commands import SECONDS, Earshot, Serving, message_of
from tests.support.http_server import serve_http
from tests.support.outbox_processes import LOOPBACK, count, create_webhook, running_outbox
from tests.support.sql import rows, script


def add_email(url: str) -> None:
    script(
        url,
        "INSERT INTO deliveries (portal_id, uuid, channel, kind, due_at, created_at) VALUES "
        "(1, 'a', 'email', 'comment', '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
    )


def test_a_serving_process_takes_up_events_and_stops_within_seconds(earshot: Earshot) -> None:
    with earshot.serving(EARSHOT_METRICS_PORT="0") as serving:
        assert post(serving, key_of(serving, "Astuto"), "News") == 201

        url = url_of(earshot)
        assert count(url, "facts") > 0
        until(lambda: count(url, "facts WHERE expanded_at IS NULL") == 0)
        assert serving.end() == 0
    assert "Traceback" not in serving.log.read_text()


def test_no_process_takes_up_events_if_the_outbox_is_off(earshot: Earshot) -> None:
    with earshot.serving(EARSHOT_METRICS_PORT="0", EARSHOT_OUTBOX="off") as serving:
        key, url = key_of(serving, "Astuto"), url_of(earshot)
        before = count(url, "facts")
        assert [post(serving, key, f"Post {number}") for number in range(3)] == [201] * 3

        assert count(url, "facts") - before == 3
        assert count(url, "facts WHERE kind = 'post.submitted'") == 3
        assert count(url, "facts WHERE expanded_at IS NOT NULL") == 0
        assert count(url, "deliveries") == 0
        assert metrics_of(serving)["earshot_outbox_depth"] == {at(): count(url, "facts")}
        assert serving.end() == 0


def test_metrics_report_what_waits(earshot: Earshot) -> None:
    def told(serving: Serving, name: str) -> dict[str, float]:
        return {dict(labels)["channel"]: value for labels, value in metrics_of(serving)[name].items()}

    with earshot.serving(EARSHOT_METRICS_PORT="0", EARSHOT_OUTBOX="off") as serving:
        add_email(url_of(earshot))

        assert told(serving, "earshot_outbox_pending") == {"email": 1, "webhook": 0}
        delays = told(serving, "earshot_outbox_delay_seconds")
        assert delays["webhook"] == 0
        assert delays["email"] > 3600
        assert serving.end() == 0


def test_a_server_delivers_and_counts_its_attempts(earshot: Earshot) -> None:
    receiver = Receiver()
    with serve_http(receiver.handler) as port, earshot.serving(EARSHOT_METRICS_PORT="0", **LOOPBACK) as serving:
        url = url_of(earshot)
        create_webhook(earshot, f"http://127.0.0.1:{port}/")
        assert post(serving, key_of(serving, "Astuto"), "News") == 201

        until(lambda: count(url, "deliveries WHERE state = 'delivered'") == 1)
        delivered = {at(channel="webhook", kind="post.created", outcome="delivered"): 1}
        until(lambda: metrics_of(serving).get("earshot_outbox_attempts_total") == delivered)
        assert serving.end() == 0

    ((uuid,),) = rows(url, "SELECT uuid FROM deliveries")
    assert receiver.calls == {uuid: 1}


def test_processes_of_the_outbox_have_metrics_of_their_own(earshot: Earshot) -> None:
    receiver, posts = Receiver(), 30
    with (
        serve_http(receiver.handler) as port,
        earshot.serving(EARSHOT_OUTBOX="off", EARSHOT_METRICS_PORT="0") as serving,
    ):
        create_webhook(earshot, f"http://127.0.0.1:{port}/", "--event", "post.created")
        add_email(url_of(earshot))
        # They share the data directory, and so does the server.
        with running_outbox(earshot, "--metrics-port", "0") as first, running_outbox(earshot, "--metrics-port", "0"):
            until(lambda: len(metrics_urls(earshot)) == 2)
            urls = metrics_urls(earshot)
            for number in range(posts):
                assert post(serving, key_of(serving, "Astuto"), f"Post {number}") == 201
            until(lambda: count(url_of(earshot), "deliveries WHERE state = 'delivered'") == posts)

            delivered = at(channel="webhook", kind="post.created", outcome="delivered")
            until(lambda: sum(attempts_of(url).get(delivered, 0) for url in urls) == posts)
            assert {labels for url in urls for labels in attempts_of(url)} == {delivered}
            for url in urls:
                metrics = metrics_at(url)
                assert metrics["earshot_outbox_pending"] == {at(channel="email"): 1, at(channel="webhook"): 0}
                assert metrics["earshot_outbox_delay_seconds"][at(channel="email")] > 3600
                assert "earshot_outbox_depth" in metrics
                assert set(metrics) & {"earshot_sqlite_wal_bytes", "earshot_database_connections"}
            assert "earshot_outbox_attempts_total" not in metrics_of(serving)
            first.terminate()
            assert first.wait(SECONDS) == 0
            assert len(list(earshot.folder.glob("data/metrics-*"))) == 2
    assert list(earshot.folder.glob("data/metrics-*")) == []
    assert "Traceback" not in (earshot.folder / "outbox.log").read_text()


def metrics_urls(earshot: Earshot) -> list[str]:
    """Where the processes of the outbox say that their metrics are."""
    return re.findall(r"http://127\.0\.0\.1:[0-9]+/metrics", (earshot.folder / "outbox.log").read_text())


def attempts_of(url: str) -> dict[Labels, float]:
    return metrics_at(url).get("earshot_outbox_attempts_total", {})


def test_a_port_in_use_ends_a_process_of_the_outbox(sqlite: Earshot) -> None:
    assert sqlite.run("migrate").code == 0
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        for done in (
            sqlite.run("outbox", "run", EARSHOT_METRICS_PORT=str(port)),
            sqlite.run("outbox", "run", "--metrics-port", str(port), EARSHOT_METRICS_PORT="0"),
        ):
            assert message_of(done) == (
                f"port {port} of 127.0.0.1 is in use: "
                "end what listens there, or choose another port with --metrics-port"
            )


@pytest.mark.parametrize("value", ["maybe", "2"])
def test_the_outbox_is_on_or_off(value: str, sqlite: Earshot) -> None:
    done = sqlite.run("settings", EARSHOT_OUTBOX=value)

    assert done.code == 1
    assert "must be on or off" in done.err
