"""Calls HTTP addresses that users gave. No other module connects to such an address.

The name of a URL is resolved once. Only a public address, or one in the networks that the operator allows, is connected
to, and the connection goes to the address that was checked; the name remains in `Host` and in the check of the TLS
certificate. Redirects, proxies and cookies are not used. The time, the size of the response and the number of
connections to one host are bounded.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Any, Final
from weakref import WeakValueDictionary

import httpcore
import httpx

from app.adapters.outbound_addresses import Network
from app.adapters.outbound_connections import (
    CheckedBackend,
    InvalidOutboundRequest,
    InvalidOutboundUrl,
    NameResolver,
    OutboundError,
    Resolver,
    ResponseTooLong,
    describe_connect_error,
)
from app.domain.outbox.deliveries import MAX_RESPONSE_CHARACTERS
from app.domain.webhooks.validation import HEADER_NAME

__all__ = [
    "InvalidOutboundRequest",
    "InvalidOutboundUrl",
    "OutboundClient",
    "OutboundError",
    "OutboundResponse",
    "parse_outbound_url",
]

CONNECT_TIMEOUT_SECONDS: Final = 5.0
"""For the name and the TCP connection together, and once more for TLS."""
CALL_TIMEOUT_SECONDS: Final = 15.0
"""For a whole call, from the name to the end of the response."""
QUEUE_TIMEOUT_SECONDS: Final = 10.0
"""How long a call waits while its host has as many calls as are allowed, before its own time begins."""
MAX_RESPONSE_BYTES: Final = MAX_RESPONSE_CHARACTERS
MAX_URL: Final = 8000
"""Characters."""
MAX_CONNECTIONS_PER_HOST: Final = 16
MAX_IDLE_CONNECTIONS: Final = 64
KEEP_ALIVE_SECONDS: Final = 2.0
"""Shorter than the time after which common servers close an idle connection."""

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_MAX_HOST_NAME: Final = 253
_HEADER_VALUE: Final = re.compile(r"[^\0\r\n]*")
_INVALID_HEADER: Final = "a header of the request is not valid"


@dataclass(frozen=True, slots=True)
class OutboundResponse:
    """A response: its status, its headers, and the first MAX_RESPONSE_BYTES of its body.

    The body is text: bytes that are not UTF-8, and NUL, are replaced. It is shorter than what the receiver sent if that
    was longer, did not end in time or was cut off.
    """

    status: int
    headers: httpx.Headers
    body: str


def parse_outbound_url(text: str) -> httpx.URL:
    """The URL that is called. Raises InvalidOutboundUrl unless it is http or https, with a host and no password."""
    if len(text) > MAX_URL:
        raise InvalidOutboundUrl(f"the URL has more than {MAX_URL} characters")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError):
        raise InvalidOutboundUrl("the URL is not valid") from None
    if url.scheme not in ("http", "https"):
        raise InvalidOutboundUrl("the URL must begin with http:// or https://")
    if url.userinfo:
        raise InvalidOutboundUrl("the URL must not contain a user and password: use a header")
    if url.port is not None and not 1 <= url.port <= 65535:
        raise InvalidOutboundUrl("the port of the URL must be from 1 to 65535")
    if not _is_host(url.raw_host.decode("ascii")):
        raise InvalidOutboundUrl("the URL has no valid host")
    return url


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            # With a zone, the address would select an interface of this machine.
            return IPv6Address(host).scope_id is None
        except ValueError:
            return False
    return len(host.rstrip(".")) <= _MAX_HOST_NAME and _HOST_NAME.fullmatch(host) is not None


class OutboundClient:
    """Makes calls, any number at once. A host has at most MAX_CONNECTIONS_PER_HOST connections; further calls wait.

    It belongs to one event loop.
    """

    def __init__(
        self,
        *,
        allowed_networks: Sequence[Network] = (),
        resolver: Resolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
        connect_timeout_seconds: float = CONNECT_TIMEOUT_SECONDS,
        call_timeout_seconds: float = CALL_TIMEOUT_SECONDS,
        queue_timeout_seconds: float = QUEUE_TIMEOUT_SECONDS,
    ) -> None:
        self._resolver = resolver or NameResolver()
        self._call_timeout_seconds = call_timeout_seconds
        self._queue_timeout_seconds = queue_timeout_seconds
        self._timeouts = {"connect": connect_timeout_seconds}
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context or create_ssl_context(),
            max_connections=None,
            max_keepalive_connections=MAX_IDLE_CONNECTIONS,
            keepalive_expiry=KEEP_ALIVE_SECONDS,
            network_backend=CheckedBackend(self._resolver, allowed_networks),
        )
        # An entry lives as long as a call holds or awaits one of its places.
        self._places: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def call(
        self, method: str, url: str, *, headers: Sequence[tuple[str, str]] = (), content: bytes | None = None
    ) -> OutboundResponse:
        """Send one request and read its response. The status of the response may be any.

        Once the status has arrived, an error of the body only shortens it, because the receiver has decided.
        `Host` and `Content-Length` are added; no other header is. Raises OutboundError. Its text contains the host and
        the port, but no other part of the URL.
        """
        target = parse_outbound_url(url)
        request = _build_request(method, target, headers, content)
        request.extensions["timeout"] = self._timeouts
        # A certificate never has the dot at the end of an absolute name.
        request.extensions["sni_hostname"] = target.raw_host.decode("ascii").rstrip(".")
        where = _describe_origin(request.url.origin)
        async with self._place(where):
            deadline = asyncio.get_running_loop().time() + self._call_timeout_seconds
            async with self._respond(request, where, deadline) as response:
                body = await _read_body(response, deadline)
        return OutboundResponse(response.status, httpx.Headers(response.headers), _decode(body))

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.aclose()
        self._resolver.close()

    @asynccontextmanager
    async def _place(self, where: str) -> AsyncIterator[None]:
        """A place among the calls of the host. Raises OutboundError if none becomes free in time."""
        places = self._places.get(where)
        if places is None:
            places = self._places[where] = asyncio.Semaphore(MAX_CONNECTIONS_PER_HOST)
        try:
            async with asyncio.timeout(self._queue_timeout_seconds):
                await places.acquire()
        except TimeoutError:
            raise OutboundError(f"too many calls to {where} wait for a response") from None
        try:
            yield
        finally:
            places.release()

    @asynccontextmanager
    async def _respond(
        self, request: httpcore.Request, where: str, deadline: float
    ) -> AsyncIterator[httpcore.Response]:
        """The response after its headers. Raises OutboundError if there is none before the deadline."""
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._send(request)
        except (TimeoutError, httpcore.ReadTimeout, httpcore.WriteTimeout):
            raise OutboundError(f"no response from {where} within {self._call_timeout_seconds:g} seconds") from None
        except httpcore.ConnectTimeout:
            raise OutboundError(f"no connection to {where} within {self._timeouts['connect']:g} seconds") from None
        except httpcore.ConnectError as error:
            raise OutboundError(f"no connection to {where}: {describe_connect_error(error)}") from None
        except httpcore.LocalProtocolError:
            raise InvalidOutboundRequest(_INVALID_HEADER) from None
        except httpcore.RemoteProtocolError as error:
            # Its other texts may repeat what the receiver sent.
            is_closed = "without sending a response" in str(error)
            reason = "closed the connection without a response" if is_closed else "sent no valid HTTP response"
            raise OutboundError(f"{where} {reason}") from None
        except ResponseTooLong:
            raise OutboundError(f"{where} sent too much before its response") from None
        except httpcore.NetworkError:
            raise OutboundError(f"the connection to {where} was lost") from None
        try:
            yield response
        finally:
            # Closes the connection too, unless the response was read to its end.
            await response.aclose()

    async def _send(self, request: httpcore.Request) -> httpcore.Response:
        """Send the request, once more if an idle connection is lost, because its receiver may just have closed it."""
        is_reused = True

        async def trace(event: str, info: dict[str, Any]) -> None:
            nonlocal is_reused
            is_reused = is_reused and event != "connection.connect_tcp.started"

        request.extensions["trace"] = trace
        try:
            return await self._pool.handle_async_request(request)
        except (httpcore.RemoteProtocolError, httpcore.NetworkError):
            if not is_reused:
                raise
        return await self._pool.handle_async_request(request)


async def _read_body(response: httpcore.Response, deadline: float) -> bytes:
    body = bytearray()
    stream: Any = aiter(response.stream)  # type: ignore[arg-type]
    try:
        async with asyncio.timeout_at(deadline), aclosing(stream) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > MAX_RESPONSE_BYTES:
                    break
    except (TimeoutError, ResponseTooLong, httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
        pass
    return bytes(body[:MAX_RESPONSE_BYTES])


def _decode(body: bytes) -> str:
    # PostgreSQL stores no NUL.
    return body.decode("utf-8", errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _build_request(
    method: str, url: httpx.URL, headers: Sequence[tuple[str, str]], content: bytes | None
) -> httpcore.Request:
    # h11 checks them too, but only when there is a connection.
    if not all(HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value) for name, value in headers):
        raise InvalidOutboundRequest(_INVALID_HEADER)
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    # httpx adds Host and Content-Length.
    request = httpx.Request(method, url, headers=encoded, content=content)
    return httpcore.Request(
        request.method,
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.stream,
        extensions={},
    )


def _describe_origin(origin: httpcore.Origin) -> str:
    host = origin.host.decode("ascii")
    return f"[{host}]:{origin.port}" if ":" in host else f"{host}:{origin.port}"


def create_ssl_context() -> ssl.SSLContext:
    """The usual checks of certificates, with the authorities of certifi and those that this machine trusts."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context
