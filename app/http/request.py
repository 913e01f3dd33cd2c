"""One HTTP request, whichever dialect answers it, and the observers of requests."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final

from app.domain.users.key_verification import Principal

log = logging.getLogger("earshot.requests")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

Header = tuple[bytes, bytes]


@dataclass(slots=True, eq=False)
class RequestContext:
    """One request: what the client sent, and what the server has derived from it."""

    scope: Scope
    receive: Receive
    path: str
    method: str = field(init=False)
    headers: dict[bytes, bytes] = field(init=False)
    query: bytes = field(init=False)
    started_at: float = field(init=False, default_factory=perf_counter)
    token: str | None = None
    """The API key as it was sent, if one was."""
    principal: Principal | None = None
    """The user and portal of the key; None without a key, and for one that is not valid here."""
    client_ip: str = ""
    """The client's address, as far as proxies are trusted."""
    origin: str = ""
    """Scheme and host that the client used."""
    host: str = ""
    """The host alone, in lower case, without a port."""
    route_path: str = ""
    """The path of the route as it is declared; empty when there is no route."""
    request_id: str = ""
    """The id of the request in the response, in the log and in error reports."""
    refusal: str = ""
    """Why the request is refused, for the log: a word such as `unknown_key`. Empty if it is not, or the status says it.
    """
    hint: str = ""
    """What the client did wrong, in one ASCII sentence of the server's own words: the header `x-earshot-hint`."""
    from_trusted_proxy: bool = False
    """Whether a trusted proxy sent it, so that its forwarded headers count."""

    def __post_init__(self) -> None:
        self.method = self.scope["method"]
        self.headers = dict(self.scope["headers"])
        self.query = self.scope["query_string"]

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
