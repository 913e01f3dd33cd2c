"""The pages of a server that has no mail server: they promise no email, and say what else can be done."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from app.application import Application
from app.domain.users import sessions
from app.domain.users import sign_in as domain_sign_in
from app.settings import Settings
from app.web import response_time
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.extra_servers import running_application
from tests.support.factory import Factory
from tests.support.forms import hidden_fields, messages, read_csrf, send_form
from tests.web.routes.portal.profile_forms import send
from tests.web.routes.portal.sign_in_forms import EMAIL, PASSWORD, find_viewer, sign_in

HEADING = "<h1>This server sends no email</h1>"


@pytest.fixture(autouse=True)
def quick_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_time, "MIN_REQUEST_SECONDS", 0.0)


@pytest_asyncio.fixture
async def application(settings_without_mail: Settings, clock: TestClock, make: Factory) -> AsyncIterator[Application]:
    async with running_application(settings_without_mail, clock) as running:
        yield running


@pytest_asyncio.fixture
async def visitor(application: Application) -> AsyncIterator[Client]:
    async with Client(application, token=None, base="") as client:
        yield client


def assert_honest(page: httpx.Response) -> None:
    assert page.status_code == 200
    assert HEADING in page.text
    for way in ("with your password", "with a passkey", "<code>earshot users sign-in-link</code>"):
        assert way in page.text
    for promise in ("on its way", "Check your email", EMAIL):
        assert promise not in page.text


async def test_the_page_of_sign_in_offers_no_code(visitor: Client, make: Factory, jane: int) -> None:
    page = await visitor.get("/login")

    assert "code by email" not in page.text
    field = page.text.partition('id="field-password"')[2].partition(">")[0]
    assert " required" in field


async def test_a_code_by_email_is_promised_to_nobody(visitor: Client, make: Factory, jane: int) -> None:
    pages = [await sign_in(visitor, email=email, password="") for email in (EMAIL, "nobody@example.com")]

    for page in [*pages, await visitor.get("/login/code")]:
        assert_honest(page)
    assert pages[0].text == pages[1].text
    assert await make.facts("user.sign_in_requested") == []


@pytest.mark.parametrize("path", ["/password-reset", "/confirm-email"])
async def test_no_link_is_promised_to_anybody(visitor: Client, make: Factory, jane: int, path: str) -> None:
    csrf = await read_csrf(visitor)
    shown = await visitor.get(path)
    sent = [await visitor.post(path, data={"csrf": csrf, "email": email}) for email in (EMAIL, "nobody@example.com")]

    for page in (shown, *sent):
        assert_honest(page)
        assert page.text == shown.text
    assert await make.rows("SELECT id FROM facts WHERE kind LIKE 'user.%requested'") == []


async def test_who_signs_up_chooses_a_password_and_signs_in_with_it(
    visitor: Client, make: Factory, clock: TestClock
) -> None:
    fields = hidden_fields(await visitor.get("/register?next=/roadmap"), "/register")
    clock.advance(seconds=5)
    typed = {**fields, "name": "Jane Roe", "email": EMAIL}

    without = await visitor.post("/register", data=typed)
    created = await visitor.post("/register", data={**typed, "password": PASSWORD})
    known = await visitor.post("/register", data={**typed, "password": "another password"})

    assert (without.status_code, messages(without)) == (
        422,
        ["Choose a password: this server sends no email, so nobody can sign in with a code."],
    )
    assert 'value="Jane Roe"' in without.text
    assert (created.status_code, created.text) == (known.status_code, known.text) == (200, known.text)
    assert "<h1>Now sign in</h1>" in created.text
    assert 'href="/login?next=/roadmap"' in created.text
    assert (await sign_in(visitor, target="/roadmap")).headers["location"] == "/roadmap"
    assert await find_viewer(visitor) == "Jane Roe"


@pytest.mark.parametrize("restriction", ["is_private = TRUE", "sign_up_domains = '[\"example.com\"]'"])
async def test_nobody_opens_a_restricted_portal_with_an_address_that_is_not_confirmed(
    visitor: Client, make: Factory, clock: TestClock, restriction: str
) -> None:
    await make.run(f"UPDATE portals SET {restriction}")
    fields = hidden_fields(await visitor.get("/register"), "/register")
    clock.advance(seconds=5)
    typed = {**fields, "name": "Jane Roe", "email": EMAIL, "password": PASSWORD}

    created = await visitor.post("/register", data=typed)
    refused = await sign_in(visitor)

    assert (created.status_code, "<code>earshot users sign-in-link</code>" in created.text) == (200, True)
    assert (refused.status_code, messages(refused)) == (422, ["The address or the password is wrong."])
    user = await make.value("SELECT id FROM users WHERE email = :email", email=EMAIL)
    link = await make.act(lambda work: domain_sign_in.create_link(work, user))
    path = f"/sign-in/link?token={link}"
    assert (await send_form(visitor, "/sign-in/link", {}, page=path)).status_code == 303
    assert await find_viewer(visitor) == "Jane Roe"


async def test_the_profile_says_why_the_address_cannot_be_changed(visitor: Client, make: Factory, jane: int) -> None:
    token = await make.act(lambda work: sessions.create(work, user_id=jane, method="link", user_agent=""))
    visitor.cookies.set("earshot_session", token, domain="feedback.example.com")

    page = await visitor.get("/profile")
    sent = await send(visitor, "/profile/email", new_email="new@example.com", email_password=PASSWORD)

    for each in (page, sent):
        assert "This server sends no email, so a new address can't be confirmed here." in each.text
        assert 'action="/profile/email"' not in each.text
        assert 'action="/profile/confirmation"' not in each.text
    assert sent.status_code == 422
    assert await make.facts("user.confirmation_requested") == []
