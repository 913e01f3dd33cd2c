"""The pages that emails link to, and all error pages, are in the language of the portal."""

import asyncio

import pytest

from app.application import Application
from app.domain.posts import follows
from app.domain.users.one_time_tokens import EMAIL_CONFIRMATION, INVITATION, PASSWORD_RESET
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.extra_servers import running_application
from tests.support.factory import Factory
from tests.support.forms import send_form
from tests.web.routes.test_accounts import EMAIL, PATHS, assert_secret_address, create_token, post, quick_requests
from tests.web.routes.test_notifications import make_token

__all__ = ["quick_requests"]

FORM = {"content-type": "application/x-www-form-urlencoded"}
locales = pytest.mark.parametrize("locale", ["de", "de-AT"])


@pytest.fixture
async def jane(make: Factory) -> int:
    return await make.user(email=EMAIL)


@pytest.fixture
async def followed_post(make: Factory, jane: int) -> int:
    post = await make.post(title="Dark <mode>")
    await make.act(lambda work: follows.add(work, post_id=post, user_id=jane))
    return post


async def test_too_many_requests_are_told_so_in_the_language_of_the_portal(
    settings: Settings, clock: TestClock, make: Factory, jane: int
) -> None:
    await make.run("UPDATE portals SET locale = 'de'")
    token = await create_token(make, jane, PASSWORD_RESET)
    async with (
        running_application(settings, clock, rate_limits=True, limit_pages="1/minute") as limited,
        Client(limited, token=None, base="") as visitor,
    ):
        pages = [await visitor.get(f"/password-reset?token={token}") for _ in range(2)]
        elsewhere = await visitor.get("/")

    assert [page.status_code for page in (*pages, elsewhere)] == [200, 429, 429]
    for page in (*pages, elsewhere):
        assert '<html lang="de" dir="ltr">' in page.text
        assert_secret_address(page)
    for page in (pages[1], elsewhere):
        assert "Bitte etwas langsamer" in page.text


@locales
async def test_the_pages_about_accounts_are_in_the_language_of_the_portal(
    visitor: Client, make: Factory, jane: int, locale: str, server: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make.run("UPDATE portals SET locale = :locale", locale=locale)
    tokens = {purpose: await create_token(make, jane, purpose) for purpose in PATHS}
    links = {purpose: f"{PATHS[purpose]}?token={token}" for purpose, token in tokens.items()}
    invitation = tokens[INVITATION]

    for response, text in (
        (await visitor.get(links[INVITATION]), "Sie sind eingeladen"),
        (await visitor.get(links[PASSWORD_RESET]), "8 bis 100 Zeichen."),
        (await visitor.get(links[EMAIL_CONFIRMATION]), f"Ist <b>{EMAIL}</b> Ihre Adresse?"),
        (await visitor.get("/password-reset"), "Link senden"),
        (await visitor.get("/confirm-email"), "Link senden"),
        (await send_form(visitor, "/confirm-email", {"email": "<b>"}), "Geben Sie eine E-Mail-Adresse ein"),
        (await send_form(visitor, "/confirm-email", {"email": EMAIL}), f"Wenn <b>{EMAIL}</b> die Adresse"),
        (await send_form(visitor, "/password-reset", {"email": EMAIL}), "Der Link ist eine Stunde lang gültig."),
        (await post(visitor, INVITATION, invitation, password="x"), "Das Passwort muss mindestens 8 Zeichen"),
        (await post(visitor, INVITATION, "x"), "Dieser Link ist nicht gültig"),
        (await post(visitor, EMAIL_CONFIRMATION, tokens[EMAIL_CONFIRMATION]), f"<b>{EMAIL}</b> ist bestätigt."),
        (await post(visitor, INVITATION, invitation), "Willkommen"),
        (await visitor.delete("/invitation"), "So nicht"),
        (await visitor.post("/invitation", headers={"sec-fetch-site": "cross-site"}), "einer anderen Website"),
    ):
        assert '<html lang="de" dir="ltr">' in response.text
        assert text in response.text
    monkeypatch.setattr(server.services.passwords, "_places", asyncio.Semaphore(0))
    token = await create_token(make, jane, PASSWORD_RESET)
    assert "Gleich wieder da" in (await post(visitor, PASSWORD_RESET, token)).text


@locales
async def test_the_pages_about_notifications_are_in_the_language_of_the_portal(
    visitor: Client, make: Factory, jane: int, followed_post: int, locale: str
) -> None:
    await make.run("UPDATE portals SET locale = :locale", locale=locale)
    token = make_token(make, jane, "status_change", followed_post)

    for response, text in (
        (await visitor.get(f"/notifications?token={token}"), "Sofort"),
        (await visitor.post("/notifications", data={"token": token}), "Ihre Auswahl ist gespeichert."),
        (await visitor.get(f"/unsubscribe?token={token}"), "Der Beitrag „Dark &lt;mode&gt;“"),
        (await visitor.post("/unsubscribe", data={"token": token}), "Sie erhalten diese E-Mails nicht mehr"),
        (await visitor.get("/unsubscribe?token=x"), "Dieser Link ist nicht gültig"),
        (await visitor.put("/unsubscribe"), "So nicht"),
        (await visitor.post("/notifications", content=b"x" * 20_000, headers=FORM), "Zu groß"),
    ):
        assert '<html lang="de" dir="ltr">' in response.text
        assert text in response.text
    assert "Hier ist nichts" in (await visitor.get("/nothing")).text
