"""A new address: requested on the first tab of the account, confirmed by the link that is sent to it."""

import asyncio

import httpx
import pytest

from app.adapters.passwords import hash_password
from app.domain.errors import Forbidden
from app.domain.notifications.content import Content
from app.domain.permissions import Actor
from app.domain.users import own_email, users
from tests.conftest import TestClock
from tests.support.account_mail import load_mail, queue_account_mail
from tests.support.clients import Client
from tests.support.database_dump import changed, snapshot
from tests.support.factory import Factory
from tests.support.forms import hidden_fields, messages
from tests.web.routes.portal.conftest import SignIn
from tests.web.routes.portal.profile_forms import place, send
from tests.web.routes.portal.sign_in_forms import EMAIL, HASH, PASSWORD

NEW = "jane.new@example.com"
SENT = (303, "/profile?notice=new-address-sent")


async def request_change(browser: Client, *, email: str = NEW, password: str = PASSWORD) -> httpx.Response:
    return await send(browser, "/profile/email", new_email=email, email_password=password)


async def find_link(make: Factory) -> tuple[Content, str]:
    """The only queued email, and the path of its link."""
    [mail] = await queue_account_mail(make)
    content = await load_mail(make, mail)
    assert isinstance(content, Content), content
    assert content.account is not None
    assert content.account.link is not None
    return content, content.account.link.removeprefix(content.base_url)


async def confirm(browser: Client, link: str) -> httpx.Response:
    page = await browser.get(link)
    return await browser.post("/profile/email/confirm", data=hidden_fields(page, "/profile/email/confirm"))


async def email_of(make: Factory, user: int) -> tuple[str | None, bool]:
    row = await make.row("SELECT email, email_confirmed_at FROM users WHERE id = :id", id=user)
    return row["email"], row["email_confirmed_at"] is not None


async def test_the_whole_way_to_a_new_address(make: Factory, sign_in: SignIn, jane: int) -> None:
    browser, other = await sign_in(jane), await sign_in(jane)
    assert 'name="new_email"' in (await browser.get("/profile")).text

    response = await request_change(browser, email=" Jane.New@Example.com ")

    assert place(response) == SENT
    assert await email_of(make, jane) == (EMAIL, False)
    content, link = await find_link(make)
    assert (content.kind, content.to_email) == ("email_confirmation", NEW)
    before = await snapshot(make.server.database)
    page = await browser.get(link)
    assert f"From now on <b>{NEW}</b> is the address of your account." in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert changed(before, await snapshot(make.server.database)) == set()

    response = await confirm(browser, link)

    assert place(response) == (303, "/profile?notice=address-changed")
    assert await email_of(make, jane) == (NEW, True)
    # This browser stays signed in, all others do not.
    assert NEW in (await browser.get("/profile?notice=address-changed")).text
    assert (await other.get("/profile")).status_code == 303
    # The old address is told, and the new one need not be confirmed once more.
    [notice] = await queue_account_mail(make)
    told = await load_mail(make, notice)
    assert isinstance(told, Content)
    assert (told.kind, told.to_email) == ("email_changed", EMAIL)
    assert told.account is not None
    assert told.account.new_email == NEW
    assert (await browser.get(link)).status_code == 410


async def test_the_link_is_for_its_user_only(visitor: Client, make: Factory, sign_in: SignIn, jane: int) -> None:
    """Somebody else who gets it, because the address was mistyped, gets no account by it."""
    browser = await sign_in(jane)
    await request_change(browser)
    _, link = await find_link(make)
    stranger = await sign_in(await make.user(email="joe@example.com"))
    token = link.partition("token=")[2]

    signed_out = await visitor.get(link)
    page = await stranger.get(link)
    used = await send(stranger, "/profile/email/confirm", token=token)
    elsewhere = await visitor.get(f"/confirm-email?token={token}")

    assert signed_out.headers["location"] == f"/login?next=%2Fprofile%2Femail%3Ftoken%3D{token}"
    assert (page.status_code, used.status_code, elsewhere.status_code) == (404, 404, 410)
    assert EMAIL not in page.text
    assert NEW not in page.text
    assert await email_of(make, jane) == (EMAIL, False)
    assert place(await confirm(browser, link))[0] == 303


@pytest.mark.parametrize(
    ("email", "password", "field", "message"),
    [
        ("jane", PASSWORD, "new_email", "Enter an email address, such as jane@example.com."),
        ("", PASSWORD, "new_email", "Enter an email address, such as jane@example.com."),
        ("x" * 250 + "@example.com", PASSWORD, "new_email", "Enter an email address, such as jane@example.com."),
        (EMAIL.upper(), PASSWORD, "new_email", "That is the present address."),
        (NEW, "wrong", "email_password", "That is not your present password."),
        (NEW, "", "email_password", "That is not your present password."),
    ],
)
async def test_a_bad_field_is_named_and_the_address_kept(
    make: Factory, sign_in: SignIn, jane: int, email: str, password: str, field: str, message: str
) -> None:
    page = await request_change(await sign_in(jane), email=email, password=password)

    assert (page.status_code, messages(page)) == (422, [message])
    assert message in page.text.partition(f'id="error-{field}"')[2].partition("</p>")[0]
    assert f'value="{email}"' in page.text
    assert await queue_account_mail(make) == []


async def test_without_a_password_the_sign_in_must_be_recent(
    make: Factory, sign_in: SignIn, jane: int, clock: TestClock
) -> None:
    await make.run("UPDATE users SET password_hash = NULL WHERE id = :id", id=jane)
    old, recent = await sign_in(jane), None
    clock.advance(minutes=16)
    recent = await sign_in(jane)
    assert "email_password" not in (await recent.get("/profile")).text

    refused, sent = await request_change(old), await request_change(recent)

    assert place(refused) == (303, "/profile/verification?next=%2Fprofile")
    assert f'value="{NEW}"' in (await old.get("/profile")).text
    assert place(sent) == SENT


async def test_a_user_without_an_address_adds_one(make: Factory, sign_in: SignIn) -> None:
    user = await make.user(email=None)
    browser = await sign_in(user)

    assert place(await request_change(browser)) == SENT
    _, link = await find_link(make)
    await confirm(browser, link)

    assert await email_of(make, user) == (NEW, True)
    # There is no old address to tell.
    assert await queue_account_mail(make) == []


async def test_a_taken_address_is_not_revealed(make: Factory, sign_in: SignIn, jane: int) -> None:
    await make.user(email=NEW)
    browser = await sign_in(jane)

    response = await request_change(browser)

    assert place(response) == SENT
    assert await queue_account_mail(make) == []
    assert messages(await request_change(browser, email="another@example.com")) == [
        "A link was sent a moment ago. Another one can be sent five minutes later."
    ]


async def test_an_address_that_is_taken_meanwhile_stays_that_of_its_user(
    make: Factory, sign_in: SignIn, jane: int
) -> None:
    browser = await sign_in(jane)
    await request_change(browser)
    _, link = await find_link(make)
    await make.user(email=NEW)

    page = await confirm(browser, link)

    assert page.status_code == 409
    assert "Another account has this address by now." in page.text
    assert await email_of(make, jane) == (EMAIL, False)


async def test_a_newer_link_and_a_new_password_end_the_link(
    make: Factory, sign_in: SignIn, jane: int, clock: TestClock
) -> None:
    browser = await sign_in(jane)
    await request_change(browser)
    _, first = await find_link(make)
    clock.advance(minutes=6)
    await request_change(browser, email="third@example.com")
    _, second = await find_link(make)

    assert (await browser.get(first)).status_code == 410
    assert (await browser.get(second)).status_code == 200
    await make.act(lambda work: users.update(work, jane, password_hash=hash_password("another password")))
    assert (await (await sign_in(jane)).get(second)).status_code == 410
    assert (await (await sign_in(jane)).get("/profile/email?token=x")).status_code == 404


async def test_the_link_expires(make: Factory, sign_in: SignIn, jane: int, clock: TestClock) -> None:
    browser = await sign_in(jane)
    await request_change(browser)
    _, link = await find_link(make)
    page = await browser.get(link)
    fields = hidden_fields(page, "/profile/email/confirm")
    clock.advance(days=3, seconds=1)

    late = await browser.post("/profile/email/confirm", data=fields)

    assert late.status_code == 410
    assert "This link has expired" in late.text
    assert await email_of(make, jane) == (EMAIL, False)


async def test_a_password_that_is_changed_meanwhile_is_asked_for_again(
    make: Factory, sign_in: SignIn, jane: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = make.server.services.passwords.verify
    browser = await sign_in(jane)

    async def change(password: str, stored: str | None) -> object:
        await make.run("UPDATE users SET password_hash = 'another' WHERE id = :id", id=jane)
        return await verify(password, stored)

    monkeypatch.setattr(make.server.services.passwords, "verify", change)

    assert messages(await request_change(browser)) == ["The password was changed meanwhile. Enter the new one."]


async def test_of_two_confirmations_at_the_same_time_one_succeeds(make: Factory, sign_in: SignIn, jane: int) -> None:
    browser = await sign_in(jane)
    await request_change(browser)
    _, link = await find_link(make)
    fields = hidden_fields(await browser.get(link), "/profile/email/confirm")

    responses = await asyncio.gather(*[browser.post("/profile/email/confirm", data=fields) for _ in range(3)])

    assert sorted(response.status_code for response in responses) == [303, 410, 410]
    assert len(await make.facts("user.email_changed")) == 1


async def test_the_forms_of_other_users_are_forbidden(make: Factory, jane: int) -> None:
    joe = await make.user(role="admin")
    for rule in (
        lambda work: own_email.request_change(work, jane, email=NEW, verified_hash=HASH),
        lambda work: own_email.find_new_address(work, jane, "x"),
        lambda work: own_email.change(work, jane, "x"),
    ):
        with pytest.raises(Forbidden):
            await make.act(rule, actor=Actor(joe, "admin"))
