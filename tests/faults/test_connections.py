"""Connections that do nothing, dribble, or never end: others are answered, and memory is bounded."""

import asyncio
import re
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.support.commands import Earshot, Serving

MIB = 1024 * 1024


def memory(serving: Serving) -> int:
    """The most memory that the server has ever had, in bytes."""
    status = Path(f"/proc/{serving.process.pid}/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, flags=re.MULTILINE)
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

    with sqlite.serving() as serving:
        assert asyncio.run(beside(serving)) == {200: 300}
        assert serving.end() == 0


@pytest.mark.parametrize("framing", ["content-length: 209715200", "transfer-encoding: chunked"])
def test_200_mb_are_refused_early_and_in_bounded_memory(sqlite: Earshot, framing: str) -> None:
    async def send(serving: Serving) -> tuple[bytes, int]:
        key = re.findall(r"Bearer (\S+)'", serving.told)[1]
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
