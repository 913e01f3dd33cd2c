"""The roadmap, the changelog and the pages of tabs: their order, their texts, and what they say while empty."""

import re
from datetime import UTC, datetime

import httpx
import pytest

from app.domain.portals import portals, statuses
from app.domain.portals.overviews import MAX_COLUMN_POSTS
from app.domain.posts import update
from app.domain.posts.visible_posts import PAGE_POSTS
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.web.routes.portal.test_error_pages import sign_in
from tests.web.routes.test_pages import visible_text
from tests.web.routes.test_widgets import titles


def lanes(page: httpx.Response) -> list[tuple[str, str]]:
    """The name and the text of each column."""
    assert page.status_code == 200
    sections = re.findall(r'<section class="lane status-\d+">\n(<h2.*?</h2>)\n(.*?)</section>', page.text, re.DOTALL)
    name = re.compile(r"</span>([^<]*)<span")
    texts = [(name.findall(head)[0], re.sub(r"<summary>.*?</summary>", "", rest)) for head, rest in sections]
    return [(status, visible_text(f"<main>{rest}</main>")) for status, rest in texts]


async def test_the_roadmap_has_columns_in_the_order_of_the_statuses(make: Factory, visitor: Client) -> None:
    await make.act(lambda work: statuses.reorder(work, [make.statuses["In Progress"]]))
    voter = await make.user()
    for title in ("Dark mode", "Export"):
        await make.post(title=title, status="Planned", votes_by=[voter] if title == "Export" else [])
    await make.post(title="Not on the roadmap", status="New")
    await make.post(title="Pending", status="Planned", moderation="pending")

    page = await visitor.get("/roadmap")

    assert lanes(page) == [
        ("In Progress", "Posts appear here when their status is “In Progress”."),
        ("Planned", "Export 1 vote Feature Requests Dark mode 0 votes Feature Requests"),
        ("Completed", "Posts appear here when their status is “Completed”."),
    ]
    for status in ("In Progress", "Planned", "Completed"):
        assert f'class="dot status-{make.statuses[status]}"' in page.text
    assert re.findall(r'href="([^"]*)" aria-current="page"', page.text) == ["/roadmap"]
    # The first column is open at once where the columns are an accordion.
    assert (page.text.count("<details open>"), page.text.count("<details>")) == (1, 2)


async def test_a_full_column_links_to_the_list_of_its_status(make: Factory, visitor: Client) -> None:
    for number in range(MAX_COLUMN_POSTS + 1):
        await make.post(title=f"Post {number:02}", status="Planned")

    for path in ("/roadmap", "/t/roadmap"):
        page = await visitor.get(path)
        [link] = re.findall(r'<p class="lane-more"><a class="button is-quiet" href="([^"]*)">', page.text)

        assert titles(page) == [f"Post {number:02}" for number in reversed(range(1, MAX_COLUMN_POSTS + 1))]
        assert f"{MAX_COLUMN_POSTS}+" in page.text
        assert len(titles(await visitor.get(link.replace("&amp;", "&")))) == PAGE_POSTS


async def test_an_empty_roadmap_and_an_empty_changelog_say_what_would_be_there(make: Factory, visitor: Client) -> None:
    for row in await make.act(statuses.list_all):
        await make.act(lambda work, status=row["id"]: statuses.edit(work, status, show_in_roadmap=False))

    assert "Nothing is planned yet" in (await visitor.get("/roadmap")).text
    assert "What the team completes is announced here." in (await visitor.get("/changelog")).text


async def test_the_changelog_shows_months_and_the_text_that_announced_a_post(
    make: Factory, visitor: Client, clock: TestClock
) -> None:
    async def complete(title: str, *, at: datetime) -> int:
        clock.set(at)
        post = await make.post(title=title, status="New")
        await make.act(lambda work: update.change_status(work, post, make.statuses["Completed"], user_id=make.owner))
        return post

    dark = await complete("Dark mode", at=datetime(2026, 3, 31, 23, 59, 58, tzinfo=UTC))
    export = await complete("Export", at=datetime(2026, 4, 1, 0, 0, 1, tzinfo=UTC))
    await complete("Import", at=datetime(2026, 4, 2, tzinfo=UTC))
    await make.comment(dark, body="Not this one", official=True)
    await make.comment(dark, body="**Switch it on** in the <b>settings</b>", official=True)
    await make.comment(dark, body="For the team", internal=True)
    await make.run("UPDATE posts SET changelog = 'As *CSV*' WHERE id = :id", id=export)
    await make.post(title="Planned", status="Planned")

    page = await visitor.get("/changelog")

    assert visible_text(page.text) == (
        "Changelog What is new. "
        "April 2026 Import Completed April 2, 2026 0 votes Export Completed April 1, 2026 0 votes As CSV "
        "March 2026 Dark mode Completed March 31, 2026 0 votes Switch it on in the &lt;b&gt;settings&lt;/b&gt;"
    )
    assert "<strong>Switch it on</strong>" in page.text


@pytest.mark.parametrize("path", ["/changelog", "/t/changelog", "/t/feedback"])
async def test_older_entries_are_on_the_next_page(make: Factory, visitor: Client, path: str) -> None:
    status = "New" if path == "/t/feedback" else "Completed"
    for number in range(PAGE_POSTS + 2):
        await make.post(title=f"Post {number:02}", status=status)

    first, second = await visitor.get(path), await visitor.get(f"{path}?page=2")

    assert titles(first) + titles(second) == [f"Post {number:02}" for number in reversed(range(PAGE_POSTS + 2))]
    assert f'rel="next" href="{path}?page=2"' in first.text
    assert 'rel="prev"' not in first.text
    assert f'rel="prev" href="{path}"' in second.text
    assert 'rel="next"' not in second.text
    for page in ("3", "0", "x", "9" * 40):
        assert (await visitor.get(path, params={"page": page})).status_code == 404, page


async def test_the_type_of_a_tab_decides_what_its_page_shows(make: Factory, visitor: Client) -> None:
    for title, status in (("Dark mode", "New"), ("Export", "Planned"), ("Import", "Completed")):
        await make.post(title=title, status=status)

    feedback, roadmap, changelog = [await visitor.get(f"/t/{tab}") for tab in ("feedback", "roadmap", "changelog")]

    assert [titles(page) for page in (feedback, roadmap, changelog)] == [["Dark mode"], ["Export"], ["Import"]]
    assert '<ul class="post-list"' in feedback.text
    assert [status for status, _ in lanes(roadmap)] == ["Planned", "In Progress"]
    assert '<section class="month">' in changelog.text


async def test_the_pages_are_in_the_language_of_the_portal(make: Factory, visitor: Client, clock: TestClock) -> None:
    clock.set(datetime(2026, 3, 9, tzinfo=UTC))
    await make.post(title="Dark mode", status="Completed")
    await make.act(lambda work: portals.update_setting(work, setting="locale", value="de"))
    widget = await make.widget(tab="changelog")

    for path in ("/changelog", f"/t/changelog?widget_id={widget}"):
        page = await visitor.get(path)

        assert '<html lang="de" dir="ltr">' in page.text, path
        assert "9. März 2026" in page.text, path


async def test_an_embedded_page_is_the_same_for_a_user_of_the_portal(make: Factory, visitor: Client) -> None:
    jane = await make.user(name="Jane Roe")
    await make.post(title="Dark mode", status="Planned")
    await make.post(title="Of Jane, pending", author=jane, status="Planned", moderation="pending")
    cookie = await sign_in(make, jane)
    widget = await make.widget(tab="roadmap")

    for path in (f"/t/roadmap?widget_id={widget}", "/embedded_roadmap"):
        pages = [await visitor.get(path), await visitor.get(path, headers=cookie)]

        assert [titles(page) for page in pages] == [["Dark mode"]] * 2
        assert pages[0].text == pages[1].text
        assert "set-cookie" not in pages[1].headers
    # The page of the tab itself is the user's own.
    assert titles(await visitor.get("/t/roadmap", headers=cookie)) == ["Of Jane, pending", "Dark mode"]


async def test_a_user_reads_the_overviews_of_a_private_portal(make: Factory, visitor: Client) -> None:
    cookie = await sign_in(make, await make.user())
    await make.post(title="Dark mode", status="Completed")
    await make.act(lambda work: portals.update_setting(work, setting="is_private", value=True))

    for path in ("/", "/boards/feature-requests", "/roadmap", "/changelog", "/t/changelog"):
        page = await visitor.get(path, headers=cookie)

        assert titles(page) == ["Dark mode"], path
        # Readers of feeds have no session.
        assert ".atom" not in page.text, path
