"""How the pages look: the style sheet with the portal's colours, and the switch of the theme."""

import httpx
import pytest

from app.domain.portals import portals
from tests.support.clients import Client
from tests.support.factory import Factory


async def test_the_style_sheet_has_the_accent_and_the_colours_of_statuses(visitor: Client, make: Factory) -> None:
    await make.act(lambda work: portals.update_setting(work, setting="accent_color", value="#ffcc00"))
    [planned] = await make.rows("SELECT id, color FROM statuses WHERE name = 'Planned'")

    response = await visitor.get("/portal.css")

    assert response.headers["content-type"] == "text/css; charset=utf-8"
    assert f".status-{planned['id']}{{--color:{planned['color']}}}" in response.text
    # A light yellow can't be read on white.
    assert "#ffcc00," not in response.text
    assert "--accent:light-dark(" in response.text


async def test_a_style_sheet_that_has_not_changed_is_not_sent_again(visitor: Client) -> None:
    first = await visitor.get("/portal.css")
    etag = first.headers["etag"]

    assert first.headers["cache-control"] == "no-cache"
    # A proxy that compresses makes a tag weak; a cache may have several versions.
    for tags, status in ((etag, 304), (f"W/{etag}", 304), (f'"other", {etag}', 304), ("*", 304), ('"other"', 200)):
        again = await visitor.get("/portal.css", headers={"if-none-match": tags})
        assert (again.status_code, bool(again.content)) == (status, status == 200), tags


@pytest.mark.parametrize(("theme", "stored"), [("dark", "dark"), ("light", "light"), ("", None), ("<script>", None)])
async def test_the_theme_is_remembered(visitor: Client, theme: str, stored: str | None) -> None:
    response = await visitor.post("/theme", data={"theme": theme, "next": "/roadmap?x=1"})

    assert (response.status_code, response.headers["location"]) == (303, "/roadmap?x=1")
    assert cookie(response, "earshot_theme") == stored
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(response.headers["set-cookie"].split("; "))


@pytest.mark.parametrize("target", ["https://example.org/", "//example.org", "/\\example.org", ""])
async def test_the_switch_never_leads_to_another_site(visitor: Client, target: str) -> None:
    response = await visitor.post("/theme", data={"theme": "dark", "next": target})

    assert response.headers["location"] == "/"


async def test_another_site_cannot_switch_the_theme(visitor: Client) -> None:
    response = await visitor.post("/theme", data={"theme": "dark"}, headers={"sec-fetch-site": "cross-site"})

    assert response.status_code == 403
    assert "set-cookie" not in response.headers


def cookie(response: httpx.Response, name: str) -> str | None:
    return response.cookies.get(name)
