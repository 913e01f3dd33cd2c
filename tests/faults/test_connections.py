"""Connections that do nothing, dribble, never end, or are too many: others are answered, and memory is bounded."""

import asyncio
import json
import os
import re
import resource
import socket
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

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


async def connect(serving: Serving, count: int) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    return [await asyncio.open_connection("127.0.0.1", serving.port) for _ in range(count)]


async def health(serving: Serving, count: int) -> Counter[int]:
    async with httpx.AsyncClient(timeout=20) as client:
        return Counter([(await client.get(f"{serving.address}/health")).status_code for _ in range(count)])


def test_idle_and_dribbling_connections_do_not_keep_others_waiting(sqlite: Earshot) -> None:
    async def beside(serving: Serving) -> Counter[int]:
        idle = await connect(serving, 200)
        slow = await connect(serving, 50)
        for _, writer in slow:
            writer.write(b"POST /api/v1/posts HTTP/1.1\r\nhost: x\r\nx-slow: ")

        async def dribble(writer: asyncio.StreamWriter) -> None:
            while not writer.is_closing():
                writer.write(b"a")
                await asyncio.sleep(0.05)

        dribbling = [asyncio.create_task(dribble(writer)) for _, writer in slow]
        try:
            return await health(serving, 300)
        finally:
            for task in dribbling:
                task.cancel()
            for _, writer in idle + slow:
                writer.close()

    with sqlite.serving(EARSHOT_CONNECTIONS_PER_IP="off") as serving:
        assert asyncio.run(beside(serving)) == {200: 300}
        assert serving.end() == 0


@pytest.mark.parametrize("framing", ["content-length: 209715200", "transfer-encoding: chunked"])
def test_200_mb_are_refused_early_and_in_bounded_memory(sqlite: Earshot, framing: str) -> None:
    async def send(serving: Serving) -> tuple[bytes, int]:
        key = re.findall(r"Bearer (\S+)'", serving.output)[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
        head = f"POST /api/v1/posts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
        writer.write(f"{head}content-type: application/json\r\n{framing}\r\n\r\n".encode())
        sent = 0
        answering = asyncio.create_task(reader.read(12))
        piece = b"10000\r\n" + b" " * 65536 + b"\r\n" if "chunked" in framing else b" " * 65536
        try:
            while sent < 200 * MIB and not answering.done():
                writer.write(piece)
                sent += 65536
                await writer.drain()
                await asyncio.sleep(0)
        except OSError:
            pass
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
def test_what_frames_a_request_takes_bounded_memory(sqlite: Earshot, begun: bytes, more: bytes) -> None:
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

    async def flood(serving: Serving) -> None:
        await asyncio.gather(*(one(*pair) for pair in await connect(serving, 4)))

    with sqlite.serving() as serving:
        before = memory(serving)
        asyncio.run(flood(serving))

        assert memory(serving) - before < 32 * MIB
        assert asyncio.run(health(serving, 1)) == {200: 1}
        assert serving.end() == 0
        assert "Traceback" not in serving.log.read_text()


def test_endless_heads_of_many_are_refused_in_bounded_memory(sqlite: Earshot) -> None:
    async def endless(serving: Serving) -> Counter[bytes]:
        async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n" + b"x-more: and more\r\n" * 8000)
            status = await reader.read(12)
            writer.close()
            return status

        return Counter(await asyncio.gather(*(one(*pair) for pair in await connect(serving, 100))))

    with sqlite.serving() as serving:
        before = memory(serving)

        assert asyncio.run(endless(serving)) == {b"HTTP/1.1 431": 100}
        assert memory(serving) - before < 100 * MIB
        assert asyncio.run(health(serving, 1)) == {200: 1}
        assert serving.end() == 0


def test_lists_that_nobody_reads_are_kept_in_bounded_memory(sqlite: Earshot) -> None:
    """Each is far longer than what the system keeps for a connection."""
    many, length = 1500, 6000
    with sqlite.serving(EARSHOT_RATE_LIMITS="off") as serving:
        key = key_of(serving, "Astuto")
        with closing(Caller(serving.port, keys_of(serving))) as caller:
            for number in range(many):
                post = {"title": f"Long {number}", "description": "long " * (length // 5), "board_id": 1}
                assert caller.send("astuto", "POST", "/posts", post).status == 201
        asked = f"GET /api/v1/posts?limit=100000 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n"
        before = memory(serving)

        with ExitStack() as deaf:
            begun = [deaf.enter_context(unread(serving.port, asked.encode())) for _ in range(20)]
            for one in begun:
                # The first piece has been read from the database and sent.
                assert one.recv(12) == b"HTTP/1.1 200"
            assert {send_request(serving.port, key, "/api/v1/posts?limit=20")[0] for _ in range(50)} == {200}
            assert memory(serving) - before < 64 * MIB < 20 * many * length

        whole = httpx.get(
            f"{serving.address}/api/v1/posts?limit=100000", headers={"authorization": f"Bearer {key}"}, timeout=30
        )
        assert len(whole.json()) == many
        assert serving.end() == 0
        assert "Traceback" not in serving.log.read_text()


def test_a_queue_of_moderation_that_nobody_reads_is_kept_in_bounded_memory(sqlite: Earshot) -> None:
    many = 50_000
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
        path = "/api/v1/moderation/pending"
        asked = f"GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n"
        whole = httpx.get(f"{serving.address}{path}", headers={"authorization": f"Bearer {key}"}, timeout=30)
        assert len(whole.json()["data"]) == many
        before = memory(serving)

        with ExitStack() as deaf:
            begun = [deaf.enter_context(unread(serving.port, asked.encode())) for _ in range(20)]
            for one in begun:
                assert one.recv(12) == b"HTTP/1.1 200"
            assert memory(serving) - before < 96 * MIB
        assert serving.end() == 0
        assert "Traceback" not in serving.log.read_text()


def test_a_list_of_texts_of_megabytes_takes_bounded_memory(sqlite: Earshot) -> None:
    many, length = 40, 4 * MIB
    with sqlite.serving(EARSHOT_RATE_LIMITS="off") as serving:
        with closing(Caller(serving.port, keys_of(serving))) as caller:
            for number in range(many):
                post = {"title": f"Long {number}", "description": "x" * length, "board_id": 1}
                assert caller.send("astuto", "POST", "/posts", post).status == 201
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


@contextmanager
def unread(port: int, asked: bytes) -> Iterator[socket.socket]:
    """A connection with little room for an answer, on which something has been asked."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(30)
        connection.connect(("127.0.0.1", port))
        connection.sendall(asked)
        yield connection


def processor_seconds(pid: int) -> float:
    """How long a process has run on a processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def warnings(serving: Serving) -> list[str]:
    lines = map(json.loads, serving.log.read_text().splitlines())
    return [line["event"] for line in lines if line["level"] in ("warning", "error")]


CROWD = {"EARSHOT_RATE_LIMITS": "off", "EARSHOT_CONNECTIONS_PER_IP": "off"}
"""Many clients are simulated from one address."""
HEALTH = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"
OVER = b"Your address has as many connections as it may have. Close some first.\n"
FULL = b"The server has as many connections as it can take. Try again in a moment.\n"


async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """What health answers on a connection: the body; nothing where the connection was closed instead."""
    try:
        writer.write(HEALTH)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        return await reader.readexactly(int(head.partition("content-length: ")[2].split()[0]))
    except (OSError, asyncio.IncompleteReadError):
        return b""


async def idle_cost(serving: Serving) -> float:
    """How much of a second the server uses when nobody asks anything. The second is what is measured."""
    begun = processor_seconds(serving.process.pid)
    await asyncio.sleep(1)
    return processor_seconds(serving.process.pid) - begun


def test_more_connections_than_it_may_have_files_are_refused_until_some_close(sqlite: Earshot) -> None:
    async def crowd(serving: Serving) -> None:
        kept = await connect(serving, 64)
        assert Counter([await said(*pair) for pair in kept]) == {b"success": 64}

        more = await connect(serving, 300)
        responses = Counter([await said(*pair) for pair in more])
        assert set(responses) == {FULL, b""}
        # A part of the files that are kept for other work; the rest are turned away without a word.
        assert 16 <= responses[FULL] <= 300
        assert await idle_cost(serving) < 0.5

        assert Counter([await said(*pair) for pair in kept]) == {b"success": 64}
        for _, writer in kept[:10] + more:
            writer.close()
        async with asyncio.timeout(20):
            while await health_at_all(serving) != b"success":
                pass
        for _, writer in kept:
            writer.close()

    with sqlite.serving(open_files=(128, 128), **CROWD) as serving:
        asyncio.run(crowd(serving))
        assert warnings(serving) == [
            "new connections are refused: raise the limit of open files (ulimit -n), or start more processes"
        ]
        assert serving.end() == 0


def test_connections_to_the_numbers_take_no_files_from_requests(sqlite: Earshot) -> None:
    async def crowd(serving: Serving) -> None:
        numbers = port_of(serving)
        kept = [await asyncio.open_connection("127.0.0.1", numbers) for _ in range(200)]
        # Those beyond the few are closed, and these are still waited for.
        await asyncio.gather(*(reader.read() for reader, _ in kept[8:]), return_exceptions=True)
        assert not any(reader.at_eof() for reader, _ in kept[:8])
        assert await health(serving, 20) == {200: 20}
        for _, writer in kept:
            writer.close()

    with sqlite.serving(open_files=(128, 128), EARSHOT_METRICS_PORT="0", **CROWD) as serving:
        asyncio.run(crowd(serving))
        assert httpx.get(f"http://127.0.0.1:{port_of(serving)}/metrics", timeout=20).status_code == 200
        assert warnings(serving) == []
        assert serving.end() == 0


def test_it_may_have_as_many_files_open_as_the_system_grants(sqlite: Earshot) -> None:
    async def crowd(serving: Serving) -> Counter[bytes]:
        kept = await connect(serving, 400)
        responses = Counter([await said(*pair) for pair in kept])
        for _, writer in kept:
            writer.close()
        return responses

    with sqlite.serving(open_files=(256, 700), **CROWD) as serving:
        assert asyncio.run(crowd(serving)) == {b"success": 400}
        assert resource.prlimit(serving.process.pid, resource.RLIMIT_NOFILE) == (700, 700)
        assert warnings(serving) == []
        assert serving.end() == 0


async def connect_from(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection from another address of this machine."""
    return await asyncio.open_connection("127.0.0.1", port, local_addr=(host, 0))


def test_an_address_has_so_many_connections_and_others_are_served(sqlite: Earshot) -> None:
    async def crowd(serving: Serving) -> None:
        kept = await connect(serving, 40)
        assert Counter([await said(*pair) for pair in kept]) == {b"success": 40}

        more = await connect(serving, 100)
        # Some are told; the rest are closed without a word, so that they take no place from others.
        assert Counter([await said(*pair) for pair in more]) == {OVER: 16, b"": 84}
        assert Counter([await said(*pair) for pair in kept]) == {b"success": 40}
        others = [await connect_from(f"127.0.0.{number}", serving.port) for number in range(2, 12)]
        assert Counter([await said(*pair) for pair in others]) == {b"success": 10}

        for _, writer in kept[:10] + more:
            writer.close()
        async with asyncio.timeout(20):
            while await health_at_all(serving) != b"success":
                pass
        for _, writer in kept + others:
            writer.close()

    with sqlite.serving(EARSHOT_RATE_LIMITS="off", EARSHOT_CONNECTIONS_PER_IP="40") as serving:
        asyncio.run(crowd(serving))
        assert warnings(serving) == [
            "new connections from an address are refused: raise EARSHOT_CONNECTIONS_PER_IP, or name it in "
            "EARSHOT_TRUSTED_PROXIES if it is your proxy"
        ]
        assert serving.end() == 0


@pytest.mark.parametrize(
    "settings",
    [{"EARSHOT_CONNECTIONS_PER_IP": "off"}, {"EARSHOT_TRUSTED_PROXIES": "127.0.0.0/30"}],
    ids=["off", "trusted proxy"],
)
def test_a_trusted_proxy_has_as_many_connections_as_it_likes(sqlite: Earshot, settings: dict[str, str]) -> None:
    async def crowd(serving: Serving) -> Counter[bytes]:
        kept = await connect(serving, 300)
        responses = Counter([await said(*pair) for pair in kept])
        for _, writer in kept:
            writer.close()
        return responses

    with sqlite.serving(EARSHOT_RATE_LIMITS="off", **settings) as serving:
        assert asyncio.run(crowd(serving)) == {b"success": 300}
        assert warnings(serving) == []
        assert serving.end() == 0


async def health_at_all(serving: Serving) -> bytes:
    ((reader, writer),) = await connect(serving, 1)
    try:
        return await said(reader, writer)
    finally:
        writer.close()


def test_a_process_without_a_file_left_goes_on_and_recovers(sqlite: Earshot) -> None:
    async def starve(serving: Serving) -> None:
        pid = serving.process.pid
        kept = await connect(serving, 20)
        assert Counter([await said(*pair) for pair in kept]) == {b"success": 20}
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (open_files(pid), before[1]))

        more = await connect(serving, 100)
        assert Counter([await said(*pair) for pair in more]) == {b"": 100}
        assert await idle_cost(serving) < 0.5
        assert Counter([await said(*pair) for pair in kept]) == {b"success": 20}

        for _, writer in kept[:10]:
            writer.close()
        async with asyncio.timeout(20):
            while await health_at_all(serving) != b"success":
                pass
        for _, writer in kept + more:
            writer.close()

    with sqlite.serving() as serving:
        asyncio.run(starve(serving))
        assert serving.end() == 0
        assert warnings(serving) == []
