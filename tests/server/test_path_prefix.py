"""A server below `/feedback` behind nginx, which passes the path on or removes it: each link is followed."""

import io
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from PIL import Image

from tests.conftest import SECRET
from tests.support.commands import Earshot
from tests.support.factory import Factory
from tests.support.processes import free_port
from tests.support.proxies import read_configurations, run_proxy

PATH = "/feedback"
IN_PAGES = re.compile(r"""(?:href|src|action|data-address)=["']([^"']+)["']""")
IN_TEXTS = re.compile(r"""https?://[^\s"'`<>)?]+""")


@pytest.fixture
def database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """One engine will do: links are made the same way on both."""
    path = tmp_path / "earshot.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@dataclass
class Crawler:
    """Follows links from address to address. Each must lead below the path, have it once, and be answered."""

    client: httpx.Client
    origin: str
    keys: dict[str, str]
    seen: dict[str, int] = field(default_factory=dict)

    def follow(self, start: str) -> None:
        waiting = [start]
        while waiting:
            address = waiting.pop()
            if address in self.seen:
                continue
            parts = urlsplit(address)
            assert f"{parts.scheme}://{parts.netloc}" == self.origin, address
            assert parts.path.startswith(f"{PATH}/"), address
            # A route of the API ends with the same word.
            assert address.count(f"{PATH}/") == 1, address
            response = self.client.get(address, headers=self.headers(parts.path))
            self.seen[address] = response.status_code
            # 405: where a form is sent.
            assert response.status_code in (200, 302, 405), (address, response.status_code)
            waiting.extend(urljoin(address, link) for link in self.links(response))

    def headers(self, path: str) -> dict[str, str]:
        dialect = next((dialect for dialect in self.keys if f"/{dialect}/" in path), "productlift")
        return {"authorization": f"Bearer {self.keys[dialect]}"} if "/api/v1/" in path else {}

    def links(self, response: httpx.Response) -> Iterator[str]:
        if "location" in response.headers:
            # Nothing else is believed: a host in it would be one that somebody else may have chosen.
            assert response.headers["location"].startswith(f"{PATH}/")
            yield response.headers["location"]
        kind = response.headers.get("content-type", "").partition(";")[0]
        if kind == "text/html":
            yield from (unescape(link) for link in IN_PAGES.findall(response.text) if not link.startswith("#"))
        elif kind == "application/json":
            yield from self.in_json(response.json(), str(response.url))
        elif kind == "application/yaml":
            yield from (
                f"{server}/api/v1/posts" for server in re.findall(r"^- url: (\S+)$", response.text, re.MULTILINE)
            )

    def in_json(self, value: Any, address: str) -> Iterator[str]:
        if isinstance(value, dict) and "openapi" in value:
            yield from self.in_document(value)
        elif isinstance(value, dict | list):
            for inner in value.values() if isinstance(value, dict) else value:
                yield from self.in_json(inner, address)
        elif isinstance(value, str) and value.startswith(("http://", "https://", "/")):
            yield value

    def in_document(self, document: dict[str, Any]) -> Iterator[str]:
        """All lists that the document declares, on each server that it names, and the addresses in its text."""
        lists = [path for path, verbs in document["paths"].items() if "get" in verbs and "{" not in path]
        assert "/posts" in lists
        for server in document["servers"]:
            base = server["url"]
            known = next((dialect for dialect in self.keys if f"/{dialect}/" in base), None)
            # At the shared address the key decides, and the crawler's is ProductLift's.
            if known is not None or "ProductLift" in document["info"]["title"]:
                yield from (base + path for path in lists if path not in NEED_MORE)
        yield from (found for found in IN_TEXTS.findall(document["info"]["description"]) if found.endswith("/posts"))


NEED_MORE = {"/posts/search", "/posts/search_duplicates", "/users/get_by_email", "/users/find_by_email"}
"""Lists that refuse a request without parameters."""


def crawl(client: httpx.Client, origin: str, keys: dict[str, str]) -> None:
    """Make a post with files and a comment, and follow all links from the pages, documents and answers."""
    api = f"{origin}{PATH}/api/v1"
    headers = {"authorization": f"Bearer {keys['productlift']}"}
    picture = io.BytesIO()
    Image.new("RGB", (8, 6)).save(picture, "PNG")
    made = client.post(
        f"{api}/posts",
        data={"title": "Dark mode"},
        files={"image": ("a.png", picture.getvalue()), "attachment": ("plan.pdf", b"%PDF-1.4")},
        headers=headers,
    ).json()["data"]
    commented = client.post(f"{api}/posts/{made['id']}/comments", json={"comment": "Yes"}, headers=headers)
    assert commented.status_code == 200, commented.text

    crawler = Crawler(client, origin, keys)
    for start in (
        "/",
        "/docs",
        "/health",
        "/health/ready",
        f"/api/v1/posts/{made['id']}/comments",
        f"/p/x-{made['id']}",
    ):
        crawler.follow(f"{origin}{PATH}{start}")

    image = urlsplit(made["image_main"]).path.removeprefix(PATH)
    paths = {urlsplit(address).path.removeprefix(PATH) for address in crawler.seen}
    assert paths >= {
        "/", "/docs", "/astuto/api/v1/docs", "/productlift/api/v1/docs", "/astuto/api/v1/openapi.json",
        "/productlift/api/v1/openapi.json", "/api-docs/v1/swagger.yaml", "/astuto/api/v1/posts", "/api/v1/posts",
        "/astuto/api/v1/boards", "/productlift/api/v1/posts", "/productlift/api/v1/portal", "/static/tokens.css",
        "/static/icon.svg", "/static/interactive.js", "/health", "/health/ready",
        "/login", "/register", "/roadmap", "/changelog", "/submit",
        f"/p/dark-mode-{made['id']}", f"/p/dark-mode-{made['id']}/edit", image,
    }  # fmt: skip
    # The picture, and the attachment that only the page links.
    assert len([path for path in paths if path.startswith("/files/")]) == 2
    refused = client.get(f"{origin}{PATH}/nothing")
    assert (refused.status_code, f'href="{PATH}/"' in refused.text) == (404, True)
    # A base URL with a slash at its end, and the path without one.
    assert client.get(f"{origin}{PATH}//api/v1/posts", headers=headers).status_code == 200
    assert client.get(f"{origin}{PATH}", follow_redirects=True).status_code == 200


@pytest.mark.parametrize("kept", [True, False], ids=["prefix kept", "prefix removed"])
async def test_every_link_has_the_path_prefix_and_works(
    kept: bool, make: Factory, sqlite: Earshot, database_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "proxy"
    folder.mkdir()
    location = read_configurations("Below a path")[1 if kept else 2]
    assert ("8000/;" in location) is not kept
    keys = {dialect: await make.key(make.owner, dialect) for dialect in ("astuto", "productlift")}
    port = free_port()
    settings = {
        "EARSHOT_DATABASE_URL": database_url,
        "EARSHOT_SECRET_KEY": SECRET,
        "EARSHOT_TRUSTED_PROXIES": "127.0.0.1",
        "EARSHOT_RATE_LIMITS": "off",
        "EARSHOT_BASE_URL": f"http://127.0.0.1:{port}{PATH}/",
    }
    with (
        sqlite.serving(**settings) as serving,
        run_proxy("nginx", serving.port, folder, hosts="127.0.0.1", location=location, port=port),
        httpx.Client(timeout=30) as client,
    ):
        crawl(client, f"http://127.0.0.1:{port}", keys)
