"""SIGTERM under load: what was acknowledged is stored, no accepted request is reset, and the exit code is 0.

ENDS=20 ./manage test tests/faults/test_graceful_shutdown.py -n 0        # more ends than the suite has time for
"""

import asyncio
import json
import os
import random
import socket
import time
from collections import Counter
from contextlib import suppress

import httpx
import pytest

from tests.faults.test_connections import connections
from tests.faults.test_crash_recovery import SEED, keys_of, url_of, wrong_counters
from tests.server.test_serve import key_of, refuses, send_request
from tests.support.commands import Earshot, Serving
from tests.support.continuous_writers import writing
from tests.support.images import animated_gif
from tests.support.sql import rows
from tests.support.write_journal import CUT_BY, Journal

ENDS = int(os.environ.get("ENDS", "1"))
CLIENTS = 16
DATABASES = [("sqlite", "1"), ("on_postgres", "1"), ("on_postgres", "2")]
FINISH_AND_BREAK_OFF = 10 + 1
ENDED_BEFORE_ACCEPTED = {
    f"{CUT_BY} {error} on a new connection"
    for error in ("ConnectionResetError", "BrokenPipeError", "RemoteDisconnected")
}


@pytest.mark.timeout(60 + 30 * ENDS)
@pytest.mark.parametrize(("database", "workers"), DATABASES)
def test_a_shutdown_under_load_loses_no_request_or_write(
    request: pytest.FixtureRequest, database: str, workers: str
) -> None:
    """Clients of both dialects write as fast as they are answered, and go on until nobody listens any more."""
    earshot: Earshot = request.getfixturevalue(database)
    earshot.settings["EARSHOT_RATE_LIMITS"] = "off"
    url, journal, chance = url_of(earshot), Journal(), random.Random(SEED)
    keys: dict[str, str] = {}
    for end in range(ENDS):
        with earshot.serving("--workers", workers) as serving:
            keys = keys or keys_of(serving)
            with writing(serving.port, keys, url, journal, writers=CLIENTS, seed=SEED + end) as clients:
                journal.await_a_moment(chance)
                serving.process.terminate()
                assert serving.process.wait(15) == 0
                for client in clients:
                    client.join()
        assert journal.wrong == []
        # A client that connects at the very end may be reset. No request on a connection that was in use is.
        assert journal.outcomes.keys() <= {"acknowledged", "refused", *ENDED_BEFORE_ACCEPTED}, f"SEED={SEED}"
        assert journal.outcomes.total() - journal.acknowledged == CLIENTS * (end + 1), f"SEED={SEED}"
        assert journal.differences(url) == [], f"SEED={SEED}, end {end}"
        assert wrong_counters(url) == [], f"SEED={SEED}, end {end}"
    print(f"\n{database}, {workers} at work: {ENDS} ends, SEED={SEED}: {dict(journal.outcomes)}; 0 lost, 0 doubled")


async def answer_of(reader: asyncio.StreamReader) -> str:
    """The status line of an answer and what it says of the connection, or the error instead."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].split()[0])
        await reader.readexactly(length)
    except (OSError, asyncio.IncompleteReadError) as error:
        return repr(error)
    return f"{head.split()[1]}{' close' if 'connection: close' in head else ''}"


@pytest.mark.parametrize(("database", "workers"), DATABASES)
def test_requests_on_idle_connections_are_answered_during_a_shutdown(
    request: pytest.FixtureRequest, database: str, workers: str
) -> None:
    """A hundred before the signal, a hundred after it, and a hundred once nobody new is let in any more."""
    earshot: Earshot = request.getfixturevalue(database)

    async def race(serving: Serving, key: str) -> tuple[Counter[str], Counter[str]]:
        sent = f"GET /api/v1/posts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n".encode()
        async with connections(serving.port, 300) as kept:
            for _, writer in kept:
                writer.write(sent)
            first = Counter([await answer_of(reader) for reader, _ in kept])

            before, after, late = kept[:100], kept[100:200], kept[200:]
            for _, writer in before:
                writer.write(sent)
            serving.process.terminate()
            for _, writer in after:
                writer.write(sent)
            responses = [await answer_of(reader) for reader, _ in after]
            for _, writer in late:
                writer.write(sent)
            responses += [await answer_of(reader) for reader, _ in before + late]
        return first, Counter(responses)

    key = ""
    for _ in range(ENDS):
        # Three hundred clients with one address.
        unlimited = {"EARSHOT_RATE_LIMITS": "off", "EARSHOT_CONNECTIONS_PER_IP": "off"}
        with earshot.serving("--workers", workers, **unlimited) as serving:
            key = key or key_of(serving, "Astuto")
            first, responses = asyncio.run(race(serving, key))
            assert first == {"200": 300}
            assert set(responses) <= {"200", "200 close"}, responses
            assert responses.total() == 300
            assert serving.process.wait(15) == 0


def upload(key: str, title: str) -> bytes:
    body = json.dumps({"title": title, "board_id": 1}).encode()
    head = (
        f"POST /api/v1/posts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def reading_nothing(port: int, key: str) -> socket.socket:
    """A client that asks for more than the system's buffers hold, and reads none of it."""
    asked = f"GET /api/v1/posts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n".encode()
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(("127.0.0.1", port))
    deaf.sendall(asked * 100)
    return deaf


def test_a_shutdown_waits_for_slow_uploads_until_the_timeout(sqlite: Earshot) -> None:
    """Broken off are uploads that never finish, and answers that nobody reads."""

    async def send(serving: Serving, key: str) -> tuple[Counter[str], list[bytes]]:
        port = serving.port
        async with connections(port, 20) as slow, connections(port, 3) as stuck, connections(port, 1) as idle:
            wholes = [upload(key, f"slow {number}") for number in range(len(slow))]
            for whole, (_, writer) in zip(wholes, slow, strict=True):
                writer.write(whole[:-10])
            for _, writer in stuck:
                writer.write(upload(key, "never whole")[:-10])
            # Answered on another connection, so that these have been read before the end is asked for.
            assert (await asyncio.to_thread(send_request, serving.port, key))[0] == 200
            serving.process.terminate()
            # An idle connection is closed a while after the server has begun to end.
            assert await idle[0][0].read() == b""
            assert refuses(serving.port)
            for at in range(-10, 0):
                for whole, (_, writer) in zip(wholes, slow, strict=True):
                    writer.write(whole[at:][:1])
                # In pieces: the server has had time to read each.
                await asyncio.sleep(0.05)
            responses = Counter([await answer_of(reader) for reader, _ in slow])
            left = []
            for reader, _ in stuck:
                with suppress(ConnectionResetError):
                    left.append(await reader.read())
        return responses, left

    with sqlite.serving(EARSHOT_RATE_LIMITS="off") as serving:
        key = key_of(serving, "Astuto")
        with httpx.Client(base_url=serving.address, headers={"authorization": f"Bearer {key}"}) as client:
            for number in range(20):
                post = {"title": f"long {number}", "description": "long " * 10_000, "board_id": 1}
                assert client.post("/api/v1/posts", json=post).status_code == 201
        begun = time.monotonic()
        with reading_nothing(serving.port, key):
            responses, left = asyncio.run(send(serving, key))
            assert serving.process.wait(15) == 0
        assert time.monotonic() - begun < FINISH_AND_BREAK_OFF + 10

        assert responses == {"201 close": 20}
        # Closed without an answer, for nothing true could be said of it.
        assert b"".join(left) == b""
        logged = [json.loads(line) for line in serving.log.read_text().splitlines()]
    others = [line["event"] for line in logged if "status" not in line]
    assert others == ["aborted requests that did not finish in time", "ended"]
    assert Counter(line["status"] for line in logged if line.get("method") == "POST") == {201: 40, 499: 3}
    titles = {title for (title,) in rows(url_of(sqlite), "SELECT title FROM posts")}
    assert titles == {f"{kind} {number}" for kind in ("long", "slow") for number in range(20)}


COSTLY = {
    "tables": ("a|" * 60 + "a\n" + "-|" * 60 + "-\n" + "|\n" * 120 + "\n") * 100,
    "tags": "<p>" + "".join(f"<b x{number}>" for number in range(2_500)) + "</p>" + "<p>x</p>" * 2_800,
    "quotes": ">" * 20 + "a\n" * 7_000,
}


def test_a_shutdown_does_not_wait_for_the_formatting_of_texts(sqlite: Earshot) -> None:
    """Three of each are asked for, and nobody reads on."""
    with sqlite.serving(EARSHOT_RATE_LIMITS="off") as serving:
        key = key_of(serving, "Astuto")
        with httpx.Client(base_url=serving.address, headers={"authorization": f"Bearer {key}"}, timeout=60) as client:
            for title, text in COSTLY.items():
                given = {"title": f"Costly {title}", "board_id": 1, "description": text[:49_990] + ">"}
                assert client.post("/api/v1/posts", json=given).status_code == 201
        asking = [socket.create_connection(("127.0.0.1", serving.port)) for _ in range(3 * len(COSTLY))]
        for number, connection in enumerate(asking):
            title = list(COSTLY)[number % len(COSTLY)]
            connection.sendall(f"GET /posts/costly-{title} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        # Until the server has read them all, since it answers this one after them.
        with httpx.Client(base_url=serving.address, timeout=60) as client:
            assert client.get("/health").status_code == 200
        serving.process.terminate()

        assert serving.process.wait(15) == 0
        for connection in asking:
            connection.close()


def test_a_shutdown_does_not_wait_for_the_decoding_of_images(sqlite: Earshot) -> None:
    """Each takes some nine seconds of computing. Two are drawn at once, the others wait."""
    with sqlite.serving(EARSHOT_RATE_LIMITS="off") as serving:
        fields = {"title": b"Moving", "board_id": b"1", "image": animated_gif(590, 1000, 1000, dispose=2)}
        body = b"".join(
            b'--x\r\nContent-Disposition: form-data; name="%b"' % name.encode()
            + (b'; filename="a.gif"' if name == "image" else b"")
            + b"\r\n\r\n%b\r\n" % value
            for name, value in fields.items()
        )
        body += b"--x--\r\n"
        head = (
            f"POST /api/v1/posts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key_of(serving, 'ProductLift')}\r\n"
            f"content-type: multipart/form-data; boundary=x\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        sending = [socket.create_connection(("127.0.0.1", serving.port)) for _ in range(8)]
        for connection in sending:
            connection.sendall(head.encode() + body)
        with httpx.Client(base_url=serving.address, timeout=60) as client:
            assert client.get("/health").status_code == 200
        serving.process.terminate()

        assert serving.process.wait(15) == 0
        for connection in sending:
            connection.close()
