"""The pages of a portal: who sees which posts, forms that another site or session sent, headers, cookies, redirects."""

import html
import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import pytest
import pytest_asyncio
from fastapi.routing import APIRoute

from app.background import index_new_posts
from app.domain.portals import portals
from app.settings import Settings
from tests.conftest import TestClock
from tests.security.portal_readers import ONE, STATUSES, TWO, VOTER, Hidden, Reader, add_posts, list_readers, sign_in
from tests.support.clients import Client
from tests.support.database_dump import changed, dump_database
from tests.support.extra_servers import running_application
from tests.support.factory import Factory

OWN_TOKENS = {"/invitation", "/password-reset", "/confirm-email", "/notifications", "/unsubscribe", "/unsubscribe/undo"}
"""Forms whose address has a token, which they check: they work without a cookie."""
WITHOUT_TOKEN = {"/theme"}
"""It changes nothing on the server."""
CSRF = re.compile(r'name="csrf" value="([^"]+)"')
POLICY = [
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' https: blob:",
    "connect-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
]  # fmt: skip


@pytest_asyncio.fixture
async def visitor(anyone: Client, make: Factory) -> Client:
    """A visitor of the first of two portals."""
    await make.act(lambda work: portals.update_setting(work, setting="host", value="one.example.com"))
    await make.new_portal("Other", host="two.example.com", email="other@example.com")
    return anyone.of(None, base="", host=ONE)


Rule: TypeAlias = Callable[[Reader, Hidden], bool]


def everything(reader: Reader, post: Hidden) -> bool:
    """What the reader may see."""
    return True


def public_only(reader: Reader, post: Hidden) -> bool:
    """What visitors see, whoever reads it."""
    return post.is_public


def searched(reader: Reader, post: Hidden) -> bool:
    """The team finds everything, and everybody else what visitors see."""
    return reader.is_team or post.is_public


def own(reader: Reader, post: Hidden) -> bool:
    """The posts of the reader; a visitor has none, and sees the whole list."""
    return reader.is_author or not reader.is_member


def own_searched(reader: Reader, post: Hidden) -> bool:
    return reader.is_author or (not reader.is_member and post.is_public)


def voted_searched(reader: Reader, post: Hidden) -> bool:
    """Everybody has voted for all posts, and finds among them also those that the search finds for the team alone."""
    return reader.is_member or post.is_public


def of_status(status: str, rule: Rule = everything) -> Rule:
    return lambda reader, post: post.status == status and rule(reader, post)


async def list_pages(make: Factory) -> dict[str, Rule]:
    """The paths of all lists of posts, and what each shows of the posts that its reader may see."""
    planned, completed = (make.statuses[name] for name in STATUSES)
    category = await make.value("SELECT id FROM categories WHERE name = 'Stripes'")
    board = await make.value("SELECT slug FROM boards WHERE id = (SELECT min(board_id) FROM posts)")
    return {
        "/": everything,
        f"/boards/{board}": everything,
        f"/?status={planned}": of_status("Planned"),
        f"/boards/{board}?status={completed}&category={category}&sort=top": of_status("Completed"),
        f"/?category={category}": everything,
        "/?sort=newest": everything,
        "/?sort=top": everything,
        "/?mine=posted": own,
        "/?mine=voted": everything,
        "/?mine=followed&sort=newest": everything,
        "/?q=zebra": searched,
        f"/?q=zebra&status={planned}": of_status("Planned", searched),
        f"/boards/{board}?q=zebra&category={category}": searched,
        "/?q=zebra&mine=posted": own_searched,
        "/?q=zebra&mine=voted": voted_searched,
        "/?q=zebra&mine=followed": voted_searched,
        "/roadmap": everything,
        "/changelog": of_status("Completed"),
        "/t/roadmap": of_status("Planned"),
        "/t/changelog": of_status("Completed"),
    }


PUBLIC: dict[str, Rule] = {
    "/feed.atom": public_only,
    "/boards/feature-requests.atom": public_only,
    "/roadmap.atom": public_only,
    "/changelog.atom": of_status("Completed", public_only),
    "/embedded_roadmap": public_only,
    "/sitemap.xml?after=0": public_only,
}
"""These show the same to everybody, and a private portal has none of them."""


def find_posts(text: str, posts: Sequence[Hidden]) -> set[str]:
    """The titles of the posts that a page names by title, or by the code in an address."""
    return {post.title for post in posts if post.title in text or post.code in text}


@pytest.mark.parametrize("is_private", [False, True])
async def test_every_page_shows_exactly_the_posts_that_its_reader_may_see(
    visitor: Client, make: Factory, is_private: bool
) -> None:
    author = await make.user()
    posts = await add_posts(make, author)
    await index_new_posts(make.server.database)
    await make.act(lambda work: portals.update_setting(work, setting="is_private", value=is_private))
    pages = await list_pages(make)
    widget = await make.widget(tab="roadmap")
    public = {**PUBLIC, f"/t/roadmap?widget_id={widget}": of_status("Planned", public_only)}

    for reader in await list_readers(make, visitor, author):
        is_closed = is_private and not reader.is_member
        visible = [post for post in posts if reader.sees(post, is_private=is_private)]
        for path, rule in pages.items():
            page = await reader.client.get(path)

            # Only members have own posts.
            must_sign_in = is_closed or ("mine=" in path and not reader.is_member)
            expected = set() if must_sign_in else {post.title for post in visible if rule(reader, post)}
            assert page.status_code == (303 if must_sign_in else 200), (reader.name, path)
            assert find_posts(page.text, posts) == expected, (reader.name, path)
        for path, rule in public.items():
            page = await reader.client.get(path, headers={"sec-fetch-dest": "iframe"})

            expected = set() if is_private else {post.title for post in posts if rule(reader, post)}
            assert page.status_code == (404 if is_private else 200), (reader.name, path)
            assert find_posts(page.text, posts) == expected, (reader.name, path)
        page = await reader.client.get("/submit/similar?title=zebra+planned+approved+published")
        found = find_posts(page.text, posts)
        assert found <= {post.title for post in visible if post.state != "rejected"}, reader.name
        assert bool(found) == (not is_closed), reader.name


@pytest.mark.parametrize("is_private", [False, True])
async def test_every_page_of_a_post_is_for_those_who_may_see_it(
    visitor: Client, make: Factory, is_private: bool
) -> None:
    author = await make.user(name="Andrea Author")
    posts = await add_posts(make, author)
    await make.act(lambda work: portals.update_setting(work, setting="is_private", value=is_private))

    for reader in await list_readers(make, visitor, author):
        is_closed = is_private and not reader.is_member
        for post in posts:
            may_change = reader.is_team or reader.is_author
            is_visible = reader.sees(post, is_private=is_private)
            addresses = {
                f"/p/{post.slug}-{post.code}": 200,
                f"/p/{post.code}": 302,
                f"/posts/{post.slug}": 200,
                f"/f/roadmap/{post.slug}-{post.code}": 302,
                f"/p/{post.code}/edit": 200 if may_change else 302,
                f"/p/{post.code}/delete": 200 if may_change else 302,
                f"/p/{post.code}/comments": 302,
            }
            for_users = {
                f"/p/{post.code}/comments/{post.comment}/reply": 200,
                f"/p/{post.code}/comments/{post.comment}/edit": 200 if may_change else 404,
                f"/p/{post.code}/comments/{post.comment}/delete": 200 if may_change else 404,
            }
            for path, status in (addresses | for_users).items():
                page = await reader.client.get(path)

                needs_user = path in for_users and not reader.is_member
                expected = 303 if is_closed or needs_user else status if is_visible else 404
                assert page.status_code == expected, (reader.name, path)
                if expected != 200:
                    assert post.title not in page.text, (reader.name, path)
                    assert ("location" in page.headers) == (expected in (302, 303)), (reader.name, path)
                assert "Secret about" not in page.text, (reader.name, path)
            await check_content(reader, post, is_private=is_private, is_visible=is_visible and not is_closed)


async def check_content(reader: Reader, post: Hidden, *, is_private: bool, is_visible: bool) -> None:
    """The comments, the voters and the picture on the page of a post."""
    page = await reader.client.get(f"/p/{post.slug}-{post.code}")
    assert (f"About {post.title}" in page.text) == is_visible, reader.name
    # The portal does not show who voted.
    assert (VOTER in page.text) == reader.is_team, reader.name
    shown = re.findall(r'<a href="(/files/[^"]+)" data-lightbox>', page.text)
    assert len(shown) == is_visible, reader.name
    for path in shown:
        assert (await reader.client.get(html.unescape(path))).status_code == 200, (reader.name, post.title)
    bare = await reader.client.get(f"/files/{post.file}")
    assert bare.status_code == (200 if post.is_public and not is_private else 404), (reader.name, post.title)


async def test_everybody_sees_the_voters_of_a_visible_post_if_the_portal_shows_them(
    visitor: Client, make: Factory
) -> None:
    author = await make.user()
    posts = await add_posts(make, author)
    await make.act(lambda work: portals.update_setting(work, setting="shows_voters", value=True))

    for reader in await list_readers(make, visitor, author):
        for post in posts:
            page = await reader.client.get(f"/p/{post.slug}-{post.code}")
            assert (VOTER in page.text) == reader.sees(post, is_private=False), (reader.name, post.title)


async def test_no_page_of_the_other_portal_shows_a_post(visitor: Client, make: Factory) -> None:
    posts = await add_posts(make, await make.user())
    await index_new_posts(make.server.database)
    lists = [path for path in await list_pages(make) if "category=" not in path] + list(PUBLIC)
    other = await make.value("SELECT id FROM portals WHERE host = 'two.example.com'")
    owner = await make.value("SELECT id FROM users WHERE portal_id = :p", p=other)
    client = await sign_in(make, visitor.of(None, base="", host=TWO), owner, portal=other)

    for path in lists:
        page = await client.get(path)
        assert page.status_code == (404 if "after=" in path else 200), path
        assert not find_posts(page.text, posts), path
    for post in posts:
        for path in (
            f"/p/{post.slug}-{post.code}",
            f"/p/{post.code}/edit",
            f"/posts/{post.slug}",
            f"/files/{post.file}",
        ):
            page = await client.get(path)
            assert page.status_code == 404, path
            assert post.title not in page.text, path


def list_forms(make: Factory) -> list[str]:
    """The paths of all forms that a token protects."""
    paths: set[str] = set()
    routers: list[Any] = [make.server.pages]
    while routers:
        for route in routers.pop().routes:
            if isinstance(route, APIRoute):
                paths |= {route.path} if "POST" in route.methods else set()
            elif hasattr(route, "original_router"):
                routers.append(route.original_router)
    return sorted(paths - OWN_TOKENS - WITHOUT_TOKEN)


async def test_no_form_works_without_the_token_of_its_session(visitor: Client, make: Factory) -> None:
    user, other = await make.user(), await make.user()
    post = await make.post(title="Dark mode")
    code = await make.code(post)
    client = await sign_in(make, visitor.of(None, base="", host=ONE), user)
    second = await sign_in(make, visitor.of(None, base="", host=ONE), user)
    third = await sign_in(make, visitor.of(None, base="", host=ONE), other)

    async def token_of(each: Client) -> str:
        match = CSRF.search((await each.get("/")).text)
        assert match is not None
        return match[1]

    own = await token_of(client)
    same_origin = {"sec-fetch-site": "same-origin"}
    attempts: list[tuple[str, dict[str, str], dict[str, str]]] = [
        ("no token", {}, same_origin),
        ("an empty token", {"csrf": ""}, same_origin),
        ("no text of ours", {"csrf": "é" * 86}, same_origin),
        ("another session of the same user", {"csrf": await token_of(second)}, same_origin),
        ("another user's session", {"csrf": await token_of(third)}, same_origin),
        ("a visitor's token", {"csrf": await token_of(visitor)}, same_origin),
        ("another site", {"csrf": own}, {"sec-fetch-site": "cross-site"}),
        ("a subdomain", {"csrf": own}, {"sec-fetch-site": "same-site"}),
        ("another origin", {"csrf": own}, {"origin": "https://evil.example.org"}),
    ]
    paths = list_forms(make)
    before = await dump_database(make.server.database)
    for path, (name, fields, headers) in itertools.product(paths, attempts):
        address = re.sub(r"\{(\w+)(?::\w+)?\}", lambda place: code if place[1] == "code" else "1", path)
        response = await client.post(address, data={"next": "/", **fields}, headers=headers)

        is_foreign = headers is not same_origin
        assert response.status_code in ((403,) if is_foreign else (303, 400, 403, 404, 422)), (path, name)
        if response.status_code == 303:
            assert re.match("/(?!/)", response.headers["location"]), (path, name)
        assert "earshot_session" not in response.headers.get("set-cookie", ""), (path, name)
    after = await dump_database(make.server.database)
    assert changed(before, after) == set()
    assert {"/p/{code}/vote", "/p/{code}/follow"} <= set(paths)

    # The same requests with the token of the session are served.
    for path in ("vote", "follow"):
        response = await client.post(f"/p/{code}/{path}", data={"csrf": own}, headers=same_origin)
        assert (response.status_code, response.headers["location"]) == (303, f"/p/dark-mode-{code}")
    assert changed(after, await dump_database(make.server.database)) >= {"votes", "follows"}


@pytest.mark.parametrize(
    "target", ["https://evil.example.org/", "//evil.example.org", "/\\evil.example.org", "javascript:alert(1)", "/\t/x"]
)
async def test_no_form_leads_to_another_site(visitor: Client, make: Factory, target: str) -> None:
    code = await make.code(await make.post(title="Dark mode"))
    await sign_in(make, visitor, await make.user())
    match = CSRF.search((await visitor.get("/")).text)
    assert match is not None

    for path in (f"/p/{code}/vote", "/theme"):
        response = await visitor.post(path, data={"csrf": match[1], "next": target})

        assert (response.status_code, response.headers["location"]) == (303, "/"), path


async def test_pages_run_only_scripts_of_this_server_and_are_in_no_frame(visitor: Client, make: Factory) -> None:
    hostile = '"><script>alert(1)</script>'
    code = await make.code(await make.post(title=hostile, description=hostile))
    user = await sign_in(make, visitor.of(None, base="", host=ONE), make.owner)

    for client, path in itertools.product(
        (visitor, user), ("/", f"/?q={hostile}", "/boards/feature-requests", f"/p/x-{code}")
    ):
        page = await client.get(path, follow_redirects=True)

        assert page.status_code == 200, path
        assert page.headers["content-security-policy"].split("; ") == POLICY, path
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["referrer-policy"] == "strict-origin-when-cross-origin"
        assert "camera=()" in page.headers["permissions-policy"]
        # A page with the name of its user is stored by no cache.
        assert page.headers["cache-control"] == ("private, no-store" if client is user else "no-cache"), path
        assert not re.search(r"<script(?! src=)|\son\w+=|\sstyle=|<style|javascript:", page.text), path


@pytest.mark.parametrize(
    ("setting", "path", "is_secure"),
    [({}, "/", False), ({"base_url": "https://example.com/feedback"}, "/feedback/", True)],
)
async def test_cookies_are_for_this_server_alone_and_hidden_from_scripts(
    settings: Settings, clock: TestClock, make: Factory, setting: dict[str, str], path: str, is_secure: bool
) -> None:
    async with running_application(settings, clock, **setting) as server:
        scheme = "https" if is_secure else "http"
        async with Client(server, token=None, base="", host=f"{scheme}://feedback.example.com") as visitor:
            response = await visitor.post("/theme", data={"theme": "dark"})

    flags = {flag.strip().lower() for flag in response.headers["set-cookie"].split(";")}
    assert {"httponly", "samesite=lax", f"path={path}"} <= flags
    assert ("secure" in flags) == is_secure
    assert not [flag for flag in flags if flag.startswith("domain")]
