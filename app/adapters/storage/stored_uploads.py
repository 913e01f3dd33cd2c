"""Files of a post: verified and stored before the transaction, recorded by it, deleted when it fails."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import BinaryIO, Final

from app.adapters.image_types import MEDIA_TYPES
from app.adapters.storage.base import generate_name
from app.adapters.storage.uploads import Uploads
from app.domain.errors import CommitUncertain
from app.domain.posts import attachments
from app.domain.posts.attachments import FileKind, StoredFile, sanitize_filename
from app.domain.unit_of_work import UnitOfWork

OPAQUE: Final = "application/octet-stream"
HARMLESS: Final = {kind: MEDIA_TYPES[kind] for kind in ("jpeg", "png", "gif", "bmp", "webp")}
"""Attachments that are served with their detected media type. All others are served as OPAQUE, whatever was sent."""


class StoredUploads:
    """The stored files of one request. The object is false if there are none."""

    def __init__(self, uploads: Uploads) -> None:
        self.files: list[StoredFile] = []
        self.earlier: list[StoredFile] = []
        """Files that an earlier request stored: attached before the others, and not deleted by a failure."""
        self.replaced: list[str] = []
        self.is_attached = False
        """Whether an operation has begun to attach the files."""
        self._uploads = uploads

    def __bool__(self) -> bool:
        return bool(self.files or self.earlier)

    async def add_image(
        self, source: BinaryIO, image_type: str | None, filename: str, *, kind: FileKind = "image"
    ) -> StoredFile:
        """Sanitize and store an image. Raises InvalidImage, StorageUnavailable, ServiceUnavailable."""
        source.seek(0)
        sanitized = await self._uploads.sanitize(source, image_type)
        name = generate_name(sanitized.extension)
        await self._uploads.files.put(name, sanitized.content, sanitized.media_type)
        file = StoredFile(kind, name, sanitize_filename(filename), sanitized.media_type, len(sanitized.content))
        self.files.append(file)
        return file

    async def add_attachment(self, source: BinaryIO, image_type: str | None, filename: str, size: int) -> None:
        """Store any file as it is. Raises StorageUnavailable."""
        media_type, extension = HARMLESS.get(image_type or "", (OPAQUE, None))
        name = generate_name(extension)
        await self._uploads.files.put(name, source, media_type)
        self.files.append(StoredFile("attachment", name, sanitize_filename(filename), media_type, size))

    def attach(self, work: UnitOfWork, post_id: int) -> None:
        """Attach the files to the post, within the transaction. Raises Forbidden, NotFound("post")."""
        self.is_attached = True
        # Assigned, not extended, because the operation may run again.
        files = [*self.earlier, *self.files]
        self.replaced = [name for file in files for name in attachments.add(work, post_id=post_id, file=file)]


@asynccontextmanager
async def keep_if_attached(uploads: Uploads) -> AsyncIterator[StoredUploads]:
    """Files that the block stores, for an operation to `attach`.

    Afterwards the replaced files are deleted; if the block raises, the new ones are.
    """
    stored = StoredUploads(uploads)
    try:
        yield stored
    except BaseException as failure:
        # If cancelled during a commit, it is unknown whether the post has the files.
        in_doubt = stored.is_attached and (isinstance(failure, CommitUncertain) or not isinstance(failure, Exception))
        if stored.files:
            await uploads.rollback([file.name for file in stored.files], in_doubt=in_doubt)
        raise
    await uploads.delete(stored.replaced)
