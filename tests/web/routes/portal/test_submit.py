"""The page on which visitors and users write a post: what is created, and that nothing typed is lost."""

import html
import re
from typing import Any

import httpx
import pytest

from app.application import Application
from app.domain.posts import devices
from app.web import bot_check, cookies, forms, pictures
from app.web.pictures import KEEP
from app.web.routes.portal import submit
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.web.routes.portal.conftest import SignIn, read_csrf
from tests.web.routes.portal.post_forms import (
    GIF,
    PNG,
    TEXTS,
    allow,
    images,
    open_form,
    read_errors,
    read_hidden,
    read_kept_pictures,
    read_typed,
)

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
NO_PICTURE = "is not a picture: PNG, JPEG, GIF and WebP can be used."
TITLE_TOO_LONG = "The title can have at most 180 characters."
TEXT_TOO_LONG = "The description can have at most 50000 characters."
TOO_QUICK = "That was quicker than people type."


async def test_a_user_creates_a_post(sign_in: SignIn, make: Factory) -> None:
    jane = await make.user()
    client = await sign_in(jane)
    speed = await make.category("Speed")
    [board] = await make.rows("SELECT id FROM boards WHERE NOT is_default LIMIT 1")

    response = await client.post(
        "/submit", data={**await open_form(client), **TEXTS, "board": board["id"], "category": speed}
    )

    post = await make.row(
        "SELECT id, code, title, description, board_id, user_id, moderation, status_id IS NULL AS bare FROM posts"
    )
    assert response.status_code == 303
    assert response.headers["location"] == f"/p/dark-mode-{post['code']}?notice=posted"
    assert (post["title"], post["description"]) == ("Dark mode", "It **hurts**.\n\nAt night.")
    assert (post["board_id"], post["user_id"], post["moderation"]) == (board["id"], jane, "approved")
    assert not post["bare"]
    assert await make.value("SELECT category_id FROM post_categories") == speed
    assert await make.rows("SELECT user_id, post_id FROM follows") == [{"user_id": jane, "post_id": post["id"]}]
    assert "Thank you. Your post is published." in (await client.get(response.headers["location"])).text
    assert await make.wrong_counters() == []


async def test_a_post_that_the_team_must_approve_says_so(sign_in: SignIn, visitor: Client, make: Factory) -> None:
    await make.run("UPDATE portals SET moderation_policy = 'always'")
    client = await sign_in(await make.user())

    response = await client.post("/submit", data={**await open_form(client), **TEXTS})

    path = response.headers["location"]
    page = await client.get(path)
    assert path.endswith("?notice=pending")
    assert "Your post appears here when the team has approved it." in page.text
    assert "Waits for approval. Only its author and the team can see it." in page.text
    assert (await visitor.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("title", "description", "errors"),
    [
        ("", "x", {"title": "Enter a title."}),
        (" \t ", "x", {"title": "Enter a title."}),
        ("t" * 181, "x", {"title": TITLE_TOO_LONG}),
        ("a\x00b", "x", {"title": "The title contains a character that can't be used."}),
        ("Dark", "d" * 50_001, {"description": TEXT_TOO_LONG}),
        ("Dark", "a\x07", {"description": "The description contains a character that can't be used."}),
        ("", "d" * 50_001, {"title": "Enter a title.", "description": TEXT_TOO_LONG}),
    ],
)  # fmt: skip
async def test_a_form_with_errors_keeps_what_was_typed(
    sign_in: SignIn, make: Factory, title: str, description: str, errors: dict[str, str]
) -> None:
    client = await sign_in(await make.user())

    page = await client.post("/submit", data={**await open_form(client), "title": title, "description": description})

    assert page.status_code == 422
    assert read_errors(page) == errors
    assert read_typed(page) == {"title": title, "description": description}
    assert f'aria-describedby="hint-{next(iter(errors))} error-{next(iter(errors))}"' in page.text
    assert await make.rows("SELECT id FROM posts") == []


async def test_a_title_of_180_letters_and_a_text_of_50000_fit(sign_in: SignIn, make: Factory) -> None:
    client = await sign_in(await make.user())

    response = await client.post(
        "/submit", data={**await open_form(client), "title": "€" * 180, "description": "🙂" * 50_000}
    )

    assert response.status_code == 303
    post = await make.row("SELECT title, description FROM posts")
    assert (post["title"], post["description"]) == ("€" * 180, "🙂" * 50_000)


async def test_a_form_that_is_far_too_long_says_what_is_allowed(sign_in: SignIn, make: Factory) -> None:
    client = await sign_in(await make.user())

    page = await client.post(
        "/submit", data={**await open_form(client), "title": "x", "description": "d" * submit.MAX_TEXT_BYTES}
    )

    assert page.status_code == 413
    assert "A text can have at most 50000 characters, and all pictures together 28 MB." in page.text
    assert '<header class="site">' in page.text


async def test_an_old_form_keeps_its_text_and_can_be_sent_again(sign_in: SignIn, make: Factory) -> None:
    client = await sign_in(await make.user())

    page = await client.post("/submit", data={"csrf": "old", **TEXTS})
    again = await client.post("/submit", data={**read_hidden(page), **read_typed(page)})

    assert page.status_code == 422
    assert "This page was open for too long. Nothing is lost: send it once more." in page.text
    assert again.status_code == 303
    assert await make.value("SELECT title FROM posts") == "Dark mode"


async def test_a_form_of_another_site_is_refused(sign_in: SignIn, make: Factory) -> None:
    client = await sign_in(await make.user())

    response = await client.post(
        "/submit", data={**await open_form(client), **TEXTS}, headers={"sec-fetch-site": "cross-site"}
    )

    assert response.status_code == 403
    assert await make.rows("SELECT id FROM posts") == []


@pytest.mark.parametrize("count", [2, 1])
async def test_a_board_or_category_that_is_gone_is_named_beside_its_field(
    sign_in: SignIn, make: Factory, count: int
) -> None:
    """A deleted one, and one of another portal; also where no choice is left."""
    await make.run("UPDATE portals SET host = 'feedback.example.com'")
    client = await sign_in(await make.user())
    portal, _ = await make.new_portal("Other", host="other.example.com", email="other@example.com")
    other_board = await make.value("SELECT min(id) FROM boards WHERE portal_id = :id", id=portal)
    other_category = await make.category(portal=portal)
    if count == 1:
        await make.run("DELETE FROM boards WHERE portal_id = :id AND NOT is_default", id=make.portal)

    for board, category in ((999, "x"), (other_board, other_category)):
        page = await client.post(
            "/submit", data={**await open_form(client), **TEXTS, "board": board, "category": category}
        )

        assert page.status_code == 422
        assert read_errors(page) == {
            "board": "This board does not exist any more. Choose another one.",
            "category": "This category does not exist any more. Choose another one.",
        }
        assert read_typed(page) == TEXTS
        assert page.text.count('aria-describedby="error-board"') == 1
        assert page.text.count('aria-describedby="error-category"') == 1
    assert await make.rows("SELECT id FROM posts") == []


async def test_the_page_begins_with_the_board_of_its_address(visitor: Client, make: Factory) -> None:
    [board] = await make.rows("SELECT id, slug FROM boards WHERE NOT is_default LIMIT 1")

    page = await visitor.get(f"/submit?board={board['slug']}")

    assert f'<option value="{board["id"]}" selected>' in page.text


class TestPictures:
    async def test_several_pictures_become_the_image_and_attachments(
        self, sign_in: SignIn, visitor: Client, make: Factory
    ) -> None:
        client = await sign_in(await make.user())

        response = await client.post(
            "/submit",
            data={**await open_form(client), **TEXTS},
            files=images(("one.png", PNG), ("two.gif", GIF), ("three.png", PNG)),
        )

        rows = await make.rows("SELECT kind, name, original_name, media_type FROM attachments ORDER BY id")
        assert [(row["kind"], row["original_name"], row["media_type"]) for row in rows] == [
            ("image", "one.png", "image/png"),
            ("attachment", "two.gif", "image/gif"),
            ("attachment", "three.png", "image/png"),
        ]
        assert await make.value("SELECT image FROM posts") == rows[0]["name"]
        page = await visitor.get(response.headers["location"])
        shown = re.findall(r'<a href="(/files/[^"]+)" data-lightbox>', page.text)
        assert shown == [f"/files/{row['name']}" for row in rows]
        assert [(await visitor.get(path)).status_code for path in shown] == [200] * 3

    async def test_pictures_of_a_pending_post_are_shown_to_its_author_alone(
        self, sign_in: SignIn, visitor: Client, make: Factory
    ) -> None:
        await make.run("UPDATE portals SET moderation_policy = 'always'")
        client = await sign_in(await make.user())

        response = await client.post("/submit", data={**await open_form(client), **TEXTS}, files=images(("a.png", PNG)))

        page = await client.get(response.headers["location"])
        [path] = re.findall(r'<a href="(/files/[^"]+)" data-lightbox>', page.text)
        assert (await visitor.get(html.unescape(path))).status_code == 200
        assert (await visitor.get(path.partition("?")[0])).status_code == 404

    async def test_a_form_with_errors_keeps_the_pictures(self, sign_in: SignIn, make: Factory) -> None:
        client = await sign_in(await make.user())

        page = await client.post(
            "/submit",
            data={**await open_form(client), "title": "", "description": "x"},
            files=images(("one.png", PNG), ("two.gif", GIF)),
        )
        first, second = read_kept_pictures(page)
        response = await client.post(
            "/submit",
            data={**read_hidden(page), **TEXTS, "pictures": [second[0]]},
            files=images(("three.png", PNG)),
        )

        assert (page.status_code, first[1], second[1]) == (422, "one.png", "two.gif")
        assert response.status_code == 303
        rows = await make.rows("SELECT kind, original_name FROM attachments ORDER BY id")
        assert [(row["kind"], row["original_name"]) for row in rows] == [
            ("image", "two.gif"),
            ("attachment", "three.png"),
        ]

    @pytest.mark.parametrize(
        ("name", "content", "problem"),
        [
            ("notes.txt", b"text", NO_PICTURE),
            ("cut.png", PNG[:-40], NO_PICTURE),
            ("x.svg", SVG, NO_PICTURE),
            ("huge.png", b"\x89PNG\r\n\x1a\n" + bytes(pictures.MAX_PICTURE_BYTES), "is larger than 20 MB."),
        ],
    )  # fmt: skip
    async def test_a_file_that_is_no_picture_is_named_beside_the_field(
        self, sign_in: SignIn, make: Factory, name: str, content: bytes, problem: str
    ) -> None:
        client = await sign_in(await make.user())

        page = await client.post(
            "/submit",
            data={**await open_form(client), **TEXTS},
            files=images((name, content), ("good.png", PNG)),
        )

        assert page.status_code == 422
        assert read_errors(page) == {"images": f"{name} {problem}"}
        assert read_typed(page) == TEXTS
        assert [kept for _, kept in read_kept_pictures(page)] == ["good.png"]
        assert await make.rows("SELECT id FROM posts") == []

    async def test_a_body_that_is_too_large_keeps_the_text(self, sign_in: SignIn, make: Factory) -> None:
        client = await sign_in(await make.user())
        large = b"\x89PNG\r\n\x1a\n" + bytes(10 << 20)

        page = await client.post(
            "/submit",
            data={**await open_form(client), **TEXTS},
            files=images(("good.png", PNG), *((f"{number}.png", large) for number in range(3))),
        )

        assert page.status_code == 422
        assert "The pictures are larger than 28 MB together." in read_errors(page)["images"]
        assert read_typed(page) == TEXTS
        assert [kept for _, kept in read_kept_pictures(page)] == ["good.png"]

    async def test_a_body_beyond_all_bounds_is_refused_unread(self, sign_in: SignIn, make: Factory) -> None:
        client = await sign_in(await make.user())

        page = await client.post(
            "/submit",
            content=b"",
            headers={
                "content-type": "multipart/form-data; boundary=x",
                "content-length": str(forms.MAX_READ_BYTES + 1),
            },
        )

        assert page.status_code == 413
        assert "all pictures together 28 MB" in page.text

    async def test_a_post_has_at_most_eight_pictures(self, sign_in: SignIn, make: Factory) -> None:
        client = await sign_in(await make.user())

        page = await client.post(
            "/submit",
            data={**await open_form(client), **TEXTS},
            files=images(*((f"{number}.png", PNG) for number in range(9))),
        )

        assert read_errors(page) == {"images": "A post can have at most 8 pictures."}
        assert len(read_kept_pictures(page)) == 8

    async def test_kept_pictures_are_valid_once_for_their_user_and_for_a_while(
        self, sign_in: SignIn, make: Factory, clock: TestClock
    ) -> None:
        jane, jim = await sign_in(await make.user()), await sign_in(await make.user())
        page = await jane.post(
            "/submit",
            data={**await open_form(jane), "title": "", "description": ""},
            files=images(("one.png", PNG), ("two.png", PNG)),
        )
        (first, _), (second, _) = read_kept_pictures(page)

        async def send(client: Client, sealed: str, title: str = "Dark mode") -> httpx.Response:
            data = {**await open_form(client), "title": title, "similar_seen": "yes", "pictures": sealed}
            return await client.post("/submit", data=data)

        assert (await send(jane, first)).status_code == 303
        twice = await send(jane, first, title="Another title")
        assert (await send(jim, second)).status_code == 303
        clock.advance(seconds=KEEP.total_seconds() + 1)
        assert (await send(jane, second)).status_code == 303

        assert twice.status_code == 422
        assert read_errors(twice) == {"images": "Choose the pictures again: only your text could be kept."}
        name = await make.value("SELECT name FROM attachments")
        assert (await jane.get(f"/files/{name}")).status_code == 200
        assert await make.value("SELECT count(*) FROM posts") == 3


class TestSimilarPosts:
    async def test_they_are_shown_once_before_a_post_is_created(self, sign_in: SignIn, make: Factory) -> None:
        client = await sign_in(await make.user())
        await make.post(title="Dark mode for the app")
        await make.post(title="Dark mode, secret", moderation="pending")

        page = await client.post("/submit", data={**await open_form(client), **TEXTS})
        again = await client.post("/submit", data={**read_hidden(page), **read_typed(page)})

        assert page.status_code == 200
        assert "Is it one of these?" in page.text
        assert "Dark mode for the app" in page.text
        assert "secret" not in page.text
        assert again.status_code == 303
        assert await make.value("SELECT count(*) FROM posts WHERE title = 'Dark mode'") == 1

    async def test_the_fragment_lists_what_the_viewer_may_see(
        self, sign_in: SignIn, visitor: Client, make: Factory
    ) -> None:
        jane = await make.user()
        await make.post(title="Dark mode for the app", votes_by=[jane])
        await make.post(title="Dark mode of Jane", author=jane, moderation="pending")
        await make.post(title="Dark mode, rejected", moderation="rejected")
        client = await sign_in(jane)

        def titles(page: httpx.Response) -> set[str]:
            return set(re.findall(r'<a href="/p/[^"]+">([^<]+)<', page.text))

        path = "/submit/similar?title=dark+mode"
        for_user, for_visitor = await client.get(path), await visitor.get(path)

        assert titles(for_user) == {"Dark mode for the app", "Dark mode of Jane"}
        assert titles(for_visitor) == {"Dark mode for the app"}
        # Jane has voted for one, and nobody can vote for the other.
        assert "Vote for this one instead" not in for_user.text
        assert "Vote for this one instead" in for_visitor.text
        assert "<html" not in for_visitor.text

    @pytest.mark.parametrize("title", ["", "   ", "%00", "%F0%9F%92%A9", "x" * 5000, "'\"*()"])
    async def test_any_title_has_an_answer(self, visitor: Client, make: Factory, title: str) -> None:
        await make.post(title="Dark mode")

        response = await visitor.get(f"/submit/similar?title={title}")

        assert (response.status_code, response.text.strip()) == (200, "")

    async def test_a_private_portal_lists_nothing_to_visitors(self, visitor: Client, make: Factory) -> None:
        await make.post(title="Dark mode")
        await make.run("UPDATE portals SET is_private = true")

        response = await visitor.get("/submit/similar?title=dark+mode")

        assert (response.status_code, response.content) == (204, b"")

    async def test_a_vote_instead_is_cast_and_the_text_is_kept(self, sign_in: SignIn, make: Factory) -> None:
        jane = await make.user()
        client = await sign_in(jane)
        post = await make.post(title="Dark mode for the app")
        code = await make.code(post)

        response = await client.post("/submit", data={**await open_form(client), **TEXTS, "vote_instead": code})

        assert response.headers["location"] == f"/p/{code}?notice=voted"
        assert await make.rows("SELECT post_id, user_id FROM votes") == [{"post_id": post, "user_id": jane}]
        assert await make.value("SELECT count(*) FROM posts") == 1
        assert "Your vote counts." in (await client.get(response.headers["location"], follow_redirects=True)).text
        assert read_typed(await client.get("/submit")) == TEXTS

    async def test_a_vote_instead_by_a_visitor_leads_to_the_sign_in(
        self, sign_in: SignIn, visitor: Client, make: Factory
    ) -> None:
        code = await make.code(await make.post())

        response = await visitor.post("/submit", data={**await open_form(visitor), **TEXTS, "vote_instead": code})

        assert response.headers["location"] == f"/login?next=%2Fp%2F{code}"
        assert await make.rows("SELECT id FROM votes") == []
        assert read_typed(await visitor.get("/submit")) == TEXTS

    async def test_a_visitor_votes_instead_where_the_portal_allows_it(self, visitor: Client, make: Factory) -> None:
        await allow(make, allows_anonymous_votes=True)
        code = await make.code(await make.post())

        response = await visitor.post("/submit", data={**await open_form(visitor), **TEXTS, "vote_instead": code})

        assert response.headers["location"] == f"/p/{code}?notice=voted"
        token = visitor.cookies[cookies.DEVICE]
        assert await make.value("SELECT anonymous_id FROM votes") == devices.anonymous_id(devices.digest(token))

    @pytest.mark.parametrize(("status", "code"), [(404, "zzzzzz"), (404, "../../x"), (409, None)])
    async def test_a_post_that_takes_no_votes_is_refused(
        self, sign_in: SignIn, make: Factory, status: int, code: str | None
    ) -> None:
        client = await sign_in(await make.user())
        await make.run("UPDATE statuses SET is_voteable = false WHERE name = 'Completed'")
        closed = await make.code(await make.post(status="Completed"))

        response = await client.post(
            "/submit", data={**await open_form(client), **TEXTS, "vote_instead": code or closed}
        )

        assert response.status_code == status
        assert await make.rows("SELECT id FROM votes") == []
        if "/" not in (code or ""):
            assert "The other post takes no votes any more. Your text is still here." in response.text
            assert read_typed(response) == TEXTS


class TestSignIn:
    async def test_what_a_visitor_wrote_is_there_after_the_sign_in(
        self, sign_in: SignIn, visitor: Client, make: Factory
    ) -> None:
        texts = {"title": "Dark <mode>", "description": "\n Ümläute & 🙂\n\n" * 800}

        response = await visitor.post("/submit", data={**await open_form(visitor), **texts})
        client = await sign_in(await make.user())
        client.cookies.update({cookies.DRAFT: response.cookies[cookies.DRAFT]})
        page = await client.get("/submit")
        sent = await client.post("/submit", data={**read_hidden(page), **read_typed(page)})

        assert (response.status_code, response.headers["location"]) == (303, "/login?next=%2Fsubmit")
        assert {"HttpOnly", "SameSite=lax", "Path=/", "Max-Age=3600"} <= set(response.headers["set-cookie"].split("; "))
        assert read_typed(page) == texts
        assert "This is what you wrote." in page.text
        assert sent.status_code == 303
        assert await make.value("SELECT title FROM posts") == "Dark <mode>"
        assert read_typed(await client.get("/submit")) == {"title": "", "description": ""}

    async def test_pictures_are_asked_for_again(self, sign_in: SignIn, visitor: Client, make: Factory) -> None:
        response = await visitor.post(
            "/submit", data={**await open_form(visitor), **TEXTS}, files=images(("a.png", PNG))
        )
        client = await sign_in(await make.user())
        client.cookies.update({cookies.DRAFT: response.cookies[cookies.DRAFT]})

        page = await client.get("/submit")

        assert read_typed(page) == TEXTS
        assert "Choose the pictures again" in page.text

    async def test_errors_are_shown_before_the_sign_in(self, visitor: Client, make: Factory) -> None:
        page = await visitor.post("/submit", data={**await open_form(visitor), **TEXTS, "title": ""})

        assert page.status_code == 422
        assert read_errors(page) == {"title": "Enter a title."}
        assert cookies.DRAFT not in page.cookies

    async def test_a_visitor_of_a_private_portal_who_was_signed_out_loses_nothing(
        self, sign_in: SignIn, make: Factory
    ) -> None:
        jane = await make.user()
        client = await sign_in(jane)
        await make.run("UPDATE portals SET is_private = true")
        hidden = await open_form(client)
        await make.run("DELETE FROM sessions")

        response = await client.post("/submit", data={**hidden, **TEXTS})
        again = await sign_in(jane)
        again.cookies.update({cookies.DRAFT: response.cookies[cookies.DRAFT]})

        assert response.headers["location"] == "/login?next=%2Fsubmit"
        assert read_typed(await again.get("/submit")) == TEXTS

    async def test_a_draft_is_encrypted_and_is_gone_after_an_hour(
        self, visitor: Client, make: Factory, server: Application, clock: TestClock
    ) -> None:
        response = await visitor.post("/submit", data={**await open_form(visitor), **TEXTS})
        stored = await server.services.uploads.files.open(response.cookies[cookies.DRAFT])
        assert stored is not None
        content = b"".join([chunk async for chunk in stored.chunks])
        assert b"Dark" not in content
        assert read_typed(await visitor.get("/submit")) == TEXTS

        clock.advance(seconds=3601)

        assert read_typed(await visitor.get("/submit")) == {"title": "", "description": ""}
        assert await server.services.uploads.delete_orphans() == 1

    async def test_a_draft_belongs_to_its_portal(self, visitor: Client, make: Factory) -> None:
        await make.run("UPDATE portals SET host = 'feedback.example.com'")
        await make.new_portal("Other", host="other.example.com", email="other@example.com")
        response = await visitor.post("/submit", data={**await open_form(visitor), **TEXTS})
        elsewhere = visitor.of(None, base="", host="http://other.example.com")
        elsewhere.cookies.update({cookies.DRAFT: response.cookies[cookies.DRAFT]})

        page = await elsewhere.get("/submit")

        assert read_typed(page) == {"title": "", "description": ""}

    async def test_a_cookie_with_the_name_of_a_file_neither_shows_nor_deletes_it(
        self, sign_in: SignIn, make: Factory
    ) -> None:
        client = await sign_in(await make.user())
        await client.post("/submit", data={**await open_form(client), **TEXTS}, files=images(("a.png", PNG)))
        name = await make.value("SELECT name FROM attachments")
        for draft in (name, name.removesuffix(".png"), "x", "../" * 7 + "a"):
            client.cookies.set(cookies.DRAFT, draft, domain="feedback.example.com")
            data: dict[str, Any] = {**await open_form(client), "title": f"Other {draft}", "similar_seen": "yes"}
            assert (await client.post("/submit", data=data)).status_code == 303

        assert (await client.get(f"/files/{name}")).status_code == 200


class TestAnonymousPosts:
    async def send(self, visitor: Client, clock: TestClock, **more: str) -> httpx.Response:
        data = {**await open_form(visitor), **TEXTS, **more}
        clock.advance(seconds=bot_check.MIN_FILL_SECONDS)
        return await visitor.post("/submit", data=data)

    async def test_a_visitor_creates_a_post_which_waits_for_approval(
        self, visitor: Client, make: Factory, clock: TestClock
    ) -> None:
        await allow(make, allows_anonymous_posts=True)

        response = await self.send(visitor, clock)

        assert (response.status_code, response.headers["location"]) == (303, "/?notice=pending")
        assert await make.rows("SELECT title, user_id, moderation FROM posts") == [
            {"title": "Dark mode", "user_id": None, "moderation": "pending"}
        ]
        digest = devices.digest(visitor.cookies[cookies.DEVICE])
        assert await make.value("SELECT device_digest FROM anonymous_posts") == digest
        assert "when the team has approved it" in (await visitor.get("/?notice=pending")).text

    async def test_a_post_without_moderation_is_shown_at_once(
        self, visitor: Client, make: Factory, clock: TestClock
    ) -> None:
        await allow(make, allows_anonymous_posts=True)
        await make.run("UPDATE portals SET moderation_policy = 'never'")

        response = await self.send(visitor, clock)

        page = await visitor.get(response.headers["location"])
        assert page.status_code == 200
        assert "Posted anonymously" in page.text

    async def test_a_form_that_a_program_filled_is_not_accepted(
        self, visitor: Client, make: Factory, clock: TestClock
    ) -> None:
        await allow(make, allows_anonymous_posts=True)

        trapped = await self.send(visitor, clock, website="https://example.com")
        unsealed = await self.send(visitor, clock, shown_at="1")
        quick = await visitor.post("/submit", data={**await open_form(visitor), **TEXTS})

        for page, message in ((trapped, "A field that people don"), (unsealed, TOO_QUICK), (quick, TOO_QUICK)):
            assert page.status_code == 422
            assert message in page.text
            assert read_typed(page) == TEXTS
        assert await make.rows("SELECT id FROM posts") == []
        # Somebody who is quick can send the same form again.
        clock.advance(seconds=bot_check.MIN_FILL_SECONDS)
        assert (await visitor.post("/submit", data={**read_hidden(quick), **TEXTS})).status_code == 303

    async def test_a_browser_without_cookies_is_told_so_by_the_form(
        self, visitor: Client, make: Factory, clock: TestClock
    ) -> None:
        await allow(make, allows_anonymous_posts=True)
        data = {**await open_form(visitor), **TEXTS}
        visitor.cookies.clear()

        page = await visitor.post("/submit", data=data)

        assert page.status_code == 422
        assert "send it once more" in page.text
        assert await make.rows("SELECT id FROM posts") == []

    async def test_pictures_of_visitors_are_not_stored(
        self, visitor: Client, make: Factory, clock: TestClock, server: Application
    ) -> None:
        await allow(make, allows_anonymous_posts=True)
        data = {**await open_form(visitor), **TEXTS}
        clock.advance(seconds=bot_check.MIN_FILL_SECONDS)

        page = await visitor.get("/submit")
        response = await visitor.post("/submit", data=data, files=images(("a.png", PNG)))

        assert 'type="file"' not in page.text
        assert response.status_code == 303
        clock.advance(days=1)
        assert await server.services.uploads.delete_orphans() == 0


async def test_a_visitor_of_a_private_portal_sees_no_form(visitor: Client, make: Factory) -> None:
    await allow(make, allows_anonymous_posts=True)
    await make.run("UPDATE portals SET is_private = true")

    page = await visitor.get("/submit?board=x")
    response = await visitor.post("/submit", data=TEXTS)

    assert page.headers["location"] == "/login?next=%2Fsubmit%3Fboard%3Dx"
    assert response.headers["location"] == "/login?next=%2Fsubmit"
    assert await make.rows("SELECT id FROM posts") == []


async def test_a_blocked_user_is_signed_out(sign_in: SignIn, make: Factory) -> None:
    jane = await make.user()
    client = await sign_in(jane)
    csrf = await read_csrf(client)
    await make.run("UPDATE users SET blocked_at = created_at WHERE id = :id", id=jane)

    response = await client.post("/submit", data={"csrf": csrf, **TEXTS})

    assert response.headers["location"].startswith("/login")
    assert await make.rows("SELECT id FROM posts") == []


@pytest.mark.parametrize("name", ["nothing", "<script>", "posted%00"])
async def test_an_address_can_not_write_a_notice(visitor: Client, name: str) -> None:
    page = await visitor.get(f"/submit?notice={name}")

    assert 'class="notice"' not in page.text
