"""Serving uploads: headers that make any file harmless, and the route."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request

from app.adapters.storage.base import CHUNK, OpenFile, generate_name
from app.adapters.storage.local import LocalStorage
from app.web.routes.uploads import FileRow, headers_for, router

SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(document.cookie)</script></svg>'


class House:
    """A server with a folder of files and what a database would know of them."""

    def __init__(self, root: Path) -> None:
        self.files = LocalStorage(root)
        self.rows: dict[str, FileRow] = {}
        self.asked: list[str] = []

    async def find(self, _request: Request, name: str) -> FileRow | None:
        self.asked.append(name)
        return self.rows.get(name)

    async def keep(self, content: bytes, media_type: str, original_name: str | None = None, ext: str = "") -> str:
        name = generate_name(ext)
        await self.files.put(name, content, media_type)
        self.rows[name] = FileRow(media_type, original_name, public=True)
        return name

    def app(self) -> FastAPI:
        app = FastAPI()
        app.include_router(router(self.files, self.find))
        return app

    async def get(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        return await got(self.app(), path, method, **headers)


async def got(app: FastAPI, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://earshot.test") as client:
        return await client.request(method, path, headers=named)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_a_picture_is_shown_in_its_place_on_any_site(house: House) -> None:
    name = await house.keep(b"picture", "image/png", "Our logo.png", "png")

    response = await house.get(f"/files/{name}")

    assert (response.status_code, response.content) == (200, b"picture")
    assert dict(response.headers) == {
        "content-type": "image/png",
        "content-length": "7",
        "content-disposition": 'inline; filename="Our logo.png"',
        "content-security-policy": SANDBOX,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "cross-origin",
        "cache-control": "public, max-age=60, must-revalidate",
        "etag": f'"{name}"',
    }


async def test_an_svg_with_a_script_is_shown_in_a_sandbox(house: House) -> None:
    name = await house.keep(SVG, "image/svg+xml", "drawing.svg", "svg")

    response = await house.get(f"/files/{name}")

    assert response.content == SVG
    assert response.headers["content-type"] == "image/svg+xml"
    assert response.headers["content-security-policy"] == SANDBOX
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "media_type", ["text/html", "application/xhtml+xml", "text/xml", "application/pdf", "image/tiff", "text/javascript"]
)
async def test_everything_else_is_for_downloading(house: House, media_type: str) -> None:
    name = await house.keep(b"<script>alert(1)</script>", media_type, "report.html")

    response = await house.get(f"/files/{name}")

    assert response.content == b"<script>alert(1)</script>"
    assert dict(response.headers) == {
        "content-type": media_type,
        "content-length": "25",
        "content-disposition": 'attachment; filename="report.html"',
        "content-security-policy": SANDBOX,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
        "cache-control": "public, max-age=60, must-revalidate",
        "etag": f'"{name}"',
    }


@pytest.mark.parametrize(
    "media_type",
    [
        "",
        "html",
        "text/html; charset=utf-8",
        "text/html\r\nSet-Cookie: a=b",
        "text/ht ml",
        "*/*",
        "téxt/html",
        "a/" + "b" * 99,
    ],
)
def test_a_media_type_that_is_none_becomes_plain_bytes(media_type: str) -> None:
    told = dict(headers_for(FileRow(media_type, None, public=True), 5))

    assert told["content-type"] == "application/octet-stream"
    assert told["content-disposition"] == "attachment"


def test_letter_case_makes_no_other_media_type() -> None:
    told = dict(headers_for(FileRow("IMAGE/SVG+XML", None, public=True), 5))

    assert told["content-type"] == "image/svg+xml"
    assert told["content-disposition"] == "inline"


@pytest.mark.parametrize(
    ("name", "plain", "whole"),
    [
        ("report.pdf", "report.pdf", None),
        ("my report (1); final.pdf", "my report (1); final.pdf", None),
        ('say "hi".txt', "say _hi_.txt", 'say "hi".txt'),
        ("100%41.txt", "100_41.txt", "100%41.txt"),
        ("résumé.pdf", "resume.pdf", "résumé.pdf"),
        ("報告.pdf", "file.pdf", "報告.pdf"),
        ("👩‍👧.png", "file.png", "👩‍👧.png"),
        ("../../etc/passwd", "passwd", None),
        ("C:\\Users\\me\\notes.txt", "notes.txt", None),
        ("a\r\nSet-Cookie: x=y.txt", "aSet-Cookie: x=y.txt", None),
        ("a\0b\x1b.txt", "ab.txt", None),
        ("invoice\u202egnp.exe", "invoicegnp.exe", None),
        ("  a \t b .txt ", "a b .txt", None),
        (".htaccess", "htaccess", None),
        ("broken\ud800.txt", "broken.txt", None),
        ("x" * 300 + ".pdf", "x" * 146 + ".pdf", None),
        ("x" * 300, "x" * 150, None),
        ("x." + "y" * 300, "x." + "y" * 148, None),
    ],
)
def test_a_file_is_offered_under_its_name_made_safe(name: str, plain: str, whole: str | None) -> None:
    told = dict(headers_for(FileRow("application/pdf", name, public=True), 5))["content-disposition"]

    found = re.fullmatch(r"attachment; filename=\"([^\"\\%]*)\"(?:; filename\*=UTF-8''([!-~]+))?", told)
    assert found is not None
    assert found[1] == plain
    assert (unquote(found[2], errors="strict") if found[2] else None) == whole


@pytest.mark.parametrize("name", [None, "", "/", "..", "\r\n", "\u202e"])
def test_a_file_without_a_name_is_offered_without_one(name: str | None) -> None:
    assert dict(headers_for(FileRow("application/pdf", name, public=True), 5))["content-disposition"] == "attachment"


async def test_head_tells_what_get_would(house: House) -> None:
    name = await house.keep(b"x" * (3 * CHUNK), "application/pdf", "a.pdf")

    head, whole = await house.get(f"/files/{name}", "HEAD"), await house.get(f"/files/{name}")

    assert head.status_code == 200
    assert head.content == b""
    assert head.headers == whole.headers
    assert whole.content == b"x" * (3 * CHUNK)


@pytest.mark.parametrize("known", ['"{}"', 'W/"{}"', '"other", "{}"', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_the_client_has_is_not_sent_again(house: House, known: str, method: str) -> None:
    name = await house.keep(b"picture", "image/png", "logo.png", "png")

    response = await house.get(f"/files/{name}", method, if_none_match=known.format(name))

    assert (response.status_code, response.content) == (304, b"")
    assert dict(response.headers) == {
        "content-security-policy": SANDBOX,
        "cross-origin-resource-policy": "cross-origin",
        "cache-control": "public, max-age=60, must-revalidate",
        "etag": f'"{name}"',
    }


async def test_what_the_client_has_of_another_file_is_no_reason(house: House) -> None:
    name = await house.keep(b"picture", "image/png", "logo.png", "png")

    response = await house.get(f"/files/{name}", if_none_match=f'"{generate_name()}"')

    assert (response.status_code, response.content) == (200, b"picture")


def not_found(response: httpx.Response) -> bool:
    return (response.status_code, response.text, response.headers["cache-control"]) == (404, "Not found", "no-store")


async def test_a_file_that_the_database_does_not_know_is_not_served(house: House) -> None:
    name = await house.keep(b"picture", "image/png")
    del house.rows[name]

    assert not_found(await house.get(f"/files/{name}"))
    assert not_found(await house.get(f"/files/{name}", if_none_match=f'"{name}"'))


async def test_a_file_that_the_storage_has_lost_is_not_found(house: House) -> None:
    name = await house.keep(b"picture", "image/png")
    await house.files.delete(name)

    assert not_found(await house.get(f"/files/{name}"))


@pytest.mark.parametrize(
    "name", ["..%2f..%2fsecret", "%2e%2e", "a", "a" * 22 + ".html", "a" * 22 + "%00", "a" * 22 + "%0a", "%ff" * 22]
)
async def test_a_name_of_another_form_is_not_found_without_asking(house: House, name: str) -> None:
    response = await house.get(f"/files/{name}")

    assert response.status_code == 404
    assert house.asked == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_files_are_only_read(house: House, method: str) -> None:
    name = await house.keep(b"picture", "image/png")

    response = await house.get(f"/files/{name}", method)

    assert response.status_code == 405
    assert (await house.get(f"/files/{name}")).content == b"picture"


async def test_storage_that_does_not_answer_is_told_as_such(house: House, tmp_path: Path) -> None:
    name = generate_name()
    house.rows[name] = FileRow("image/png", None, public=True)
    (tmp_path / name[:2]).write_bytes(b"a file where a folder belongs")

    response = await house.get(f"/files/{name}")

    assert (response.status_code, response.text) == (503, "Service temporarily unavailable.")
    assert response.headers["retry-after"] == "10"
    assert response.headers["cache-control"] == "no-store"


class Watched(LocalStorage):
    """A folder that notes which opened files have been closed."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.closed = 0

    async def open(self, name: str) -> OpenFile | None:
        stored = await super().open(name)
        assert stored is not None

        async def close() -> None:
            self.closed += 1
            await stored.close()

        return OpenFile(stored.size, stored.chunks, close)


async def test_a_file_is_closed_when_the_client_goes_away(house: House, tmp_path: Path) -> None:
    house.files = watched = Watched(tmp_path)
    name = await house.keep(b"x" * (4 * CHUNK), "application/pdf")
    sent: list[int] = []

    async def send(message: Any) -> None:
        sent.append(len(message.get("body", b"")))
        if len(sent) == 2:
            raise OSError("the client has gone")

    with pytest.raises(OSError, match="gone"):
        await house.app()(scope_of(f"/files/{name}"), nothing_more, send)

    assert sent == [0, CHUNK]
    assert watched.closed == 1


async def test_a_file_is_closed_after_a_head(house: House, tmp_path: Path) -> None:
    house.files = watched = Watched(tmp_path)
    name = await house.keep(b"x", "application/pdf")

    await house.get(f"/files/{name}", "HEAD")

    assert watched.closed == 1


async def nothing_more() -> dict[str, str]:
    return {"type": "http.disconnect"}


def scope_of(path: str) -> dict[str, Any]:
    place: dict[str, Any] = {"path": path, "raw_path": path.encode(), "root_path": "", "query_string": b""}
    hosts: dict[str, Any] = {"server": ("earshot.test", 80), "client": ("127.0.0.1", 1), "scheme": "http"}
    return {
        "type": "http",
        "method": "GET",
        "http_version": "1.1",
        "headers": [],
        "asgi": {"version": "3.0"},
        **place,
        **hosts,
    }


def test_the_route_is_in_no_document(house: House) -> None:
    assert house.app().openapi()["paths"] == {}
