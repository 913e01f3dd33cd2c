"""The public JSON: what everybody may read of a portal. docs/contracts/productlift.md, section 9.13."""

import random
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import pytest

from app.application import Application
from app.domain.models.posts import MODERATION_STATES
from app.domain.portals import portals, statuses
from app.domain.posts import publishing, update
from app.domain.posts.update import PostUpdate
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.clients import HOST, Client, status_and_json
from tests.support.extra_servers import running_application
from tests.support.factory import Factory
from tests.support.productlift import UNKNOWN_TAB, invalid

MEMBERS = [
    "id", "uid", "title", "description_short", "description", "description_changelog", "clean_description_changelog",
    "image_main", "votes_count", "comments_count", "views_count", "url", "created_at", "updated_at",
    "latest_status_change_at", "latest_status_change_at_formatted", "author", "categories", "status", "section_id",
    "moderation_status", "category",
]  # fmt: skip
NOT_FOUND = (404, {"message": ""})
POSTS, TAB = "/http_api/posts", "/http_api/tabs/roadmap/fetch"


@pytest.fixture
def visitor(anyone: Client) -> Client:
    """A client without a key, at the root path."""
    return anyone.of(None, base="")


async def titles(visitor: Client, **filters: Any) -> tuple[list[str], int]:
    """The titles of a page, sorted, and the total."""
    page = (await visitor.get(POSTS, params=filters)).json()
    return sorted(post["title"] for post in page["data"]), page["total"]


async def test_a_post_has_what_the_api_shows_but_nothing_for_the_team(
    make: Factory, visitor: Client, productlift: Client
) -> None:
    jane = await make.user(name="Jane Roe", email="jane@example.com", role="moderator")
    post = await make.post(title="Dark mode", description="It **hurts**.", author=jane, status="Planned")
    category = await make.category("Design")
    await make.act(lambda work: update.update_post(work, post, PostUpdate(category_ids=[category])))
    await make.vote(post, jane)
    private = (await productlift.get("/posts")).json()["data"][0]

    response = await visitor.get(POSTS)

    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    page = response.json()
    assert list(page) == ["data", "hasMore", "total", "skip", "limit"]
    (public,) = page["data"]
    assert list(public) == MEMBERS
    author = {"id": await make.uuid(jane), "name": "Jane Roe"}
    assert public == {name: private[name] for name in MEMBERS} | {"author": author}
    assert list(public["author"]) == ["id", "name"]
    assert public["category"]["name"] == "Design"
    assert "jane@example.com" not in response.text


async def test_no_address_of_a_person_is_shown(make: Factory, visitor: Client) -> None:
    for number, name in enumerate(("jane@example.com", "Jane <jane@example.com>", "jane＠example.com")):
        author = await make.user(name=name, email=f"jane{number}@example.com")
        await make.post(title=f"Post {number}", author=author, status="New")
    await make.post(title="Anonymous", status="New")
    await make.run("UPDATE posts SET user_id = NULL WHERE title = 'Anonymous'")

    response = await visitor.get(POSTS, params={"order_by": "title"})

    authors = [post["author"] for post in response.json()["data"]]
    assert authors[0] is None
    assert [author["name"] for author in authors[1:]] == ["jane", "Jane <jane>", "jane"]
    assert "example.com" not in response.text.replace(HOST, "")
    assert "@" not in response.text


async def test_only_approved_published_posts_on_a_tab_are_listed(make: Factory, visitor: Client) -> None:
    other, owner = await make.new_portal("Ideas", host="ideas.example.com", email="owner@example.com")
    foreign = await make.post(title="Of another portal", portal=other, author=owner)
    theirs = await make.value("SELECT min(id) FROM statuses WHERE portal_id = :p", p=other)
    await make.act(lambda work: update.change_status(work, foreign, theirs, user_id=owner), portal=other)
    await make.act(lambda work: portals.update_setting(work, setting="host", value="feedback.example.com"))
    for state in MODERATION_STATES:
        await make.post(title=state, status="Planned", moderation=state)
    await make.post(title="Without a status")
    hidden = await make.post(title="Unpublished", status="Planned")
    await make.run("UPDATE posts SET published = false WHERE id = :id", id=hidden)

    assert await titles(visitor) == (["approved"], 1)
    assert await titles(visitor, tab="roadmap") == (["approved"], 1)
    assert await titles(visitor, status=make.statuses["Planned"]) == (["approved"], 1)
    assert await make.value("SELECT count(*) FROM posts") == 6
    assert await titles(visitor.of(None, base="", host="http://ideas.example.com")) == (["Of another portal"], 1)
    await make.run("UPDATE posts SET published = false WHERE id = :id", id=foreign)
    assert await titles(visitor.of(None, base="", host="http://ideas.example.com")) == ([], 0)


async def test_the_total_is_the_number_of_listed_posts_whatever_the_filters(make: Factory, visitor: Client) -> None:
    rng = random.Random(11)
    category, section = await make.category("Design"), await make.section(tab="roadmap")
    expected: list[dict[str, Any]] = []
    for number in range(40):
        status = rng.choice([*make.statuses, None])
        state = rng.choice(("approved", "approved", *MODERATION_STATES))
        post = await make.post(title=f"Post {number:02}", status=status, moderation=state)
        row = {
            "category": rng.choice((category, None)),
            "section": rng.choice((section, None)),
            "published": rng.random() < 0.8,
        }
        changes = PostUpdate(category_ids=[row["category"]] if row["category"] else [], section_id=row["section"])
        await make.act(lambda work, post=post, changes=changes: update.update_post(work, post, changes))
        await make.run("UPDATE posts SET published = :value WHERE id = :id", value=row["published"], id=post)
        if state == "approved" and row["published"] and status is not None:
            expected.append({**row, "title": f"Post {number:02}", "status": make.statuses[status]})
    tab_of = {row["id"]: row["tab_id"] for row in await make.act(statuses.list_all)}

    def select(**filters: Any) -> list[str]:
        return [
            post["title"]
            for post in expected
            if ("tab" not in filters or tab_of[post["status"]] == make.tabs.get(filters["tab"]))
            and ("status[]" not in filters or post["status"] in filters["status[]"])
            and all(post[name] == filters[name] for name in ("category", "section") if name in filters)
        ]

    choices: dict[str, Sequence[Any]] = {
        "tab": ("roadmap", "changelog", "nowhere"),
        "status[]": ([make.statuses["New"]], [make.statuses["New"], make.statuses["Planned"]], [987654]),
        "category": (category, 987654),
        "section": (section, 987654),
    }
    seen = set()
    for _ in range(60):
        filters = {name: rng.choice(values) for name, values in choices.items() if rng.random() < 0.4}
        order = rng.choice(("title", "created_at", "votes_count"))
        assert await titles(visitor, **filters, limit=100, order_by=order) == (
            select(**filters),
            len(select(**filters)),
        ), filters
        seen.add(len(select(**filters)))
    assert len(seen) > 4

    pages = [(await visitor.get(POSTS, params={"limit": 7, "skip": skip})).json() for skip in range(0, 50, 7)]
    assert [post["title"] for page in pages for post in page["data"]] == sorted(select(), reverse=True)
    assert {page["total"] for page in pages} == {len(expected)}
    assert [page["hasMore"] for page in pages] == [page["skip"] + len(page["data"]) < len(expected) for page in pages]


async def test_tags_are_for_the_team(make: Factory, visitor: Client) -> None:
    tag = await make.tag("Urgent")
    for title, tag_ids in (("Tagged", [tag]), ("Other", [])):
        post, changed = await make.post(title=title, status="New"), PostUpdate(tag_ids=tag_ids)
        await make.act(lambda work, post=post, changed=changed: update.update_post(work, post, changed))

    assert await titles(visitor, tag_id=tag) == await titles(visitor) == (["Other", "Tagged"], 2)


async def test_the_posts_of_a_tab_are_listed(make: Factory, visitor: Client) -> None:
    for title, status in (("One", "Planned"), ("Two", "Planned"), ("Elsewhere", "New")):
        await make.post(title=title, status=status)
    hidden = await make.post(title="Hidden", status="Planned")
    await make.act(lambda work: publishing.toggle(work, hidden))
    expected = (await visitor.get(POSTS, params={"tab": "roadmap", "limit": 1})).json()
    assert (expected["total"], expected["data"][0]["title"]) == (2, "Two")

    for key in ("roadmap", str(make.tabs["roadmap"])):
        response = await visitor.get(f"/http_api/tabs/{key}/fetch", params={"limit": 1, "tab": "feedback"})
        assert status_and_json(response) == (200, expected)
    for key in ("nowhere", "0", "%00", "%2F", "roadmap%2Fx", "x" * 500, quote("ü")):
        assert status_and_json(await visitor.get(f"/http_api/tabs/{key}/fetch")) == UNKNOWN_TAB, key


@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        ("limit=0", "limit", "The limit must be at least 1."),
        ("limit=101", "limit", "The limit must not be greater than 100."),
        ("limit=many", "limit", "The limit must be an integer."),
        ("skip=x", "skip", "The skip must be an integer."),
        ("order_by=email", "order_by", "The selected order by is invalid."),
        ("order_direction=up", "order_direction", "The selected order direction is invalid."),
        ("status[]=x", "status.0", "The status.0 must be an integer."),
    ],
)
async def test_invalid_input_is_rejected_as_by_the_api(
    make: Factory, visitor: Client, query: str, field: str, message: str
) -> None:
    response = await visitor.get(f"{POSTS}?{query}")

    assert status_and_json(response) == invalid(**{field: message})
    assert response.headers["cache-control"] == "no-store"


async def test_random_queries_never_fail(make: Factory, visitor: Client) -> None:
    await make.post(status="Planned")
    rng = random.Random(5)
    names = (
        "limit",
        "skip",
        "tab",
        "status",
        "status[]",
        "status[x]",
        "category",
        "order_by",
        "order_direction",
        "%FF",
    )
    values = (
        "",
        "0",
        "-1",
        "1",
        "9" * 30,
        "%00",
        "%FF",
        "%F0%9F%98%80",
        "null",
        "[]",
        "title",
        "asc",
        "1.5",
        "é",
        "{}",
    )
    for _ in range(300):
        query = "&".join(f"{rng.choice(names)}={rng.choice(values)}" for _ in range(rng.randrange(5)))
        response = await visitor.get(f"{POSTS}?{query}")

        assert response.status_code in (200, 422), query
        assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FETCH"])
async def test_other_methods_are_unknown(make: Factory, visitor: Client, method: str) -> None:
    for path in (POSTS, TAB):
        response = await visitor.request(method, path, headers={"x-http-method-override": "GET"})

        assert status_and_json(response) == NOT_FOUND
        assert response.headers["access-control-allow-origin"] == "*"


async def test_other_paths_are_unknown(make: Factory, visitor: Client) -> None:
    await make.post(status="Planned")
    for path in ("", "/", "/users", "/posts/1", "/tabs", "/tabs/roadmap", "/tabs//fetch", "/tabs/a/b/fetch", "/Posts"):
        assert status_and_json(await visitor.get(f"/http_api{path}", headers={"accept": "text/html"})) == NOT_FOUND
    assert (await visitor.get("/http_api/posts/")).json()["total"] == 1


@pytest.mark.parametrize("path", [POSTS, TAB])
async def test_every_site_may_read_it(make: Factory, visitor: Client, path: str) -> None:
    response = await visitor.get(path, headers={"origin": "https://www.example.org"})
    preflight = await visitor.request(
        "OPTIONS",
        path,
        headers={
            "origin": "https://www.example.org",
            "access-control-request-method": "GET",
            "access-control-request-headers": "x-requested-with",
        },
    )

    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-credentials" not in response.headers
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert preflight.headers["access-control-allow-methods"] == "GET, HEAD"
    assert "x-requested-with" in preflight.headers["access-control-allow-headers"]


@pytest.mark.parametrize("path", [POSTS, TAB])
async def test_a_response_is_cached_for_a_short_time(make: Factory, visitor: Client, path: str) -> None:
    await make.post(title="Dark mode", status="Planned")
    first = await visitor.get(path)
    head = await visitor.head(path)
    again = await visitor.get(path, headers={"if-none-match": f'"x", W/{first.headers["etag"]}'})
    await make.run("UPDATE posts SET title = 'Light mode'")
    await make.run("UPDATE tabs SET name = 'Plans' WHERE url = 'roadmap'")
    changed = await visitor.get(path, headers={"if-none-match": first.headers["etag"]})

    assert first.headers["cache-control"] == "public, max-age=30"
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", first.headers["etag"])
    assert head.headers["content-length"] == str(len(first.content))
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert "content-length" not in again.headers
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


async def test_long_texts_are_streamed_with_public_members_only(make: Factory, visitor: Client) -> None:
    author = await make.user(name="jane@example.com", email="jane@example.com")
    for number in range(3):
        await make.post(title=f"Post {number}", description="x" * 1_500_000, author=author, status="Planned")
    await make.post(title="Pending", description="x" * 1_500_000, status="Planned", moderation="pending")

    response = await visitor.get(POSTS)

    page = response.json()
    assert "etag" not in response.headers
    assert [list(post) for post in page["data"]] == [MEMBERS] * 3
    assert {post["author"]["name"] for post in page["data"]} == {"jane"}
    assert (page["total"], page["hasMore"]) == (3, False)


async def test_a_private_portal_and_an_unknown_host_have_none(make: Factory, visitor: Client) -> None:
    await make.post(status="Planned")
    await make.act(lambda work: portals.update_setting(work, setting="host", value="feedback.example.com"))
    elsewhere = visitor.of(None, base="", host="http://elsewhere.example.com")
    for path in (POSTS, TAB):
        assert (await visitor.get(path)).status_code == 200
        assert status_and_json(await elsewhere.get(path)) == NOT_FOUND
    await make.act(lambda work: portals.update_setting(work, setting="is_private", value=True))
    for path in (POSTS, TAB):
        assert status_and_json(await visitor.get(path)) == NOT_FOUND


async def test_an_unavailable_database_is_a_503_in_json(server_without_database: Application) -> None:
    visitor = Client(server_without_database, token=None, base="")
    for path in (POSTS, TAB):
        response = await visitor.get(path)

        assert status_and_json(response) == (503, {"message": "Service Unavailable"})
        assert response.headers["retry-after"] == "2"
        assert response.headers["access-control-allow-origin"] == "*"


async def test_each_address_has_a_rate_limit_of_its_own(settings: Settings, clock: TestClock, make: Factory) -> None:
    limits = {"rate_limits": True, "limit_public_json": "3/minute", "limit_pages": "1/minute"}
    async with running_application(settings, clock, **limits) as server:
        visitor = Client(server, token=None, base="")
        responses = [await visitor.get(path) for path in (POSTS, TAB, "/http_api/nothing", POSTS)]
        preflight = await visitor.request("OPTIONS", POSTS, headers={"access-control-request-method": "GET"})
        other = await visitor.of(None, base="", peer="192.0.2.7").get(POSTS)
        page = await visitor.get("/")
        clock.advance(seconds=61)
        later = await visitor.get(POSTS)

    assert [response.status_code for response in responses] == [200, 200, 404, 429]
    assert [response.headers["x-ratelimit-remaining"] for response in responses] == ["2", "1", "0", "0"]
    assert {response.headers["x-ratelimit-limit"] for response in responses} == {"3"}
    rejected = responses[-1]
    assert rejected.json() == {"message": "Too Many Attempts."}
    assert 1 <= int(rejected.headers["retry-after"]) <= 60
    assert int(rejected.headers["x-ratelimit-reset"]) > 0
    assert rejected.headers["access-control-allow-origin"] == "*"
    assert rejected.headers["cache-control"] == "no-store"
    assert [response.status_code for response in (preflight, other, page, later)] == [204, 200, 200, 200]


@pytest.mark.parametrize("off", [{"rate_limits": False}, {"limit_public_json": "off"}])
async def test_the_rate_limit_can_be_disabled(
    settings: Settings, clock: TestClock, make: Factory, off: dict[str, Any]
) -> None:
    limits = {"rate_limits": True, "limit_public_json": "1/minute", "limit_pages": "1/minute", **off}
    async with running_application(settings, clock, **limits) as server:
        visitor = Client(server, token=None, base="")
        responses = [await visitor.get(POSTS) for _ in range(5)]

    assert [response.status_code for response in responses] == [200] * 5
    assert "x-ratelimit-limit" not in responses[0].headers
