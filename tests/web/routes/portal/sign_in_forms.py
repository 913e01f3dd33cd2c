"""Sends the form of signing in."""

from urllib.parse import urlencode

import httpx

from app.adapters.passwords import hash_password
from tests.support.clients import Client
from tests.support.forms import send_form

EMAIL = "jane@example.com"
PASSWORD = " a good password "
HASH = hash_password(PASSWORD)


async def sign_in(
    visitor: Client, *, email: str = EMAIL, password: str = PASSWORD, target: str = "/"
) -> httpx.Response:
    page = f"/login?{urlencode({'next': target})}"
    return await send_form(visitor, "/login", {"email": email, "password": password}, page=page)


async def find_viewer(visitor: Client) -> str | None:
    """The name of the user who is signed in, as the page of signing out has it."""
    page = await visitor.get("/logout")
    return None if page.status_code == 303 else page.text.partition("You are signed in as <b>")[2].partition("</b>")[0]
