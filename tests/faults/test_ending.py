"""SIGTERM under load: what was acknowledged is there, nobody is cut off in a request, and the exit is a success."""

import asyncio
import sqlite3
import time
from contextlib import closing

import asyncpg
import httpx
import pytest

from tests.serving.test_running import key_of, refuses
from tests.support.commands import Earshot, Serving
from tests.support.servers import in_own_loop


class Load:
    """Clients that write as fast as they are answered. `acknowledged` are the titles, `errors` what went wrong."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._headers = {"authorization": f"Bearer {key_of(serving, 'Astuto')}"}
        self.acknowledged: list[str] = []
        self.errors: list[str] = []
        self._under_way = asyncio.Event()

    async def until_the_end(self, clients: int) -> None:
        """Load the server, end it once it has answered a hundred times, and go on until it refuses."""
        running = [asyncio.create_task(self._client(number)) for number in range(clients)]
        await self._under_way.wait()
        self._serving.process.terminate()
        await asyncio.gather(*running)

    async def _client(self, number: int) -> None:
        async with httpx.AsyncClient(base_url=self._serving.address, timeout=30, headers=self._headers) as client:
            for count in range(100_000):
                title = f"client {number} post {count}"
                try:
                    answer = await client.post("/api/v1/posts", json={"title": title, "board_id": 1})
                except httpx.ConnectError:
                    return
                except httpx.TransportError as error:
                    self.errors.append(repr(error))
                    return
                if answer.status_code == 201:
                    self.acknowledged.append(title)
                    if len(self.acknowledged) == 100:
                        self._under_way.set()
                else:
                    self.errors.append(f"{answer.status_code} {answer.text}")


def titles(earshot: Earshot) -> set[str]:
    """The titles of all posts, as they stand in the database."""
    url = earshot.settings.get("EARSHOT_DATABASE_URL")
    found: set[str] = set()
    if url is None:
        with closing(sqlite3.connect(earshot.folder / "data" / "earshot.db")) as connection:
            found.update(title for (title,) in connection.execute("SELECT title FROM posts"))
        return found

    async def look(url: str) -> None:
        connection = await asyncpg.connect(url)
        try:
            found.update(row["title"] for row in await connection.fetch("SELECT title FROM posts"))
        finally:
            await connection.close()

    in_own_loop(look(url))
    return found


@pytest.mark.parametrize(("database", "workers"), [("sqlite", "1"), ("on_postgres", "1"), ("on_postgres", "2")])
def test_an_end_under_load_loses_nothing(request: pytest.FixtureRequest, database: str, workers: str) -> None:
    earshot: Earshot = request.getfixturevalue(database)
    with earshot.serving("--workers", workers, EARSHOT_RATE_LIMITS="off") as serving:
        load = Load(serving)
        asyncio.run(load.until_the_end(clients=16))

        assert serving.process.wait(15) == 0
    assert load.errors == []
    kept = titles(earshot)
    assert set(load.acknowledged) - kept == set()


def test_a_client_that_never_finishes_does_not_keep_the_server(sqlite: Earshot) -> None:
    async def stuck(serving: Serving) -> int:
        key = key_of(serving, "Astuto")
        reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
        writer.write(
            f"POST /api/v1/posts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
            "content-type: application/json\r\ncontent-length: 100\r\n\r\n{".encode()
        )
        await writer.drain()
        # Answered on another connection, so that the first has been read before the end is asked for.
        async with httpx.AsyncClient() as other:
            assert (await other.get(f"{serving.address}/health")).status_code == 200
        begun = time.monotonic()
        code = await asyncio.to_thread(serving.end)
        assert time.monotonic() - begun < 15
        # Given up after ten seconds: an error or nothing, but never a success.
        assert not (await reader.read()).startswith(b"HTTP/1.1 2")
        writer.close()
        return code

    with sqlite.serving() as serving:
        assert asyncio.run(stuck(serving)) == 0
        assert refuses(serving.port)
