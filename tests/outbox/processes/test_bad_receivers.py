"""Bad receivers and mail servers delay nothing but their own deliveries: neither others nor requests to the APIs."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from app.outbox.failure_log import RETRIED
from tests.faults.test_crash_recovery import url_of
from tests.server.test_serve import key_of, until
from tests.support.commands import Earshot
from tests.support.outbox_processes import Api, count, create_webhook, run_json
from tests.support.processes import free_port
from tests.support.raw_receiver import read_request
from tests.support.receiver import Receiver, run_receiver
from tests.support.smtp_sink import run_sink, run_stream_server
from tests.support.sql import rows, script

POSTS = 12
MEBIBYTE = b"x" * 2**20
SENDER = {"EARSHOT_MAIL_FROM": "feedback@example.com"}


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer nothing, however long the client waits."""
    while await reader.read(2**16):
        pass


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Break the connection off as soon as the client has sent something, or has waited a moment."""
    await asyncio.sleep(0.01)


async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begin an answer, and never end it."""
    while True:
        writer.write(b"2")
        await writer.drain()
        await asyncio.sleep(0.1)


async def respond_500(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\nConnection: close\r\n\r\noops")
    await writer.drain()


async def respond_too_much(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer 100 MiB with status 500."""
    await read_request(reader)
    writer.write(f"HTTP/1.1 500 Internal Server Error\r\nContent-Length: {100 * len(MEBIBYTE)}\r\n\r\n".encode())
    await write_much(writer)


async def greet_with_500(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"421 try again later\r\n")
    await writer.drain()


async def greet_with_too_much(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220-")
    await write_much(writer)


async def write_much(writer: asyncio.StreamWriter) -> None:
    for _ in range(100):
        writer.write(MEBIBYTE)
        await writer.drain()


RECEIVERS = {
    "hangs": hang,
    "resets": reset,
    "dribbles": dribble,
    "responds 500": respond_500,
    "responds too much": respond_too_much,
}
MAIL_SERVERS = {
    "hangs": hang,
    "resets": reset,
    "dribbles": dribble,
    "responds 500": greet_with_500,
    "responds too much": greet_with_too_much,
}


@dataclass
class Portal:
    """A portal with a good receiver and bad ones, whose server runs as long as a test needs it."""

    earshot: Earshot
    url: str
    key: str
    good: Receiver
    good_id: int
    bad_ids: dict[str, int]
    """The endpoints by what their receivers do."""

    def delivered(self, webhook_id: int) -> int:
        return count(self.url, f"deliveries WHERE webhook_id = {webhook_id} AND state = 'delivered'")

    def emails(self, state: str) -> int:
        return count(self.url, f"deliveries WHERE channel = 'email' AND state = '{state}'")

    @contextmanager
    def serving(self, smtp_port: int) -> Iterator[Api]:
        """Run a server that delivers, too."""
        with self.earshot.serving(EARSHOT_SMTP_URL=f"smtp://127.0.0.1:{smtp_port}", **SENDER) as serving:
            yield Api(serving, self.key)
            assert "Traceback" not in serving.log.read_text()

    def clear(self) -> None:
        """Call the bad receivers no more, and forget the emails of other tests."""
        script(self.url, f"UPDATE webhooks SET is_enabled = false WHERE id <> {self.good_id}")
        script(self.url, "DELETE FROM deliveries WHERE channel = 'email'")


@pytest.fixture(scope="module")
def portal(shared_earshot: Earshot) -> Iterator[Portal]:
    earshot = shared_earshot
    with ExitStack() as stack:
        with earshot.serving(EARSHOT_OUTBOX="off") as serving:
            key = key_of(serving, "ProductLift")
            Api(serving, key).post("/users", email="ann@example.com", role="admin", skip_email=True)
        run_json(earshot, "users", "notifications", "ann@example.com", "--kind", "new_post", "--cadence", "at_once")
        good = stack.enter_context(run_receiver())
        ports = {name: stack.enter_context(run_stream_server(handle)) for name, handle in RECEIVERS.items()}
        ports["refuses"] = free_port()
        yield Portal(
            earshot,
            url_of(earshot),
            key,
            good,
            create_webhook(earshot, good.url)["id"],
            {name: create_webhook(earshot, f"http://127.0.0.1:{port}/")["id"] for name, port in ports.items()},
        )


def add_posts(api: Api) -> None:
    """Posts, each of which has a call for each endpoint, and an email to one member of the team."""
    for number in range(POSTS):
        api.post("/posts", title=f"Post {number}")


def test_bad_receivers_delay_neither_other_endpoints_nor_emails_nor_requests(portal: Portal) -> None:
    before = len(portal.good.requests)
    with run_sink() as sink, portal.serving(sink.port) as api:
        for batch in (1, 2):
            # The second one is made while the receivers of the first one hang.
            add_posts(api)
            until(lambda: len(portal.good.requests) - before == batch * POSTS)  # noqa: B023
            until(lambda: len(sink.messages) == batch * POSTS)  # noqa: B023

            assert {name: portal.delivered(bad_id) for name, bad_id in portal.bad_ids.items()} == dict.fromkeys(
                portal.bad_ids, 0
            )
            hanging_id = portal.bad_ids["hangs"]
            assert count(portal.url, f"deliveries WHERE webhook_id = {hanging_id} AND claim IS NOT NULL") > 0
        # Each of the others has made its attempt, which is kept and repeated.
        quick = [name for name in portal.bad_ids if name not in ("hangs", "dribbles")]
        until(lambda: all(first_attempt(portal, name) is not None for name in quick))
        until(lambda: {portal.bad_ids[name] for name in quick} <= set(failures_logged(api)))

    assert first_attempt(portal, "responds 500") == (500, "oops", "the receiver responded 500")
    status, body, _ = first_attempt(portal, "responds too much") or (None, None, None)
    assert status == 500
    assert body is not None
    assert len(body) == 64 * 1024
    for name in ("refuses", "resets"):
        status, body, error = first_attempt(portal, name) or (0, "", "")
        assert (status, body) == (None, None)
        assert error
    assert count(portal.url, "deliveries WHERE state NOT IN ('pending', 'delivered')") == 0
    portal.clear()


def failures_logged(api: Api) -> list[int]:
    """The endpoints whose failures the server has logged."""
    lines = (json.loads(line) for line in api.log.read_text().splitlines() if line.endswith("}"))
    return [line["webhook"] for line in lines if line["event"] == RETRIED and line["level"] == "warning"]


def first_attempt(portal: Portal, name: str) -> tuple[int | None, str | None, str] | None:
    """The status, the body and the error of an attempt whose outcome is stored, if there is one yet."""
    found = rows(
        portal.url,
        "SELECT response_status, response_body, error FROM deliveries "
        f"WHERE webhook_id = {portal.bad_ids[name]} AND error IS NOT NULL ORDER BY id LIMIT 1",
    )
    return found[0] if found else None


@pytest.mark.parametrize("name", [*MAIL_SERVERS, "refuses"])
def test_a_bad_mail_server_delays_neither_calls_nor_requests(portal: Portal, name: str) -> None:
    portal.clear()
    before = len(portal.good.requests)
    with ExitStack() as stack:
        handle = MAIL_SERVERS.get(name)
        port = free_port() if handle is None else stack.enter_context(run_stream_server(handle))
        api = stack.enter_context(portal.serving(port))
        add_posts(api)
        until(lambda: len(portal.good.requests) - before == POSTS)
        # The emails are being tried: a mail server that hangs has a minute.
        until(lambda: count(portal.url, "deliveries WHERE channel = 'email' AND attempts > 0") > 0)
        assert portal.emails("pending") == POSTS
        assert api.request("GET", "/statuses")
