"""Fills in and sends the forms of pages, as a browser does."""

import re
from html import unescape
from typing import Any

import httpx

from tests.support.clients import Client

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')
_FORM = re.compile(r'<form [^>]*method="post"[^>]* action="([^"]*)"[^>]*>(.*?)</form>', re.DOTALL)
_ERROR = re.compile(r'class="(?:error|form-error)"(?![^>]* hidden>)[^>]*>(.*?)</p>', re.DOTALL)


def hidden_fields(page: httpx.Response, action: str) -> dict[str, str]:
    """The hidden fields of the form with this action, below whichever path the server has."""
    for found, content in _FORM.findall(page.text):
        if unescape(found).endswith(action):
            return {name: unescape(value) for name, value in _HIDDEN.findall(content)}
    raise AssertionError(f"no form leads to {action}")


def messages(page: httpx.Response) -> list[str]:
    """The messages about the form and its fields."""
    return [unescape(message) for message in _ERROR.findall(page.text)]


async def send_form(
    visitor: Client, path: str, fields: dict[str, Any], *, page: str | None = None, **more: Any
) -> httpx.Response:
    """Open a page, fill in its form that leads to `path`, and send it. The page has the same path by default."""
    shown = await visitor.get(page or path)
    return await visitor.post(path, data={**hidden_fields(shown, path), **fields}, **more)


async def read_csrf(visitor: Client, *, base: str = "") -> str:
    """The token of the visitor's forms, from the page of signing in, or that of signing out."""
    page = await visitor.get(f"{base}/login")
    if page.status_code == 200:
        return hidden_fields(page, f"{base}/login")["csrf"]
    return hidden_fields(await visitor.get(f"{base}/logout"), f"{base}/logout")["csrf"]


def send_form_over_http(address: str, path: str, fields: dict[str, str], *, seconds: float) -> httpx.Response:
    """Send a form to a running server, from a browser that has opened one of its pages before."""
    with httpx.Client(base_url=address, timeout=seconds) as browser:
        csrf = hidden_fields(browser.get("/login"), "/login")["csrf"]
        return browser.post(path, data={"csrf": csrf, **fields}, follow_redirects=True)
