"""What search engines read: the sitemap with its parts, and robots.txt."""

from xml.etree import ElementTree

import pytest

from app.domain.portals import boards, portals
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.extra_servers import running_application
from tests.support.factory import Factory

SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
HOST = "http://feedback.example.com"


async def addresses(visitor: Client, path: str) -> list[str | None]:
    response = await visitor.get(path)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/xml; charset=utf-8")
    return [element.text for element in ElementTree.fromstring(response.content).iter(f"{SITEMAP}loc")]


async def test_the_sitemap_lists_pages_and_visible_posts_in_parts(make: Factory, visitor: Client) -> None:
    posts = [await make.post(title=f"Post {number}", status="New") for number in range(2)]
    await make.post(title="Pending", status="New", moderation="pending")

    index = await addresses(visitor, "/sitemap.xml")

    assert index == [f"{HOST}/sitemap.xml?part=pages", f"{HOST}/sitemap.xml?after={posts[0] - 1}"]
    pages, listed = [await addresses(visitor, str(url).removeprefix(HOST)) for url in index]
    slugs = [row["slug"] for row in await make.act(boards.list_all)]
    paths = ["/", "/roadmap", "/changelog", *(f"/boards/{slug}" for slug in slugs)]
    assert pages == [HOST + path for path in paths]
    assert listed == [f"{HOST}/p/post-{number}-{await make.code(post)}" for number, post in enumerate(posts)]
    for url in (*pages, *listed):
        assert (await visitor.get(str(url).removeprefix(HOST))).status_code == 200, url


@pytest.mark.parametrize("query", ["after=x", "after=-1", "after=" + "9" * 19, "after=", "after=99999", "part=x"])
async def test_an_unknown_part_of_the_sitemap_is_a_404(make: Factory, visitor: Client, query: str) -> None:
    await make.post()

    assert (await visitor.get(f"/sitemap.xml?{query}")).status_code == 404


async def test_a_private_portal_has_no_sitemap_and_wants_no_robots(make: Factory, visitor: Client) -> None:
    await make.post(title="Dark mode", status="New")
    await make.act(lambda work: portals.update_setting(work, setting="is_private", value=True))

    for query in ("", "?part=pages", "?after=0"):
        assert (await visitor.get(f"/sitemap.xml{query}")).status_code == 404
    assert (await visitor.get("/robots.txt")).text == "User-agent: *\nDisallow: /\n"


async def test_robots_are_led_to_the_sitemap_and_away_from_forms(
    make: Factory, settings: Settings, clock: TestClock, visitor: Client
) -> None:
    async with running_application(settings, clock, base_url="https://example.com/feedback") as server:
        below = await Client(server, token=None, base="/feedback", host="https://example.com").get("/robots.txt")
    plain = await visitor.get("/robots.txt")

    for response, prefix, address in ((plain, "", HOST), (below, "/feedback", "https://example.com/feedback")):
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        lines = response.text.splitlines()
        assert lines[0] == "User-agent: *"
        assert {f"Disallow: {prefix}/login", f"Disallow: {prefix}/api/"} <= {*lines}
        assert lines[-1] == f"Sitemap: {address}/sitemap.xml"
        assert not [line for line in lines if line in (f"Disallow: {prefix}/", f"Disallow: {prefix}/p/")]
