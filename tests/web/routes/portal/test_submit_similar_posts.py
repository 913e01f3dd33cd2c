"""Similar posts beside the form of a post, and voting for one instead."""

import re

import httpx
import pytest

from app.domain.posts import devices
from app.web import cookies
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.web.routes.portal.conftest import SignIn
from tests.web.routes.portal.post_forms import (
    TEXTS,
    allow,
    open_form,
    read_hidden,
    read_typed,
)


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
