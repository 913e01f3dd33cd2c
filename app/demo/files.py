"""Stores the files of the sample portal: screenshots, which are drawn, and attached texts."""

import io
from typing import Final

from app.adapters.images import sanitize_image
from app.adapters.storage.base import FileStorage, generate_name
from app.demo.images import draw_image
from app.demo.texts import load_posts
from app.domain.posts.attachments import StoredFile

_OPAQUE: Final = "application/octet-stream"
"""The media type of attachments that are no images."""


async def store_files(storage: FileStorage) -> dict[str, StoredFile]:
    """Store all files under new random names; return them by the image or the file name in the texts.

    Raises StorageUnavailable.
    """
    stored: dict[str, StoredFile] = {}
    for post in load_posts():
        if post.image is not None:
            stored[post.image] = await _store_image(storage, post.image)
        if post.attachment is not None:
            name, text = post.attachment
            content = text.encode()
            file = StoredFile("attachment", generate_name(), name, _OPAQUE, len(content))
            await storage.put(file.name, content, file.media_type)
            stored[name] = file
    return stored


async def _store_image(storage: FileStorage, image: str) -> StoredFile:
    drawn = io.BytesIO()
    draw_image(image).save(drawn, "PNG")
    drawn.seek(0)
    # As an upload, so that the file is one that the server would have stored.
    sanitized = sanitize_image(drawn, "png")
    name = generate_name(sanitized.extension)
    await storage.put(name, sanitized.content, sanitized.media_type)
    return StoredFile("image", name, f"{image}.png", sanitized.media_type, len(sanitized.content))
