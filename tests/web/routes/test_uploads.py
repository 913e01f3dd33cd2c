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


class FileServer:
    """The route of files over a folder, with the rows that a database would have."""

    def __init__(self, root: Path) -> None:
        self.files = LocalStorage(root)
        self.rows: dict[str, FileRow] = {}
        self.lookups: list[str] = []

    async def find(self, _request: Request, name: str) -> FileRow | None:
        self.lookups.append(name)
        return self.rows.get(name)

    async def put(self, content: bytes, media_type: str, original_name: str | None = None, ext: str = "") -> str:
        name = generate_name(ext)
        await self.files.put(name, content, media_type)
        self.rows[name] = FileRow(media_type, original_name, public=True)
        return name

    def app(self) -> FastAPI:
        app = FastAPI()
        app.include_router(router(self.files, self.find))
        return app

    async def get(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(self.app())
        async with httpx.AsyncClient(transport=transport, base_url="http://earshot.test") as client:
            return await client.request(method, path, headers=headers)


@pytest.fixture
def server(tmp_path: Path) -> FileServer:
    return FileServer(tmp_path)


@pytest.mark.parametrize(
    ("media_type", "disposition"),
    [
        ("image/png", "inline"),
        ("image/svg+xml", "inline"),
        *((media_type, "attachment") for media_type in ("text/html", "application/xhtml+xml", "text/xml")),
        *((media_type, "attachment") for media_type in ("application/pdf", "image/tiff", "text/javascript")),
    ],
)
async def test_images_are_shown_inline_and_other_files_are_downloaded(
    server: FileServer, media_type: str, disposition: str
) -> None:
    name = await server.put(SVG, media_type, "Our logo.png")

    response = await server.get(f"/files/{name}")

    assert (response.status_code, response.content) == (200, SVG)
    assert dict(response.headers) == {
        "content-type": media_type,
        "content-length": str(len(SVG)),
        "content-disposition": f'{disposition}; filename="Our logo.png"',
        "content-security-policy": SANDBOX,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "cross-origin" if disposition == "inline" else "same-origin",
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
def test_an_invalid_media_type_becomes_application_octet_stream(media_type: str) -> None:
    headers = headers_for(FileRow(media_type, None, public=True))

    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"] == "attachment"


def test_media_types_are_compared_without_case() -> None:
    headers = headers_for(FileRow("IMAGE/SVG+XML", None, public=True))

    assert headers["Content-Type"] == "image/svg+xml"
    assert headers["Content-Disposition"] == "inline"


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
def test_the_name_of_a_download_is_sanitized(name: str, plain: str, whole: str | None) -> None:
    headers = headers_for(FileRow("application/pdf", name, public=True))["Content-Disposition"]

    match = re.fullmatch(r"attachment; filename=\"([^\"\\%]*)\"(?:; filename\*=UTF-8''([!-~]+))?", headers)
    assert match is not None
    assert match[1] == plain
    assert (unquote(match[2], errors="strict") if match[2] else None) == whole


@pytest.mark.parametrize("name", [None, "", "/", "..", "\r\n", "\u202e"])
def test_a_file_without_a_name_is_downloaded_without_one(name: str | None) -> None:
    assert headers_for(FileRow("application/pdf", name, public=True))["Content-Disposition"] == "attachment"


async def test_head_has_the_headers_of_get(server: FileServer) -> None:
    name = await server.put(b"x" * (3 * CHUNK), "application/pdf", "a.pdf")

    head, whole = await server.get(f"/files/{name}", "HEAD"), await server.get(f"/files/{name}")

    assert head.status_code == 200
    assert head.content == b""
    assert head.headers == whole.headers
    assert whole.content == b"x" * (3 * CHUNK)


@pytest.mark.parametrize("known", ['"{}"', 'W/"{}"', '"other", "{}"', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_cached_file_returns_304(server: FileServer, known: str, method: str) -> None:
    name = await server.put(b"picture", "image/png", "logo.png", "png")

    response = await server.get(f"/files/{name}", method, **{"if-none-match": known.format(name)})

    assert (response.status_code, response.content) == (304, b"")
    assert dict(response.headers) == {
        "content-security-policy": SANDBOX,
        "cross-origin-resource-policy": "cross-origin",
        "cache-control": "public, max-age=60, must-revalidate",
        "etag": f'"{name}"',
    }


async def test_another_etag_returns_the_file(server: FileServer) -> None:
    name = await server.put(b"picture", "image/png", "logo.png", "png")

    response = await server.get(f"/files/{name}", **{"if-none-match": f'"{generate_name()}"'})

    assert (response.status_code, response.content) == (200, b"picture")


def not_found(response: httpx.Response) -> bool:
    return (response.status_code, response.text, response.headers["cache-control"]) == (404, "Not found", "no-store")


async def test_a_file_that_is_not_in_the_database_is_not_served(server: FileServer) -> None:
    name = await server.put(b"picture", "image/png")
    del server.rows[name]

    assert not_found(await server.get(f"/files/{name}"))
    assert not_found(await server.get(f"/files/{name}", **{"if-none-match": f'"{name}"'}))


async def test_a_file_that_is_missing_in_the_storage_returns_404(server: FileServer) -> None:
    name = await server.put(b"picture", "image/png")
    await server.files.delete(name)

    assert not_found(await server.get(f"/files/{name}"))


@pytest.mark.parametrize(
    "name", ["..%2f..%2fsecret", "%2e%2e", "a", "a" * 22 + ".html", "a" * 22 + "%00", "a" * 22 + "%0a", "%ff" * 22]
)
async def test_an_invalid_name_returns_404_without_a_lookup(server: FileServer, name: str) -> None:
    response = await server.get(f"/files/{name}")

    assert response.status_code == 404
    assert server.lookups == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_files_allow_only_get_and_head(server: FileServer, method: str) -> None:
    name = await server.put(b"picture", "image/png")

    response = await server.get(f"/files/{name}", method)

    assert response.status_code == 405
    assert (await server.get(f"/files/{name}")).content == b"picture"


async def test_unavailable_storage_returns_503(server: FileServer, tmp_path: Path) -> None:
    name = generate_name()
    server.rows[name] = FileRow("image/png", None, public=True)
    (tmp_path / name[:2]).write_bytes(b"a file where a folder belongs")

    response = await server.get(f"/files/{name}")

    assert (response.status_code, response.text) == (503, "Service temporarily unavailable.")
    assert response.headers["retry-after"] == "10"
    assert response.headers["cache-control"] == "no-store"


class CountingStorage(LocalStorage):
    """A folder that counts how many opened files have been closed."""

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


async def test_a_file_is_closed_when_the_client_disconnects(server: FileServer, tmp_path: Path) -> None:
    server.files = storage = CountingStorage(tmp_path)
    path = f"/files/{await server.put(b'x' * (4 * CHUNK), 'application/pdf')}"
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "root_path": ""}
    sent: list[int] = []

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(len(message.get("body", b"")))
        if len(sent) == 2:
            raise OSError("the client has disconnected")

    with pytest.raises(OSError, match="disconnected"):
        await server.app()({**scope, "query_string": b"", "headers": []}, receive, send)

    assert sent == [0, CHUNK]
    assert storage.closed == 1


async def test_a_file_is_closed_after_a_head_request(server: FileServer, tmp_path: Path) -> None:
    server.files = storage = CountingStorage(tmp_path)
    name = await server.put(b"x", "application/pdf")

    await server.get(f"/files/{name}", "HEAD")

    assert storage.closed == 1


def test_the_route_is_not_in_the_openapi_document(server: FileServer) -> None:
    assert server.app().openapi()["paths"] == {}
