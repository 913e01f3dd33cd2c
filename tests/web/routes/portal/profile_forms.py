"""Sends the forms of the account pages."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from app.application import Application
from tests.support.clients import Client
from tests.web.routes.portal.conftest import read_csrf


async def send(
    browser: Client, path: str, page: str = "/profile", *, files: Any = None, **fields: str
) -> httpx.Response:
    """Send a form with the token that the page has."""
    return await browser.post(path, data={"csrf": await read_csrf(browser, page), **fields}, files=files)


def place(response: httpx.Response) -> tuple[int, str | None]:
    """The status, and where the response leads to."""
    return response.status_code, response.headers.get("location")


async def list_files(server: Application) -> list[str]:
    """The names of all stored files."""
    later = datetime.now(UTC) + timedelta(minutes=1)
    return [name async for name in server.services.uploads.files.names(before=later)]
