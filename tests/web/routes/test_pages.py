"""The page of a post, and the few pages around it."""

import re
from typing import Any

import httpx
import pytest
from babel.dates import format_date

from app.background import flush_page_views
from app.domain.posts import publishing
from app.domain.sql.timestamps import to_datetime
from tests.support.clients import Client
from tests.support.factory import Factory

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;"


async def open_post(visitor: Client, make: Factory, post: int) -> httpx.Response:
    slug = await make.value("SELECT slug FROM posts WHERE id = :id", id=post)
    return await visitor.get(f"/p/{slug}-{await make.code(post)}")


async def views(make: Factory, post: int) -> int:
    await flush_page_views(make.server.database, make.server.services.views)
    return int(await make.value("SELECT views_count FROM posts WHERE id = :id", id=post))


def visible_text(html: str) -> str:
    """The text of the main part of the page without tags, with single spaces."""
    [main] = re.findall(r"<main[^>]*>(.*)</main>", html, re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", main).split())


async def test_a_page_shows_only_public_data_of_a_post(visitor: Client, make: Factory) -> None:
    jane = await make.user(name="Jane Roe", email="jane@example.com")
    post = await make.post(
        title="Dark mode", description="It **hurts**.", author=jane, status="Planned", votes_by=[make.owner, jane]
    )
    first = await make.comment(post, author=jane, body="Please!")
    await make.comment(post, body="Under way", parent=first, official=True)
    await make.comment(post, body="Between us: never", internal=True)
    day = format_date(to_datetime(await make.value("SELECT created_at FROM posts WHERE id = :id", id=post)), "long")

    page = await open_post(visitor, make, post)

    assert page.status_code == 200
    assert "<title>Dark mode · Feedback</title>" in page.text
    assert "<p>It <strong>hurts</strong>.</p>" in page.text
    assert visible_text(page.text) == (
        f"Feature Requests 2 Vote 2 votes, Dark mode Dark mode Planned J Jane Roe {day} It hurts . "
        f"Official update {day} Under way "
        f"Progress Asked {day} "
        "Follow You get an email when the status changes or the team answers. Follow "
        f"Share http://feedback.example.com/p/dark-mode-{await make.code(post)} Copy the link "
        f"2 comments Sign in to comment J Jane Roe {day} Please! O Owner {day} Team Under way"
    )
    assert "example.com" not in page.text.replace("http://feedback.example.com/", "")
    assert "never" not in page.text


async def test_a_page_has_the_security_headers(visitor: Client, make: Factory) -> None:
    page = await open_post(visitor, make, await make.post())

    assert {name: value for name, value in page.headers.items() if name not in ("content-length", "x-request-id")} == {
        "content-type": "text/html; charset=utf-8",
        "content-encoding": "gzip",
        "content-security-policy": POLICY,
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "strict-origin-when-cross-origin",
        "cross-origin-opener-policy": "same-origin",
        "cache-control": "no-cache",
        "vary": "Cookie, Accept-Encoding",
    }


async def test_user_text_is_escaped_everywhere(visitor: Client, make: Factory) -> None:
    author = await make.user(name=HOSTILE)
    post = await make.post(title=HOSTILE, description=HOSTILE, author=author)
    await make.comment(post, author=author, body=HOSTILE)
    await make.run("UPDATE boards SET name = name || :words", words=HOSTILE)
    await make.run("UPDATE portals SET title = title || :words", words=HOSTILE)

    page = await open_post(visitor, make, post)

    assert page.status_code == 200
    assert re.findall(r"<script(?! src=\"/static/)", page.text) == []
    assert "<img" not in page.text
    assert page.text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 15
    assert page.text.count("<h1>") == 1


async def test_anonymous_and_deleted_authors_are_shown_without_a_name(visitor: Client, make: Factory) -> None:
    jane = await make.user(name="Jane Roe")
    post = await make.post()
    await make.comment(post, author=jane, body="I was here")
    await make.run("UPDATE posts SET user_id = NULL")
    await make.run(
        "UPDATE users SET name = '[User Deleted]', email = NULL, email_key = NULL, deleted_at = created_at"
        " WHERE id = :id",
        id=jane,
    )

    page = await open_post(visitor, make, post)

    assert "Posted anonymously" in page.text
    assert "<b>[User Deleted]</b>" in page.text


async def test_a_page_does_not_show_an_email_that_is_the_name_of_a_user(
    astuto: Client, visitor: Client, make: Factory
) -> None:
    await astuto.post("/users", json={"email": "jane.doe@private.example"})
    jane = await make.value("SELECT id FROM users WHERE name = 'jane.doe@private.example'")
    post = await make.post(author=jane)
    await make.comment(post, author=jane, body="Write to jane.doe@work.example")
    await make.comment(post, author=await make.user(name="Jim Roe <jim@private.example>"))

    page = await open_post(visitor, make, post)

    assert re.findall(r"<b>(.*?)</b>", page.text) == ["jane.doe", "jane.doe", "Jim Roe &lt;jim&gt;"]
    assert "private.example" not in page.text
    # The text of a comment is unchanged, and so is the stored name.
    assert "Write to jane.doe@work.example" in page.text
    assert await make.value("SELECT name FROM users WHERE id = :id", id=jane) == "jane.doe@private.example"


@pytest.mark.parametrize("state", ["pending", "rejected", "unpublished"])
async def test_only_approved_and_published_posts_are_shown(visitor: Client, make: Factory, state: str) -> None:
    is_unpublished = state == "unpublished"
    post = await make.post(title="Not for you", moderation="approved" if is_unpublished else state)
    if is_unpublished:
        await make.act(lambda work: publishing.toggle(work, post))
    slug = await make.value("SELECT slug FROM posts WHERE id = :id", id=post)
    code = await make.code(post)

    addresses = (f"/p/{slug}-{code}", f"/p/{code}", f"/posts/{slug}", f"/p/{code}/edit", f"/p/{code}/delete")
    pages = [await visitor.get(address) for address in addresses]

    assert [page.status_code for page in pages] == [404] * 5
    assert not any("Not for you" in page.text for page in pages)
    assert await views(make, post) == 0


async def test_a_portal_does_not_show_posts_of_another_portal(visitor: Client, make: Factory) -> None:
    await make.run("UPDATE portals SET host = 'feedback.example.com'")
    other, owner = await make.new_portal("Other", host="other.example.com", email="other@example.com")
    post = await make.post(title="Secret plan", author=owner, portal=other)
    code = await make.code(post)

    async def get(host: str, path: str) -> httpx.Response:
        return await visitor.of(None, base="", host=f"http://{host}").get(path)

    for path in (f"/p/secret-plan-{code}", "/posts/secret-plan"):
        assert (await get("other.example.com", path)).status_code == 200
        for host in ("feedback.example.com", "nowhere.example.com"):
            response = await get(host, path)
            assert response.status_code == 404
            assert "Secret plan" not in response.text
    assert await views(make, post) == 2


async def test_a_wrong_slug_redirects_to_the_right_one(visitor: Client, make: Factory) -> None:
    post = await make.post(title="One-two - three")
    code = await make.code(post)

    for wrong in (code, f"-{code}", f"x-{code}", f"one-two-{code}", f"Größe-{code}"):
        response = await visitor.get(f"/p/{wrong}")
        assert (response.status_code, response.headers["location"]) == (302, f"/p/one-two-three-{code}")
    assert await views(make, post) == 0
    assert (await visitor.get(f"/p/one-two-three-{code}")).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/p/zzzzzz",
        "/p/one-two-zzzzzz",
        "/p/",
        "/p/x",
        "/p/a-%00bcdef",
        "/p/%ED%A0%80-abcdef",
        "/p/a%2Fb-abcdef",
        "/posts/",
        "/posts/nothing",
        "/posts/a%00b",
        "/posts/" + "a" * 5000,
        "/posts/%F0%9F%92%A9",
        "/t/nowhere",
        "/anything/at/all",
        "/static/",
        "/static/page",
        "/static/../__init__.py",
        "/static/..%2F__init__.py",
        "/files/",
        "/index.php",
    ],
)
async def test_an_unknown_path_returns_404(visitor: Client, path: str) -> None:
    response = await visitor.get(path)

    assert response.status_code == 404
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    # A file is read by programs too, so its errors are plain text.
    if not path.startswith("/files/"):
        assert "<h1>Nothing here</h1>" in response.text
        assert response.headers["content-security-policy"] == POLICY


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
async def test_pages_allow_get_and_head_only(visitor: Client, method: str) -> None:
    response = await visitor.request(method, "/docs")

    assert (response.status_code, set(response.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})
    assert "<h1>Not like this</h1>" in response.text


async def test_each_view_is_counted_once_and_changes_nothing_else(visitor: Client, make: Factory) -> None:
    post = await make.post(title="Dark mode")
    code = await make.code(post)
    before = dict(await make.row("SELECT * FROM posts"))

    for _ in range(3):
        await visitor.get(f"/p/dark-mode-{code}")
    await visitor.get("/posts/dark-mode")
    await visitor.head(f"/p/dark-mode-{code}")
    await visitor.head("/posts/dark-mode")
    assert dict(await make.row("SELECT * FROM posts")) == before

    assert await views(make, post) == 4
    assert dict(await make.row("SELECT * FROM posts")) == {**before, "views_count": 4}


async def test_reading_through_an_api_is_not_counted_as_a_view(
    productlift: Client, astuto: Client, make: Factory
) -> None:
    post = await make.post()

    shown = (await productlift.get(f"/posts/{await make.code(post)}")).json()["data"]
    await astuto.get(f"/posts/{post}")

    assert shown["views_count"] == 0
    assert await views(make, post) == 0


async def test_every_url_in_a_response_leads_to_the_post(productlift: Client, visitor: Client, make: Factory) -> None:
    shown = (await productlift.get(f"/posts/{await make.code(await make.post(title='Dark mode'))}")).json()["data"]

    for name in ("url", "url_edit", "url_delete"):
        page = await visitor.get(shown[name], follow_redirects=True)
        assert page.status_code == 200
        assert "<h1>Dark mode</h1>" in page.text


async def test_an_image_is_shown_and_attachments_are_linked(
    productlift: Client, visitor: Client, make: Factory
) -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
    files: dict[str, Any] = {"image": ("a.svg", svg), "attachment": ("<b>plan</b>.txt", b"12345")}
    created = (await productlift.post("/posts", data={"title": "Dark mode"}, files=files)).json()["data"]

    page = await visitor.get(created["url"])

    image = created["image_main"].removeprefix("http://feedback.example.com")
    attached = await make.value("SELECT name FROM attachments WHERE kind = 'attachment'")
    assert f'<a href="{image}" data-lightbox><img src="{image}"' in page.text
    assert f'<li><a href="/files/{attached}">b&gt;.txt</a> <span class="quiet">5 Bytes</span></li>' in page.text
    assert (await visitor.get(image)).content == svg
    assert (await visitor.get(f"/files/{attached}")).content == b"12345"


async def test_pages_use_no_inline_and_no_external_resources(visitor: Client, make: Factory) -> None:
    code = await make.code(await make.post(title="Dark mode", status="New"))
    for path in (
        *("/", "/docs", f"/p/dark-mode-{code}", "/nowhere", "/productlift/api/v1/docs", "/astuto/api/v1/docs"),
        *("/roadmap", "/changelog", "/t/feedback", "/t/roadmap", "/t/changelog", "/embedded_roadmap", "/unsubscribe"),
    ):
        page = (await visitor.get(path)).text
        assert "<style" not in page
        assert not re.search(r"\sstyle=|\son\w+=", page)
        assert re.findall(r"<script(?!(?: defer)? src=\"/static/)", page) == []
        assert re.findall(r'(?:src|href)="(?:https?:)?//(?!feedback\.example\.com/)', page) == []
        assert page.count("<h1>") == 1
        assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
