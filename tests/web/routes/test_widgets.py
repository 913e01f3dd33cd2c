"""Pages that other sites show in a frame, and the script that opens them. The contract, section 9.14."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from app.application import Application
from app.domain.models.posts import MODERATION_STATES
from app.domain.portals import overviews, portals, statuses, tabs, widgets
from app.domain.portals.overviews import MAX_COLUMN_POSTS
from app.domain.posts import moderation, update
from app.domain.posts.visible_posts import PAGE_POSTS
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.extra_servers import running_application
from tests.support.factory import Factory
from tests.support.routes import page_paths
from tests.web.routes.test_pages import visible_text

UNKNOWN = "00000000-0000-4000-8000-000000000000"
HOSTILE = "<script>alert(1)</script>\"'><img src=x>&amp;"


@pytest.fixture
def visitor(anyone: Client) -> Client:
    """A client without a key, at the root path."""
    return anyone.of(None, base="")


def text_of(page: httpx.Response) -> str:
    assert page.status_code == 200
    return visible_text(page.text)


def titles(page: httpx.Response) -> list[str]:
    """The texts of the links to posts. In a frame they open another window, since no post may be shown there."""
    assert page.status_code == 200
    in_window = ' target="_blank" rel="noopener"' if '<main class="embedded">' in page.text else ""
    return re.findall(rf'<a href="/p/[^"]*"{in_window}>([^<]*)</a>', page.text)


def frame_ancestors(response: httpx.Response) -> str | None:
    """The sites that may show the response in a frame, by its policy; `X-Frame-Options` agrees with it."""
    policy = response.headers.get("content-security-policy")
    if policy is None:
        return None
    (rule,) = [part for part in policy.split("; ") if part.startswith("frame-ancestors ")]
    sites = rule.removeprefix("frame-ancestors ")
    assert response.headers.get("x-frame-options") == ("DENY" if sites == "'none'" else None)
    return sites


async def test_a_tab_shows_its_visible_posts_those_with_the_most_votes_first(make: Factory, visitor: Client) -> None:
    voter = await make.user()
    posts = {title: await make.post(title=title, status="Planned") for title in ("Dark mode", "Export")}
    await make.vote(posts["Export"], voter)
    await make.post(title="On another tab", status="New")
    await make.post(title="Without a status")
    for state in MODERATION_STATES[1:]:
        await make.post(title=state, status="Planned", moderation=state)
    unpublished = await make.post(title="Unpublished", status="Planned")
    await make.run("UPDATE posts SET published = false WHERE id = :id", id=unpublished)

    page = await visitor.get(f"/t/roadmap?widget_id={await make.widget(tab='roadmap')}")
    empty = await visitor.get(f"/t/changelog?widget_id={await make.widget(tab='changelog')}")

    assert text_of(page) == "Roadmap 1 vote Export Planned 0 votes Dark mode Planned"
    assert "<title>Roadmap · Feedback</title>" in page.text
    link = f'<a href="/p/export-{await make.code(posts["Export"])}" target="_blank" rel="noopener">Export</a>'
    assert link in page.text
    assert titles(await visitor.get("/t/roadmap")) == ["Export", "Dark mode"]
    assert text_of(empty) == "Changelog There are no posts here yet."


async def test_the_posts_of_a_changelog_are_sorted_by_the_change_of_their_status(
    make: Factory, visitor: Client
) -> None:
    first, second, third = [await make.post(title=title) for title in ("First", "Second", "Third")]
    for post in (second, third, first):
        await make.act(
            lambda work, post=post: update.change_status(work, post, make.statuses["Completed"], user_id=make.owner)
        )
    await make.vote(second, make.owner)

    for query in ("", f"?widget_id={await make.widget()}"):
        assert titles(await visitor.get(f"/t/changelog{query}")) == ["First", "Third", "Second"]


async def test_a_tab_has_pages(make: Factory, visitor: Client) -> None:
    for number in range(PAGE_POSTS * 2 + 3):
        await make.post(title=f"Post {number:02}", status="New")
    widget = await make.widget(tab="feedback")
    expected = [f"Post {number:02}" for number in reversed(range(PAGE_POSTS * 2 + 3))]

    for address in ("/t/feedback", f"/t/feedback?widget_id={widget}"):
        pages, path = [], address
        while path:
            page = await visitor.get(path)
            pages.append(page)
            path = "".join(re.findall(r'rel="next" href="([^"]*)">Next page</a>', page.text)).replace("&amp;", "&")
        previous = re.findall(r'rel="prev" href="([^"]*)">', pages[1].text)

        assert [title for page in pages for title in titles(page)] == expected
        assert [len(titles(page)) for page in pages] == [PAGE_POSTS, PAGE_POSTS, 3]
        assert previous == [address]
        # Every page of a widget may be framed, not only the first.
        assert {frame_ancestors(page) for page in pages} == {"*" if "?" in address else "'none'"}
    for page in ("4", "0", "-1", "x", "1.0", "100000", "9" * 40, "٣", ""):
        for tab in ("feedback", "roadmap"):
            assert (await visitor.get(f"/t/{tab}", params={"page": page})).status_code == 404, page


async def test_texts_are_escaped(make: Factory, visitor: Client) -> None:
    await make.post(title=f"Dark {HOSTILE}", status="Planned")
    await make.run("UPDATE statuses SET name = :name WHERE name = 'Planned'", name=HOSTILE)
    await make.run("UPDATE tabs SET name = :name WHERE url = 'roadmap'", name=HOSTILE)
    await make.act(lambda work: portals.update_setting(work, setting="title", value=HOSTILE))

    for path in ("/t/roadmap", f"/t/roadmap?widget_id={await make.widget()}", "/embedded_roadmap"):
        page = await visitor.get(path)

        assert page.text.count("&lt;script&gt;alert(1)") >= 3, path
        assert "<script>alert" not in page.text, path
        assert "<img" not in page.text, path


@pytest.mark.parametrize("tab", ["nowhere", "1", "%00", "x" * 192, "roadmap%2F", "Roadmap", "%ED%B0%AF"])
async def test_an_unknown_tab_is_a_404(make: Factory, visitor: Client, tab: str) -> None:
    widget = await make.widget()
    for path in (f"/t/{tab}", f"/t/{tab}?widget_id={widget}"):
        page = await visitor.get(path)

        assert (page.status_code, frame_ancestors(page)) == (404, "'none'")


async def test_a_tab_may_be_framed_by_the_sites_of_a_widget_only(make: Factory, visitor: Client) -> None:
    of_any, of_some = await make.widget(), await make.widget(frame_ancestors="https://a.example https://*.b.example")
    _, owner = await make.new_portal("Ideas", host="ideas.example.com", email="owner@example.com")
    other = await make.value("SELECT portal_id FROM users WHERE id = :id", id=owner)
    foreign = await make.widget(portal=other)
    await make.act(lambda work: portals.update_setting(work, setting="host", value="feedback.example.com"))

    async def allowed(query: str) -> str | None:
        return frame_ancestors(await visitor.get(f"/t/roadmap{query}"))

    assert await allowed(f"?widget_id={of_any}") == "*"
    assert await allowed(f"?widget_id={of_some.upper()}") == "https://a.example https://*.b.example"
    for query in (
        "",
        "?widget_id=",
        f"?widget_id={UNKNOWN}",
        f"?widget_id={foreign}",
        "?widget_id=1",
        "?widget_id=%00",
    ):
        assert await allowed(query) == "'none'", query
    await make.act(lambda work: widgets.delete(work, of_any))
    assert await allowed(f"?widget_id={of_any}") == "'none'"


async def test_an_embedded_page_runs_scripts_of_this_server_only(make: Factory, visitor: Client) -> None:
    widget = await make.widget()
    plain, embedded = await visitor.get("/t/feedback"), await visitor.get(f"/t/feedback?widget_id={widget}")
    own_policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https:; base-uri 'none'; "

    assert "form-action 'self'; frame-ancestors 'none'" in plain.headers["content-security-policy"]
    assert embedded.headers["content-security-policy"] == own_policy + "form-action 'none'; frame-ancestors *"
    assert {
        name: value for name, value in embedded.headers.items() if name not in ("content-length", "x-request-id")
    } == {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": own_policy + "form-action 'none'; frame-ancestors *",
        "x-content-type-options": "nosniff",
        "referrer-policy": "strict-origin-when-cross-origin",
        "cross-origin-opener-policy": "same-origin",
        "cache-control": "no-cache",
    }
    assert re.findall(r"<script[^>]*src=\"([^\"?]*)", embedded.text) == ["/static/embedded.js"]
    # The header of a whole page would only take space there.
    assert ('<header class="site">' in plain.text, '<header class="site">' in embedded.text) == (True, False)


async def test_only_widgets_and_the_roadmap_may_be_framed(make: Factory, visitor: Client, server: Application) -> None:
    post = await make.post(title="Dark mode", status="Planned")
    values = {
        "segment": f"dark-mode-{await make.code(post)}",
        "slug": "dark-mode",
        "tab": "roadmap",
        "code": await make.code(post),
        "name": "tokens.css",
    }
    values |= {"widget": await make.widget(), "name:path": "tokens.css", "path:path": "posts", "provider_id:int": "1"}
    values |= {"comment_id:int": str(await make.comment(post))}
    framed, denied = set(), set()
    for path in page_paths(server):
        # Pages of an account, such as that of a key, lead a visitor to sign in before they look for its id.
        response = await visitor.get(re.sub(r"{([^}]*)}", lambda match: values.get(match[1], "1"), path))
        if response.headers.get("content-type", "").startswith("text/html"):
            (denied if frame_ancestors(response) == "'none'" else framed).add(path)

    assert framed == {"/embedded_roadmap"}
    assert denied >= {"/", "/docs", "/p/{segment}", "/posts/{slug}", "/t/{tab}", "/productlift/api/v1/docs"}
    assert frame_ancestors(await visitor.get("/nothing")) == "'none'"
    # A widget's id opens no other page.
    for path in ("/", "/docs", f"/p/{values['segment']}", "/posts/dark-mode", "/nothing", "/productlift/api/v1/docs"):
        assert frame_ancestors(await visitor.get(path, params={"widget_id": values["widget"]})) == "'none'", path


async def test_the_address_of_a_widget_redirects_to_its_tab(make: Factory, visitor: Client) -> None:
    of_roadmap, of_first = await make.widget(tab="roadmap"), await make.widget(kind="sidebar")

    for widget, tab in ((of_roadmap, "roadmap"), (of_first, "feedback"), (of_roadmap.upper(), "roadmap")):
        for method in ("GET", "HEAD"):
            response = await visitor.request(method, f"/widgets/{widget}")

            assert response.status_code == 302
            assert response.headers["location"] == f"/t/{tab}?widget_id={widget.lower()}"
            assert response.headers["cache-control"] == "no-cache"
    for key in (UNKNOWN, str(uuid4()), "1", "%00", "roadmap"):
        assert (await visitor.get(f"/widgets/{key}")).status_code == 404, key


IN_FRAME = {"sec-fetch-dest": "iframe"}


async def test_a_broken_widget_shows_a_message_that_any_site_may_frame(make: Factory, visitor: Client) -> None:
    widget = await make.widget(frame_ancestors="https://a.example")
    _, owner = await make.new_portal("Ideas", host="ideas.example.com", email="owner@example.com")
    foreign = await make.widget(portal=await make.value("SELECT portal_id FROM users WHERE id = :id", id=owner))
    await make.act(lambda work: portals.update_setting(work, setting="host", value="feedback.example.com"))
    message = "Not available There is nothing to show here. It may have been moved or removed, or is not public."

    dialogs = [await visitor.get(f"/widgets/{key}") for key in (UNKNOWN, foreign, "1", "%00")]
    frames = [
        await visitor.get(f"/t/{path}", headers=IN_FRAME)
        for path in (
            f"roadmap?widget_id={UNKNOWN}",
            f"roadmap?widget_id={foreign}",
            "roadmap?widget_id=1",
            f"nowhere?widget_id={widget}",
            f"roadmap?widget_id={widget}&page=9",
            f"roadmap?widget_id={widget}&page=x",
        )
    ]

    for pages, text in ((dialogs, f"{message} Close"), (frames, message)):
        for page in pages:
            assert page.status_code == 404
            assert visible_text(page.text) == text
            assert frame_ancestors(page) == "*"
            assert page.headers["cache-control"] == "no-store"
            assert re.findall(r"<script[^>]*src=\"([^\"?]*)", page.text) == ["/static/embedded.js"]
        # It reveals nothing, neither of the portal nor why.
        assert len({page.text for page in pages}) == 1
        assert not re.search(r"feedback|roadmap|ideas|example", pages[0].text.lower())
    # Everywhere else the pages are those of before.
    for path, status in ((f"/t/roadmap?widget_id={UNKNOWN}", 200), (f"/t/nowhere?widget_id={widget}", 404)):
        for headers in ({}, {"sec-fetch-dest": "document"}):
            page = await visitor.get(path, headers=headers)
            assert (page.status_code, frame_ancestors(page)) == (status, "'none'")
    for path in ("/t/roadmap", "/t/nowhere", "/", "/nothing"):
        assert frame_ancestors(await visitor.get(path, headers=IN_FRAME)) == "'none'", path
    shown = await visitor.get(f"/t/roadmap?widget_id={widget}", headers=IN_FRAME)
    assert (shown.status_code, frame_ancestors(shown)) == (200, "https://a.example")


async def test_links_of_a_widget_begin_with_the_public_path(
    settings: Settings, clock: TestClock, make: Factory
) -> None:
    await make.post(title="Dark mode", status="New")
    widget = await make.widget()
    async with running_application(settings, clock, base_url="https://example.com/feedback") as server:
        visitor = Client(server, token=None, base="/feedback", host="https://example.com")
        response = await visitor.get(f"/widgets/{widget}")
        page = await visitor.get(f"/t/feedback?widget_id={widget}")

    assert response.headers["location"] == f"/feedback/t/feedback?widget_id={widget}"
    assert 'href="/feedback/p/dark-mode-' in page.text


async def test_the_roadmap_has_a_column_for_each_of_its_statuses(make: Factory, visitor: Client) -> None:
    await make.act(lambda work: statuses.reorder(work, [make.statuses["In Progress"]]))
    await make.act(lambda work: statuses.edit(work, make.statuses["Completed"], show_in_roadmap=False))
    voter = await make.user()
    for title, status in (("Dark mode", "Planned"), ("Export", "Planned"), ("Import", "New"), ("Done", "Completed")):
        post = await make.post(title=title, status=status, votes_by=[voter] if title == "Export" else [])
    await make.post(title="Pending", status="Planned", moderation="pending")
    post = await make.post(title="Unpublished", status="Planned")
    await make.run("UPDATE posts SET published = false WHERE id = :id", id=post)

    page = await visitor.get("/embedded_roadmap")

    assert text_of(page) == (
        "Roadmap In Progress Posts appear here when their status is “In Progress”. "
        "Planned Export 1 vote Feature Requests Dark mode 0 votes Feature Requests"
    )
    assert frame_ancestors(page) == "*"
    for row in await make.act(statuses.list_all):
        await make.act(lambda work, status=row["id"]: statuses.edit(work, status, show_in_roadmap=False))
    assert text_of(await visitor.get("/embedded_roadmap")) == "Roadmap There is nothing on the roadmap yet."


async def test_a_column_of_the_roadmap_has_a_limit(make: Factory, visitor: Client) -> None:
    for number in range(MAX_COLUMN_POSTS + 1):
        await make.post(title=f"Post {number:02}", status="Planned")

    page = await visitor.get("/embedded_roadmap")

    assert titles(page) == [f"Post {number:02}" for number in reversed(range(1, MAX_COLUMN_POSTS + 1))]
    assert f"Only the {MAX_COLUMN_POSTS} posts with the most votes are shown." in page.text
    planned, *_ = await make.act(overviews.roadmap)
    assert (len(planned.posts), planned.has_more) == (MAX_COLUMN_POSTS, True)


async def test_the_script_is_served_to_pages_of_any_site(make: Factory, visitor: Client) -> None:
    plain = await visitor.get("/widgets_sdk", headers={"accept-encoding": "identity"})
    again = await visitor.get(
        "/widgets_sdk?ver=6.5.2", headers={"if-none-match": plain.headers["etag"], "accept-encoding": "identity"}
    )
    zipped = await visitor.get("/widgets_sdk?ver=", headers={"accept-encoding": "gzip"})
    head = await visitor.head("/widgets_sdk")

    assert plain.status_code == 200
    expected: Mapping[str, Any] = {
        "content-type": "text/javascript; charset=utf-8",
        "cache-control": "public, max-age=86400, stale-while-revalidate=604800",
        "access-control-allow-origin": "*",
        "cross-origin-resource-policy": "cross-origin",
        "x-content-type-options": "nosniff",
    }
    assert {name: plain.headers.get(name) for name in expected} == expected
    assert len(plain.content) < 8000
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == expected["cache-control"]
    assert zipped.headers["content-encoding"] == "gzip"
    assert zipped.text == plain.text
    assert (head.status_code, head.content) == (200, b"")


def test_the_scripts_evaluate_no_text() -> None:
    from app.web.routes.assets import STATIC

    for name in ("widgets_sdk.js", "embedded.js"):
        source = (STATIC / name).read_text(encoding="utf-8")

        assert not re.search(
            r"\beval\b|\bFunction\b|innerHTML|document\.write|\bimport\b|set(Timeout|Interval)(?!\(\(\) =>)", source
        )


PUBLIC_PATHS = (
    "/",
    "/roadmap",
    "/changelog",
    "/boards/feature-requests",
    "/t/roadmap",
    "/posts/dark-mode",
    "/p/dark-mode-{code}",
    "/p/dark-mode-{code}/edit",
)


async def test_a_private_portal_has_no_public_pages(make: Factory, visitor: Client, productlift: Client) -> None:
    post = await make.post(title="Dark mode", status="Planned")
    paths = [path.format(code=await make.code(post)) for path in PUBLIC_PATHS]
    widget = await make.widget()
    embedded = [f"/widgets/{widget}", "/embedded_roadmap"]
    paths.append(f"/t/roadmap?widget_id={widget}")
    assert {(await visitor.get(path)).status_code for path in paths + embedded} == {200, 302}

    await make.act(lambda work: portals.update_setting(work, setting="is_private", value=True))

    for path in (*paths, "/p/zzzzzz", "/t/nowhere"):
        page = await visitor.get(path)
        assert (page.status_code, page.content) == (303, b""), path
        assert page.headers["location"] == f"/login?next={quote(path, safe='')}"
    for path, missing in zip(embedded, (f"/widgets/{UNKNOWN}", "/nowhere"), strict=True):
        page = await visitor.get(path)
        assert page.status_code == 404, path
        assert page.text.replace(path, missing) == (await visitor.get(missing)).text, path
    framed = []
    for path in (f"/t/roadmap?widget_id={widget}", f"/t/roadmap?widget_id={UNKNOWN}"):
        framed.append(await visitor.get(path, headers=IN_FRAME))
    assert [page.status_code for page in framed] == [404, 404]
    assert framed[0].text == framed[1].text
    # Its APIs, and the pages about the server, are the same as before.
    assert (await productlift.get("/posts")).json()["total"] == 1
    assert {(await visitor.get(path)).status_code for path in ("/docs", "/widgets_sdk", "/health")} == {200}
    await make.act(lambda work: portals.update_setting(work, setting="is_private", value=False))
    assert {(await visitor.get(path)).status_code for path in paths + embedded} == {200, 302}


async def test_only_the_private_portal_is_hidden(make: Factory, visitor: Client) -> None:
    await make.act(lambda work: portals.update_setting(work, setting="host", value="feedback.example.com"))
    other, _ = await make.new_portal("Ideas", host="ideas.example.com", email="owner@example.com")
    await make.act(lambda work: portals.update_setting(work, setting="is_private", value=True), portal=other)

    pages = [
        (await visitor.of(None, base="", host=f"http://{host}.example.com").get("/t/roadmap")).status_code
        for host in ("feedback", "ideas", "elsewhere")
    ]

    assert pages == [200, 303, 404]


async def test_a_hidden_post_leaves_its_tab_at_once(make: Factory, visitor: Client) -> None:
    post = await make.post(title="Dark mode", status="Planned")
    assert titles(await visitor.get("/t/roadmap")) == ["Dark mode"]

    await make.act(lambda work: moderation.set(work, post, "rejected"))

    assert titles(await visitor.get("/t/roadmap")) == []
    await make.act(lambda work: tabs.edit(work, make.tabs["roadmap"], url="plans"))
    assert (await visitor.get("/t/roadmap")).status_code == 404
    assert (await visitor.get("/t/plans")).status_code == 200
