"""Comments on the page of a post: written, answered, edited and deleted on the pages."""

import html
import re
from collections.abc import Callable

import httpx
import pytest

from app.domain.posts import publishing
from app.web import cookies
from app.web.routes.portal import comments
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.web.routes.portal.conftest import SignIn, read_csrf


async def path_of(make: Factory, post: int) -> str:
    return f"/p/{await make.code(post)}"


def read_body(page: httpx.Response) -> str:
    match = re.search(r'<textarea id="[^"]+" name="body"[^>]*>\n(.*?)</textarea>', page.text, re.DOTALL)
    assert match, page.text
    return html.unescape(match[1])


def read_error(page: httpx.Response) -> str:
    match = re.search(r'<p class="(?:error|form-error)"[^>]*>([^<]*)<', page.text)
    assert match, page.text
    return html.unescape(match[1])


async def bodies(make: Factory) -> list[tuple[str, int | None]]:
    rows = await make.rows("SELECT body, parent_id FROM comments ORDER BY id")
    return [(row["body"], row["parent_id"]) for row in rows]


async def test_a_user_comments_and_follows(sign_in: SignIn, visitor: Client, make: Factory) -> None:
    jane = await make.user(name="Jane Roe")
    client = await sign_in(jane)
    post = await make.post(title="Dark mode")
    path = await path_of(make, post)

    response = await client.post(
        f"{path}/comments", data={"csrf": await read_csrf(client, path), "body": " It **hurts**.\r\nAt night. "}
    )

    comment = await make.row("SELECT id, body, user_id, official, internal FROM comments")
    assert response.status_code == 303
    code = path.removeprefix("/p/")
    assert response.headers["location"] == f"/p/dark-mode-{code}?notice=commented#comment-{comment['id']}"
    assert (comment["body"], comment["user_id"]) == ("It **hurts**.\nAt night.", jane)
    assert not comment["official"]
    assert not comment["internal"]
    assert await make.rows("SELECT user_id FROM follows") == [{"user_id": jane}]
    page = await visitor.get(response.headers["location"])
    assert "Your comment is published." in page.text
    assert "It <strong>hurts</strong>." in page.text
    assert [fact["user_id"] for fact in await make.facts("comment.written")] == [jane]
    assert await make.wrong_counters() == []


async def test_a_user_replies(sign_in: SignIn, make: Factory) -> None:
    client = await sign_in(await make.user())
    post = await make.post()
    parent = await make.comment(post, body="It **hurts**.")
    path = f"{await path_of(make, post)}/comments/{parent}/reply"

    page = await client.get(path)
    response = await client.post(path, data={"csrf": await read_csrf(client, path), "body": "Indeed"})

    assert page.text.count("<h1>") == 1
    assert "<h1>Reply to Owner</h1>" in page.text
    assert "It <strong>hurts</strong>." in page.text
    assert response.status_code == 303
    assert await bodies(make) == [("It **hurts**.", None), ("Indeed", parent)]


async def test_an_author_edits_a_comment(sign_in: SignIn, make: Factory) -> None:
    jane = await make.user()
    client = await sign_in(jane)
    post = await make.post()
    comment = await make.comment(post, author=jane, body="\n<b> & Typo")
    path = f"{await path_of(make, post)}/comments/{comment}/edit"

    page = await client.get(path)
    response = await client.post(path, data={"csrf": await read_csrf(client, path), "body": "No typo"})

    assert read_body(page) == "\n<b> & Typo"
    assert response.headers["location"].endswith(f"?notice=saved#comment-{comment}")
    assert await bodies(make) == [("No typo", None)]


async def test_an_author_deletes_a_comment_and_replies_stay(sign_in: SignIn, make: Factory) -> None:
    jane = await make.user()
    client = await sign_in(jane)
    post = await make.post()
    comment = await make.comment(post, author=jane, body="Wrong")
    await make.comment(post, body="Indeed", parent=comment)
    path = f"{await path_of(make, post)}/comments/{comment}/delete"

    page = await client.get(path)
    stale = await client.post(path, data={"csrf": "old"})
    assert await make.value("SELECT count(*) FROM comments") == 2
    response = await client.post(path, data={"csrf": await read_csrf(client, path)})

    assert "Delete the comment?" in page.text
    assert "Wrong" in page.text
    assert (stale.status_code, read_error(stale)[:9]) == (422, "This page")
    assert response.headers["location"].endswith("?notice=comment-deleted#comments")
    assert await bodies(make) == [("Indeed", None)]
    assert await make.wrong_counters() == []


@pytest.mark.parametrize("kind", ["comment", "reply", "edit"])
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "Write something first."),
        (" \r\n\t ", "Write something first."),
        ("c" * 10_001, "A comment can have at most 10000 characters."),
        ("a\x00b", "The comment contains a character that can't be used."),
    ],
)
async def test_a_form_with_errors_keeps_what_was_typed(
    sign_in: SignIn, make: Factory, kind: str, body: str, message: str
) -> None:
    jane = await make.user()
    client = await sign_in(jane)
    post = await make.post()
    comment = await make.comment(post, author=jane, body="First")
    path = f"{await path_of(make, post)}/comments"
    path = path if kind == "comment" else f"{path}/{comment}/{kind}"

    page = await client.post(path, data={"csrf": await read_csrf(client, path), "body": body})

    assert page.status_code == 422
    assert read_body(page) == body
    assert read_error(page) == message
    assert re.search(r'<textarea id="([^"]+)" name="body" required aria-describedby="error-\w', page.text)
    assert await bodies(make) == [("First", None)]


@pytest.mark.parametrize("kind", ["comment", "reply", "edit"])
async def test_an_old_form_keeps_its_text_and_can_be_sent_again(sign_in: SignIn, make: Factory, kind: str) -> None:
    jane = await make.user()
    client = await sign_in(jane)
    post = await make.post()
    comment = await make.comment(post, author=jane, body="First")
    path = f"{await path_of(make, post)}/comments"
    path = path if kind == "comment" else f"{path}/{comment}/{kind}"

    page = await client.post(path, data={"csrf": "old", "body": "Second"})
    csrf = re.findall(r'action="[^"]+/(?:comments|reply|edit)"[^>]*>\n<input type="hidden" name="csrf" value="([^"]+)"', page.text)[0]  # fmt: skip # noqa: E501
    again = await client.post(path, data={"csrf": csrf, "body": read_body(page)})

    assert (page.status_code, read_body(page)) == (422, "Second")
    assert "This page was open for too long. Nothing is lost: send it once more." in page.text
    assert again.status_code == 303
    assert "Second" in [body for body, _ in await bodies(make)]


@pytest.mark.parametrize(
    ("kind", "next_path"),
    [("comment", "{}#comments"), ("reply", "{}/comments/1/reply"), ("edit", "{}/comments/1/edit")],
)
async def test_what_somebody_wrote_who_was_signed_out_is_there_after_the_sign_in(
    sign_in: SignIn, visitor: Client, make: Factory, kind: str, next_path: str
) -> None:
    jane = await make.user()
    post = await make.post()
    comment = await make.comment(post, author=jane, body="First")
    start = await path_of(make, post)
    path = f"{start}/comments" if kind == "comment" else f"{start}/comments/{comment}/{kind}"
    text = "\nÜber <alles> &amp; 🙂\n" * 50

    response = await visitor.post(path, data={"csrf": "of the session before", "body": text})
    client = await sign_in(jane)
    client.cookies.update({cookies.DRAFT: response.cookies[cookies.DRAFT]})
    page = await client.get(path, follow_redirects=True)
    other = await client.get(await path_of(make, await make.post()), follow_redirects=True)
    sent = await client.post(path, data={"csrf": await read_csrf(client, path), "body": read_body(page)})

    assert httpx.URL(response.headers["location"]).params["next"] == next_path.format(start)
    assert read_body(page) == text
    assert read_body(other) == ""
    assert sent.status_code == 303
    assert text.strip() in [body for body, _ in await bodies(make)]
    # Sent is sent: the form does not have it again.
    after = await client.get(path, follow_redirects=True)
    assert read_body(after) == (text.strip() if kind == "edit" else "")


@pytest.mark.parametrize("kind", ["comment", "reply", "edit"])
async def test_a_comment_that_is_far_too_long_says_what_is_allowed(sign_in: SignIn, make: Factory, kind: str) -> None:
    jane = await make.user()
    client = await sign_in(jane)
    post = await make.post()
    comment = await make.comment(post, author=jane)
    path = f"{await path_of(make, post)}/comments"
    path = path if kind == "comment" else f"{path}/{comment}/{kind}"
    csrf = await read_csrf(client, path)

    fits = await client.post(path, data={"csrf": csrf, "body": "🙂" * 10_000})
    page = await client.post(path, data={"csrf": csrf, "body": "c" * comments.MAX_KEPT_BYTES})

    assert fits.status_code == 303
    assert page.status_code == 413
    assert "A text can have at most 10000 characters." in page.text
    assert '<header class="site">' in page.text


class TestRights:
    @pytest.fixture
    async def paths(self, make: Factory) -> Callable[[str], str]:
        """The addresses of the forms of a comment of the owner, with their texts."""
        post = await make.post()
        comment = await make.comment(post, body="First")
        start = await path_of(make, post)
        return lambda kind: f"{start}/comments" if kind == "" else f"{start}/comments/{comment}/{kind}"

    @pytest.mark.parametrize("kind", ["edit", "delete"])
    async def test_nobody_changes_the_comment_of_another_user(
        self, sign_in: SignIn, make: Factory, paths: Callable[[str], str], kind: str
    ) -> None:
        client = await sign_in(await make.user())
        csrf = await read_csrf(client)

        page = await client.get(paths(kind))
        response = await client.post(paths(kind), data={"csrf": csrf, "body": "Changed"})

        assert (page.status_code, response.status_code) == (404, 404)
        assert await bodies(make) == [("First", None)]

    @pytest.mark.parametrize(("kind", "left"), [("edit", [("Changed", None)]), ("delete", [])])
    async def test_the_team_changes_any_comment(
        self,
        sign_in: SignIn,
        make: Factory,
        paths: Callable[[str], str],
        kind: str,
        left: list[tuple[str, None]],
    ) -> None:
        client = await sign_in(await make.user(role="moderator"))

        response = await client.post(
            paths(kind), data={"csrf": await read_csrf(client, paths(kind)), "body": "Changed"}
        )

        assert response.status_code == 303
        assert await bodies(make) == left

    @pytest.mark.parametrize("kind", ["reply", "edit", "delete"])
    async def test_visitors_are_led_to_the_sign_in(
        self, visitor: Client, make: Factory, paths: Callable[[str], str], kind: str
    ) -> None:
        page = await visitor.get(paths(kind))
        response = await visitor.post(paths(kind), data={"body": "Changed"})

        assert page.headers["location"] == f"/login?next={paths(kind).replace('/', '%2F')}"
        assert response.headers["location"] == page.headers["location"]
        assert await bodies(make) == [("First", None)]

    @pytest.mark.parametrize("kind", ["", "reply", "edit", "delete"])
    async def test_a_form_of_another_site_is_refused(
        self, sign_in: SignIn, make: Factory, paths: Callable[[str], str], kind: str
    ) -> None:
        client = await sign_in(make.owner)
        csrf = await read_csrf(client)

        response = await client.post(
            paths(kind), data={"csrf": csrf, "body": "Changed"}, headers={"sec-fetch-site": "same-site"}
        )

        assert response.status_code == 403
        assert await bodies(make) == [("First", None)]

    @pytest.mark.parametrize("kind", ["", "reply", "edit", "delete"])
    @pytest.mark.parametrize("state", ["pending", "rejected", "unpublished"])
    async def test_posts_that_a_user_does_not_see_take_no_comment(
        self, sign_in: SignIn, make: Factory, kind: str, state: str
    ) -> None:
        jane = await make.user()
        client = await sign_in(jane)
        is_unpublished = state == "unpublished"
        post = await make.post(moderation="approved" if is_unpublished else state)
        if is_unpublished:
            await make.act(lambda work: publishing.toggle(work, post))
        comment = await make.comment(post, author=jane, body="First")
        start = await path_of(make, post)
        path = f"{start}/comments" if kind == "" else f"{start}/comments/{comment}/{kind}"

        response = await client.post(path, data={"csrf": await read_csrf(client), "body": "Changed"})

        assert response.status_code == 404
        assert await bodies(make) == [("First", None)]

    @pytest.mark.parametrize("kind", ["reply", "edit", "delete"])
    async def test_the_comment_must_be_one_of_the_post_and_not_internal(
        self, sign_in: SignIn, make: Factory, kind: str
    ) -> None:
        client = await sign_in(make.owner)
        post, other = await make.post(), await make.post()
        elsewhere = await make.comment(other, body="First")
        internal = await make.comment(post, body="Second", internal=True)
        csrf = await read_csrf(client)
        start = await path_of(make, post)

        for comment in (str(elsewhere), str(internal), "999", "9" * 30):
            path = f"{start}/comments/{comment}/{kind}"
            assert (await client.get(path)).status_code == 404
            response = await client.post(path, data={"csrf": csrf, "body": "Changed"})
            # As for a comment that was deleted meanwhile, whose form gives the text back.
            assert response.status_code == (404 if kind == "delete" else 409), comment

        assert await bodies(make) == [("First", None), ("Second", None)]


async def test_a_comment_too_long_for_the_form_is_not_cut(sign_in: SignIn, make: Factory) -> None:
    client = await sign_in(make.owner)
    post = await make.post()
    comment = await make.comment(post, body="c" * 10_001)

    page = await client.get(f"{await path_of(make, post)}/comments/{comment}/edit")

    assert page.status_code == 200
    assert "This comment is too long to be edited here." in page.text
    assert "<textarea" not in page.text


async def test_the_page_of_a_post_has_links_for_what_the_viewer_may_do(
    sign_in: SignIn, visitor: Client, make: Factory
) -> None:
    jane = await make.user()
    post = await make.post(author=jane)
    own, other = await make.comment(post, author=jane), await make.comment(post)
    path = await path_of(make, post)

    def links(page: httpx.Response) -> set[str]:
        return set(re.findall(rf'href="{path}/((?:comments/\d+/)?\w+)"', page.text))

    for_visitor = await visitor.get(path, follow_redirects=True)
    for_jane = await (await sign_in(jane)).get(path, follow_redirects=True)
    for_team = await (await sign_in(make.owner)).get(path, follow_redirects=True)

    replies = {f"comments/{own}/reply", f"comments/{other}/reply"}
    own_links = {f"comments/{own}/edit", f"comments/{own}/delete"}
    assert links(for_visitor) == set()
    # Somebody else has commented, so only the team may delete the post.
    assert links(for_jane) == {*replies, *own_links, "edit"}
    assert links(for_team) == {
        *replies,
        *own_links,
        f"comments/{other}/edit",
        f"comments/{other}/delete",
        "edit",
        "delete",
    }


async def test_the_address_of_the_form_leads_to_the_comments(visitor: Client, make: Factory) -> None:
    post = await make.post(title="Dark mode")
    code = await make.code(post)

    response = await visitor.get(f"/p/{code}/comments")

    assert (response.status_code, response.headers["location"]) == (302, f"/p/dark-mode-{code}#comments")
