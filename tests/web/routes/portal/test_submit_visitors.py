"""The form of a post for visitors: signing in on the way, and posts without an account."""

from typing import Any

import httpx

from app.application import Application
from app.domain.posts import devices
from app.web import bot_check, cookies
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.web.routes.portal.conftest import SignIn
from tests.web.routes.portal.post_forms import (
    PNG,
    TEXTS,
    allow,
    images,
    open_form,
    read_errors,
    read_hidden,
    read_typed,
)

TOO_QUICK = "That was quicker than people type."


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
