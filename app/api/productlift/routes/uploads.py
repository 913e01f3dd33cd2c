"""Files that come with a post: verified and stored before the act, recorded by it, gone again when it fails.

docs/contracts/productlift.md, sections 5, 7.9 and 7.11.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from app.adapters.images import HEAD, NotAPicture, kind_of
from app.adapters.storage.base import new_name
from app.adapters.storage.uploads import Uploads
from app.api.productlift.forms import Refused
from app.api.request import AskedCall
from app.domain.errors import InDoubt
from app.domain.posts import attachments
from app.domain.posts.attachments import NewFile, tidied
from app.domain.unit_of_work import Work
from app.http.multipart import Upload

OPAQUE: Final = "application/octet-stream"
HARMLESS: Final = {
    "jpeg": ("image/jpeg", "jpg"),
    "png": ("image/png", "png"),
    "gif": ("image/gif", "gif"),
    "bmp": ("image/bmp", "bmp"),
    "webp": ("image/webp", "webp"),
}
"""Attachments that are served as what they are. Everything else is served as bytes, whatever its sender called it."""


class Received:
    """The files of one request, stored. False when there were none."""

    def __init__(self, files: list[NewFile]) -> None:
        self._files = files
        self.replaced: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._files)

    def attach(self, work: Work, post_id: int) -> None:
        """Give the files to the post; to be called by the act. Raises NotFound("post")."""
        # Assigned, not added to, because an act may be run again.
        self.replaced = [name for file in self._files for name in attachments.add(work, post_id=post_id, file=file)]


@asynccontextmanager
async def received(call: AskedCall, wanted: Mapping[str, Any]) -> AsyncIterator[Received]:
    """Store what came as `image` and `attachment`, for the act inside to `attach`.

    When it leaves in peace, files that were replaced are removed; when it raises, those just stored are.
    Raises Refused for a picture that is none, StorageFailed.
    """
    image: Upload | None = wanted.get("image")
    attachment: Upload | None = wanted.get("attachment")
    if image is None and attachment is None:
        yield Received([])
        return
    uploads = call.services.uploads
    stored: list[NewFile] = []
    try:
        if image is not None:
            stored.append(await _picture(uploads, image))
        if attachment is not None:
            stored.append(await _attachment(uploads, attachment))
    except BaseException:
        await uploads.undo([file.name for file in stored], in_doubt=False)
        raise
    files = Received(stored)
    try:
        yield files
    except BaseException as failure:
        # Cancelled in the middle of a commit, nobody knows whether the post has the files or not.
        in_doubt = isinstance(failure, InDoubt) or not isinstance(failure, Exception)
        await uploads.undo([file.name for file in stored], in_doubt=in_doubt)
        raise
    await uploads.discard(files.replaced)


async def _picture(uploads: Uploads, sent: Upload) -> NewFile:
    sent.file.seek(0)
    try:
        picture = await uploads.clean(sent.file)
    except NotAPicture:
        raise Refused({"image": ["The image must be an image."]}) from None
    name = new_name(picture.extension)
    await uploads.files.put(name, picture.content, picture.media_type)
    return NewFile("image", name, tidied(sent.filename or ""), picture.media_type, len(picture.content))


async def _attachment(uploads: Uploads, sent: Upload) -> NewFile:
    sent.file.seek(0)
    media_type, extension = HARMLESS.get(kind_of(sent.file.read(HEAD)) or "", (OPAQUE, None))
    sent.file.seek(0)
    name = new_name(extension)
    await uploads.files.put(name, sent.file, media_type)
    return NewFile("attachment", name, tidied(sent.filename or ""), media_type, sent.size or 0)
