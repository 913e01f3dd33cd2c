"""The pages of a portal: who sees which posts, forms that another site or session sent, headers, cookies, redirects."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from fastapi.routing import APIRoute

from app.background import index_new_posts
from app.domain.portals import portals
from app.domain.posts import moderation as moderation_of_posts
from app.domain.users import sessions
from app.settings import Settings
from tests.conftest import TestClock
from tests.security.rights import STATES
from tests.support.clients import Client
from tests.support.database_dump import changed, dump_database
from tests.support.extra_servers import running_application
from tests.support.factory import Factory

ONE, TWO = "http://one.example.com", "http://two.example.com"
OWN_TOKENS = {"/invitation", "/password-reset", "/confirm-email", "/notifications", "/unsubscribe", "/unsubscribe/undo"}
"""Forms whose address has a token, which they check: they work without a cookie."""
WITHOUT_TOKEN = {"/theme"}
"""It changes nothing on the server."""
CSRF = re.compile(r'name="csrf" value="([^"]+)"')
POLICY = [
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' https: blob:",
    "connect-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
]  # fmt: skip


@dataclass(frozen=True)
class Hidden:
    """A post that not everybody sees."""

    title: str
    state: str
    is_published: bool
    paths: Sequence[str]


@dataclass(frozen=True)
class Reader:
    """A client with the cookie of a session, or a visitor. `sees_all` is the right of the team, `owns` of authors."""

    name: str
    client: Client
    sees_all: bool = False
    owns: bool = False
    is_member: bool = True

    def sees(self, post: Hidden, *, is_private: bool) -> bool:
        """The rule, independent of the code."""
        if self.sees_all or self.owns:
            return True
        return post.state == "approved" and post.is_published and (self.is_member or not is_private)


async def sign_in(make: Factory, client: Client, user: int, *, portal: int | None = None) -> Client:
    """The client with a session of the user."""
    token = await make.act(
        lambda work: sessions.create(work, user_id=user, method="link", user_agent=""), portal=portal
    )
    client.cookies.set("earshot_session", token)
    return client


@pytest_asyncio.fixture
async def visitor(anyone: Client, make: Factory) -> Client:
    """A visitor of the first of two portals."""
    await make.act(lambda work: portals.update_setting(work, setting="host", value="one.example.com"))
    await make.new_portal("Other", host="two.example.com", email="other@example.com")
    return anyone.of(None, base="", host=ONE)


async def add_posts(make: Factory, author: int) -> list[Hidden]:
    """A post for each state and both values of `published`."""
    posts = []
    for state, is_published in itertools.product(STATES, (True, False)):
        title = f"Zebra {state} {'published' if is_published else 'draft'}"
        post = await make.post(title=title, author=author, status="Planned")
        if state != "approved":
            await make.act(lambda work, post=post, state=state: moderation_of_posts.set(work, post, state))
        await make.run("UPDATE posts SET published = :value WHERE id = :id", value=is_published, id=post)
        row = await make.row("SELECT slug, code FROM posts WHERE id = :id", id=post)
        slug, code = row["slug"], row["code"]
        paths = [f"/p/{slug}-{code}", f"/posts/{slug}"]
        posts.append(Hidden(title, state, is_published, paths))
    return posts


async def list_readers(make: Factory, visitor: Client, author: int) -> list[Reader]:
    """Everybody who may look: of both portals, in each role."""

    def client(host: str = ONE) -> Client:
        return visitor.of(None, base="", host=host)

    other = await make.value("SELECT id FROM portals WHERE host = 'two.example.com'")
    stranger = await make.user(portal=other)
    users = {role: await make.user(role=role) for role in ("user", "moderator", "admin")}
    elsewhere = await sign_in(make, client(), stranger, portal=other)
    return [
        Reader("visitor", client(), is_member=False),
        Reader("a session of the other portal", elsewhere, is_member=False),
        Reader("author", await sign_in(make, client(), author), owns=True),
        Reader("user", await sign_in(make, client(), users["user"])),
        Reader("moderator", await sign_in(make, client(), users["moderator"]), sees_all=True),
        Reader("admin", await sign_in(make, client(), users["admin"]), sees_all=True),
        Reader("owner", await sign_in(make, client(), make.owner), sees_all=True),
    ]


@pytest.mark.parametrize("is_private", [False, True])
async def test_every_page_shows_exactly_the_posts_that_its_reader_may_see(
    visitor: Client, make: Factory, is_private: bool
) -> None:
    author = await make.user()
    posts = await add_posts(make, author)
    await index_new_posts(make.server.database)
    planned = make.statuses["Planned"]
    board = await make.value("SELECT slug FROM boards WHERE id = (SELECT min(board_id) FROM posts)")
    await make.act(lambda work: portals.update_setting(work, setting="is_private", value=is_private))
    lists = ("/", f"/boards/{board}", f"/?status={planned}", "/?sort=newest", "/?sort=top", "/?q=zebra")

    for reader in await list_readers(make, visitor, author):
        expected = {post.title for post in posts if reader.sees(post, is_private=is_private)}
        is_closed = is_private and not reader.is_member
        for path in lists:
            page = await reader.client.get(path)

            assert page.status_code == (303 if is_closed else 200), (reader.name, path)
            shown = {post.title for post in posts if post.title in page.text}
            # Only what is published and approved has a place in the index of the search, besides for the team.
            found = expected if "q=" not in path or reader.sees_all else {"Zebra approved published"} & expected
            assert shown == found, (reader.name, path)
        for post in posts:
            for path in post.paths:
                page = await reader.client.get(path)

                status = 303 if is_closed else 200 if post.title in expected else 404
                assert page.status_code == status, (reader.name, path)
                assert (post.title in page.text) == (status == 200), (reader.name, path)


async def test_no_page_of_the_other_portal_shows_a_post(visitor: Client, make: Factory) -> None:
    posts = await add_posts(make, await make.user())
    await index_new_posts(make.server.database)
    other = await make.value("SELECT id FROM portals WHERE host = 'two.example.com'")
    owner = await make.value("SELECT id FROM users WHERE portal_id = :p", p=other)
    client = await sign_in(make, visitor.of(None, base="", host=TWO), owner, portal=other)

    for path in ("/", "/?q=zebra", *itertools.chain.from_iterable(post.paths for post in posts)):
        page = await client.get(path)

        assert page.status_code == (404 if path.startswith("/p") else 200), path
        assert "Zebra" not in page.text, path


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
