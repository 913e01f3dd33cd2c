"""Outbound calls: what is sent, which hosts and addresses are called, and what of a response is kept."""

import asyncio
import gzip
import subprocess
import sys
import threading
from typing import Any

import pytest

from app.adapters.outbound_connections import NameResolver
from app.adapters.outbound_http import (
    MAX_CONNECTIONS_PER_HOST,
    MAX_RESPONSE_BYTES,
    MAX_URL,
    InvalidOutboundUrl,
    OutboundClient,
    OutboundError,
    parse_outbound_url,
)
from tests.adapters.outbound import LOOPBACK, ChosenAddresses, outbound_client
from tests.support.checkout import ROOT
from tests.support.errors import error_from
from tests.support.raw_receiver import raw_receiver, respond, response

OK = respond(response(body=b"thanks"))
QUERY = "?token=hidden"


async def reason(client: OutboundClient, url: str, **options: Any) -> str:
    """Why the call fails; never with a secret of the URL."""
    text = str(await error_from(client.call("POST", url + QUERY, **options), OutboundError))
    assert "hidden" not in text
    assert "/hook" not in text
    return text


async def test_a_request_has_the_given_headers_and_the_exact_body() -> None:
    async with raw_receiver(OK) as receiver, outbound_client() as client:
        headers = [("X-Name", "Zoë"), ("Content-Type", "application/json")]
        answer = await client.call("PUT", f"{receiver.url}?a=b c#part", headers=headers, content='{"é": 1}'.encode())

    request = receiver.requests[0]
    assert (answer.status, answer.body) == (200, "thanks")
    assert request.line == "PUT /hook?a=b%20c HTTP/1.1"
    assert request.body == '{"é": 1}'.encode()
    assert request.headers == [
        ("host", f"127.0.0.1:{receiver.port}"),
        ("x-name", "Zoë".encode().decode("latin-1")),
        ("content-type", "application/json"),
        ("content-length", "9"),
    ]


async def test_calls_share_a_connection_but_no_cookies() -> None:
    async with (
        raw_receiver(respond(response("200 OK", b"", "Set-Cookie: a=b"))) as receiver,
        outbound_client() as client,
    ):
        for _ in range(2):
            await client.call("POST", receiver.url, content=b"")

    assert receiver.connections == 1
    assert [request.values("cookie") for request in receiver.requests] == [[], []]


async def test_redirects_are_not_followed() -> None:
    async with raw_receiver(OK) as hidden:
        redirect = respond(response("302 Found", b"", f"Location: {hidden.url}"))
        async with raw_receiver(redirect) as receiver, outbound_client() as client:
            answer = await client.call("POST", receiver.url)

    assert (answer.status, answer.headers["location"]) == (302, hidden.url)
    assert hidden.connections == 0


async def test_proxies_and_passwords_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    async with raw_receiver(OK) as proxy, raw_receiver(OK) as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hidden\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        async with outbound_client() as client:
            await client.call("POST", receiver.url)

    assert proxy.connections == 0
    assert receiver.requests[0].values("authorization") == []


@pytest.mark.parametrize(
    "url",
    [
        *("", "hook", "//example.com/hook", "ftp://example.com/hook", "file:///etc/passwd", "unix:/run/socket"),
        *("http://", "http:///hook", "http://?a", "http://.", "http://a..b", "http://exam ple.com", "http://a%2eb"),
        *("http://me@example.com", "http://me:secret@example.com", "http://example.com\\@127.0.0.1/"),
        *("http://example.com:0", "http://example.com:65536", "http://example.com:99999999", "http://example.com:a"),
        *("http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[::1", "http://[::g]/", "http://[1.2.3.4]/"),
        *("http://example.com/\r\nX: y", "http://example.com/\0", "http://①②⑦.0.0.1/", "http://-a.com"),
        *(f"http://{'a' * 64}.com", f"http://{'a.' * 127}com", f"http://example.com/{'a' * MAX_URL}"),
    ],
)
async def test_an_invalid_url_is_not_called(url: str) -> None:
    resolver = ChosenAddresses(["127.0.0.1"])

    async with outbound_client(resolver=resolver) as client:
        with pytest.raises(InvalidOutboundUrl):
            await client.call("POST", url)

    assert resolver.names == []


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Example.COM", "example.com"),
        ("http://bücher.example:8080/ä?ö", "xn--bcher-kva.example"),
        ("http://[2606:4700::1111]:443/", "2606:4700::1111"),
        ("http://under_score.example.com.", "under_score.example.com."),
        ("http://1.2.3.4/", "1.2.3.4"),
    ],
)
def test_a_valid_url_is_accepted(url: str, host: str) -> None:
    assert parse_outbound_url(url).raw_host.decode() == host


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "0", "[::ffff:127.0.0.1]"]
)
async def test_no_notation_of_a_loopback_address_is_connected_to(host: str) -> None:
    async with raw_receiver(OK) as receiver, outbound_client(allowed_networks=()) as client:
        message = await reason(client, f"http://{host}:{receiver.port}/hook")

    assert "EARSHOT_OUTBOUND_ALLOW can allow its network, after a restart" in message
    assert receiver.connections == 0


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("localhost", ["127.0.0.1"]),
        ("localhost.", ["127.0.0.1"]),
        ("intranet.example.com", ["10.0.0.1", "fd00::1", "::ffff:127.0.0.1"]),
        ("metadata.example.com", ["169.254.169.254"]),
        ("link.example.com", ["fe80::1%lo"]),
    ],
)
async def test_a_name_of_special_addresses_is_not_called(name: str, addresses: list[str]) -> None:
    resolver = ChosenAddresses(addresses)

    async with raw_receiver(OK) as receiver, outbound_client(allowed_networks=(), resolver=resolver) as client:
        message = await reason(client, f"http://{name}:{receiver.port}/hook")

    assert message.startswith(f"{name} must not be called: {addresses[0]} is a ")
    assert (receiver.connections, resolver.names) == (0, [name])


async def test_the_system_resolves_names_too() -> None:
    async with raw_receiver(OK) as receiver:
        async with outbound_client() as client:
            assert (await client.call("POST", f"http://localhost:{receiver.port}")).status == 200
            assert "the name can't be resolved" in await reason(client, "http://nothing.invalid")
        async with outbound_client(allowed_networks=()) as client:
            assert "127.0.0.1 is a loopback address" in await reason(client, f"http://localhost:{receiver.port}")

    assert receiver.connections == 1


async def test_of_several_addresses_only_a_checked_one_is_connected_to() -> None:
    # Nothing listens at 127.0.0.2.
    resolver = ChosenAddresses(["::1", "10.0.0.1", "127.0.0.2", "::ffff:127.0.0.1"])

    async with raw_receiver(OK) as receiver, outbound_client(resolver=resolver) as client:
        answer = await client.call("POST", f"http://hooks.example.com:{receiver.port}/")

    assert answer.status == 200
    assert receiver.requests[0].values("host") == [f"hooks.example.com:{receiver.port}"]


async def test_a_name_is_looked_up_once_for_a_connection() -> None:
    resolver = ChosenAddresses(["127.0.0.1"], ["10.0.0.1"])
    answers = [response(), response("200 OK", b"", "Connection: close")]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answers.pop(0))

    async with raw_receiver(answer) as receiver, outbound_client(resolver=resolver) as client:
        url = f"http://rebound.example.com:{receiver.port}/hook"
        for _ in range(2):
            assert (await client.call("POST", url)).status == 200
        assert resolver.names == ["rebound.example.com"]

        assert "10.0.0.1 is a private address" in await reason(client, url)

    assert (receiver.connections, len(receiver.requests)) == (1, 2)


async def test_a_name_server_that_hangs_does_not_delay_other_names() -> None:
    looked_up, release = threading.Event(), threading.Event()
    names = []

    def find_addresses(host: str) -> list[str]:
        names.append(host)
        if host == "slow.example.com":
            looked_up.set()
            release.wait()
        return ["127.0.0.1"]

    options = {"resolver": NameResolver(find_addresses), "connect_timeout_seconds": 0.2}
    async with raw_receiver(OK) as receiver, outbound_client(**options) as client:
        urls = [f"http://slow.example.com:{8000 + number}/hook" for number in range(50)]
        slow = [asyncio.create_task(reason(client, url)) for url in urls]
        await asyncio.to_thread(looked_up.wait)
        fast = await client.call("POST", f"http://fast.example.com:{receiver.port}")
        messages = await asyncio.gather(*slow)
        release.set()

    assert fast.status == 200
    assert messages[0] == "no connection to slow.example.com:8000 within 0.2 seconds"
    assert names == ["slow.example.com", "fast.example.com"]


HANGING_LOOKUP = """
import asyncio, threading
from app.adapters.outbound_connections import NameResolver

async def main() -> None:
    started = threading.Event()
    resolver = NameResolver(lambda host: [started.set(), threading.Event().wait()])
    waiting = asyncio.create_task(resolver.resolve("slow.example.com"))
    await asyncio.to_thread(started.wait)
    resolver.close()
    await asyncio.gather(waiting, return_exceptions=True)
    print(waiting.cancelled())

asyncio.run(main())
"""


def test_a_name_server_that_hangs_does_not_delay_the_end_of_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", HANGING_LOOKUP], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


async def test_many_names_are_looked_up_at_once() -> None:
    async with raw_receiver(OK) as receiver, outbound_client(resolver=NameResolver(lambda _: ["127.0.0.1"])) as client:
        urls = [f"http://host-{number}.example.com:{receiver.port}/" for number in range(50)]
        answers = await asyncio.gather(*(client.call("POST", url) for url in urls))

    assert {answer.status for answer in answers} == {200}


async def test_a_host_that_hangs_gets_few_connections_and_does_not_delay_others() -> None:
    release = asyncio.Event()

    async def answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.write(response())

    async with (
        raw_receiver(answer_late) as slow,
        raw_receiver(OK) as fast,
        outbound_client(queue_timeout_seconds=1.0) as client,
    ):
        calls = [asyncio.create_task(client.call("POST", slow.url)) for _ in range(MAX_CONNECTIONS_PER_HOST)]
        await asyncio.sleep(0)
        too_many = asyncio.create_task(reason(client, slow.url))

        answers = await asyncio.gather(*(client.call("POST", fast.url) for _ in range(40)))
        message = await too_many
        release.set()
        late = await asyncio.gather(*calls)

    assert {answer.status for answer in answers} == {200}
    assert {answer.status for answer in late} == {200}
    assert message == f"too many calls to 127.0.0.1:{slow.port} wait for a response"
    assert (slow.connections, fast.connections) == (MAX_CONNECTIONS_PER_HOST, MAX_CONNECTIONS_PER_HOST)


async def test_a_response_is_kept_as_text() -> None:
    async with raw_receiver(respond(response(body="é\0".encode() + b"\xff"))) as receiver, outbound_client() as client:
        answer = await client.call("POST", receiver.url)

    assert answer.body == "é\ufffd\ufffd"


async def test_a_compressed_response_is_not_decompressed() -> None:
    bomb = gzip.compress(bytes(10_000_000))

    async with (
        raw_receiver(respond(response("200 OK", bomb, "Content-Encoding: gzip"))) as receiver,
        outbound_client() as client,
    ):
        answer = await client.call("POST", receiver.url)

    assert len(answer.body) <= len(bomb)


@pytest.mark.parametrize(
    "headers",
    [
        [("X-A", "1\r\nX-B: 2")],
        [("X-A\r\nX-B: 2\r\nX-C", "1")],
        [("X A", "1")],
        [("", "1")],
        [("X-A", "1\0")],
        [("Content-Length", "1"), ("Content-Length", "2")],
        [("Transfer-Encoding", "gzip")],
    ],
)
async def test_an_invalid_header_is_not_sent(headers: list[tuple[str, str]]) -> None:
    async with raw_receiver(OK) as receiver, outbound_client() as client:
        message = await reason(client, receiver.url, headers=headers)

    assert message == "a header of the request is not valid"
    assert receiver.requests == []


def test_loopback_is_allowed_in_these_tests_only() -> None:
    assert OutboundClient.__init__.__kwdefaults__["allowed_networks"] == ()
    assert LOOPBACK
    assert MAX_RESPONSE_BYTES == 65536
