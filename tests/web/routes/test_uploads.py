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


def file_headers(name: str, media_type: str, size: int, disposition: str, policy: str) -> dict[str, str]:
    return {
        "content-type": media_type,
        "content-length": str(size),
        "content-disposition": disposition,
        "content-security-policy": SANDBOX,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": policy,
        "cache-control": "public, max-age=60, must-revalidate",
        "etag": f'"{name}"',
    }


class FileServer:
    """An application with the route, a folder of files, and the rows that a database would have for them."""

    def __init__(self, files: LocalStorage) -> None:
        self.files = files
        self.rows: dict[str, FileRow] = {}
        self.lookups: list[str] = []
        self.app = FastAPI()
        self.app.include_router(router(files, self.find_row))

    async def find_row(self, _request: Request, name: str) -> FileRow | None:
        self.lookups.append(name)
        return self.rows.get(name)

    async def add(self, content: bytes, media_type: str, original_name: str | None = None) -> str:
        name = generate_name()
        await self.files.put(name, content, media_type)
        self.rows[name] = FileRow(media_type, original_name, public=True)
        return name

    async def get(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://earshot.test") as client:
            return await client.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})


@pytest.fixture
def server(tmp_path: Path) -> FileServer:
    return FileServer(LocalStorage(tmp_path))


async def test_a_picture_is_shown_in_its_place_on_any_site(server: FileServer) -> None:
    name = await server.add(b"picture", "image/png", "Our logo.png")

    response = await server.get(f"/files/{name}")

    assert (response.status_code, response.content) == (200, b"picture")
    expected = file_headers(name, "image/png", 7, 'inline; filename="Our logo.png"', "cross-origin")
    assert dict(response.headers) == expected


async def test_an_svg_with_a_script_is_shown_in_a_sandbox(server: FileServer) -> None:
    name = await server.add(SVG, "image/svg+xml", "drawing.svg")

    response = await server.get(f"/files/{name}")

    assert response.content == SVG
    expected = file_headers(name, "image/svg+xml", len(SVG), 'inline; filename="drawing.svg"', "cross-origin")
    assert dict(response.headers) == expected


@pytest.mark.parametrize(
    "media_type", ["text/html", "application/xhtml+xml", "text/xml", "application/pdf", "image/tiff", "text/javascript"]
)
async def test_everything_else_is_for_downloading(server: FileServer, media_type: str) -> None:
    name = await server.add(b"<script>alert(1)</script>", media_type, "report.html")

    response = await server.get(f"/files/{name}")

    assert response.content == b"<script>alert(1)</script>"
    expected = file_headers(name, media_type, 25, 'attachment; filename="report.html"', "same-origin")
    assert dict(response.headers) == expected


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
    told = headers_for(FileRow(media_type, None, public=True))

    assert told["Content-Type"] == "application/octet-stream"
    assert told["Content-Disposition"] == "attachment"


def test_letter_case_makes_no_other_media_type() -> None:
    told = headers_for(FileRow("IMAGE/SVG+XML", None, public=True))

    assert told["Content-Type"] == "image/svg+xml"
    assert told["Content-Disposition"] == "inline"


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
    told = headers_for(FileRow("application/pdf", name, public=True))["Content-Disposition"]

    match = re.fullmatch(r"attachment; filename=\"([^\"\\%]*)\"(?:; filename\*=UTF-8''([!-~]+))?", header)
    assert match is not None
    assert match[1] == plain
    assert (unquote(match[2], errors="strict") if match[2] else None) == whole


@pytest.mark.parametrize("name", [None, "", "/", "..", "\r\n", "\u202e"])
def test_a_file_without_a_name_is_offered_without_one(name: str | None) -> None:
    assert headers_for(FileRow("application/pdf", name, public=True))["Content-Disposition"] == "attachment"


async def test_head_has_the_headers_of_get(server: FileServer) -> None:
    name = await server.add(b"x" * (3 * CHUNK), "application/pdf", "a.pdf")

    head, whole = await server.get(f"/files/{name}", "HEAD"), await server.get(f"/files/{name}")

    assert head.status_code == 200
    assert head.content == b""
    assert head.headers == whole.headers
    assert whole.content == b"x" * (3 * CHUNK)


@pytest.mark.parametrize("known", ['"{}"', 'W/"{}"', '"other", "{}"', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_the_client_has_is_not_sent_again(server: FileServer, known: str, method: str) -> None:
    name = await server.add(b"picture", "image/png", "logo.png")

    response = await server.get(f"/files/{name}", method, if_none_match=known.format(name))

    assert (response.status_code, response.content) == (304, b"")
    assert dict(response.headers) == {
        "content-security-policy": SANDBOX,
        "cross-origin-resource-policy": "cross-origin",
        "cache-control": "public, max-age=60, must-revalidate",
        "etag": f'"{name}"',
    }


async def test_what_the_client_has_of_another_file_is_no_reason(server: FileServer) -> None:
    name = await server.add(b"picture", "image/png", "logo.png")

    response = await server.get(f"/files/{name}", if_none_match=f'"{generate_name()}"')

    assert (response.status_code, response.content) == (200, b"picture")


@pytest.mark.parametrize("place", ["database", "storage"])
async def test_a_file_that_database_or_storage_does_not_have_is_not_found(server: FileServer, place: str) -> None:
    name = await server.add(b"picture", "image/png")
    if place == "database":
        del server.rows[name]
    else:
        await server.files.delete(name)

    response = await server.get(f"/files/{name}")

    assert (response.status_code, response.text, response.headers["cache-control"]) == (404, "Not found", "no-store")
    if place == "database":
        assert (await server.get(f"/files/{name}", if_none_match=f'"{name}"')).status_code == 404


@pytest.mark.parametrize(
    "name", ["..%2f..%2fsecret", "%2e%2e", "a", "a" * 22 + ".html", "a" * 22 + "%00", "a" * 22 + "%0a", "%ff" * 22]
)
async def test_a_name_of_another_form_is_not_found_without_asking(server: FileServer, name: str) -> None:
    response = await server.get(f"/files/{name}")

    assert response.status_code == 404
    assert server.lookups == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_files_are_only_read(server: FileServer, method: str) -> None:
    name = await server.add(b"picture", "image/png")

    response = await server.get(f"/files/{name}", method)

    assert response.status_code == 405
    assert (await server.get(f"/files/{name}")).content == b"picture"


async def test_unavailable_storage_is_answered_503(server: FileServer, tmp_path: Path) -> None:
    name = generate_name()
    server.rows[name] = FileRow("image/png", None, public=True)
    (tmp_path / name[:2]).write_bytes(b"a file where a folder belongs")

    response = await server.get(f"/files/{name}")

    assert (response.status_code, response.text) == (503, "Service temporarily unavailable.")
    assert response.headers["retry-after"] == "10"
    assert response.headers["cache-control"] == "no-store"


class RecordingStorage(LocalStorage):
    """A folder that counts how often opened files are closed."""

    closed = 0

    async def open(self, name: str) -> OpenFile | None:
        stored = await super().open(name)
        assert stored is not None

        async def close() -> None:
            self.closed += 1
            await stored.close()

        return OpenFile(stored.size, stored.chunks, close)


async def test_a_file_is_closed_when_the_client_goes_away(tmp_path: Path) -> None:
    server = FileServer(files := RecordingStorage(tmp_path))
    name = await server.add(b"x" * (4 * CHUNK), "application/pdf")
    scope = {"type": "http", "method": "GET", "path": f"/files/{name}", "query_string": b"", "headers": []}
    sent: list[int] = []

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(len(message.get("body", b"")))
        if len(sent) == 2:
            raise OSError("the client has gone")

    with pytest.raises(OSError, match="gone"):
        await server.app(scope, receive, send)

    assert sent == [0, CHUNK]
    assert files.closed == 1


async def test_a_file_is_closed_after_a_head(tmp_path: Path) -> None:
    server = FileServer(files := RecordingStorage(tmp_path))
    name = await server.add(b"x", "application/pdf")

    await server.get(f"/files/{name}", "HEAD")

    assert files.closed == 1


def test_the_route_is_in_no_document(server: FileServer) -> None:
    assert server.app.openapi()["paths"] == {}
