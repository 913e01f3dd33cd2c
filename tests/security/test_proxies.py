"""Forged headers behind nginx, Caddy and HAProxy that are configured as in docs/operating/proxies.md."""

import shutil
import socket
from pathlib import Path

import httpx
import pytest

from app.domain.portals import portals
from tests.conftest import SECRET
from tests.support.commands import Earshot
from tests.support.factory import Factory
from tests.support.proxies import PROGRAMS, run_proxy

ONE, TWO = "one.example.com", "two.example.com"
FORGED = [
    ("x-forwarded-host", TWO),
    ("x-forwarded-host", f"{ONE}, {TWO}"),
    ("x-forwarded-server", TWO),
    ("x-host", TWO),
    ("x-original-host", TWO),
    ("forwarded", f"for=198.51.100.7;host={TWO};proto=https"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-port", "8443"),
    ("x-forwarded-prefix", "/evil"),
    ("x-original-url", "/p/evil"),
    ("x-request-id", "forged-by-a-client"),
]


@pytest.fixture
def database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """One engine is enough: a proxy does not depend on it."""
    shutil.copy(sqlite_template, tmp_path / "earshot.db")
    return f"sqlite:///{tmp_path}/earshot.db"


def get_raw(port: int, path: str, *hosts: str) -> str:
    """The response to a request with these Host lines."""
    lines = [f"GET {path} HTTP/1.1", *(f"Host: {host}" for host in hosts), "Connection: close", "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall("\r\n".join(lines).encode())
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode(errors="replace")


@pytest.mark.parametrize("forwarded_host", ["off", "on"])
@pytest.mark.parametrize("proxy", PROGRAMS)
async def test_forged_headers_are_ignored_behind_a_documented_proxy(
    proxy: str, forwarded_host: str, make: Factory, sqlite: Earshot, database_url: str, tmp_path: Path
) -> None:
    await make.act(lambda work: portals.update_setting(work, setting="host", value=ONE))
    portal, owner = await make.new_portal("Second", host=TWO, email="two@example.com")
    post = await make.post(title="Of the second", portal=portal, author=owner)
    await make.post(title="Of the first")
    page = f"/p/of-the-second-{await make.code(post)}"
    key = await make.key(make.owner, "productlift")
    settings = {
        "EARSHOT_DATABASE_URL": database_url,
        "EARSHOT_SECRET_KEY": SECRET,
        "EARSHOT_TRUSTED_PROXIES": "127.0.0.1",
        "EARSHOT_FORWARDED_HOST": forwarded_host,
        "EARSHOT_LIMIT_PRODUCTLIFT": "4/minute",
    }
    folder = tmp_path / "proxy"
    folder.mkdir()

    with sqlite.serving(**settings) as serving, run_proxy(proxy, serving.port, folder, hosts=f"{ONE} {TWO}") as port:

        def get(path: str, host: str, *more: tuple[str, str]) -> httpx.Response:
            return httpx.get(f"http://127.0.0.1:{port}{path}", headers=[("host", host), *more], timeout=30)

        assert "Of the second" in get(page, TWO).text
        assert "Of the second" in get(page, TWO, ("x-forwarded-host", ONE)).text
        for header in (*[[one] for one in FORGED], FORGED):
            assert get(page, ONE, *header).status_code == 404, header
        for hosts in ((ONE, TWO), (TWO, ONE), (f"{TWO}@{ONE}",), (f"{ONE}@{TWO}",), (f"{ONE}, {TWO}",)):
            assert "Of the second" not in get_raw(port, page, *hosts), hosts

        # A client cannot choose links or the request id.
        response = get("/api/v1/posts", ONE, ("authorization", f"Bearer {key}"), *FORGED)
        assert [post["url"].partition("/p/")[0] for post in response.json()["data"]] == [f"http://{ONE}"]
        assert response.headers["x-request-id"] != "forged-by-a-client"
        assert get("/nothing", ONE, *FORGED).headers["x-request-id"] != "forged-by-a-client"

        # Nor its address: all of these come from the same one.
        statuses = [
            get("/api/v1/posts", ONE, ("x-forwarded-for", f"198.51.100.{last}")).status_code for last in range(5)
        ]
        assert statuses == [401, 401, 401, 401, 429]
