"""Handles the requests of one dialect, in the order that both contracts prescribe. `Dialect` has what differs."""

import logging
from collections.abc import Callable, Mapping
from time import monotonic, perf_counter
from typing import Any, Final, Protocol

from app.adapters.database import PortalContext
from app.api.refusals import JSON_TYPE_HINT, RefusalExplainer, explain_error, hint_header
from app.api.request import ApiRequest
from app.api.router import DialectRouter, MethodNotAllowed, RouteMatch
from app.api.services import Services
from app.domain.permissions import Actor
from app.domain.users.key_verification import Principal
from app.http.body import NO_BODY, Body, ClientGone, close, read_body
from app.http.request import CLIENT_CLOSED, Header, RequestContext, RequestObserver, Send, log_unhandled
from app.http.response import ApiResponse

log = logging.getLogger("earshot.requests")

MAX_BODY_BYTES: Final = 28 * 1024 * 1024
MAX_JSON_BYTES: Final = 5 * 1024 * 1024
LOG_INTERVAL_SECONDS: Final = 60.0
MAX_LOGGED_CAUSES: Final = 20
REVALIDATE_SECONDS: Final = 0.05
"""A request whose body took longer has its key looked up again: the key may have been revoked meanwhile."""

ErrorHandlers = Mapping[type[Exception], Callable[[Any], ApiResponse]]
"""The response to an error, by its class; a class without an entry is handled as its base class."""


class Dialect(Protocol):
    """What differs between the dialects. `DialectApp.handle` has the order of the steps."""

    name: str
    title: str
    """The name of the product, for clients."""
    router: DialectRouter
    error_handlers: ErrorHandlers
    authorization_prefix: bytes
    """What the Authorization header of a valid key begins with; empty if every parsed form is accepted."""
    unauthenticated: ApiResponse
    server_error: ApiResponse

    async def check_rate_limit(self, request: RequestContext) -> tuple[ApiResponse | None, tuple[Header, ...]]:
        """Count the request: a response above the limit, or headers for every response. Above it, sets `refusal`."""
        ...

    def no_route(self, request: RequestContext, match: MethodNotAllowed | None) -> ApiResponse: ...

    def parse_params(self, request: RequestContext, body: Body) -> dict[str, Any]: ...

    def reads_json(self, content_type: str) -> bool:
        """Whether a body of this type is read as JSON."""
        ...

    def may_override_method(self, request: RequestContext) -> bool:
        """Whether a POST may stand for another method: by a header, or in a body of this kind."""
        ...

    def overridden_method(self, request: RequestContext, params: Mapping[str, Any]) -> str: ...

    def finalize(self, request: RequestContext, response: ApiResponse, extra: tuple[Header, ...]) -> ApiResponse:
        """The response with the headers that every response of the dialect has."""
        ...


class DialectApp:
    """Serves the requests of one dialect."""

    def __init__(self, services: Services, dialect: Dialect) -> None:
        self._services = services
        self._dialect = dialect
        self._explainer = RefusalExplainer(dialect, services.authenticator, services.public)
        self._observer: RequestObserver | None = None
        self._silent_until: dict[str, float] = {}
        """Causes of outages that were logged, and until when none of them is logged again."""

    def introduce(self, others: Mapping[str, "DialectApp"]) -> None:
        """Name the other dialects of the server, for which a client may have meant its request."""
        self._explainer.others = {name: app._dialect for name, app in others.items() if app is not self}

    def set_observer(self, observer: RequestObserver) -> None:
        """Have the observer called after every request from now on."""
        self._observer = observer

    async def handle(
        self, request: RequestContext, send: Send, principal: Principal | None, auth_error: Exception | None
    ) -> None:
        """Respond to one request. Raises only when a streamed response breaks off.

        `principal` is the one of the request's key; `auth_error` is why it could not be looked up.
        """
        dialect = self._dialect
        if principal is not None and self._is_valid(request, principal):
            request.principal = principal
        if request.method == "HEAD":
            request.method = "GET"
        extra: tuple[Header, ...] = ()
        unhandled: Exception | None = None
        try:
            rejection, extra = await dialect.check_rate_limit(request)
            response = rejection or await self._respond(request, principal, auth_error)
        except ClientGone:
            self._observe(request, CLIENT_CLOSED)
            return
        except Exception as error:
            error_response = handle_error(dialect.error_handlers, error)
            if error_response is None:
                unhandled = error
            elif error_response.status_code == 503:
                self._log_outage(error)
            explain_error(request, error)
            response = error_response or dialect.server_error
        response = dialect.finalize(request, response, extra)
        if request.hint:
            response = response.with_headers(hint_header(request))
        if unhandled is not None:
            log_unhandled(request, unhandled)
        try:
            await response(request.scope, request.receive, send)
        except Exception as error:
            # The headers of a streamed response are sent already, so the response can only be aborted.
            log_unhandled(request, error)
            raise
        finally:
            self._observe(request, response.status_code)

    def _observe(self, request: RequestContext, status_code: int) -> None:
        if self._observer is not None:
            self._observer(request, status_code, perf_counter() - request.started_at)

    def _log_outage(self, error: Exception) -> None:
        """Log the cause of a 503: once a minute for each cause, because an outage affects every request."""
        cause, now = " ".join(str(error).split()), monotonic()
        if now < self._silent_until.get(cause, 0.0):
            return
        self._silent_until = {other: until for other, until in self._silent_until.items() if until > now}
        if len(self._silent_until) >= MAX_LOGGED_CAUSES:
            return
        self._silent_until[cause] = now + LOG_INTERVAL_SECONDS
        log.warning("responding with 503 because of %s", cause)

    async def _respond(
        self, request: RequestContext, found: Principal | None, auth_error: Exception | None
    ) -> ApiResponse:
        """`found` is the principal of the key, valid here or not; `request.principal` is that of a key valid here."""
        dialect = self._dialect
        route = dialect.router.find_route(request.method, request.path)
        may_be_overridden = request.method == "POST" and dialect.may_override_method(request)
        if not isinstance(route, RouteMatch) and not (may_be_overridden and isinstance(route, MethodNotAllowed)):
            return self._reject_route(request, request.method, route)
        if isinstance(route, RouteMatch):
            request.route_path = route.route_path
        if auth_error is not None:
            raise auth_error
        principal = request.principal
        if principal is None:
            return await self._reject_key(request, found)
        body = await _read_body(request)
        try:
            if perf_counter() - request.started_at > REVALIDATE_SECONDS:
                # A client may take hours for a body.
                principal = await self._authenticate_again(request)
                if principal is None:
                    return await self._reject_key(request, None)
            params = dialect.parse_params(request, body)
            if may_be_overridden:
                method = dialect.overridden_method(request, params)
                if method != "POST":
                    route = dialect.router.find_route(method, request.path)
                if not isinstance(route, RouteMatch):
                    return self._reject_route(request, method, route)
                request.route_path = route.route_path
            assert isinstance(route, RouteMatch)
            request.scope["path_params"] = route.path_params
            actor = Actor(principal.user_id, principal.role, principal.key_id)
            return await route.endpoint(
                ApiRequest(
                    request.scope,
                    request.receive,
                    services=self._services,
                    principal=principal,
                    context=PortalContext(principal.portal_id, actor, self._base_url(request, principal)),
                    params=params,
                )
            )
        except Exception as error:
            self._explain_unread_json(request, body, error)
            raise
        finally:
            if body.fields:
                await close(body)

    def _explain_unread_json(self, request: RequestContext, body: Body, error: Exception) -> None:
        """Explain the response to invalid parameters if the body is JSON that was not read, because of its type."""
        response = handle_error(self._dialect.error_handlers, error)
        if response is None or response.status_code not in (400, 422):
            return
        if body.looks_like_json() and not self._dialect.reads_json(request.header(b"content-type")):
            request.hint = JSON_TYPE_HINT

    def _reject_route(self, request: RequestContext, method: str, match: MethodNotAllowed | None) -> ApiResponse:
        response = self._dialect.no_route(request, match)
        if response.status_code == 404:
            self._explainer.explain_route(request, method, match)
        return response

    async def _reject_key(self, request: RequestContext, found: Principal | None) -> ApiResponse:
        await self._explainer.explain_key(request, found)
        return self._dialect.unauthenticated

    def _is_valid(self, request: RequestContext, principal: Principal) -> bool:
        """Whether the key is one of this dialect and of the host's portal, sent as the dialect demands."""
        dialect = self._dialect
        return (
            principal.dialect == dialect.name
            and principal.is_valid_on(request.host)
            and request.headers.get(b"authorization", b"").startswith(dialect.authorization_prefix)
        )

    async def _authenticate_again(self, request: RequestContext) -> Principal | None:
        assert request.token is not None
        principal = await self._services.authenticator.authenticate(request.token)
        return principal if principal is not None and self._is_valid(request, principal) else None

    def _base_url(self, request: RequestContext, principal: Principal) -> str:
        public = self._services.public
        if public.url is None:
            return request.origin
        if principal.is_only_portal or principal.host is None:
            return public.url
        return public.on(principal.host)


def handle_error(handlers: ErrorHandlers, error: Exception) -> ApiResponse | None:
    """The response to an error; None when no handler takes it."""
    handler = next((handlers[base] for base in type(error).__mro__ if base in handlers), None)
    return None if handler is None else handler(error)


async def _read_body(request: RequestContext) -> Body:
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
