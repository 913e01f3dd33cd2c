"""ProductLift's dialect: the rate limit, method override, and the headers that every response carries.

docs/contracts/productlift.md, sections 1 to 5.
"""

from collections.abc import Mapping
from typing import Any, Final

from app.api.productlift import errors, params
from app.api.productlift.rate_limit import count_request
from app.api.refusals import RATE_LIMIT_BY_IP, RATE_LIMIT_BY_KEY, explain_error
from app.api.router import DialectRouter, MethodNotAllowed
from app.api.services import Services
from app.http.body import NO_BODY, Body, UnreadableJson, is_json
from app.http.request import Header, RequestContext
from app.http.response import ApiResponse

_COMMON_HEADERS: Final[tuple[Header, ...]] = (
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
    """See `app.api.dialect.Dialect`."""

    name = "productlift"
    title = "ProductLift"
    error_handlers = errors.HANDLERS
    authorization_prefix = b"Bearer "
    """Section 2: the scheme is matched exactly."""
    unauthenticated = errors.UNAUTHENTICATED
    server_error = errors.SERVER_ERROR

    def __init__(self, services: Services, router: DialectRouter) -> None:
        self._services = services
        self.router = router

    async def check_rate_limit(self, request: RequestContext) -> tuple[ApiResponse | None, tuple[Header, ...]]:
        rate_limit = self._services.rate_limits.productlift
        if rate_limit is None or request.method == "OPTIONS":
            return None, ()
        if request.principal is None:
            counter, refusal = f"pi:{request.client_ip}", RATE_LIMIT_BY_IP
        else:
            counter, refusal = f"p:{request.principal.key_id}", RATE_LIMIT_BY_KEY
        return await count_request(self._services, rate_limit, counter, request, refusal=refusal)

    def no_route(self, request: RequestContext, match: MethodNotAllowed | None) -> ApiResponse:
        if request.method == "OPTIONS":
            return _PREFLIGHT
        if match is None:
            return errors.NO_ROUTE
        methods = sorted({*match.allowed, *(["HEAD"] if "GET" in match.allowed else [])}, key=_METHODS.index)
        allow = ", ".join(methods)
        text = f"The {request.method} method is not supported for this route. Supported methods: {allow}."
        return errors.message_response(405, text, (b"allow", allow.encode()))

    def parse_params(self, request: RequestContext, body: Body) -> dict[str, Any]:
        content_type = request.header(b"content-type")
        try:
            return params.parse_params(request.method, content_type, request.query, body)
        except UnreadableJson as error:
            # Without the body the request is usually invalid, and the response doesn't say why.
            explain_error(request, error)
            return params.parse_params(request.method, content_type, request.query, NO_BODY)

    def reads_json(self, content_type: str) -> bool:
        return is_json(content_type)

    def may_override_method(self, request: RequestContext) -> bool:
        return request.has_body or request.query != b"" or b"x-http-method-override" in request.headers

    def overridden_method(self, request: RequestContext, values: Mapping[str, Any]) -> str:
        return params.overridden_method(request.header(b"x-http-method-override"), values)

    def finalize(self, request: RequestContext, response: ApiResponse, extra: tuple[Header, ...]) -> ApiResponse:
        request_id = (b"x-request-id", request.request_id.encode())
        return response.with_headers(*_COMMON_HEADERS, request_id, *extra)


_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
