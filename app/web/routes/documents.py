"""The interfaces' documents for people and programs: an interactive page each, and the OpenAPI text beside it."""

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import anyio.to_thread
import orjson
import yaml
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.openapi import OpenApiDocument
from app.web.templating import TemplateRenderer

# Swagger UI is a script, draws small pictures from data: addresses, and asks this server alone.
_INTERACTIVE: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_OPEN: Final = {"Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}


def router(pages: TemplateRenderer, documents: Sequence[OpenApiDocument]) -> APIRouter:
    """GET and HEAD of /docs, of each dialect's /docs and /openapi.json, and of Astuto's swagger.yaml."""
    routes = APIRouter()

    @routes.api_route("/docs", methods=["GET", "HEAD"])
    async def choice(request: Request) -> Response:
        return pages.page("docs.html", documents=documents)

    for document in documents:
        _add(routes, pages, document)
    return routes


def _add(routes: APIRouter, pages: TemplateRenderer, document: OpenApiDocument) -> None:
    as_json = _written(document, orjson.dumps)
    base = f"/{document.dialect}/api/v1"

    async def interactive(request: Request) -> Response:
        headers = {"Content-Security-Policy": _INTERACTIVE}
        return pages.page(
            "interactive.html", headers=headers, title=document.title, address=pages.link(f"{base}/openapi.json")
        )

    async def openapi(request: Request) -> Response:
        return await _told(request, as_json, "application/json")

    for endpoint, path in ((interactive, "/docs"), (openapi, "/openapi.json")):
        endpoint.__name__ = f"{document.dialect}_{endpoint.__name__}"
        routes.add_api_route(base + path, endpoint, methods=["GET", "HEAD"])

    if document.dialect == "astuto":
        as_yaml = _written(document, _yaml)

        async def swagger(request: Request) -> Response:
            """Where Astuto's own tooling looks for it. docs/contracts/astuto.md, section 1.13."""
            return await _told(request, as_yaml, "application/yaml")

        routes.add_api_route("/api-docs/v1/swagger.yaml", swagger, methods=["GET", "HEAD"])


def _written(document: OpenApiDocument, write: Callable[[Mapping[str, Any]], bytes]) -> Callable[[], bytes]:
    return functools.cache(lambda: write(document.openapi))


def _yaml(openapi: Mapping[str, Any]) -> bytes:
    # libyaml is some ten times as quick, but not everywhere there.
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump(
        orjson.loads(orjson.dumps(openapi)),
        Dumper=dumper,
        sort_keys=False,
        allow_unicode=True,
        encoding="utf-8",
        width=110,
    )


async def _told(request: Request, written: Callable[[], bytes], media_type: str) -> Response:
    content = await anyio.to_thread.run_sync(written)
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {**_OPEN, "ETag": etag}
    if request.headers.get("if-none-match", "").removeprefix("W/") == etag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)
