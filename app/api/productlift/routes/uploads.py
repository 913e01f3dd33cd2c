"""The files of a form: one image and one attachment. docs/contracts/productlift.md, sections 5, 7.9 and 7.11."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.adapters.images import InvalidImage
from app.adapters.storage.stored_uploads import StoredUploads, keep_if_attached
from app.api.productlift.forms import FormErrors
from app.api.request import ApiRequest
from app.http.multipart import Upload


@asynccontextmanager
async def store_uploads(
    request: ApiRequest, *, image: Upload | None, attachment: Upload | None
) -> AsyncIterator[StoredUploads]:
    """Store the files of a form, for the operation in the block to `attach`: see `keep_if_attached`.

    Raises FormErrors for an invalid image, and StorageUnavailable.
    """
    async with keep_if_attached(request.services.uploads) as stored:
        if image is not None:
            try:
                await stored.add_image(image.file, image.image_type, image.filename or "")
            except InvalidImage:
                raise FormErrors({"image": ["The image must be an image."]}) from None
        if attachment is not None:
            await stored.add_attachment(
                attachment.file, attachment.image_type, attachment.filename or "", attachment.size or 0
            )
        yield stored
