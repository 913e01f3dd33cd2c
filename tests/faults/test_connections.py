"""Connections that are idle, slow, endless or too many: others are answered, and memory is bounded."""

import asyncio
import json
import re
import resource
import socket
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.comparisons import cpu_seconds
from tests.faults.test_crash_recovery import keys_of
from tests.observability.test_metrics import port_of
from tests.server.test_serve import key_of, send_request
from tests.support.commands import Earshot, Serving
from tests.support.continuous_writers import Caller

MIB = 1024 * 1024


def memory(serving: Serving, what: str = "VmHWM") -> int:
    """The most memory that the server has ever had, in bytes; or another figure of /proc/PID/status."""
    status = Path(f"/proc/{serving.process.pid}/status").read_text()
    found = re.search(rf"^{what}:\s+(\d+) kB$", status, flags=re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connections(port: int, count: int, *hosts: str) -> AsyncIterator[list[Connection]]:
    """Connections that are closed after the block; with hosts, each from the next of these addresses."""
    local = [(host, 0) for host in hosts] or [None] * count
    opened = [await asyncio.open_connection("127.0.0.1", port, local_addr=address) for address in local]
    try:
        yield opened
    finally:
        close(opened)


def close(opened: Iterable[Connection]) -> None:
    for _, writer in opened:
        writer.close()


def test_idle_and_slow_connections_do_not_delay_others(sqlite: Earshot) -> None:
    async def dribble(writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST /api/v1/posts HTTP/1.1\r\nhost: x\r\nx-slow: ")
        while not writer.is_closing():
            writer.write(b"a")
            await asyncio.sleep(0.05)

    async def beside(serving: Serving) -> Counter[bytes]:
        async with connections(serving.port, 200), connections(serving.port, 50) as slow:
            dribbling = asyncio.gather(*(dribble(writer) for _, writer in slow))
            bodies = await health_of(serving.port, 100)
            dribbling.cancel()
            return bodies

    with sqlite.serving(EARSHOT_CONNECTIONS_PER_IP="off") as serving:
        assert asyncio.run(beside(serving)) == {b"success": 100}
        assert serving.end() == 0


@pytest.mark.parametrize("framing", ["content-length: 209715200", "transfer-encoding: chunked"])
def test_a_body_of_200_mb_is_rejected_early_and_in_bounded_memory(sqlite: Earshot, framing: str) -> None:
    async def send(serving: Serving) -> tuple[bytes, int]:
        reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
        head = f"POST /api/v1/posts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key_of(serving, 'Astuto')}\r\n"
        writer.write(f"{head}content-type: application/json\r\n{framing}\r\n\r\n".encode())
        sent = 0
        answering = asyncio.create_task(reader.read(12))
        piece = b"10000\r\n" + b" " * 65536 + b"\r\n" if "chunked" in framing else b" " * 65536
        with suppress(OSError):
            while sent < 200 * MIB and not answering.done():
                writer.write(piece)
                sent += 65536
                await writer.drain()
                await asyncio.sleep(0)
        status = await answering
        writer.close()
        return status, sent

    with sqlite.serving() as serving:
        before = memory(serving)
        status, sent = asyncio.run(send(serving))

        assert status == b"HTTP/1.1 413"
        assert sent < 64 * MIB
        assert memory(serving) - before < 64 * MIB
        assert serving.end() == 0


CHUNKED = b"POST /api/v1/posts HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("begun", "more"),
    [
        (CHUNKED + b"0\r\n", b"x-more: and more\r\n" * 4096),
        (CHUNKED + b"0\r\nx-more: ", b"a" * 65536),
        (CHUNKED + b"1;", b"a" * 65536),
        (CHUNKED, b"0" * 65536),
        (b"GET / HTTP/1.1\r\nhost: x\r\n", b"a:\r\n" * 16384),
        (b"", b"GET / HTTP/1.1\r\n\r\n" * 4096),
    ],
    ids=["trailer fields", "one trailer field", "a chunk extension", "a chunk size", "short fields", "requests"],
)
def test_the_framing_of_requests_uses_bounded_memory(sqlite: Earshot, begun: bytes, more: bytes) -> None:
    """Four connections without a key send as much as the server takes, up to 68 MiB each, and read nothing."""
    # Requests wait unread while nobody reads the answers to those before; all else is read or refused.
    patience = 20 if begun else 1

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(begun)
        with suppress(OSError, TimeoutError):
            for _ in range(68 * MIB // len(more)):
                writer.write(more)
                async with asyncio.timeout(patience):
                    await writer.drain()
        writer.transport.abort()

    async def flood(port: int) -> None:
        async with connections(port, 4) as opened:
            await asyncio.gather(*(one(*pair) for pair in opened))

    with sqlite.serving() as serving:
        before = memory(serving)
        asyncio.run(flood(serving.port))

        assert memory(serving) - before < 32 * MIB
        assert asyncio.run(health_of(serving.port, 1)) == {b"success": 1}
        assert serving.end() == 0
        assert "Traceback" not in serving.log.read_text()


def test_many_endless_headers_are_rejected_in_bounded_memory(sqlite: Earshot) -> None:
    async def endless(serving: Serving) -> Counter[bytes]:
        async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n" + b"x-more: and more\r\n" * 8000)
            return await reader.read(12)

        async with connections(serving.port, 100) as opened:
            return Counter(await asyncio.gather(*(one(*pair) for pair in opened)))

    with sqlite.serving() as serving:
        before = memory(serving)

        assert asyncio.run(endless(serving)) == {b"HTTP/1.1 431": 100}
        assert memory(serving) - before < 100 * MIB
        assert asyncio.run(health_of(serving.port, 1)) == {b"success": 1}
        assert serving.end() == 0


@contextmanager
def unread_responses(port: int, key: str, path: str) -> Iterator[None]:
    """Twenty clients that have received the first bytes of a response, and read no more of it."""
    request = f"GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n".encode()
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.socket()) for _ in range(20)]
        for client in clients:
            # Little room for the response.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(30)
            client.connect(("127.0.0.1", port))
            client.sendall(request)
        for client in clients:
            # The first piece has been read from the database and sent.
            assert client.recv(12) == b"HTTP/1.1 200"
        yield


def get_json(serving: Serving, key: str, path: str) -> Any:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.get(f"{serving.address}{path}", headers=headers, timeout=30).json()


def test_unread_responses_use_bounded_memory(sqlite: Earshot) -> None:
    """Each is far longer than what the system keeps for a connection."""
    many, length = 1500, 6000
    with sqlite.serving(EARSHOT_RATE_LIMITS="off") as serving:
        key = key_of(serving, "Astuto")
        create_posts(serving, many, "long " * (length // 5))
        before = memory(serving)

        with unread_responses(serving.port, key, "/api/v1/posts?limit=100000"):
            assert {send_request(serving.port, key, "/api/v1/posts?limit=20")[0] for _ in range(50)} == {200}
            assert memory(serving) - before < 64 * MIB < 20 * many * length

        assert len(get_json(serving, key, "/api/v1/posts?limit=100000")) == many
        assert serving.end() == 0
        assert "Traceback" not in serving.log.read_text()


def test_an_unread_moderation_queue_uses_bounded_memory(sqlite: Earshot) -> None:
    many, path = 50_000, "/api/v1/moderation/pending"
    with sqlite.serving(EARSHOT_RATE_LIMITS="off") as serving:
        key = key_of(serving, "ProductLift")
        with closing(sqlite3.connect(sqlite.folder / "data" / "earshot.db")) as file, file:
            file.execute(
                "INSERT INTO posts(code, slug, board_id, title, moderation, status_changed_at, portal_id, created_at, "
                "updated_at) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
                "SELECT 100000 + i, 's' || i, id, 'Waiting ' || i, 'pending', created_at, portal_id, created_at, "
                "created_at FROM n JOIN boards ON boards.id = 1",
                (many,),
            )
        assert len(get_json(serving, key, path)["data"]) == many
        before = memory(serving)

        with unread_responses(serving.port, key, path):
            assert memory(serving) - before < 96 * MIB
        assert serving.end() == 0
        assert "Traceback" not in serving.log.read_text()


def create_posts(serving: Serving, count: int, description: str) -> None:
    with closing(Caller(serving.port, keys_of(serving))) as caller:
        for number in range(count):
            post = {"title": f"Long {number}", "description": description, "board_id": 1}
            assert caller.send("astuto", "POST", "/posts", post).status == 201


def test_a_list_of_very_long_texts_uses_bounded_memory(sqlite: Earshot) -> None:
    many, length = 40, 4 * MIB
    with sqlite.serving(EARSHOT_RATE_LIMITS="off") as serving:
        create_posts(serving, many, "x" * length)
        # Without the pages of the database file, which the system shares and takes back.
        before, most, received = memory(serving, "RssAnon"), 0, 0

        for dialect in ("Astuto", "ProductLift"):
            headers = {"authorization": f"Bearer {key_of(serving, dialect)}"}
            with httpx.stream(
                "GET", f"{serving.address}/api/v1/posts?limit=100", headers=headers, timeout=60
            ) as response:
                assert response.status_code == 200
                for piece in response.iter_raw(MIB):
                    received += len(piece)
                    most = max(most, memory(serving, "RssAnon"))
        assert received > 2 * many * length
        assert most - before < 64 * MIB < many * length

        assert serving.end() == 0


def warnings(serving: Serving) -> list[str]:
    lines = map(json.loads, serving.log.read_text().splitlines())
    return [line["event"] for line in lines if line["level"] in ("warning", "error")]


ONE_ADDRESS = {"EARSHOT_RATE_LIMITS": "off", "EARSHOT_CONNECTIONS_PER_IP": "off"}
"""Many clients are simulated from one address."""
HEALTH = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"
TOO_MANY_OF_ADDRESS = b"Your address has as many connections as it may have. Close some first.\n"
TOO_MANY = b"The server has as many connections as it can take. Try again in a moment.\n"


async def health_bodies(opened: Iterable[Connection]) -> Counter[bytes]:
    """What health answers on each connection: the body; nothing where the connection was closed instead."""
    bodies: Counter[bytes] = Counter()
    for reader, writer in opened:
        try:
            writer.write(HEALTH)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            bodies[await reader.readexactly(int(head.partition("content-length: ")[2].split()[0]))] += 1
        except (OSError, asyncio.IncompleteReadError):
            bodies[b""] += 1
    return bodies


async def health_of(port: int, count: int) -> Counter[bytes]:
    async with connections(port, count) as opened:
        return await health_bodies(opened)


async def wait_until_accepted(port: int) -> None:
    async with asyncio.timeout(20):
        while await health_of(port, 1) != {b"success": 1}:
            pass


async def idle_cost(serving: Serving) -> float:
    """The CPU time in seconds that the server uses in a second without a request."""
    before = cpu_seconds(serving.process.pid)
    await asyncio.sleep(1)
    return cpu_seconds(serving.process.pid) - before


def test_connections_over_the_limit_of_open_files_are_rejected(sqlite: Earshot) -> None:
    async def exceed(serving: Serving) -> None:
        async with connections(serving.port, 64) as kept:
            assert await health_bodies(kept) == {b"success": 64}

            async with connections(serving.port, 300) as more:
                bodies = await health_bodies(more)
                assert set(bodies) == {TOO_MANY, b""}
                # A part of the files that are reserved for other work; the rest are closed without a response.
                assert 16 <= bodies[TOO_MANY] <= 300
                assert await idle_cost(serving) < 0.5
                assert await health_bodies(kept) == {b"success": 64}
            close(kept[:10])
            await wait_until_accepted(serving.port)

    with sqlite.serving(open_files=(128, 128), **ONE_ADDRESS) as serving:
        asyncio.run(exceed(serving))
        assert warnings(serving) == [
            "new connections are rejected: raise the limit of open files (ulimit -n), or start more processes"
        ]
        assert serving.end() == 0


def test_connections_to_the_metrics_port_use_no_files_of_requests(sqlite: Earshot) -> None:
    async def exceed(serving: Serving) -> None:
        async with connections(port_of(serving), 200) as kept:
            # Those beyond the few are closed, and these are still waited for.
            await asyncio.gather(*(reader.read() for reader, _ in kept[8:]), return_exceptions=True)
            assert not any(reader.at_eof() for reader, _ in kept[:8])
            assert await health_of(serving.port, 20) == {b"success": 20}

    with sqlite.serving(open_files=(128, 128), EARSHOT_METRICS_PORT="0", **ONE_ADDRESS) as serving:
        asyncio.run(exceed(serving))
        assert httpx.get(f"http://127.0.0.1:{port_of(serving)}/metrics", timeout=20).status_code == 200
        assert warnings(serving) == []
        assert serving.end() == 0


def test_the_server_raises_its_limit_of_open_files_to_the_maximum(sqlite: Earshot) -> None:
    with sqlite.serving(open_files=(256, 700), **ONE_ADDRESS) as serving:
        assert asyncio.run(health_of(serving.port, 400)) == {b"success": 400}
        assert resource.prlimit(serving.process.pid, resource.RLIMIT_NOFILE) == (700, 700)
        assert warnings(serving) == []
        assert serving.end() == 0


def test_connections_of_one_address_are_limited_and_others_are_served(sqlite: Earshot) -> None:
    async def exceed(serving: Serving) -> None:
        async with connections(serving.port, 40) as kept:
            assert await health_bodies(kept) == {b"success": 40}

            async with connections(serving.port, 100) as more:
                # Some get a response; the rest are closed without one, so that they take no place from others.
                assert await health_bodies(more) == {TOO_MANY_OF_ADDRESS: 16, b"": 84}
                assert await health_bodies(kept) == {b"success": 40}
                others = [f"127.0.0.{number}" for number in range(2, 12)]
                async with connections(serving.port, 10, *others) as of_others:
                    assert await health_bodies(of_others) == {b"success": 10}
            close(kept[:10])
            await wait_until_accepted(serving.port)

    with sqlite.serving(EARSHOT_RATE_LIMITS="off", EARSHOT_CONNECTIONS_PER_IP="40") as serving:
        asyncio.run(exceed(serving))
        assert warnings(serving) == [
            "new connections from an address are rejected: raise EARSHOT_CONNECTIONS_PER_IP, or name it in "
            "EARSHOT_TRUSTED_PROXIES if it is your proxy"
        ]
        assert serving.end() == 0


@pytest.mark.parametrize(
    "settings",
    [{"EARSHOT_CONNECTIONS_PER_IP": "off"}, {"EARSHOT_TRUSTED_PROXIES": "127.0.0.0/30"}],
    ids=["off", "trusted proxy"],
)
def test_connections_of_a_trusted_proxy_are_not_limited(sqlite: Earshot, settings: dict[str, str]) -> None:
    with sqlite.serving(EARSHOT_RATE_LIMITS="off", **settings) as serving:
        assert asyncio.run(health_of(serving.port, 300)) == {b"success": 300}
        assert warnings(serving) == []
        assert serving.end() == 0


def test_a_process_without_free_files_continues_and_recovers(sqlite: Earshot) -> None:
    def allow_no_more_files(pid: int) -> None:
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(list(Path(f"/proc/{pid}/fd").iterdir())), hard))

    async def starve(serving: Serving) -> None:
        async with connections(serving.port, 20) as kept:
            assert await health_bodies(kept) == {b"success": 20}
            allow_no_more_files(serving.process.pid)

            async with connections(serving.port, 100) as more:
                assert await health_bodies(more) == {b"": 100}
                assert await idle_cost(serving) < 0.5
                assert await health_bodies(kept) == {b"success": 20}
                close(kept[:10])
                await wait_until_accepted(serving.port)

    # The outbox would open and close files meanwhile.
    with sqlite.serving(EARSHOT_OUTBOX="off") as serving:
        asyncio.run(starve(serving))
        assert serving.end() == 0
        assert warnings(serving) == []
