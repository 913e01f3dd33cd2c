"""The form of a post: its fields, and what a page that comes back shows in them."""

import html
import re

import httpx

from app.domain.portals import portals
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.support.images import encode, make_image

PNG = encode(make_image(), "PNG")
GIF = encode(make_image("P"), "GIF")
TEXTS = {"title": "Dark mode", "description": "It **hurts**.\r\n\r\nAt night."}


async def allow(make: Factory, **settings: bool) -> None:
    for name, value in settings.items():
        await make.act(lambda work, name=name, value=value: portals.update_setting(work, setting=name, value=value))  # type: ignore[misc]


async def open_form(client: Client) -> dict[str, str]:
    """The hidden fields of the form, as a browser sends them."""
    page = await client.get("/submit")
    assert page.status_code == 200
    return read_hidden(page)


def read_hidden(page: httpx.Response) -> dict[str, str]:
    form = page.text.partition('action="/submit"')[2].partition("</form>")[0]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))


def read_typed(page: httpx.Response) -> dict[str, str]:
    """The texts that the fields of the page have."""
    title = re.search(r'id="field-title" name="title" value="([^"]*)"', page.text)
    description = re.search(r'<textarea id="field-description"[^>]*>\n(.*?)</textarea>', page.text, re.DOTALL)
    assert title and description
    return {"title": html.unescape(title[1]), "description": html.unescape(description[1])}


def read_errors(page: httpx.Response) -> dict[str, str]:
    return {name: html.unescape(text) for name, text in re.findall(r'id="error-([\w-]+)">([^<]*)<', page.text)}


def read_kept_pictures(page: httpx.Response) -> list[tuple[str, str]]:
    """The sealed value and the name of each picture that the page kept."""
    return re.findall(r'name="pictures" value="([^"]+)" checked><label[^>]*>([^<]*)<', page.text)


def images(*files: tuple[str, bytes]) -> list[tuple[str, tuple[str, bytes, str]]]:
    return [("images", (name, content, "image/png")) for name, content in files]
