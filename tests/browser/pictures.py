"""Pictures that tests choose in the dialog of the browser."""

from playwright.sync_api import FilePayload

from tests.support.images import encode, make_image


def make_picture(name: str, *, size: tuple[int, int] = (40, 30)) -> FilePayload:
    """A small PNG file."""
    return {"name": name, "mimeType": "image/png", "buffer": encode(make_image(size=size), "PNG")}
