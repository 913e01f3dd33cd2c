"""Atom feeds: valid by RFC 4287, with stable ids, absolute links and escaped texts, and for public portals only."""

from datetime import UTC, datetime
from uuid import UUID
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import httpx
import pytest

from app.domain.portals import boards, portals
from app.domain.posts import moderation, update
from app.settings import Settings
from app.web.routes.portal.feeds import MAX_ENTRIES
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.extra_servers import running_application
from tests.support.factory import Factory

ATOM = "{http://www.w3.org/2005/Atom}"
BOARD_FEED = "/boards/feature-requests.atom"
PATHS = ("/feed.atom", BOARD_FEED, "/roadmap.atom", "/changelog.atom")
HOSTILE = "<script>alert(1)</script>]]>&amp;\"'"


def read_feed(response: httpx.Response) -> Element:
    """The feed. It has what RFC 4287, sections 4.1.1 and 4.1.2, demands."""
    assert (response.status_code, response.headers["content-type"]) == (200, "application/atom+xml; charset=utf-8")
    feed = ElementTree.fromstring(response.content)
    assert feed.tag == f"{ATOM}feed"
    assert [len(feed.findall(f"{ATOM}{name}")) for name in ("id", "title", "updated", "author")] == [1, 1, 1, 1]
    for element in (feed, *feed.findall(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            assert len(element.findall(f"{ATOM}{name}")) == 1
        UUID(text_of(element, "id").removeprefix("urn:uuid:"))
        assert datetime.fromisoformat(text_of(element, "updated")).tzinfo is not None
        assert len([one for one in element.findall(f"{ATOM}link") if one.get("rel") == "alternate"]) == 1
    ids = [text_of(entry, "id") for entry in feed.findall(f"{ATOM}entry")]
    assert len({*ids, text_of(feed, "id")}) == len(ids) + 1
    return feed


def text_of(element: Element, name: str) -> str:
    return element.findtext(f"{ATOM}{name}") or ""


def titles(feed: Element) -> list[str]:
    return [text_of(entry, "title") for entry in feed.findall(f"{ATOM}entry")]


def links(element: Element, rel: str) -> list[str | None]:
    return [one.get("href") for one in element.iter(f"{ATOM}link") if one.get("rel") == rel]


async def complete(make: Factory, post: int) -> None:
    await make.act(lambda work: update.change_status(work, post, make.statuses["Completed"], user_id=make.owner))


async def test_each_feed_has_the_newest_of_its_posts_first(make: Factory, visitor: Client, clock: TestClock) -> None:
    other = await make.act(lambda work: boards.add(work, name="Bugs & more", slug="bugs"))
    clock.set(datetime(2026, 3, 1, tzinfo=UTC))
    posts = {}
    for title, status, board in (
        ("Dark mode", "Planned", None),
        ("Export", "New", None),
        ("Import", "Planned", None),
        ("Crash", "New", other),
    ):
        posts[title] = await make.post(title=title, status=status)
        if board is not None:
            await make.run("UPDATE posts SET board_id = :board WHERE id = :id", board=board, id=posts[title])
    await make.post(title="Pending", status="Planned", moderation="pending")
    clock.set(datetime(2026, 3, 2, tzinfo=UTC))
    await complete(make, posts["Dark mode"])

    feeds = {path: read_feed(await visitor.get(path)) for path in (*PATHS, "/boards/bugs.atom")}

    assert {path: titles(feed) for path, feed in feeds.items()} == {
        "/feed.atom": ["Crash", "Import", "Export", "Dark mode"],
        BOARD_FEED: ["Import", "Export", "Dark mode"],
        "/roadmap.atom": ["Dark mode", "Import"],
        "/changelog.atom": ["Dark mode"],
        "/boards/bugs.atom": ["Crash"],
    }
    assert {path: text_of(feed, "title") for path, feed in feeds.items()} == {
        "/feed.atom": "Feedback",
        BOARD_FEED: "Feature Requests · Feedback",
        "/roadmap.atom": "Roadmap · Feedback",
        "/changelog.atom": "Changelog · Feedback",
        "/boards/bugs.atom": "Bugs & more · Feedback",
    }
    assert text_of(feeds["/changelog.atom"], "updated") == "2026-03-02T00:00:00Z"


async def test_a_feed_has_a_limit(make: Factory, visitor: Client) -> None:
    for number in range(MAX_ENTRIES + 1):
        await make.post(title=f"Post {number}", status="Completed")

    for path in PATHS:
        assert len(titles(read_feed(await visitor.get(path)))) == MAX_ENTRIES, path


async def test_texts_are_escaped_and_what_xml_cannot_have_is_left_out(make: Factory, visitor: Client) -> None:
    post = await make.post(title=f"Dark {HOSTILE}", description="Text", status="Completed")
    await make.comment(post, body=f"**Done** {HOSTILE}", official=True)
    await make.run(
        "UPDATE posts SET title = :title, description_short = :text", title=f"A\x01B {HOSTILE}", text=f"\x1b{HOSTILE}"
    )
    await make.act(lambda work: portals.update_setting(work, setting="title", value=HOSTILE))

    for path in PATHS:
        response = await visitor.get(path)
        [entry] = read_feed(response).findall(f"{ATOM}entry")

        assert "<script>" not in response.text, path
        assert text_of(entry, "title") == f"AB {HOSTILE}"
        assert text_of(entry, "summary") in ("", HOSTILE)
    content = entry.find(f"{ATOM}content")
    assert content is not None
    assert content.get("type") == "html"
    assert (content.text or "").startswith("<p><strong>Done</strong> &lt;script&gt;alert(1)")


async def test_ids_stay_and_links_are_absolute_whatever_the_address(
    make: Factory, settings: Settings, clock: TestClock, visitor: Client
) -> None:
    post = await make.post(title="Dark mode", status="Completed")
    code = await make.code(post)
    async with running_application(settings, clock, base_url="https://example.com/feedback") as server:
        moved = Client(server, token=None, base="/feedback", host="https://example.com")
        for path, page in zip(PATHS, ("/", "/boards/feature-requests", "/roadmap", "/changelog"), strict=True):
            before, after = read_feed(await visitor.get(path)), read_feed(await moved.get(path))

            for feed, address in ((before, "http://feedback.example.com"), (after, "https://example.com/feedback")):
                assert links(feed, "self") == [address + path]
                assert links(feed, "alternate") == [address + page, f"{address}/p/dark-mode-{code}"]
            assert [one.text for one in before.iter(f"{ATOM}id")] == [one.text for one in after.iter(f"{ATOM}id")]


@pytest.mark.parametrize("path", PATHS)
async def test_a_feed_that_has_not_changed_is_not_sent_again(make: Factory, visitor: Client, path: str) -> None:
    post = await make.post(title="Dark mode", status="Completed")
    first = await visitor.get(path)

    for headers in (
        {"if-none-match": first.headers["etag"]},
        {"if-none-match": f'"other", W/{first.headers["etag"]}'},
        {"if-modified-since": first.headers["last-modified"]},
    ):
        again = await visitor.get(path, headers=headers)
        assert (again.status_code, again.content) == (304, b""), headers
        assert again.headers["etag"] == first.headers["etag"]
    # An ETag goes before a time.
    changed = {"if-none-match": '"other"', "if-modified-since": first.headers["last-modified"]}
    assert (await visitor.get(path, headers=changed)).status_code == 200
    await make.act(lambda work: moderation.set(work, post, "rejected"))
    hidden = await visitor.get(path, headers={"if-none-match": first.headers["etag"]})
    assert titles(read_feed(hidden)) == []
    assert (await visitor.get(path, headers={"if-modified-since": first.headers["last-modified"]})).status_code == 200


async def test_a_private_portal_and_an_unknown_board_have_no_feed(make: Factory, visitor: Client) -> None:
    await make.post(title="Dark mode", status="Completed")
    assert (await visitor.get("/boards/nothing.atom")).status_code == 404

    await make.act(lambda work: portals.update_setting(work, setting="is_private", value=True))

    for path in PATHS:
        response = await visitor.get(path)
        assert response.status_code == 404, path
        assert "Dark mode" not in response.text, path


async def test_a_feed_shows_nothing_of_another_portal(make: Factory, visitor: Client) -> None:
    await make.act(lambda work: portals.update_setting(work, setting="host", value="feedback.example.com"))
    portal, owner = await make.new_portal("Ideas", host="ideas.example.com", email="owner@example.com")
    await make.post(title="Dark mode", status="Completed")
    other = visitor.of(None, base="", host="http://ideas.example.com")

    for path in PATHS:
        assert titles(read_feed(await visitor.get(path))) == ["Dark mode"], path
        assert titles(read_feed(await other.get(path))) == [], path
    assert (portal, owner) != (make.portal, make.owner)


async def test_pages_name_their_feeds(make: Factory, visitor: Client) -> None:
    for page, feed in (
        ("/", "/feed.atom"),
        ("/boards/feature-requests", BOARD_FEED),
        ("/roadmap", "/roadmap.atom"),
        ("/changelog", "/changelog.atom"),
    ):
        text = (await visitor.get(page)).text
        assert f'<link rel="alternate" type="application/atom+xml" href="{feed}"' in text, page
