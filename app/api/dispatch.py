"""Chooses the dialect of a request: by explicit prefix, by the key, by the host, or the default."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

from app.adapters.database import NO_PORTAL
from app.api.authentication import parse_token
from app.api.dialect import DialectApp
from app.api.router import ENCODED_SLASH
from app.api.services import Services
from app.domain.errors import ServiceUnavailable
from app.domain.portals import portals
from app.domain.users.key_formats import dialect_of_token
from app.domain.users.key_verification import Principal
from app.http.proxies import is_trusted_proxy, resolve_client_ip
from app.http.request import Receive, RequestContext, Scope, Send
from app.http.request_id import new_request_id, valid_request_id

PUBLIC_DOCS: Final = ("/docs", "/openapi.json")
"""Paths below the explicit prefixes that need no key; the pages serve them."""
_API_PATH: Final = re.compile(r"(?:/(productlift|astuto))?/api/v1(?=/|\Z)")
_ANY_VERSION: Final = re.compile(r"(?:/(productlift|astuto))?/api/v[0-9]+(?:/|\Z)")
_SLASH_IN_SEGMENT: Final = re.compile("%2[Ff]")
# The origin of a link, with scheme and port, fits into its column of 255.
_HOST: Final = re.compile(r"([A-Za-z0-9._-]{1,240}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


class Dispatch:
    """The ASGI application in front of the two dialects and the pages."""

    def __init__(self, services: Services, dialects: Mapping[str, DialectApp], pages: Any) -> None:
        self._services = services
        self._dialects = dialects
        for app in dialects.values():
            app.introduce(dialects)
        self._pages = pages
        self._public_path = services.public.path.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path: str = scope["path"]
            if self._public_path or path.startswith("//"):
                path = _strip_public_path(scope, self._public_path)
            raw_path = scope.get("raw_path")
            if raw_path and b"%" in raw_path and b"%2f" in raw_path.lower():
                path = _decode_segments(raw_path)
            match = _API_PATH.match(path)
            if match is not None:
                path = path[match.end() :]
            elif not _accepts_page(scope):
                # Of another version no route has the whole path, so that the dialect responds with its own 404.
                match = _ANY_VERSION.match(path)
            if match is not None:
                if match[1] is None:
                    await self._dispatch_by_key(scope, receive, send, path)
                else:
                    await self._dispatch_by_prefix(scope, receive, send, path, match[1])
                return
            # The pages need the client's address, the host and the request id as well.
            scope = {**scope, "earshot.request": self._new_request(scope, receive, path)}
        await self._pages(scope, receive, send)

    async def _dispatch_by_key(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        """Dispatch a request at the shared address: by its key, else by the key's form, else by its host."""
        request = self._new_request(scope, receive, path)
        if request.is_preflight:
            # A preflight has no key. ProductLift's clients in browsers need a successful one.
            await self._dialects["productlift"].handle(request, send, None, None)
            return
        principal, auth_error = await self._authenticate(request)
        dialect: str | None = None
        if principal is not None:
            dialect = principal.dialect
        elif request.token is not None:
            dialect = dialect_of_token(request.token)
        if dialect is None:
            try:
                dialect = await self._host_default(request)
            except Exception as error:
                auth_error = error
        app = self._dialects[dialect or self._services.default_dialect]
        await app.handle(request, send, principal, auth_error)

    async def _dispatch_by_prefix(self, scope: Scope, receive: Receive, send: Send, path: str, dialect: str) -> None:
        request = self._new_request(scope, receive, path)
        if path in PUBLIC_DOCS and request.method in ("GET", "HEAD"):
            await self._pages({**scope, "earshot.request": request}, receive, send)
            return
        await self._dialects[dialect].handle(request, send, *await self._authenticate(request))

    async def _authenticate(self, request: RequestContext) -> tuple[Principal | None, Exception | None]:
        """The principal of the key, and why it could not be looked up: the dialect responds to that error."""
        if request.token is None:
            return None, None
        try:
            return await self._services.authenticator.authenticate(request.token), None
        except Exception as error:
            return None, error

    async def _host_default(self, request: RequestContext) -> str | None:
        try:
            portal = await self._services.database.read(lambda work: portals.by_host(work, request.host), NO_PORTAL)
        except ServiceUnavailable:
            # The request is rejected in either dialect.
            return None
        return None if portal is None else portal[2]

    def _new_request(self, scope: Scope, receive: Receive, path: str) -> RequestContext:
        request = RequestContext(scope, receive, path=path or "/")
        request.token = parse_token(request.headers.get(b"authorization"))
        self._apply_forwarded_headers(scope, request)
        return request

    def _apply_forwarded_headers(self, scope: Scope, request: RequestContext) -> None:
        """Set the client's address, the origin and the request id; only trusted proxies' headers are read for them."""
        services, client = self._services, scope.get("client")
        # A socket for both versions of IP has an IPv4 address as `::ffff:192.0.2.1`.
        request.client_ip = client[0].removeprefix("::ffff:") if client else "local"
        scheme, host = scope["scheme"], request.headers.get(b"host", b"localhost").decode("latin-1")
        fields = scope["headers"]
        if len(request.headers) != len(fields) and [name for name, _ in fields].count(b"host") > 1:
            # A proxy or cache in front of the server may have used the other header.
            host = ""
        request_id: str | None = None
        if is_trusted_proxy(request.client_ip, services.trusted_proxies):
            request.from_trusted_proxy = True
            request_id = valid_request_id(request.headers.get(b"x-request-id"))
            # Each proxy may have added a line of its own.
            lines = [value.decode("latin-1") for name, value in fields if name == b"x-forwarded-for"]
            request.client_ip = resolve_client_ip(request.client_ip, ",".join(lines), services.trusted_proxies)
            # Of several values the last is the nearest proxy's; those before it may be the client's.
            forwarded_proto = request.header(b"x-forwarded-proto").rpartition(",")[2].strip().lower()
            scheme = forwarded_proto if forwarded_proto in ("http", "https") else scheme
            if services.forwarded_host:
                host = request.header(b"x-forwarded-host").rpartition(",")[2].strip() or host
        request.request_id = request_id or new_request_id()
        request.host = _host_name(host)
        # An invalid host must not come back in links.
        request.origin = f"{scheme}://{host}" if request.host else "http://localhost"


@lru_cache(256)
def _host_name(host: str) -> str:
    """The host of a header without its port, in lower case; empty if it is not valid."""
    match = _HOST.fullmatch(host)
    return match[1].lower() if match else ""


def _strip_public_path(scope: Scope, public_path: bytes) -> str:
    """Remove the public path, unless a proxy has, and reduce several slashes at the beginning to one.

    Only the path as it was sent is compared, so that `%2F` stays a character of its segment; `path` and `raw_path`
    change alike.
    """
    path: str = scope["path"]
    raw_path: bytes = scope.get("raw_path") or path.encode()
    path, raw_path = _with_one_slash(path, raw_path)
    length = len(public_path)
    if length and raw_path.startswith(public_path) and raw_path[length : length + 1] in (b"/", b""):
        path, raw_path = _with_one_slash(path[length:] or "/", raw_path[length:] or b"/")
    scope["path"], scope["raw_path"] = path, raw_path
    return path


def _with_one_slash(path: str, raw_path: bytes) -> tuple[str, bytes]:
    if not raw_path.startswith(b"//"):
        return path, raw_path
    extra = len(raw_path) - len(raw_path.lstrip(b"/")) - 1
    return path[extra:], raw_path[extra:]


def _decode_segments(raw_path: bytes) -> str:
    """The decoded path, with ENCODED_SLASH for each `%2F`, because that is no separator."""
    return ENCODED_SLASH.join(unquote(part) for part in _SLASH_IN_SEGMENT.split(raw_path.decode("latin-1")))


def _accepts_page(scope: Scope) -> bool:
    """Whether this looks like a browser and not like an API client: it accepts HTML and sends no key."""
    headers = dict(scope["headers"])
    return b"authorization" not in headers and b"text/html" in headers.get(b"accept", b"")
