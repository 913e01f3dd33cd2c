"""The limit of wrong passwords for an account, and the browsers that have a count of their own."""

import re

import httpx
import pytest

from app.domain.users import sign_in as domain_sign_in
from app.settings import Settings
from app.web import response_time
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.extra_servers import running_application
from tests.support.factory import Factory
from tests.support.forms import messages, send_form
from tests.support.processes import free_port
from tests.web.routes.portal.profile_forms import send
from tests.web.routes.portal.sign_in_forms import EMAIL, PASSWORD, find_viewer, sign_in


@pytest.fixture(autouse=True)
def quick_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_time, "MIN_REQUEST_SECONDS", 0.0)


async def lock(client: Client, *, email: str = EMAIL) -> httpx.Response:
    """Enter wrong passwords, from many addresses, until no more are accepted."""
    for number in range(12):
        page = await sign_in(client.of(None, base="", peer=f"198.51.100.{number}"), email=email, password="wrong")
    assert page.status_code == 429
    return page


@pytest.mark.parametrize("redis", [False, True])
async def test_ten_wrong_passwords_lock_the_account_for_a_while(
    settings: Settings, clock: TestClock, make: Factory, jane: int, redis: bool
) -> None:
    """The Redis does not answer, so the process counts by itself."""
    more = {"redis_url": f"redis://127.0.0.1:{free_port()}/0"} if redis else {}
    async with (
        running_application(settings, clock, rate_limits=True, **more) as server,
        Client(server, token=None, base="") as client,
    ):

        async def attempt(number: int, **fields: str) -> httpx.Response:
            return await sign_in(client.of(None, base="", peer=f"192.0.2.{number}"), **fields)

        statuses = [(await attempt(number, password="wrong")).status_code for number in range(10)]
        locked = await attempt(11)
        unknown = [(await attempt(number, email="nobody@example.com")).status_code for number in range(12, 23)]
        by_email = await attempt(24, password="")

    assert statuses == [422] * 10
    assert locked.status_code == 429
    assert 1 <= int(locked.headers["retry-after"]) <= 900
    [message] = messages(locked)
    assert message.startswith("Too many wrong passwords for this address. Try again in 15 minutes, or in a browser")
    assert "leave the password empty to get one" in message
    assert f'value="{EMAIL}"' in locked.text
    assert unknown == [422] * 10 + [429]
    assert by_email.status_code == 200


async def test_the_right_password_resets_the_count(
    settings: Settings, clock: TestClock, make: Factory, jane: int
) -> None:
    async with (
        running_application(settings, clock, rate_limits=True) as server,
        Client(server, token=None, base="") as client,
    ):
        statuses = []
        for number, password in enumerate(["wrong"] * 9 + [PASSWORD] + ["wrong"] * 10):
            visitor = client.of(None, base="", peer=f"192.0.2.{number}")
            statuses.append((await sign_in(visitor, password=password)).status_code)

    assert statuses == [422] * 9 + [303] + [422] * 10


async def test_nobody_can_lock_a_user_out_of_a_browser_that_the_user_knows(
    settings: Settings, clock: TestClock, make: Factory, jane: int
) -> None:
    async with (
        running_application(settings, clock, rate_limits=True) as server,
        Client(server, token=None, base="") as client,
    ):
        own = client.of(None, base="", peer="192.0.2.1")
        await sign_in(own)
        await send_form(own, "/logout", {})
        await lock(client)

        statuses = [(await sign_in(own, password="wrong")).status_code for _ in range(9)]
        right = await sign_in(own)
        await send_form(own, "/logout", {})
        # The count of a stolen cookie is as short as any other.
        thief = client.of(None, base="", peer="192.0.2.2")
        thief.cookies.update(own.cookies)
        own_count = [(await sign_in(thief, password="wrong")).status_code for _ in range(11)]
        elsewhere = await sign_in(client.of(None, base="", peer="192.0.2.3"))

    assert (statuses, right.status_code) == ([422] * 9, 303)
    assert own_count == [422] * 10 + [429]
    assert elsewhere.status_code == 429


async def test_each_way_of_signing_in_makes_the_browser_known(
    settings: Settings, clock: TestClock, make: Factory, jane: int
) -> None:
    token = await make.act(lambda work: domain_sign_in.create_link(work, jane))
    async with (
        running_application(settings, clock, rate_limits=True) as server,
        Client(server, token=None, base="") as client,
    ):
        own = client.of(None, base="", peer="192.0.2.1")
        await send_form(own, "/sign-in/link", {}, page=f"/sign-in/link?token={token}")
        await send_form(own, "/logout", {})
        await lock(client)

        response = await sign_in(own)

    assert response.status_code == 303
    [header] = [each for each in response.headers.get_list("set-cookie") if each.startswith("earshot_known=")]
    assert {"HttpOnly", "SameSite=lax"} <= set(header.split("; "))
    assert EMAIL not in header


async def test_a_browser_is_known_for_its_accounts_only(
    settings: Settings, clock: TestClock, make: Factory, jane: int
) -> None:
    """Whoever has an account can't guess the passwords of others without the common count."""
    await make.user(email="mallory@example.com")
    mallory = await make.value("SELECT id FROM users WHERE email = 'mallory@example.com'")
    token = await make.act(lambda work: domain_sign_in.create_link(work, mallory))
    async with (
        running_application(settings, clock, rate_limits=True) as server,
        Client(server, token=None, base="") as client,
    ):
        browser = client.of(None, base="", peer="192.0.2.1")
        await send_form(browser, "/sign-in/link", {}, page=f"/sign-in/link?token={token}")
        await send_form(browser, "/logout", {})
        await lock(client)

        known = await sign_in(browser)
        browser.cookies.set("earshot_known", "forged", domain="feedback.example.com")
        forged = await sign_in(browser)

    assert (known.status_code, forged.status_code) == (429, 429)


async def test_a_locked_account_can_be_signed_in_to_in_every_other_way(
    settings: Settings, clock: TestClock, make: Factory, jane: int
) -> None:
    async with (
        running_application(settings, clock, rate_limits=True) as server,
        Client(server, token=None, base="") as client,
    ):
        page = await lock(client)
        token = await make.act(lambda work: domain_sign_in.create_link(work, jane))
        own = client.of(None, base="", peer="192.0.2.1")
        by_code = await sign_in(own, password="")
        by_link = await send_form(own, "/sign-in/link", {}, page=f"/sign-in/link?token={token}")
        viewer = await find_viewer(own)
        # Neither are passwords of a session locked by those on the page of sign-in.
        changed = await send(own, "/profile/password", current_password=PASSWORD, password="another password")

    assert "Every other way to sign in still works" in messages(page)[0]
    assert (by_code.status_code, by_link.status_code, viewer) == (200, 303, "Jane Roe")
    assert changed.headers["location"] == "/profile?notice=password-changed"


async def test_without_a_mail_server_the_message_promises_no_code(
    settings_without_mail: Settings, clock: TestClock, make: Factory, jane: int
) -> None:
    async with (
        running_application(settings_without_mail, clock, rate_limits=True) as server,
        Client(server, token=None, base="") as client,
    ):
        page = await lock(client)

    [message] = messages(page)
    assert re.search("Every other way to sign in still works.$", message)
    assert "code" not in message
