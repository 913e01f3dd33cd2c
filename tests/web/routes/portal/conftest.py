"""Visitors of the pages who are signed in."""

import re
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import httpx
import pytest

from app.domain.users import sessions
from app.web import cookies
from tests.support.clients import HOST, Client
from tests.support.factory import Factory
from tests.web.routes.portal.sign_in_forms import EMAIL, HASH

SignIn: TypeAlias = Callable[[int], Awaitable[Client]]


@pytest.fixture
def sign_in(visitor: Client, make: Factory) -> SignIn:
    """Open a browser in which the user is signed in."""

    async def open_browser(user: int) -> Client:
        token = await make.act(lambda work: sessions.create(work, user_id=user, method="password", user_agent="a test"))
        browser = visitor.of(None, base="")
        browser.cookies.set(cookies.SESSION, token, domain=httpx.URL(HOST).host)
        return browser

    return open_browser


@pytest.fixture
async def jane(make: Factory) -> int:
    """A user with a password."""
    user = await make.user(email=EMAIL)
    await make.run("UPDATE users SET password_hash = :hash WHERE id = :id", id=user, hash=HASH)
    return user


async def read_csrf(client: Client, path: str = "/submit") -> str:
    """The token of the forms of a page."""
    page = await client.get(path, follow_redirects=True)
    match = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert match is not None, page.text
    return match[1]
