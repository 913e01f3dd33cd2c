"""Which dialect answers a request: by explicit prefix, by the key, by the host, by default. Chosen once, here."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from app.adapters.database import NO_PORTAL
from app.api.astuto import params
from app.api.dialect import DialectApp
from app.api.router import ENCODED_SLASH
from app.api.services import Services
from app.domain.errors import ServiceUnavailable
from app.domain.portals import portals
from app.domain.users import api_keys
from app.domain.users.api_keys import Principal
from app.http.request import Receive, RequestContext, Scope, Send
from app.http.request_id import RequestIds, valid_request_id

BASE: Final = "/api/v1"
PREFIXES: Final = {f"/{dialect}{BASE}": dialect for dialect in ("productlift", "astuto")}
PUBLIC_DOCS: Final = ("/docs", "/openapi.json")
"""Below the explicit prefixes these are read without a key, and are pages like others."""
_ANY_VERSION: Final = re.compile(r"(?:/(productlift|astuto))?/api/v[0-9]+(?:/|\Z)")
_SLASH_IN_SEGMENT: Final = re.compile("%2[Ff]")
# A link's beginning, with scheme and port, fits into its column of 255.
_HOST: Final = re.compile(r"([A-Za-z0-9._-]{1,240}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


class Dispatch:
    """The ASGI application in front of everything: the two dialects' doors, and what is behind neither."""

    def __init__(self, services: Services, doors: Mapping[str, DialectApp], rest: Any) -> None:
        self._services = services
        self._dialects = doors
        self._pages = rest
        self._request_ids = RequestIds()
        self._public_path = services.public.path.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path: str = scope["path"]
            if self._public_path or path.startswith("//"):
                path = _enter(scope, self._public_path)
            raw = scope.get("raw_path")
            if raw and b"%" in raw and b"%2f" in raw.lower():
                path = _decode_segments(raw)
            if path.startswith(BASE) and (len(path) == 7 or path[7] == "/"):
                await self._dispatch_by_key(scope, receive, send, path[7:])
                return
            for prefix, dialect in PREFIXES.items():
                if path.startswith(prefix) and (len(path) == len(prefix) or path[len(prefix)] == "/"):
                    await self._dispatch_by_prefix(scope, receive, send, path[len(prefix) :], dialect)
                    return
            unknown_version = _ANY_VERSION.match(path)
            if unknown_version is not None and not _asks_for_page(scope):
                # No route has the whole path, so that the dialect refuses it in its words.
                if unknown_version[1] is None:
                    await self._dispatch_by_key(scope, receive, send, path)
                else:
                    await self._dispatch_by_prefix(scope, receive, send, path, unknown_version[1])
                return
            # The pages, too, want to know who asks, from where, and for which host.
            scope = {**scope, "earshot.request": self._new_request(scope, receive, path)}
        await self._pages(scope, receive, send)

    async def _dispatch_by_key(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        request = self._new_request(scope, receive, path)
        await self._dialects[await self._choose_dialect(request)].handle(request, send)

    async def _choose_dialect(self, request: RequestContext) -> str:
        """Who answers at the shared address; admits the key on the way, since it decides."""
        if request.is_preflight:
            # A preflight carries no key, so nobody knows whose it is; ProductLift's clients in browsers need the yes.
            return "productlift"
        if request.token is not None:
            known = await self._authenticate(request, request.token)
            if known is not None:
                if known.is_valid_on(request.host):
                    request.principal = known
                return known.dialect
            shaped = api_keys.dialect_of_token(request.token)
            if shaped is not None:
                return shaped
        return await self._host_default(request) or self._services.default_dialect

    async def _dispatch_by_prefix(self, scope: Scope, receive: Receive, send: Send, path: str, dialect: str) -> None:
        request = self._new_request(scope, receive, path)
        if path in PUBLIC_DOCS and request.method in ("GET", "HEAD"):
            await self._pages({**scope, "earshot.request": request}, receive, send)
            return
        if request.token is not None:
            known = await self._authenticate(request, request.token)
            # A key of the other dialect, or of another host's portal, is unknown here.
            if known is not None and known.dialect == dialect and known.is_valid_on(request.host):
                request.principal = known
        await self._dialects[dialect].handle(request, send)

    async def _authenticate(self, request: RequestContext, token: str) -> Principal | None:
        """Whom the key admits. When nobody can tell just now, the dialect that answers says so in its words."""
        try:
            return await self._services.authenticator.authenticate(token)
        except Exception as away:
            # Foreseen or not: the door raises it again where it knows how to word and report it.
            request.auth_error = away
            return None

    def _new_request(self, scope: Scope, receive: Receive, path: str) -> RequestContext:
        request = RequestContext(scope, receive, path=path or "/")
        request.token = params.token(request.headers.get(b"authorization"))
        self._apply_forwarded_headers(scope, request)
        return request

    def _apply_forwarded_headers(self, scope: Scope, request: RequestContext) -> None:
        """Where the request came from and what address it was sent to; a proxy is believed only where it is named."""
        client = scope.get("client")
        # A socket that takes both kinds shows who comes by IPv4 as `::ffff:192.0.2.1`.
        request.client_ip = client[0].removeprefix("::ffff:") if client else "local"
        scheme, host = scope["scheme"], request.headers.get(b"host", b"localhost").decode("latin-1")
        if len(request.headers) != len(scope["headers"]) and _has_several_hosts(scope):
            # A proxy or cache before the server may have read the other one.
            host = ""
        trusts = self._services.is_trusted_proxy
        given: str | None = None
        if trusts(request.client_ip):
            request.from_trusted_proxy = True
            given = valid_request_id(request.headers.get(b"x-request-id"))
            # Each proxy may have added a line of its own.
            lines = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
            request.client_ip = self._services.resolve_client_ip(request.client_ip, ",".join(lines))
            # Of several values the last is the nearest proxy's; those before it may be the client's.
            told = request.header(b"x-forwarded-proto").rpartition(",")[2].strip().lower()
            scheme = told if told in ("http", "https") else scheme
            if self._services.forwarded_host:
                host = request.header(b"x-forwarded-host").rpartition(",")[2].strip() or host
        request.request_id = given or self._request_ids.new()
        named = _HOST.fullmatch(host)
        # What isn't a host would come back to people in links.
        request.host = named[1].lower() if named else ""
        request.origin = f"{scheme}://{host}" if named else "http://localhost"

    async def _host_default(self, request: RequestContext) -> str | None:
        try:
            found = await self._services.database.read(lambda work: portals.by_host(work, request.host), NO_PORTAL)
        except ServiceUnavailable:
            # Only how to refuse hangs on it.
            return None
        except Exception as unforeseen:
            request.auth_error = unforeseen
            return None
        return None if found is None else found[2]


def _enter(scope: Scope, public_path: bytes) -> str:
    """Take the public path off the request's, unless a proxy did, and read slashes at the beginning as one.

    Only what stands in the address as it was sent counts, so that `%2F` stays a letter of its segment, and `path` and
    `raw_path` change alike.
    """
    path: str = scope["path"]
    raw: bytes = scope.get("raw_path") or path.encode()
    if raw.startswith(b"//"):
        path, raw = _with_one_slash(path, raw)
    length = len(public_path)
    if length and raw.startswith(public_path) and raw[length : length + 1] in (b"/", b""):
        path, raw = path[length:] or "/", raw[length:] or b"/"
        if raw.startswith(b"//"):
            path, raw = _with_one_slash(path, raw)
    scope["path"], scope["raw_path"] = path, raw
    return path


def _with_one_slash(path: str, raw: bytes) -> tuple[str, bytes]:
    more = len(raw) - len(raw.lstrip(b"/")) - 1
    return path[more:], raw[more:]


def _has_several_hosts(scope: Scope) -> bool:
    return [name for name, _ in scope["headers"]].count(b"host") > 1


def _decode_segments(raw_path: bytes) -> str:
    """The path; a slash that was sent as `%2F` stands there as ENCODED_SLASH, for it separates nothing."""
    return ENCODED_SLASH.join(unquote(part) for part in _SLASH_IN_SEGMENT.split(raw_path.decode("latin-1")))


def _asks_for_page(scope: Scope) -> bool:
    """Whether nothing says that this is a call of an API: it takes HTML, as browsers do, and presents no key."""
    headers = dict(scope["headers"])
    return b"authorization" not in headers and b"text/html" in headers.get(b"accept", b"")
