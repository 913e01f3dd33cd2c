"""The documents of the two APIs: an interactive page for each, and the OpenAPI document as JSON and YAML."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import anyio.to_thread
import orjson
import yaml
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.openapi import ORIGIN, OpenApiDocument
from app.web import etags
from app.web.public_address import PublicAddress
from app.web.templating import TemplateRenderer

# Swagger UI is a script, shows small images from data: URLs, and sends requests to this server alone.
_INTERACTIVE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
_METHODS: Final = ["GET", "HEAD"]


def router(pages: TemplateRenderer, documents: Sequence[OpenApiDocument], public_address: PublicAddress) -> APIRouter:
    """GET and HEAD of /docs, of each dialect's /docs and /openapi.json, and of Astuto's swagger.yaml."""
    routes = APIRouter()

    @routes.api_route("/docs", methods=_METHODS)
    async def choice(request: Request) -> Response:
        return pages.page("docs.html", documents=documents, address=await public_address.find(request))

    for document in documents:
        _add_routes(routes, pages, document, public_address)
    return routes


def _add_routes(
    routes: APIRouter, pages: TemplateRenderer, document: OpenApiDocument, public_address: PublicAddress
) -> None:
    base = f"/{document.dialect}/api/v1"

    @routes.api_route(f"{base}/docs", methods=_METHODS)
    async def interactive(request: Request) -> Response:
        headers = {"Content-Security-Policy": _INTERACTIVE_POLICY}
        address = pages.link(f"{base}/openapi.json")
        return pages.page("interactive.html", headers=headers, title=document.title, address=address)

    endpoint = _endpoint(document.openapi, public_address, orjson.dumps, "application/json")
    routes.add_api_route(f"{base}/openapi.json", endpoint, methods=_METHODS)
    if document.dialect == "astuto":
        # Astuto's own tooling expects it here: docs/contracts/astuto.md, section 1.13.
        endpoint = _endpoint(document.openapi_with_full_paths, public_address, _to_yaml, "application/yaml")
        routes.add_api_route("/api-docs/v1/swagger.yaml", endpoint, methods=_METHODS)


def _endpoint(
    make_document: Callable[[], dict[str, Any]],
    public_address: PublicAddress,
    dump: Callable[[Mapping[str, Any]], bytes],
    media_type: str,
) -> Any:
    @cache
    def template() -> bytes:
        """The document with ORIGIN, which is replaced at each request: a document takes too long to dump."""
        openapi = make_document()
        servers = [{**server, "url": ORIGIN + server["url"]} for server in openapi["servers"]]
        return dump({**openapi, "servers": servers})

    async def endpoint(request: Request) -> Response:
        origin = (await public_address.find(request)).removesuffix(public_address.path)
        # An address has no characters that JSON or YAML would have to escape.
        content = (await anyio.to_thread.run_sync(template)).replace(ORIGIN.encode(), origin.encode())
        etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers = {**_HEADERS, "ETag": etag}
        if etags.is_known(request, etag):
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=media_type, headers=headers)

    return endpoint


def _to_yaml(openapi: Mapping[str, Any]) -> bytes:
    # libyaml is some ten times as fast, but not installed everywhere.
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump(
        orjson.loads(orjson.dumps(openapi)),
        Dumper=dumper,
        sort_keys=False,
        allow_unicode=True,
        encoding="utf-8",
        width=110,
    )
