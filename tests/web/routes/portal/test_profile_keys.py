"""The tab of the account with the user's API keys."""

import html
import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.web.routes.portal.conftest import SignIn
from tests.web.routes.portal.profile_forms import place, send

PAGE = "/profile/keys"
LISTS = {"productlift": "/posts", "astuto": "/boards"}


async def create(browser: Client, **fields: str) -> httpx.Response:
    return await send(browser, PAGE, PAGE, **{"name": "Importer", "dialect": "astuto", **fields})


def shown_key(page: str) -> str | None:
    match = re.search(r'<code class="secret"[^>]*>([^<]+)</code>', page)
    return None if match is None else html.unescape(match[1])


@pytest.mark.parametrize("dialect", ["productlift", "astuto"])
async def test_a_key_works_and_is_shown_once(visitor: Client, make: Factory, sign_in: SignIn, dialect: str) -> None:
    browser = await sign_in(await make.user(role="admin"))

    response = await create(browser, dialect=dialect)

    assert (response.status_code, response.headers["cache-control"]) == (200, "private, no-store")
    key = shown_key(response.text)
    assert key is not None
    assert (await visitor.of(key).get(LISTS[dialect])).status_code == 200
    again = (await browser.get(PAGE)).text
    assert key not in again
    assert "Importer" in again
    assert shown_key(again) is None


async def test_a_key_is_revoked_at_once(visitor: Client, make: Factory, sign_in: SignIn) -> None:
    browser = await sign_in(await make.user(role="admin"))
    key = shown_key((await create(browser)).text)
    assert (await visitor.of(key).get("/boards")).status_code == 200
    [row] = await make.rows("SELECT id FROM api_keys WHERE name = 'Importer'")

    response = await send(browser, f"{PAGE}/{row['id']}/revoke", PAGE)

    assert place(response) == (303, "/profile/keys?notice=key-revoked")
    assert (await visitor.of(key).get("/boards")).status_code == 401
    page = (await browser.get(PAGE)).text
    assert "Revoked" in page
    assert f"{PAGE}/{row['id']}/revoke" not in page
    # A double click.
    assert (await send(browser, f"{PAGE}/{row['id']}/revoke", PAGE)).status_code == 303


async def test_a_key_is_valid_through_its_last_day(
    visitor: Client, make: Factory, sign_in: SignIn, clock: TestClock
) -> None:
    browser = await sign_in(await make.user(role="moderator"))
    last_day = (clock() + timedelta(days=3)).date()

    key = shown_key((await create(browser, expires_on=last_day.isoformat())).text)

    end = datetime(last_day.year, last_day.month, last_day.day, tzinfo=UTC) + timedelta(days=1)
    clock.advance(seconds=(end - clock()).total_seconds() - 300)
    assert (await visitor.of(key).get("/boards")).status_code == 200
    clock.advance(minutes=6)
    assert (await visitor.of(key).get("/boards")).status_code == 401
    assert "Expired" in (await browser.get(PAGE)).text


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"name": " "}, "name", "Enter a name"),
        ({"name": "x" * 101}, "name", "at most 100 characters"),
        ({"expires_on": "2020-01-01"}, "expires_on", "not over yet"),
        ({"expires_on": "soon"}, "expires_on", "Enter a day"),
        ({"expires_on": "9999-12-31"}, "expires_on", "Enter a day"),
        ({"dialect": "rest"}, "dialect", "Choose the API"),
        ({"dialect": "productlift"}, "dialect", "Your role may not"),
    ],
)
async def test_a_bad_form_comes_back_as_it_was_typed(
    make: Factory, sign_in: SignIn, fields: dict[str, str], field: str, message: str
) -> None:
    user = await make.user(role="moderator")
    browser = await sign_in(user)

    response = await create(browser, **{"name": "Typed name", "expires_on": "2099-05-04", **fields})

    assert response.status_code == 422
    assert message in response.text.partition(f'id="error-{field}"')[2].partition("</p>")[0]
    typed = {"name": "Typed name", "expires_on": "2099-05-04", **fields}
    assert f'value="{typed["name"]}"' in response.text
    assert f'value="{typed["expires_on"]}"' in response.text
    assert await make.value("SELECT count(*) FROM api_keys WHERE user_id = :id", id=user) == 0


@pytest.mark.parametrize(("role", "offered"), [("moderator", {"astuto"}), ("admin", {"astuto", "productlift"})])
async def test_the_role_decides_which_keys_are_offered(
    make: Factory, sign_in: SignIn, role: str, offered: set[str]
) -> None:
    browser = await sign_in(await make.user(role=role))

    page = (await browser.get(PAGE)).text

    assert set(re.findall(r'name="dialect" value="(\w+)"', page)) == offered


async def test_users_have_no_keys(make: Factory, sign_in: SignIn) -> None:
    user = await make.user()
    browser = await sign_in(user)

    assert "/profile/keys" not in (await browser.get("/profile")).text
    assert (await browser.get(PAGE)).status_code == 404
    assert (await send(browser, PAGE, name="Mine", dialect="astuto")).status_code == 404
    assert (await send(browser, f"{PAGE}/1/revoke")).status_code == 404
    assert await make.value("SELECT count(*) FROM api_keys WHERE user_id = :id", id=user) == 0


async def test_the_keys_of_others_are_neither_shown_nor_revoked(
    visitor: Client, make: Factory, sign_in: SignIn
) -> None:
    other = await make.user(role="moderator")
    key = await make.key(other, "astuto")
    key_id = await make.value("SELECT id FROM api_keys WHERE user_id = :id", id=other)
    browser = await sign_in(await make.user(role="admin"))

    assert "You have no key." in (await browser.get(PAGE)).text
    for unknown in (key_id, 10**6, 10**30):
        assert (await send(browser, f"{PAGE}/{unknown}/revoke", PAGE)).status_code == 404
    assert (await visitor.of(key).get("/boards")).status_code == 200
