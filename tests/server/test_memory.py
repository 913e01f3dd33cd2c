"""The memory of processes with mail and webhooks set up: of a server at rest, and of a worker that has delivered."""

import re
import sys
from pathlib import Path

import httpx
import pytest

from tests.faults.test_crash_recovery import url_of
from tests.server.test_serve import key_of, until
from tests.support.commands import SECONDS, Earshot
from tests.support.outbox_processes import LOOPBACK, Api, count, create_webhook, running_outbox
from tests.support.receiver import run_receiver
from tests.support.servers import Redis
from tests.support.smtp_sink import run_sink

MAX_SERVER_MIB = 190
"""Two workers and their parent."""
MAX_OUTBOX_MIB = 110
"""A process of `earshot outbox run`, with metrics."""

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it reads /proc")


def measure_mib(*pids: int) -> float:
    """The memory of processes; pages that several map count once."""
    rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    return sum(int(re.findall(r"^Pss: +(\d+) kB$", each, flags=re.MULTILINE)[0]) for each in rollups) / 1024


def test_a_server_at_rest_and_a_process_of_the_outbox_at_work_stay_small(on_postgres: Earshot, redis: Redis) -> None:
    earshot, url = on_postgres, url_of(on_postgres)
    with run_sink() as sink, run_receiver() as receiver:
        mail = {"EARSHOT_MAIL_FROM": "feedback@example.com", "EARSHOT_SMTP_URL": f"smtp://127.0.0.1:{sink.port}"}
        earshot.settings |= {"EARSHOT_REDIS_URL": redis.url, **LOOPBACK, **mail}
        with earshot.serving(EARSHOT_OUTBOX="off") as serving:
            for body in ("", "", '{"title": "{{ post.title | escape_json }}"}'):
                create_webhook(earshot, receiver.url, dialect="astuto" if body else "productlift", body=body)
            api = Api(serving, key_of(serving, "ProductLift"))
            api.post("/users", email="new@example.com", role="member")
            for number in range(5):
                api.post("/posts", title=f"Post {number}")
            with running_outbox(earshot, "--metrics-port", "0") as process:
                until(lambda: count(url, "deliveries WHERE state = 'delivered'") == 17)
                assert measure_mib(process.pid) < MAX_OUTBOX_MIB
            assert serving.end() == 0

        with earshot.serving("--workers", "2") as serving:
            until(lambda: len(serving.workers()) == 2)
            for _ in range(10):
                httpx.get(f"{serving.address}/health/ready", timeout=SECONDS).raise_for_status()
            assert measure_mib(serving.process.pid, *serving.workers()) < MAX_SERVER_MIB
            assert serving.end() == 0
