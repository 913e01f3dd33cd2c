"""Files that come with a post: verified and stored before the act, recorded by it, gone again when it fails.

docs/contracts/productlift.md, sections 5, 7.9 and 7.11.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from app.adapters.image_types import sniff_image_file
from app.adapters.images import InvalidImage
from app.adapters.storage.base import generate_name
from app.adapters.storage.uploads import Uploads
from app.api.productlift.forms import FormErrors
from app.api.request import ApiRequest
from app.domain.errors import CommitUncertain
from app.domain.posts import attachments
from app.domain.posts.attachments import StoredFile, sanitize_filename
from app.domain.unit_of_work import UnitOfWork
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


class StoredUploads:
    """The files of one request, stored. False when there were none."""

    def __init__(self, files: list[StoredFile]) -> None:
        self._files = files
        self.replaced: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._files)

    def attach(self, work: UnitOfWork, post_id: int) -> None:
        """Give the files to the post; to be called by the act. Raises NotFound("post")."""
        # Assigned, not added to, because an act may be run again.
        self.replaced = [name for file in self._files for name in attachments.add(work, post_id=post_id, file=file)]


@asynccontextmanager
async def store_uploads(request: ApiRequest, wanted: Mapping[str, Any]) -> AsyncIterator[StoredUploads]:
    """Store what came as `image` and `attachment`, for the act inside to `attach`.

    When it leaves in peace, files that were replaced are removed; when it raises, those just stored are.
    Raises Refused for a picture that is none, StorageUnavailable.
    """
    image: Upload | None = wanted.get("image")
    attachment: Upload | None = wanted.get("attachment")
    if image is None and attachment is None:
        yield StoredUploads([])
        return
    uploads = request.services.uploads
    stored: list[StoredFile] = []
    try:
        if image is not None:
            stored.append(await _picture(uploads, image))
        if attachment is not None:
            stored.append(await _attachment(uploads, attachment))
    except BaseException:
        await uploads.rollback([file.name for file in stored], in_doubt=False)
        raise
    files = StoredUploads(stored)
    try:
        yield files
    except BaseException as failure:
        # Cancelled in the middle of a commit, nobody knows whether the post has the files or not.
        in_doubt = isinstance(failure, CommitUncertain) or not isinstance(failure, Exception)
        await uploads.rollback([file.name for file in stored], in_doubt=in_doubt)
        raise
    await uploads.delete(files.replaced)


async def _picture(uploads: Uploads, sent: Upload) -> StoredFile:
    sent.file.seek(0)
    try:
        picture = await uploads.sanitize(sent.file)
    except InvalidImage:
        raise FormErrors({"image": ["The image must be an image."]}) from None
    name = generate_name(picture.extension)
    await uploads.files.put(name, picture.content, picture.media_type)
    return StoredFile("image", name, sanitize_filename(sent.filename or ""), picture.media_type, len(picture.content))


async def _attachment(uploads: Uploads, sent: Upload) -> StoredFile:
    media_type, extension = HARMLESS.get(sniff_image_file(sent.file) or "", (OPAQUE, None))
    name = generate_name(extension)
    await uploads.files.put(name, sent.file, media_type)
    return StoredFile("attachment", name, sanitize_filename(sent.filename or ""), media_type, sent.size or 0)
