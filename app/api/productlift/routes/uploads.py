"""Files of a post: verified and stored before the transaction, recorded by it, deleted when it fails.

docs/contracts/productlift.md, sections 5, 7.9 and 7.11.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from app.adapters.image_types import MEDIA_TYPES
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
HARMLESS: Final = {kind: MEDIA_TYPES[kind] for kind in ("jpeg", "png", "gif", "bmp", "webp")}
"""Attachments that are served with their detected media type. All others are served as OPAQUE, whatever was sent."""


class StoredUploads:
    """The stored files of one request. The object is false if there are none."""

    def __init__(self) -> None:
        self.files: list[StoredFile] = []
        self.replaced: list[str] = []

    def __bool__(self) -> bool:
        return bool(self.files)

    def attach(self, work: UnitOfWork, post_id: int) -> None:
        """Attach the files to the post, within the transaction. Raises NotFound("post")."""
        # Assigned, not extended, because the operation may run again.
        self.replaced = [name for file in self.files for name in attachments.add(work, post_id=post_id, file=file)]


@asynccontextmanager
async def store_uploads(
    request: ApiRequest, *, image: Upload | None, attachment: Upload | None
) -> AsyncIterator[StoredUploads]:
    """Store the files of a form, for the operation in the block to `attach`.

    Afterwards the replaced files are deleted; if the block raises, the new ones are.
    Raises FormErrors for an invalid image, and StorageUnavailable.
    """
    uploads, stored = request.services.uploads, StoredUploads()
    is_complete = False
    try:
        if image is not None:
            stored.files.append(await _store_image(uploads, image))
        if attachment is not None:
            stored.files.append(await _store_attachment(uploads, attachment))
        is_complete = True
        yield stored
    except BaseException as failure:
        # If cancelled during a commit, it is unknown whether the post has the files.
        in_doubt = is_complete and (isinstance(failure, CommitUncertain) or not isinstance(failure, Exception))
        if stored:
            await uploads.rollback([file.name for file in stored.files], in_doubt=in_doubt)
        raise
    await uploads.delete(stored.replaced)


async def _store_image(uploads: Uploads, upload: Upload) -> StoredFile:
    upload.file.seek(0)
    try:
        sanitized = await uploads.sanitize(upload.file, upload.image_type)
    except InvalidImage:
        raise FormErrors({"image": ["The image must be an image."]}) from None
    name = generate_name(sanitized.extension)
    await uploads.files.put(name, sanitized.content, sanitized.media_type)
    return StoredFile(
        "image", name, sanitize_filename(upload.filename or ""), sanitized.media_type, len(sanitized.content)
    )


async def _store_attachment(uploads: Uploads, upload: Upload) -> StoredFile:
    media_type, extension = HARMLESS.get(upload.image_type or "", (OPAQUE, None))
    name = generate_name(extension)
    await uploads.files.put(name, upload.file, media_type)
    return StoredFile("attachment", name, sanitize_filename(upload.filename or ""), media_type, upload.size or 0)
