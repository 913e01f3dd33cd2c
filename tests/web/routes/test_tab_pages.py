"""The pages of tabs: the dates of a changelog, the links between tabs, and addresses with a slash at the end."""

import re
from datetime import UTC, datetime
from urllib.parse import quote

import httpx

from app.domain.portals import tabs
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.extra_servers import running_application
from tests.support.factory import Factory
from tests.web.routes.test_widgets import UNKNOWN, text_of, visitor

__all__ = ["visitor"]


async def test_a_changelog_shows_the_date_of_the_last_change_of_the_status(
    make: Factory, visitor: Client, clock: TestClock
) -> None:
    clock.set(datetime(2026, 3, 9, 23, 59, 58, tzinfo=UTC))
    post = await make.post(title="Dark mode", status="Completed")
    await make.post(title="Export", status="Planned")
    clock.set(datetime(2026, 4, 1, 0, 0, 1, tzinfo=UTC))
    await make.post(title="Import", status="Completed")
    await make.vote(post, make.owner)
    widget = await make.widget(tab="changelog")

    embedded, plain = await visitor.get(f"/t/changelog?widget_id={widget}"), await visitor.get("/t/changelog")

    assert text_of(embedded) == (
        "Changelog 0 votes Import April 1, 2026 Completed 1 vote Dark mode March 9, 2026 Completed"
    )
    assert text_of(plain) == (
        "Feedback Roadmap Changelog Changelog April 2026 Import Completed April 1, 2026 0 votes "
        "March 2026 Dark mode Completed March 9, 2026 1 vote"
    )
    for page in (embedded, plain):
        assert re.findall(r"<time[^>]*>[^<]*</time>", page.text) == [
            '<time datetime="2026-04-01T00:00:01Z">April 1, 2026</time>',
            '<time datetime="2026-03-09T23:59:58Z">March 9, 2026</time>',
        ]
    for path in ("/t/roadmap", "/t/feedback", "/embedded_roadmap"):
        assert "<time" not in (await visitor.get(path)).text, path


def tab_links(page: httpx.Response) -> list[tuple[str, str, bool]]:
    """The links to tabs: path, name and whether it is the page itself."""
    assert page.status_code == 200
    nav = "".join(re.findall(r'<nav class="tabs" aria-label="Tabs">(.*?)</nav>', page.text, re.DOTALL))
    links = re.findall(r'<a href="([^"]*)"( aria-current="page")?>([^<]*)</a>', nav)
    assert nav.count("<a ") == len(links)
    return [(path, name, bool(is_current)) for path, is_current, name in links]


async def test_a_tab_links_to_the_other_tabs_in_their_order(make: Factory, visitor: Client) -> None:
    await make.act(lambda work: tabs.add(work, name="Q & A", url="q&a", kind="knowledgebase"))
    await make.act(lambda work: tabs.reorder(work, [make.tabs["changelog"]]))
    rows = await make.act(tabs.list_all)
    expected = {row["url"]: (row["name"].replace("&", "&amp;"), f"/t/{quote(row['url'], safe='')}") for row in rows}

    for row in rows:
        # The id of an unknown widget makes no difference.
        for query in ("", f"?widget_id={UNKNOWN}"):
            assert tab_links(await visitor.get(f"/t/{row['url']}{query}")) == [
                (path, name, url == row["url"]) for url, (name, path) in expected.items()
            ]
    assert [*expected] == ["changelog", "feedback", "roadmap", "q&a"]


async def test_a_widget_and_a_portal_with_one_tab_have_no_links_to_tabs(make: Factory, visitor: Client) -> None:
    assert tab_links(await visitor.get(f"/t/roadmap?widget_id={await make.widget(tab='roadmap')}")) == []
    assert tab_links(await visitor.get(f"/t/feedback?widget_id={await make.widget(kind='sidebar')}")) == []
    other, _ = await make.new_portal("Ideas", host="ideas.example.com", email="owner@example.com")
    await make.run(
        "DELETE FROM statuses WHERE portal_id = :id AND tab_id NOT IN (SELECT min(id) FROM tabs WHERE portal_id = :id)",
        id=other,
    )
    await make.run("DELETE FROM tabs WHERE portal_id = :id AND id NOT IN (SELECT tab_id FROM statuses)", id=other)
    (only,) = await make.act(tabs.list_all, portal=other)

    page = await visitor.of(None, base="", host="http://ideas.example.com").get(f"/t/{only['url']}")

    assert tab_links(page) == []
    assert page.text.count("<nav") == 1


async def test_a_slash_at_the_end_of_a_tab_is_redirected(
    settings: Settings, clock: TestClock, make: Factory, visitor: Client
) -> None:
    async def location(client: Client, path: str, method: str = "GET") -> str:
        response = await client.request(method, path)
        assert (response.status_code, response.headers["cache-control"]) == (308, "no-cache"), path
        return response.headers["location"]

    for query in ("", "?page=2", f"?widget_id={await make.widget()}&page=1", "?a=%2F%26&b=c+d&e[]=%C3%A9'"):
        for method in ("GET", "HEAD"):
            assert await location(visitor, f"/t/roadmap/{query}", method) == f"/t/roadmap{query}"
    assert await location(visitor, "/t/%C3%A9%3F%0D%0A/") == "/t/%C3%A9%3F%0D%0A"
    for path in ("/t/", "/t//", "/t/roadmap//", "/t/roadmap%2F", "/t/%2F%2Fexample.com/", "/embedded_roadmap/"):
        assert (await visitor.get(path)).status_code == 404, path
    async with running_application(settings, clock, base_url="https://example.com/feedback") as server:
        client = Client(server, token=None, base="/feedback", host="https://example.com")
        path = await location(client, "/t/roadmap/?page=1")
        assert path == "/feedback/t/roadmap?page=1"
        assert (await client.get(path.removeprefix("/feedback"))).status_code == 200
