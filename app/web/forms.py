"""Reads the forms of pages, and rejects those that another site sent."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.http.body import Body, ClientGone, body_kind, close, read_body
from app.http.multipart import BodyTooLarge, Upload
from app.http.request import Receive, RequestContext

MAX_FORM_BYTES: Final = 16 * 1024
"""The limit of a form without long texts, and what the other fields of a form add to its texts."""
MAX_FIELDS: Final = 100
MAX_ENCODED_BYTES: Final = 12
"""Bytes of a character in a form: four bytes, each of them as `%F0`."""
MAX_READ_BYTES: Final = 128 * 1024 * 1024
"""A body beyond its limit is still read, and discarded, so that the browser shows the response."""

_OWN_SITE: Final = ("same-origin", "none")


@dataclass(frozen=True, slots=True)
class UploadForm:
    """The fields of a form that may have files."""

    fields: Sequence[tuple[str, str | Upload]]
    is_complete: bool
    """False if the body was too large or was cut off: then there are only the fields before."""

    @property
    def texts(self) -> Mapping[str, str]:
        """The texts; of several fields with one name the last."""
        return {name: value for name, value in self.fields if isinstance(value, str)}

    def list_texts(self, name: str) -> list[str]:
        """The texts of all fields with this name."""
        return [value for each, value in self.fields if each == name and isinstance(value, str)]

    def list_files(self, name: str) -> list[Upload]:
        """The files of all fields with this name, without those that were cut off."""
        return [
            value for each, value in self.fields if each == name and isinstance(value, Upload) and value.is_complete
        ]


def limit_form(characters: int) -> int:
    """The bytes of a form whose texts may have this many characters together.

    It takes twice as many, so that a text that is somewhat too long comes back with a message beside its field.
    """
    return 2 * characters * MAX_ENCODED_BYTES + MAX_FORM_BYTES


async def read_form(request: Request, *, max_bytes: int = MAX_FORM_BYTES) -> Mapping[str, str]:
    """The texts of the form; of several fields with one name the last. Raises HTTPException 400 or 413."""
    return dict(await read_fields(request, max_bytes=max_bytes))


async def read_fields(request: Request, *, max_bytes: int = MAX_FORM_BYTES) -> list[tuple[str, str]]:
    """As `read_form`, but all fields in their order."""
    body = await _read_body(request, request.receive, max_bytes=max_bytes, max_text_bytes=max_bytes)
    await close(body)
    fields = [(name, value) for name, value in _parse_fields(body) if isinstance(value, str)]
    _remember(request, UploadForm(fields, is_complete=True))
    return fields


@asynccontextmanager
async def read_upload_form(request: Request, *, max_bytes: int, max_text_bytes: int) -> AsyncIterator[UploadForm]:
    """The form, whose files are closed afterwards.

    Of a body of more than `max_bytes` the fields before are read. Raises HTTPException 400, and 413 for texts of more
    than `max_text_bytes` or a body of more than MAX_READ_BYTES.
    """
    is_multipart = body_kind(request.headers.get("content-type", "")) == "multipart"
    receiver = _BoundedReceiver(request.receive, max_bytes)
    body = await _read_body(
        request,
        receiver.receive,
        max_bytes=MAX_READ_BYTES if is_multipart else max_text_bytes,
        max_text_bytes=max_text_bytes,
    )
    try:
        form = UploadForm(_parse_fields(body), is_complete=not receiver.is_exceeded and not body.is_malformed)
        _remember(request, form)
        yield form
    finally:
        await close(body)


def find_form(request: Request) -> UploadForm | None:
    """The form that was read from this request, if one was: for the page of an error. Its files are closed."""
    form: UploadForm | None = getattr(request.state, "form", None)
    return form


def _remember(request: Request, form: UploadForm) -> None:
    request.state.form = form


class _BoundedReceiver:
    """Receives a body, of which everything beyond a limit is replaced by nothing."""

    def __init__(self, receive: Receive, max_bytes: int) -> None:
        self.is_exceeded = False
        self._receive = receive
        self._left = max_bytes
        self._unread = MAX_READ_BYTES

    async def receive(self) -> Any:
        message = await self._receive()
        body = message.get("body", b"")
        self._left -= len(body)
        self._unread -= len(body)
        if self._unread < 0:
            raise BodyTooLarge
        if self._left >= 0:
            return message
        self.is_exceeded = True
        return {**message, "body": b""}


async def _read_body(request: Request, receive: Any, *, max_bytes: int, max_text_bytes: int) -> Body:
    length = request.headers.get("content-length", "")
    try:
        return await read_body(
            receive,
            content_type=request.headers.get("content-type", ""),
            content_length=int(length) if length.isdigit() else None,
            max_bytes=max_bytes,
            max_json_bytes=max_text_bytes,
        )
    except BodyTooLarge:
        raise HTTPException(413) from None
    except ClientGone:
        raise HTTPException(400) from None


def _parse_fields(body: Body) -> Sequence[tuple[str, str | Upload]]:
    if body.kind == "multipart":
        return body.fields
    if body.kind != "form":
        return []
    text = body.raw.decode("utf-8", "replace")
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="replace")
    except ValueError:
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
