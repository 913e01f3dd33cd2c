"""Whatever goes wrong, what somebody typed comes back."""

import html
import re

import httpx
import pytest

from app.domain.posts import comments as comment_rules
from app.settings import Settings
from app.web import app, cookies, drafts
from app.web.routes.portal.comments import MAX_KEPT_TEXT
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.extra_servers import running_application
from tests.support.factory import Factory
from tests.web.routes.portal.conftest import SignIn, read_csrf
from tests.web.routes.portal.profile_forms import list_files, place

TEXT = "Über <alles>\r\nand more"


def read_text(page: httpx.Response, name: str = "body") -> str:
    pattern = rf'<textarea [^>]*name="{name}"[^>]*>\n(.*?)</textarea>|<input [^>]*name="{name}"[^>]*value="([^"]*)"'
    match = re.search(pattern, page.text, re.DOTALL)
    assert match, page.text
    return html.unescape(match[1] if match[1] is not None else match[2])


@pytest.mark.parametrize("kind", ["reply", "edit"])
async def test_the_text_about_a_comment_that_was_deleted_can_be_sent_as_another_one(
    sign_in: SignIn, make: Factory, kind: str
) -> None:
    jane = await make.user()
    client = await sign_in(jane)
    post = await make.post()
    comment = await make.comment(post, author=jane)
    path = f"/p/{await make.code(post)}/comments"
    csrf = await read_csrf(client, f"{path}/{comment}/{kind}")
    await make.act(lambda work: comment_rules.delete(work, comment, with_replies=False))

    page = await client.post(f"{path}/{comment}/{kind}", data={"csrf": csrf, "body": TEXT})

    assert page.status_code == 409
    assert "The comment was deleted meanwhile." in page.text
    assert read_text(page) == TEXT
    assert (await client.post(path, data={"csrf": csrf, "body": read_text(page)})).status_code == 303


@pytest.mark.parametrize("kind", ["", "/1/reply", "/1/edit"])
async def test_the_text_about_a_post_that_is_gone_is_on_the_page_of_the_error(
    sign_in: SignIn, visitor: Client, make: Factory, kind: str
) -> None:
    client = await sign_in(await make.user())
    code = await make.code(await make.post(moderation="pending"))

    for browser, csrf in ((client, await read_csrf(client)), (client, "old"), (visitor, "")):
        for missing in (code, "zzzzzz"):
            page = await browser.post(f"/p/{missing}/comments{kind}", data={"csrf": csrf, "body": TEXT})
            assert (page.status_code, read_text(page)) == (404, TEXT)
            assert cookies.DRAFT not in page.cookies


async def test_a_comment_that_is_far_too_long_is_on_the_page_of_the_error(sign_in: SignIn, make: Factory) -> None:
    client = await sign_in(await make.user())
    path = f"/p/{await make.code(await make.post())}/comments"
    text = "c" * (MAX_KEPT_TEXT + 1)

    page = await client.post(path, data={"csrf": await read_csrf(client), "body": text})

    assert page.status_code == 413
    assert "A text can have at most 10000 characters." in page.text
    assert read_text(page) == text


@pytest.mark.parametrize("action", ["vote", "follow"])
async def test_the_old_button_of_a_user_says_that_nothing_was_changed(
    sign_in: SignIn, make: Factory, action: str
) -> None:
    client = await sign_in(await make.user())
    code = await make.code(await make.post(title="Dark mode"))

    plain = await client.post(f"/p/{code}/{action}", data={"csrf": "old"})
    by_htmx = await client.post(f"/p/{code}/{action}", data={"csrf": "old"}, headers={"hx-request": "true"})

    assert place(plain) == (303, f"/p/{code}?notice=stale")
    assert by_htmx.headers["hx-redirect"] == f"/p/{code}?notice=stale"
    page = await client.get(plain.headers["location"], follow_redirects=True)
    assert "This page was open for too long, so nothing was changed." in page.text
    assert [await make.value(f"SELECT count(*) FROM {table}") for table in ("votes", "follows")] == [0, 0]


@pytest.mark.parametrize(
    ("path", "fields", "shown"),
    [
        ("/profile", {"name": "Jane <Doe>", "locale": "de", "password": "a-secret"}, ["name"]),
        (
            "/profile/keys",
            {"name": "Importer", "dialect": "astuto", "expires_on": "2099-01-02"},
            ["name", "expires_on"],
        ),
    ],
)
async def test_what_was_typed_on_the_profile_is_there_after_the_sign_in(
    sign_in: SignIn, visitor: Client, make: Factory, path: str, fields: dict[str, str], shown: list[str]
) -> None:
    jane = await make.user(role="admin")

    response = await visitor.post(path, data={"csrf": "of the session before", **fields})
    client = await sign_in(jane)
    client.cookies.update({cookies.DRAFT: response.cookies[cookies.DRAFT]})
    page = await client.get(path)
    saved = await client.post(path, data={**fields, "csrf": await read_csrf(client, path)})

    assert place(response) == (303, f"/login?next={path.replace('/', '%2F')}")
    assert {name: read_text(page, name) for name in shown} == {name: fields[name] for name in shown}
    assert "This is what you wrote." in page.text
    assert "a-secret" not in page.text
    assert saved.status_code in (200, 303)
    # Sent is sent: the form does not have it again.
    assert "This is what you wrote." not in (await client.get(path)).text


async def test_the_drafts_of_an_address_are_limited(settings: Settings, clock: TestClock, make: Factory) -> None:
    code = await make.code(await make.post())
    async with (
        running_application(settings, clock, rate_limits=True) as server,
        Client(server, token=None, base="") as visitor,
    ):
        path, limit = f"/p/{code}/comments", int(drafts.MAX_PER_ADDRESS.partition("/")[0])
        allowed = [(await visitor.post(path, data={"body": TEXT})).status_code for _ in range(limit)]
        rejected = await visitor.post(path, data={"body": TEXT})
        elsewhere = await visitor.of(None, base="", peer="192.0.2.7").post(path, data={"body": TEXT})
        files = await list_files(server)

    assert allowed == [303] * limit
    assert (rejected.status_code, read_text(rejected)) == (429, TEXT)
    assert elsewhere.status_code == 303
    assert len(files) == limit + 1


async def test_the_drafts_of_all_addresses_are_limited_together(
    settings: Settings, clock: TestClock, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "MAX_IN_TOTAL", "2/hour")
    path = f"/p/{await make.code(await make.post())}/comments"
    async with (
        running_application(settings, clock, rate_limits=True) as server,
        Client(server, token=None, base="") as visitor,
    ):
        browsers = [visitor.of(None, base="", peer=f"192.0.2.{number}") for number in range(3)]
        responses = [await browser.post(path, data={"body": TEXT}) for browser in browsers]

    assert [response.status_code for response in responses] == [303, 303, 429]
    assert read_text(responses[-1]) == TEXT
