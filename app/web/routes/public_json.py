"""The public JSON of a portal, which pages of other sites read without a key.

docs/contracts/productlift.md, section 9.13. The forms, serializers and errors are those of ProductLift's dialect.
"""

import hashlib
import re
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.adapters.database import PortalContext
from app.api.dialect import handle_error
from app.api.productlift import errors
from app.api.productlift.params import parse_params
from app.api.productlift.rate_limit import count_request
from app.api.productlift.routes import post_list, tabs
from app.api.productlift.routes.post_list import ListPosts
from app.api.refusals import RATE_LIMIT_BY_IP
from app.api.request import PortalRequest
from app.api.router import ENCODED_SLASH
from app.api.services import Services
from app.domain.permissions import OPERATOR
from app.http.body import NO_BODY
from app.http.request import Header, Receive, RequestContext, Scope, Send, log_unhandled
from app.http.response import ApiResponse, StreamedResponse
from app.web import etags
from app.web.portals import find_public_portal_id
from app.web.public_address import PublicAddress

CACHE_SECONDS: Final = 30
_PATH: Final = re.compile(r"/http_api/(?:posts|tabs/([^/]+)/fetch)/?")
_EVERYWHERE: Final[tuple[Header, ...]] = (
    (b"access-control-allow-origin", b"*"),
    (b"x-content-type-options", b"nosniff"),
)
_CACHED: Final = (b"cache-control", b"public, max-age=%d" % CACHE_SECONDS)
_NOT_CACHED: Final = (b"cache-control", b"no-store")
_PREFLIGHT: Final = ApiResponse(
    204,
    b"",
    (
        (b"access-control-allow-methods", b"GET, HEAD"),
        # Scripts of portals send the last two with every request.
        (b"access-control-allow-headers", b"accept, content-type, x-csrf-token, x-requested-with"),
        (b"access-control-max-age", b"86400"),
    ),
)


def router(services: Services, public_address: PublicAddress) -> APIRouter:
    """GET and HEAD of /http_api/posts and /http_api/tabs/{key}/fetch; all else below /http_api is a 404 in JSON."""
    public_json = PublicJson(services, public_address)
    return APIRouter(routes=[Route("/http_api/{path:path}", public_json), Route("/http_api", public_json)])


class PublicJson:
    """The ASGI application of the public JSON. It has its own rate limit, and errors in ProductLift's form."""

    def __init__(self, services: Services, public_address: PublicAddress) -> None:
        self._services = services
        self._public_address = public_address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        context: RequestContext = scope["earshot.request"]
        response, headers = await self._respond(Request(scope, receive), context)
        if response.status_code == 200 and not isinstance(response, StreamedResponse):
            etag = f'"{hashlib.sha256(response.body).hexdigest()[:32]}"'
            headers += ((b"etag", etag.encode()),)
            if _has_version(context, etag):
                not_modified = Response(status_code=304)
                not_modified.raw_headers = [*_EVERYWHERE, *headers]
                await not_modified(scope, receive, send)
                return
        await response.with_headers(*_EVERYWHERE, *headers)(scope, receive, send)

    async def _respond(self, request: Request, context: RequestContext) -> tuple[ApiResponse, tuple[Header, ...]]:
        """The response, and the headers of the rate limit and for caches."""
        if context.is_preflight:
            return _PREFLIGHT, ()
        headers: tuple[Header, ...] = ()
        rate_limit = self._services.rate_limits.public_json
        try:
            rejection = None
            if rate_limit is not None:
                rejection, headers = await count_request(
                    self._services, rate_limit, f"j:{context.client_ip}", context, refusal=RATE_LIMIT_BY_IP
                )
            response = rejection or await self._read(request, context)
        except Exception as error:
            handled = handle_error(errors.HANDLERS, error)
            if handled is None:
                log_unhandled(context, error)
            response = handled or errors.SERVER_ERROR
        return response, (*headers, _CACHED if response.status_code == 200 else _NOT_CACHED)

    async def _read(self, request: Request, context: RequestContext) -> ApiResponse:
        match = _PATH.fullmatch(context.path)
        if match is None or request.method not in ("GET", "HEAD"):
            return errors.NO_ROUTE
        database = self._services.database
        portal_id = await find_public_portal_id(database, request)
        if portal_id is None:
            return errors.NO_ROUTE
        portal = PortalContext(portal_id, OPERATOR, await self._public_address.find(request))
        params: dict[str, Any] = parse_params("GET", context.header(b"content-type"), context.query, NO_BODY)
        # Tags are for the team: nobody else may find out which posts have one.
        params.pop("tag_id", None)
        if match[1] is not None:
            key = match[1].replace(ENCODED_SLASH, "/")
            params["tab"] = await database.read(lambda work: str(tabs.find_tab(work, key)["url"]), portal)
        portal_request = PortalRequest(
            request.scope, request.receive, services=self._services, context=portal, params=params
        )
        return await post_list.public_page(portal_request, ListPosts.parse(params))


def _has_version(context: RequestContext, etag: str) -> bool:
    """Whether the client has the response with this ETag."""
    return etags.has_tag(context.header(b"if-none-match"), etag)
