"""Resolves the names of outbound calls, checks the addresses, and connects to a checked one."""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from ipaddress import ip_address
from threading import Thread
from typing import Any, Final, Protocol

import httpcore

from app.adapters.outbound_addresses import Address, Network, find_restriction, unmap_address

MAX_ADDRESSES: Final = 4
"""How many addresses of a name are tried."""
MAX_RECEIVED_BYTES: Final = 256 * 1024
"""How much is read of one response, with headers, interim responses and the framing of chunks."""
_MAX_READ_BYTES: Final = 16 * 1024
_MAX_LOOKUPS: Final = 32


class OutboundError(Exception):
    """A call that got no response. The text is the reason for a person, without secrets."""


class InvalidOutboundRequest(OutboundError):
    """A request that can't be sent, whenever it is tried."""


class InvalidOutboundUrl(InvalidOutboundRequest):
    """A URL that can't be called."""


class ResponseTooLong(Exception):
    """A receiver sent more than MAX_RECEIVED_BYTES for one request."""


class Resolver(Protocol):
    """Finds the addresses of a host name."""

    async def resolve(self, host: str) -> Sequence[str]:
        """The addresses, in the order in which they are tried. Raises OSError if there are none."""
        ...

    def close(self) -> None:
        """Free resources."""
        ...


class NameResolver:
    """Resolves names as the operating system does, in threads of its own, because slow name servers block a thread.

    Concurrent look-ups of one name share a thread, so that one name can't block them all. The threads do not delay the
    end of the process, unlike those of an executor. It belongs to one event loop.
    """

    def __init__(self, find_addresses: Callable[[str], list[str]] | None = None) -> None:
        self._find_addresses = find_addresses or find_system_addresses
        self._places = asyncio.Semaphore(_MAX_LOOKUPS)
        self._lookups: dict[str, asyncio.Task[list[str]]] = {}

    async def resolve(self, host: str) -> Sequence[str]:
        """The addresses. Raises OSError."""
        lookup = self._lookups.get(host)
        if lookup is None:
            lookup = self._lookups[host] = asyncio.create_task(self._look_up(host))
            lookup.add_done_callback(lambda done: self._forget(host, done))
        # Who stops waiting must not end the look-up of others.
        return await asyncio.shield(lookup)

    def close(self) -> None:
        """Wait for no look-up any longer."""
        for lookup in self._lookups.values():
            lookup.cancel()

    async def _look_up(self, host: str) -> list[str]:
        loop = asyncio.get_running_loop()
        async with self._places:
            result: asyncio.Future[list[str]] = loop.create_future()
            Thread(target=self._run, args=(host, result, loop), name=f"look-up of {host}", daemon=True).start()
            return await result

    def _run(self, host: str, result: "asyncio.Future[list[str]]", loop: asyncio.AbstractEventLoop) -> None:
        addresses: list[str] = []
        problem: OSError | None = None
        try:
            addresses = self._find_addresses(host)
        except OSError as error:
            problem = error

        def finish() -> None:
            if result.cancelled():
                return
            if problem is None:
                result.set_result(addresses)
            else:
                result.set_exception(problem)

        # After the end of the loop nobody waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(finish)

    def _forget(self, host: str, lookup: "asyncio.Task[list[str]]") -> None:
        del self._lookups[host]
        if not lookup.cancelled():
            # Nobody may be waiting any more.
            lookup.exception()


def find_system_addresses(host: str) -> list[str]:
    """The addresses by which the operating system knows the host; it waits for name servers. Raises OSError."""
    try:
        results = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None
    return [str(result[4][0]) for result in results]


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to a host's first address that is public or in an allowed network, and to no other address."""

    def __init__(self, resolver: Resolver, allowed_networks: Sequence[Network]) -> None:
        self._resolver = resolver
        self._allowed_networks = allowed_networks
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect within `timeout` seconds. Raises ConnectError, ConnectTimeout, or OutboundError if none is allowed.

        The time is divided among the addresses, so that one that does not respond leaves some to the next.
        """
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        try:
            async with asyncio.timeout_at(deadline):
                addresses = await self._find_allowed(host)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(error) from error
        except OSError as error:
            raise httpcore.ConnectError(error) from error
        for left in range(len(addresses), 0, -1):
            seconds = None if deadline is None else max(0.0, deadline - loop.time()) / left
            try:
                stream = await self._backend.connect_tcp(str(addresses[-left]), port, seconds)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if left == 1:
                    raise
            else:
                return _BoundedStream(stream)
        raise httpcore.ConnectError

    async def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        """No URL names a socket of this machine."""
        raise NotImplementedError

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def _find_allowed(self, host: str) -> Sequence[Address]:
        """The addresses that may be connected to, at least one. Raises OSError and OutboundError."""
        found = [unmap_address(ip_address(text)) for text in await self._find_texts(host)]
        kinds = {address: find_restriction(address, self._allowed_networks) for address in found}
        allowed = [address for address, kind in kinds.items() if kind is None]
        if allowed:
            return allowed[:MAX_ADDRESSES]
        reasons = [f"{address} is a {kind} address" for address, kind in kinds.items()][:MAX_ADDRESSES]
        raise OutboundError(
            f"{host} must not be called: {', '.join(reasons)}; "
            "EARSHOT_OUTBOUND_ALLOW can allow its network, after a restart"
        )

    async def _find_texts(self, host: str) -> Sequence[str]:
        try:
            return [str(ip_address(host))]
        except ValueError:
            # Also of other notations of an address, such as 0x7f.1.
            addresses = await self._resolver.resolve(host)
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return addresses


class _BoundedStream(httpcore.AsyncNetworkStream):
    """A connection that reads at most MAX_RECEIVED_BYTES after each request, in small steps.

    A flood of interim responses or of tiny chunks thus takes little time of the event loop.
    """

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._received_bytes = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """At least one byte, or none at the end. Raises ResponseTooLong."""
        data = await self._stream.read(min(max_bytes, _MAX_READ_BYTES), timeout)
        self._received_bytes += len(data)
        if self._received_bytes > MAX_RECEIVED_BYTES:
            raise ResponseTooLong
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Send the bytes."""
        self._received_bytes = 0
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        """The same connection with TLS."""
        try:
            return _BoundedStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))
        except BaseException:
            # httpcore does not close a connection whose TLS handshake is cancelled.
            await self.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks of its own streams."""
        return self._stream.get_extra_info(info)


def describe_connect_error(error: BaseException) -> str:
    """Why there is no connection, in a few words."""
    cause = error
    # httpcore's pool clears `__cause__`, but its errors have the original one as their argument.
    while isinstance(following := cause.__cause__ or next(iter(cause.args), None), BaseException):
        cause = following
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its TLS certificate is not valid ({cause.verify_message})"
    if isinstance(cause, ssl.SSLError):
        return "TLS failed"
    if isinstance(cause, socket.gaierror):
        return "the name can't be resolved"
    if isinstance(cause, OSError) and cause.errno is not None:
        return os.strerror(cause.errno).lower()
    return "it was closed"
