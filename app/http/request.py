"""One HTTP request, whichever dialect answers it, and the observers of requests."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any, Final

from app.domain.users.api_keys import Principal

log = logging.getLogger("earshot.requests")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

Header = tuple[bytes, bytes]


class RequestContext:
    """One request: what came over the wire, and what the server found out about it."""

    __slots__ = (
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
        "scope",
        "started_at",
        "token",
    )

    def __init__(self, scope: Scope, receive: Receive, *, path: str) -> None:
        self.started_at = perf_counter()
        self.scope = scope
        self.method: str = scope["method"]
        self.path = path
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.query: bytes = scope["query_string"]
        self.receive = receive
        self.token: str | None = None
        """The API key as it was sent, if one was."""
        self.principal: Principal | None = None
        """The user and portal of the key; None without a key, and for one that is not valid here."""
        self.client_ip = ""
        """The client's address, as far as proxies are trusted."""
        self.origin = ""
        """Scheme and host that the client used."""
        self.host = ""
        """The host alone, in lower case, without a port."""
        self.route_path = ""
        """The path of the route as it is declared; empty when there is no route."""
        self.request_id = ""
        """The id of the request in the response, in the log and in error reports."""
        self.from_trusted_proxy = False
        """Whether a trusted proxy sent it, so that its forwarded headers count."""

    @property
    def has_body(self) -> bool:
        """Whether a body follows the headers."""
        length = self.headers.get(b"content-length")
        return b"transfer-encoding" in self.headers if length is None else length != b"0"

    @property
    def is_preflight(self) -> bool:
        """Whether this is a browser's CORS preflight."""
        return self.method == "OPTIONS" and b"access-control-request-method" in self.headers

    def header(self, name: bytes) -> str:
        """A header's text, empty when it was not sent."""
        return self.headers.get(name, b"").decode("latin-1")


RequestObserver = Callable[[RequestContext, int, float], None]
"""Called after each request, with the status of the response and the seconds it took."""

CLIENT_CLOSED: Final = 499
"""The status that is observed when the client closed the connection before there was a response."""


def log_unhandled(request: RequestContext, error: Exception) -> None:
    """Log an error that no handler takes, with the id of the request."""
    log.error("unexpected %s, request %s", type(error).__name__, request.request_id, exc_info=error)
