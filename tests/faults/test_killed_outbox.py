"""Workers killed in the midst of deliveries: each is delivered at least once, with one id, and none is lost."""

import signal
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler

import pytest

from app.adapters.database import PortalContext, create_database
from app.domain.outbox import deliveries
from app.domain.outbox.deliveries import NewDelivery
from app.domain.permissions import OPERATOR
from app.outbox.webhooks.payload import CallPayload
from app.outbox.worker import MAX_CONCURRENT
from tests.faults.test_crash_recovery import url_of
from tests.server.test_serve import until
from tests.support.commands import SECONDS, Earshot
from tests.support.http_server import serve_http
from tests.support.outbox_processes import create_webhook, running_outbox
from tests.support.sql import rows, run_coroutine, script

MANY = 1000
POSTS = 200


class Receiver:
    """Counts the calls by their id, and answers each with 204."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Otherwise the answer waits for an acknowledgement of the kernel.
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                with receiver._lock:
                    receiver.calls[self.headers["webhook-id"]] += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.handler = Handler

    @property
    def total(self) -> int:
        with self._lock:
            return self.calls.total()


def fill(earshot: Earshot, address: str) -> str:
    """A portal with an endpoint and many due calls, and the URL of the database."""
    assert earshot.run("migrate").code == 0
    assert earshot.run("portals", "create", "--title", "Feedback").code == 0
    url = url_of(earshot)
    webhook_id = create_webhook(earshot, address)["id"]
    payload = CallPayload('{"event": "post.created"}', "application/json").to_json()

    async def add() -> None:
        new = [
            NewDelivery("webhook", "post.created", webhook_id=webhook_id, post_id=number % POSTS, payload=payload)
            for number in range(MANY)
        ]
        database = create_database(url)
        await database.open()
        try:
            await database.write(lambda work: deliveries.add_all(work, new), PortalContext(1, OPERATOR))
        finally:
            await database.close()

    run_coroutine(add())
    return url


def end_leases(url: str) -> None:
    """Let the time of all claims pass."""
    script(url, "UPDATE deliveries SET due_at = created_at WHERE claim IS NOT NULL")


def states(url: str) -> dict[str, int]:
    return dict(rows(url, "SELECT state, count(*) FROM deliveries GROUP BY state"))


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_workers_lose_no_delivery_and_repeat_with_the_same_id(earshot: Earshot, workers: int) -> None:
    receiver = Receiver()
    with serve_http(receiver.handler) as port:
        url = fill(earshot, f"http://127.0.0.1:{port}/")
        for kill in (1, 2):
            with running_outbox(earshot) as first:
                if workers == 2:
                    with running_outbox(earshot) as second:
                        until(lambda: receiver.total >= 250 * kill)  # noqa: B023
                        second.send_signal(signal.SIGKILL)
                until(lambda: receiver.total >= 250 * kill)  # noqa: B023
                first.send_signal(signal.SIGKILL)
                first.wait(SECONDS)
            assert states(url).get("pending", 0) > 0
            end_leases(url)

        with running_outbox(earshot) as last:
            until(lambda: states(url) == {"delivered": MANY})
            last.send_signal(signal.SIGTERM)
            assert last.wait(SECONDS) == 0

    uuids = {uuid for (uuid,) in rows(url, "SELECT uuid FROM deliveries")}
    assert len(uuids) == MANY
    assert set(receiver.calls) == uuids
    # Only what was in progress at a kill is repeated.
    assert receiver.total - MANY <= 2 * workers * MAX_CONCURRENT
    assert (earshot.folder / "outbox.log").read_text().count("Traceback") == 0


def test_two_workers_share_the_deliveries_and_repeat_none(earshot: Earshot) -> None:
    receiver = Receiver()
    with serve_http(receiver.handler) as port:
        url = fill(earshot, f"http://127.0.0.1:{port}/")
        with running_outbox(earshot) as first, running_outbox(earshot) as second:
            until(lambda: states(url) == {"delivered": MANY})
            for process in (first, second):
                process.send_signal(signal.SIGTERM)
                assert process.wait(SECONDS) == 0

    assert receiver.total == MANY
    assert set(receiver.calls.values()) == {1}


def test_a_worker_stops_within_seconds_and_gives_back_what_hangs(earshot: Earshot) -> None:
    begun, over = threading.Event(), threading.Event()

    class Hanging(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            begun.set()
            over.wait(SECONDS)

        def log_message(self, *_: object) -> None:
            pass

    with serve_http(Hanging) as port:
        url = fill(earshot, f"http://127.0.0.1:{port}/")
        with running_outbox(earshot) as process:
            assert begun.wait(SECONDS)
            begin = time.monotonic()
            process.send_signal(signal.SIGTERM)
            code = process.wait(SECONDS)
            over.set()

    assert code == 0
    assert time.monotonic() - begin < 15
    assert rows(url, "SELECT count(*) FROM deliveries WHERE claim IS NOT NULL") == [(0,)]
    assert states(url) == {"pending": MANY}


def test_an_outbox_without_a_database_does_not_start(earshot: Earshot) -> None:
    done = earshot.run("outbox", "run")

    assert done.code == 1
    assert "there is no Earshot in the database yet" in done.err
