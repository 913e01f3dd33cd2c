"""Astuto's manners at the door: what is counted, what is said, and the headers that every answer carries.

docs/contracts/astuto.md, section 1.
"""

import hashlib
import math
from collections.abc import Mapping
from typing import Any, Final

from app.api.astuto import errors, messages, params
from app.api.router import MethodNotAllowed, RouteTable
from app.api.services import Services
from app.http.body import Body, body_kind
from app.http.request import ApiResponse, Header, RequestContext

JSON: Final = (b"content-type", b"application/json; charset=utf-8")
_ALWAYS: Final[tuple[Header, ...]] = (
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
)
_FRESH: Final = (b"cache-control", b"max-age=0, private, must-revalidate")
_NO_CACHE: Final = (b"cache-control", b"no-cache")
_VERBS: Final = ("PUT", "PATCH", "DELETE")
_NO_ROUTE: Final = ApiResponse(404, messages.NO_ROUTE_BODY, (JSON,))
_OPTIONS: Final = ApiResponse(200, b"", ())


class AstutoDialect:
    """See `app.api.dialect.Manners`."""

    def __init__(self, services: Services, table: RouteTable) -> None:
        self._services = services
        self.table = table

    async def check_rate_limit(self, request: RequestContext) -> tuple[ApiResponse | None, tuple[Header, ...]]:
        # Section 1.9: slots aligned to the epoch, so the slot's number is part of the counter's name.
        paces, now = self._services.rate_limits, self._services.clock().timestamp()
        counted = []
        if paces.astuto_ip is not None:
            slot = int(now // paces.astuto_ip.seconds)
            counted.append((f"ai:{slot}:{request.client_ip}", paces.astuto_ip))
        if paces.astuto_key is not None:
            # What follows an admitted key is the client's to choose, so that counting it would bound nothing.
            admitted, header = request.principal is not None, request.headers.get(b"authorization")
            word = request.token if admitted else params.rate_limit_token(header)
            if word is not None:
                slot = int(now // paces.astuto_key.seconds)
                # A digest, because a key must not lie about in memory dumps or in Redis.
                digest = hashlib.blake2b(word.encode("latin-1", "replace"), digest_size=16).hexdigest()
                counted.append((f"ak:{slot}:{digest}", paces.astuto_key))
        if not counted:
            return None, ()
        counts = await self._services.rate_limiter.hit([(name, pace.seconds) for name, pace in counted], now)
        for count, (_, pace) in zip(counts, counted, strict=True):
            if count.hits > pace.limit:
                left = max(1, math.ceil((now // pace.seconds + 1) * pace.seconds - now))
                return ApiResponse(
                    429,
                    messages.RETRY_LATER_BODY,
                    (
                        (b"content-type", b"text/plain"),
                        (b"retry-after", b"%d" % left),
                        (b"ratelimit-limit", b"%d" % pace.limit),
                        (b"ratelimit-remaining", b"0"),
                        (b"ratelimit-reset", b"%d" % left),
                    ),
                ), ()
        return None, ()

    def no_route(self, request: RequestContext, match: MethodNotAllowed | None) -> ApiResponse:
        if request.is_preflight:
            # Section 1.13: a preflight is answered, but nothing is allowed to other origins.
            return _OPTIONS
        return _NO_ROUTE

    def unauthenticated(self, request: RequestContext) -> ApiResponse:
        return errors.ACCESS_DENIED

    def parse_params(self, request: RequestContext, body: Body) -> dict[str, Any]:
        said: dict[str, Any] = params.parse_params(request.header(b"content-type"), request.query, body)
        if "_method" in said:
            # Section 1.1: only a form names another verb so, neither the query nor JSON.
            said["_method"] = params.get_form_field(body, "_method")
        return said

    def may_override_method(self, request: RequestContext) -> bool:
        return b"x-http-method-override" in request.headers or (
            request.has_body and body_kind(request.header(b"content-type")) in ("form", "multipart")
        )

    def overridden_method(self, request: RequestContext, params: Mapping[str, Any]) -> str:
        wanted = params.get("_method")
        verb = wanted if isinstance(wanted, str) else request.header(b"x-http-method-override")
        verb = verb.strip().upper()
        return verb if verb in _VERBS else "POST"

    def error_response(self, error: Exception) -> ApiResponse | None:
        return errors.to_response(error)

    def server_error(self) -> ApiResponse:
        return errors.UNEXPECTED

    def finalize(self, request: RequestContext, response: ApiResponse, extra: tuple[Header, ...]) -> ApiResponse:
        status, body, headers = response
        request_id = (b"x-request-id", request.request_id.encode())
        if request.method == "GET" and status == 200:
            if not isinstance(body, bytes):
                # Written in pieces, so nobody knows the whole yet by which to tag it.
                return ApiResponse(status, body, (*headers, _FRESH, request_id, *_ALWAYS))
            # Section 1.13: a weak tag of the body, and 304 for who has it already.
            tag = b'W/"%s"' % hashlib.sha256(body).hexdigest()[:32].encode()
            held = request.headers.get(b"if-none-match")
            if held is not None and _holds(held, tag):
                return ApiResponse(304, b"", (_FRESH, (b"etag", tag), request_id, *_ALWAYS))
            return ApiResponse(status, body, (*headers, _FRESH, (b"etag", tag), request_id, *_ALWAYS))
        return ApiResponse(status, body, (*headers, _NO_CACHE, request_id, *_ALWAYS))


def _holds(if_none_match: bytes, tag: bytes) -> bool:
    """Whether the client has this version: one of several tags, weak or not."""
    held = [one.strip() for one in if_none_match.split(b",")]
    return tag in held or tag[2:] in held or b"*" in held
