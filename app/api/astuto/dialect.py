"""Astuto's dialect: rate limits, method override, ETags, and the headers that every response carries.

docs/contracts/astuto.md, section 1.
"""

import hashlib
import math
from collections.abc import Mapping
from typing import Any, Final

from app.api.astuto import errors, params
from app.api.astuto.responses import JSON
from app.api.refusals import RATE_LIMIT_BY_IP, RATE_LIMIT_BY_KEY
from app.api.router import DialectRouter, MethodNotAllowed
from app.api.services import Services
from app.http.body import Body, body_kind
from app.http.request import Header, RequestContext
from app.http.response import ApiResponse, StreamedResponse

_COMMON_HEADERS: Final[tuple[Header, ...]] = (
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
)
_REVALIDATE: Final = (b"cache-control", b"max-age=0, private, must-revalidate")
_NO_CACHE: Final = (b"cache-control", b"no-cache")
_OVERRIDES: Final = ("PUT", "PATCH", "DELETE")
_NO_ROUTE: Final = ApiResponse(404, b'{"status":404,"error":"Not Found"}', JSON)
_PREFLIGHT: Final = ApiResponse(200, b"", ())


class AstutoDialect:
    """See `app.api.dialect.Dialect`."""

    name = "astuto"
    title = "Astuto"
    error_handlers = errors.HANDLERS
    authorization_prefix = b""
    unauthenticated = errors.ACCESS_DENIED
    server_error = errors.UNEXPECTED

    def __init__(self, services: Services, router: DialectRouter) -> None:
        self._services = services
        self.router = router

    async def check_rate_limit(self, request: RequestContext) -> tuple[ApiResponse | None, tuple[Header, ...]]:
        # Section 1.9: windows aligned to the epoch, so the window's number is part of the counter's name.
        limits, now = self._services.rate_limits, self._services.clock().timestamp()
        counters = []
        if limits.astuto_ip is not None:
            window = int(now // limits.astuto_ip.seconds)
            counters.append((f"ai:{window}:{request.client_ip}", limits.astuto_ip))
        if limits.astuto_key is not None:
            # A client can send any text after a valid key, so a limit for that text would have no effect.
            header = request.headers.get(b"authorization")
            token = request.token if request.principal is not None else rate_limit_token(header)
            if token is not None:
                window = int(now // limits.astuto_key.seconds)
                # A digest, because a key must not be readable in memory dumps or in Redis.
                digest = hashlib.blake2b(token.encode("latin-1", "replace"), digest_size=16).hexdigest()
                counters.append((f"ak:{window}:{digest}", limits.astuto_key))
        if not counters:
            return None, ()
        counts = await self._services.rate_limiter.hit([(name, limit.seconds) for name, limit in counters], now)
        for count, (name, limit) in zip(counts, counters, strict=True):
            if count.hits > limit.limit:
                request.refusal = RATE_LIMIT_BY_IP if name.startswith("ai:") else RATE_LIMIT_BY_KEY
                seconds_left = max(1, math.ceil((now // limit.seconds + 1) * limit.seconds - now))
                return _too_many_requests(limit.limit, seconds_left), ()
        return None, ()

    def no_route(self, request: RequestContext, match: MethodNotAllowed | None) -> ApiResponse:
        if request.is_preflight:
            # Section 1.13: a preflight gets a response, but allows nothing to other origins.
            return _PREFLIGHT
        return _NO_ROUTE

    def parse_params(self, request: RequestContext, body: Body) -> dict[str, Any]:
        values: dict[str, Any] = params.parse_params(request.header(b"content-type"), request.query, body)
        if "_method" in values:
            # Section 1.1: `_method` is read from a form only, not from the query or a JSON body.
            values["_method"] = params.get_form_field(body, "_method")
        return values

    def reads_json(self, content_type: str) -> bool:
        return params.is_json(content_type)

    def may_override_method(self, request: RequestContext) -> bool:
        return b"x-http-method-override" in request.headers or (
            request.has_body and body_kind(request.header(b"content-type")) in ("form", "multipart")
        )

    def overridden_method(self, request: RequestContext, params: Mapping[str, Any]) -> str:
        field = params.get("_method")
        method = field if isinstance(field, str) else request.header(b"x-http-method-override")
        method = method.strip().upper()
        return method if method in _OVERRIDES else "POST"

    def finalize(self, request: RequestContext, response: ApiResponse, extra: tuple[Header, ...]) -> ApiResponse:
        request_id = (b"x-request-id", request.request_id.encode())
        if request.method != "GET" or response.status_code != 200:
            return response.with_headers(_NO_CACHE, request_id, *_COMMON_HEADERS)
        if isinstance(response, StreamedResponse):
            # The body is not known yet, so there is no ETag of it.
            return response.with_headers(_REVALIDATE, request_id, *_COMMON_HEADERS)
        # Section 1.13: a weak ETag of the body, and 304 for a client that has this version.
        etag = b'W/"%s"' % hashlib.sha256(response.body).hexdigest()[:32].encode()
        if_none_match = request.headers.get(b"if-none-match")
        if if_none_match is not None and _matches_etag(if_none_match, etag):
            return ApiResponse(304, b"", (_REVALIDATE, (b"etag", etag), request_id, *_COMMON_HEADERS))
        return response.with_headers(_REVALIDATE, (b"etag", etag), request_id, *_COMMON_HEADERS)


def rate_limit_token(authorization: bytes | None) -> str | None:
    """The last word of the header, a valid key or not, by which the rate limit counts; None if there is none."""
    words = (authorization or b"").rsplit(maxsplit=1)
    return words[-1].decode("latin-1") if words else None


def _too_many_requests(limit: int, seconds_left: int) -> ApiResponse:
    headers = (
        (b"content-type", b"text/plain"),
        (b"retry-after", b"%d" % seconds_left),
        (b"ratelimit-limit", b"%d" % limit),
        (b"ratelimit-remaining", b"0"),
        (b"ratelimit-reset", b"%d" % seconds_left),
    )
    return ApiResponse(429, b"Retry later\n", headers)


def _matches_etag(if_none_match: bytes, etag: bytes) -> bool:
    """Whether one of the client's ETags, weak or not, is this one."""
    tags = [tag.strip() for tag in if_none_match.split(b",")]
    return etag in tags or etag[2:] in tags or b"*" in tags
