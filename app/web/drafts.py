"""Keeps what visitors wrote while they sign in, and what they wrote before they voted for another post.

A draft is an encrypted file, whose random name is in a cookie. It has no row, so the sweep of files deletes it after an
hour. Pictures are not part of a draft, because only users may store files.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.adapters.sealed_values import SealedValues
from app.adapters.storage.base import FileStorage, StorageUnavailable, delete_stored, generate_name, is_valid_name
from app.adapters.storage.stored_uploads import OPAQUE
from app.adapters.storage.uploads import ORPHAN_MIN_AGE
from app.web import cookies
from app.web.cookies import Cookies
from app.web.rate_limit import PageRateLimit
from app.web.viewer import Viewer

LIFETIME: Final[timedelta] = ORPHAN_MIN_AGE
MAX_BYTES: Final = 2 * 1024 * 1024
"""A longer file is no draft: the forms take less text."""
MAX_PER_ADDRESS: Final = "20/hour"
MAX_IN_TOTAL: Final = "500/hour"
"""Some 600 MB of the longest texts."""
_PURPOSE: Final = "draft"


class Drafts:
    """The drafts of one server. A browser has one at a time."""

    def __init__(
        self,
        files: FileStorage,
        sealed_values: SealedValues,
        cookies_of_pages: Cookies,
        *,
        limiters: Sequence[PageRateLimit],
    ) -> None:
        """`limiters` bound how many drafts are kept, since anybody may send a form."""
        self._limiters = limiters
        self._files = files
        self._sealed_values = sealed_values
        self._cookies = cookies_of_pages

    async def keep(
        self, request: Request, response: Response, viewer: Viewer, *, form: str, texts: Mapping[str, str]
    ) -> None:
        """Keep the texts of this form, in place of an earlier draft. Raises StorageUnavailable, HTTPException 429."""
        for limiter in self._limiters:
            await limiter(request)
        name = generate_name()
        content = {"name": name, "form": form, "texts": dict(texts)}
        sealed = self._sealed_values.seal(_PURPOSE, viewer.portal["id"], content)
        await self._files.put(name, sealed.encode(), OPAQUE)
        self._cookies.set(request, response, cookies.DRAFT, name, max_age=int(LIFETIME.total_seconds()))

    async def find(self, request: Request, viewer: Viewer, *, form: str) -> Mapping[str, str] | None:
        """The texts that are kept of this form; None without a draft, or if the storage fails."""
        name = self._cookies.read_token(request, cookies.DRAFT)
        try:
            return await self._read(viewer, name, form) if is_valid_name(name) else None
        except StorageUnavailable:
            return None

    async def delete(self, request: Request, response: Response, viewer: Viewer, *, form: str) -> None:
        """Delete the draft of this form, if there is one."""
        if await self.find(request, viewer, form=form) is None:
            return
        await delete_stored(self._files, [self._cookies.read_token(request, cookies.DRAFT)])
        self._cookies.delete(request, response, cookies.DRAFT)

    async def _read(self, viewer: Viewer, name: str, form: str) -> Mapping[str, str] | None:
        stored = await self._files.open(name)
        if stored is None:
            return None
        try:
            if stored.size > MAX_BYTES:
                return None
            content = b"".join([chunk async for chunk in stored.chunks])
        finally:
            await stored.close()
        sealed = content.decode("ascii", "replace")
        opened = self._sealed_values.open(_PURPOSE, viewer.portal["id"], sealed, max_age=LIFETIME)
        # The cookie may have the name of an uploaded file, or of another form's draft.
        if opened is None or (opened.content["name"], opened.content["form"]) != (name, form):
            return None
        texts: Mapping[str, str] = opened.content["texts"]
        return texts
