"""The way through a dialect's door, in the order that its contract prescribes. What is said there is the dialect's."""

import asyncio
import logging
from collections.abc import Mapping
from time import monotonic, perf_counter
from typing import Any, Final, Protocol

from app.adapters.database import PortalContext
from app.api.request import ApiRequest
from app.api.router import MethodNotAllowed, RouteMatch, RouteTable
from app.api.services import Services
from app.domain.permissions import Actor
from app.domain.users.api_keys import Principal
from app.http.body import NO_BODY, Body, BodyTooLarge, ClientGone, close, read_body
from app.http.request import (
    CLIENT_CLOSED,
    ApiResponse,
    Header,
    Receive,
    RequestContext,
    RequestObserver,
    Send,
    log_unhandled,
)

log = logging.getLogger("earshot.requests")

MAX_BODY_BYTES: Final = 28 * 1024 * 1024
MAX_JSON_BYTES: Final = 5 * 1024 * 1024
LOG_INTERVAL_SECONDS: Final = 60.0
MAX_LOGGED_CAUSES: Final = 20
REVALIDATE_SECONDS: Final = 0.05
"""A request that has come so far only after this long has its key looked up again: it may have ended meanwhile."""


class Dialect(Protocol):
    """What a dialect says and how it listens. The order of steps is the door's `serve`."""

    table: RouteTable

    async def check_rate_limit(self, request: RequestContext) -> tuple[ApiResponse | None, tuple[Header, ...]]:
        """Count the request: a refusal, or headers for every answer."""
        ...

    def no_route(self, request: RequestContext, match: MethodNotAllowed | None) -> ApiResponse: ...

    def unauthenticated(self, request: RequestContext) -> ApiResponse: ...

    def parse_params(self, request: RequestContext, body: Body) -> dict[str, Any]: ...

    def may_override_method(self, request: RequestContext) -> bool:
        """Whether a POST may say that another verb is meant: by a header, or in a body of this kind."""
        ...

    def overridden_method(self, request: RequestContext, params: Mapping[str, Any]) -> str: ...

    def error_response(self, error: Exception) -> ApiResponse | None:
        """The words for a refusal, or None for an error that nobody foresaw."""
        ...

    def server_error(self) -> ApiResponse: ...

    def finalize(self, request: RequestContext, response: ApiResponse, extra: tuple[Header, ...]) -> ApiResponse:
        """Add what every answer of the dialect carries."""
        ...


class DialectApp:
    """Serves one dialect's requests."""

    def __init__(self, services: Services, dialect: Dialect) -> None:
        self._services = services
        self._manners = dialect
        self._note: RequestObserver | None = None
        self._told: dict[str, float] = {}
        """Causes of outages that were logged, and until when nothing more is said of each."""

    def set_observer(self, note: RequestObserver) -> None:
        """Have every request noted from now on."""
        self._note = note

    async def handle(self, request: RequestContext, send: Send) -> None:
        """Answer one request: count, find the route, admit, read, call, word. Never raises but for a lost client."""
        dialect = self._manners
        head = request.method == "HEAD"
        if head:
            request.method = "GET"
        extra: tuple[Header, ...] = ()
        unforeseen: Exception | None = None
        try:
            refusal, extra = await dialect.check_rate_limit(request)
            response = refusal or await self._answer(request)
        except ClientGone:
            if self._note is not None:
                self._note(request, CLIENT_CLOSED, perf_counter() - request.started_at)
            return
        except Exception as error:
            refused = dialect.error_response(error)
            if refused is None:
                unforeseen = error
            elif refused.status == 503:
                self._log_outage(error)
            response = refused or dialect.server_error()
        response = dialect.finalize(request, response, extra)
        if unforeseen is not None:
            log_unhandled(request, unforeseen)
        try:
            await _send(response, request.receive, send, head=head)
        except Exception as error:
            # In the midst of an answer that is written in pieces: it can only be broken off.
            log_unhandled(request, error)
            raise
        finally:
            if self._note is not None:
                self._note(request, response, perf_counter() - request.started_at)

    def _log_outage(self, error: Exception) -> None:
        """Log why nothing could be answered: once a minute for each cause, for an outage refuses every request."""
        cause, at = " ".join(str(error).split()), monotonic()
        if at < self._told.get(cause, 0.0):
            return
        self._told = {told: until for told, until in self._told.items() if until > at}
        if len(self._told) >= MAX_LOGGED_CAUSES:
            return
        self._told[cause] = at + LOG_INTERVAL_SECONDS
        log.warning("answering 503, because of %s", cause)

    async def _answer(self, request: RequestContext) -> ApiResponse:
        dialect = self._manners
        found = dialect.table.find(request.method, request.path)
        may_be_overridden = request.method == "POST" and dialect.may_override_method(request)
        if not isinstance(found, RouteMatch) and not (may_be_overridden and isinstance(found, MethodNotAllowed)):
            return dialect.no_route(request, found)
        if isinstance(found, RouteMatch):
            request.route_path = found.template
        principal = request.principal
        if principal is None:
            if request.auth_error is not None:
                raise request.auth_error
            return dialect.unauthenticated(request)
        body = await self._body(request)
        try:
            if perf_counter() - request.started_at > REVALIDATE_SECONDS:
                # A client may take hours for a body.
                principal = await self._admitted_still(request)
                if principal is None:
                    return dialect.unauthenticated(request)
            params = dialect.parse_params(request, body)
            if may_be_overridden:
                meant = dialect.overridden_method(request, params)
                if meant != "POST":
                    found = dialect.table.find(meant, request.path)
                if not isinstance(found, RouteMatch):
                    return dialect.no_route(request, found)
                request.route_path = found.template
            assert isinstance(found, RouteMatch)
            api_request = ApiRequest(
                self._services,
                principal,
                PortalContext(
                    principal.portal_id,
                    Actor(principal.user_id, principal.role, principal.key_id),
                    self._base_url(request, principal),
                ),
                found.path,
                params,
            )
            return await found.endpoint(api_request)
        finally:
            if body.fields:
                await close(body)

    async def _admitted_still(self, request: RequestContext) -> Principal | None:
        assert request.token is not None
        principal = await self._services.authenticator.authenticate(request.token)
        return principal if principal is not None and principal.is_valid_on(request.host) else None

    async def _body(self, request: RequestContext) -> Body:
        length = request.headers.get(b"content-length")
        if length is None and b"transfer-encoding" not in request.headers:
            return NO_BODY
        return await read_body(
            request.receive,
            content_type=request.header(b"content-type"),
            content_length=int(length) if length is not None and length.isdigit() else None,
            max_bytes=MAX_BODY_BYTES,
            max_json_bytes=MAX_JSON_BYTES,
        )

    def _base_url(self, request: RequestContext, principal: Principal) -> str:
        public = self._services.public
        if public.url is None:
            return request.origin
        if principal.is_only_portal or principal.host is None:
            return public.url
        return public.on(principal.host)


async def _send(response: ApiResponse, receive: Receive, send: Send, *, head: bool) -> None:
    status, body, headers = response
    if isinstance(body, bytes):
        length = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
        await send({"type": "http.response.body", "body": b"" if head else body})
        return
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    if not head:
        gone = asyncio.create_task(_until_gone(receive))
        try:
            async for piece in body:
                if gone.done():
                    # Nobody would get the rest, which has yet to be read from the database.
                    break
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        finally:
            gone.cancel()
    await send({"type": "http.response.body", "body": b""})


async def _until_gone(receive: Receive) -> None:
    """Return when the client has hung up; what still comes of a body is thrown away."""
    while (await receive())["type"] != "http.disconnect":
        pass


__all__ = ["BodyTooLarge", "Dialect", "DialectApp", "RequestContext", "log_unhandled"]
