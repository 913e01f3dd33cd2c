"""One HTTP request and its response, whichever dialect answers it, and who observes them."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any, Final, NamedTuple

from app.domain.users.api_keys import Principal

log = logging.getLogger("earshot.requests")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

Header = tuple[bytes, bytes]


class ApiResponse(NamedTuple):
    """An HTTP answer: the body whole, or in pieces when it is long."""

    status: int
    body: bytes | AsyncIterator[bytes]
    headers: tuple[Header, ...] = ()


class RequestContext:
    """One request on its way: what the wire said, before anybody judged it."""

    __slots__ = (
        "auth_error",
        "client_ip",
        "from_trusted_proxy",
        "headers",
        "host",
        "method",
        "origin",
        "path",
        "principal",
        "query",
        "receive",
        "request_id",
        "route_path",
        "started_at",
        "token",
    )

    def __init__(self, scope: Scope, receive: Receive, *, path: str) -> None:
        self.started_at = perf_counter()
        self.method: str = scope["method"]
        self.path = path
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.query: bytes = scope["query_string"]
        self.receive = receive
        self.token: str | None = None
        """The key as it was sent, if one was."""
        self.principal: Principal | None = None
        """What the key admits to; None for a missing, unknown or misplaced one."""
        self.auth_error: Exception | None = None
        """Why nobody can tell whom the key admits."""
        self.client_ip = ""
        """The client's address, as far as proxies are trusted."""
        self.origin = ""
        """Scheme and host that the client used."""
        self.host = ""
        """The host alone, in lower case, without a port."""
        self.route_path = ""
        """The route that was found, as it is declared; empty when none was."""
        self.request_id = ""
        """The name that the client, the log and error reports share for this request."""
        self.from_trusted_proxy = False
        """Whether a proxy that we trust sent it, so that what it says of the request counts."""

    @property
    def has_body(self) -> bool:
        """Whether something follows the headers."""
        length = self.headers.get(b"content-length")
        return b"transfer-encoding" in self.headers if length is None else length != b"0"

    @property
    def is_preflight(self) -> bool:
        """Whether a browser asks what a script of another site may send."""
        return self.method == "OPTIONS" and b"access-control-request-method" in self.headers

    def header(self, name: bytes) -> str:
        """A header's text, empty when it was not sent."""
        return self.headers.get(name, b"").decode("latin-1")


RequestObserver = Callable[[RequestContext, ApiResponse, float], None]
"""Told of each answered request, and of how many seconds it took."""

CLIENT_CLOSED: Final = ApiResponse(499, b"")
"""What is noted when the client hung up before there was anything to answer."""


def log_unhandled(request: RequestContext, error: Exception) -> None:
    """Log what nobody foresaw, under the name by which the client knows the request."""
    log.error("unexpected %s, request %s", type(error).__name__, request.request_id, exc_info=error)
