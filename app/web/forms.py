"""Reads the forms of pages, and rejects those that another site sent."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.http.body import ClientGone, close, read_body
from app.http.multipart import BodyTooLarge
from app.http.request import RequestContext

MAX_FORM_BYTES: Final = 16 * 1024
MAX_FIELDS: Final = 100

_OWN_SITE: Final = ("same-origin", "none")


async def read_form(request: Request) -> Mapping[str, str]:
    """The texts of the form; of several fields with one name the last. Raises HTTPException 400 or 413."""
    length = request.headers.get("content-length", "")
    try:
        body = await read_body(
            request.receive,
            content_type=request.headers.get("content-type", ""),
            content_length=int(length) if length.isdigit() else None,
            max_bytes=MAX_FORM_BYTES,
            max_json_bytes=MAX_FORM_BYTES,
        )
        await close(body)
        if body.kind == "multipart":
            return {name: value for name, value in body.fields if isinstance(value, str)}
        if body.kind != "form":
            return {}
        text = body.raw.decode("utf-8", "replace")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="replace"))
    except BodyTooLarge:
        raise HTTPException(413) from None
    except (ClientGone, ValueError):
        raise HTTPException(400) from None


def require_own_site(request: Request) -> None:
    """A dependency of routes with a form. Raises HTTPException 403 if another site sent it.

    The forms work without a cookie, so such a request could do no more than its own sender. Browsers send
    `Sec-Fetch-Site` over HTTPS. Elsewhere their `Origin` is `null`, because the pages allow no referrer.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin", "null")
    context: RequestContext = request.scope["earshot.request"]
    is_own = site in _OWN_SITE if site is not None else origin == "null" or _host(origin) == context.host
    if not is_own:
        raise HTTPException(403)


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).hostname
    except ValueError:
        return None
