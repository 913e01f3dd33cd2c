"""ProductLift's manners at the door: what is counted, what is said, and the headers that every answer carries.

docs/contracts/productlift.md, sections 1 to 5.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from app.api.productlift import errors, params
from app.api.router import MethodNotAllowed, RouteTable
from app.api.services import Services
from app.http.body import Body
from app.http.request import ApiResponse, Header, RequestContext

_ALWAYS: Final[tuple[Header, ...]] = (
    (b"cache-control", b"no-cache, private"),
    (b"access-control-allow-origin", b"*"),
    (b"x-content-type-options", b"nosniff"),
)
_PREFLIGHT: Final = ApiResponse(
    204,
    b"",
    (
        (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
        (b"access-control-allow-headers", b"authorization, content-type, accept"),
        (b"access-control-max-age", b"86400"),
    ),
)


class ProductLiftDialect:
    """See `app.api.dialect.Manners`."""

    def __init__(self, services: Services, table: RouteTable) -> None:
        self._services = services
        self.table = table

    async def check_rate_limit(self, request: RequestContext) -> tuple[ApiResponse | None, tuple[Header, ...]]:
        # Section 2: the scheme word is matched exactly here, unlike at the door.
        if not request.headers.get(b"authorization", b"").startswith(b"Bearer "):
            request.principal = None
        pace = self._services.rate_limits.productlift
        if pace is None or request.method == "OPTIONS":
            return None, ()
        now = self._services.clock().timestamp()
        bucket = f"p:{request.principal.key_id}" if request.principal is not None else f"pi:{request.client_ip}"
        (count,) = await self._services.rate_limiter.hit(((bucket, pace.seconds),), now)
        left = pace.limit - count.hits
        limit = (b"x-ratelimit-limit", b"%d" % pace.limit)
        remaining = (b"x-ratelimit-remaining", b"%d" % max(0, left))
        if left >= 0:
            return None, (limit, remaining)
        # Clients give up on more than a minute; in a longer window they ask again, and are told again.
        wait = min(60, max(1, math.ceil(count.ends_at - now)))
        refusal = errors.message_response(
            429,
            "Too Many Attempts.",
            (b"retry-after", b"%d" % wait),
            (b"x-ratelimit-reset", b"%d" % math.ceil(count.ends_at)),
        )
        return refusal, (limit, remaining)

    def no_route(self, request: RequestContext, match: MethodNotAllowed | None) -> ApiResponse:
        if request.method == "OPTIONS":
            return _PREFLIGHT
        if match is None:
            return errors.NO_ROUTE
        verbs = sorted({*match.allowed, *(["HEAD"] if "GET" in match.allowed else [])}, key=_VERBS.index)
        text = f"The {request.method} method is not supported for this route. Supported methods: {', '.join(verbs)}."
        return errors.message_response(405, text, (b"allow", ", ".join(verbs).encode()))

    def unauthenticated(self, request: RequestContext) -> ApiResponse:
        return errors.UNAUTHENTICATED

    def parse_params(self, request: RequestContext, body: Body) -> dict[str, Any]:
        return params.parse_params(request.method, request.header(b"content-type"), request.query, body)

    def may_override_method(self, request: RequestContext) -> bool:
        return request.has_body or request.query != b"" or b"x-http-method-override" in request.headers

    def overridden_method(self, request: RequestContext, sent: Mapping[str, Any]) -> str:
        return params.overridden_method("POST", lambda name: request.header(name.encode()) or None, sent)

    def error_response(self, error: Exception) -> ApiResponse | None:
        return errors.to_response(error)

    def server_error(self) -> ApiResponse:
        return errors.SERVER_ERROR

    def finalize(self, request: RequestContext, response: ApiResponse, extra: tuple[Header, ...]) -> ApiResponse:
        request_id = (b"x-request-id", request.request_id.encode())
        return ApiResponse(response.status, response.body, (*response.headers, *_ALWAYS, request_id, *extra))


_VERBS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
